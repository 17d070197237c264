"""Executions that start others (semantics 11)."""

from __future__ import annotations

from datetime import timedelta

from branchline.testing import Rehearsal, fails, hangs, returns, takes
from tests.testing.flows import Json, flow, work

OVEN = flow(
    work("heat"), name="oven", inputs=[{"name": "heat", "default": 180}], outputs=[{"name": "heat"}]
)


def child(**fields: Json) -> dict[str, Json]:
    return {"name": "bake", "child": {"workflow": "oven", **fields}, "store": "bake"}


def test_a_parent_waits_for_its_child() -> None:
    rehearsal = Rehearsal(
        OVEN, flow(child(), outputs=[{"name": "bake"}]), activities={"heat": takes(minutes=10)}
    )
    run = rehearsal.start("bakery")
    [baking] = run.children
    assert run.suspension is not None
    assert run.suspension.reason == "WAITING_CHILD"
    assert run.suspension.branches[0].children == (baking.id,)
    assert (baking.describe().parent, baking.describe().depth) == (run.id, 1)
    rehearsal.run()
    assert run.expect_completed()["bake"] == {
        "outputs": {"heat": None},
        "status": "COMPLETED",
        "execution_id": baking.id,
        "duration": 600.0,
        "success": True,
    }


def test_a_failed_child_fails_the_step() -> None:
    rehearsal = Rehearsal(OVEN, flow(child()), activities={"heat": fails("cold")})
    rehearsal.start("bakery").expect_failed("cold")


def test_a_child_that_cannot_be_started_fails_the_step() -> None:
    rehearsal = Rehearsal(OVEN, flow(child(inputs={"x": 1})), flow(child(version=7), name="other"))
    assert '"x"' in rehearsal.start("bakery").expect_failed("child_start_failed").message
    assert "7" in rehearsal.start("other").expect_failed("child_start_failed").message


def test_a_cancelled_parent_cancels_its_child() -> None:
    rehearsal = Rehearsal(OVEN, flow(child()), activities={"heat": hangs()})
    run = rehearsal.start("bakery")
    run.cancel()
    assert [child.status for child in run.children] == ["CANCELED"]


def test_a_child_that_takes_too_long_is_cancelled() -> None:
    rehearsal = Rehearsal(OVEN, flow(child(timeout="1h")), activities={"heat": hangs()})
    run = rehearsal.start("bakery")
    rehearsal.run()
    run.expect_failed("timeout")
    assert run.elapsed == timedelta(hours=1)
    assert [child.status for child in run.children] == ["CANCELED"]


def test_a_child_that_nobody_waits_for_lives_by_itself() -> None:
    rehearsal = Rehearsal(
        OVEN, flow(child(wait=False), outputs=[{"name": "bake"}]), activities={"heat": takes(5)}
    )
    run = rehearsal.start("bakery")
    [baking] = run.children
    assert run.expect_completed()["bake"] == {
        "execution_id": baking.id,
        "workflow_name": "oven",
    }
    assert baking.status == "RUNNING"
    rehearsal.run()
    baking.expect_completed()


def test_a_completed_execution_starts_its_follow_ups() -> None:
    """One that cannot be started is shown, and changes nothing."""
    rehearsal = Rehearsal(
        OVEN,
        flow(
            work(),
            outputs=[{"name": "work"}],
            follow_ups=[
                {"workflow": "oven", "inputs": {"heat": "${outputs.work}"}},
                {"workflow": "brewery"},
                {"workflow": "oven", "condition": "outputs.work < 100"},
            ],
        ),
        activities={"work": returns(220), "heat": returns()},
    )
    run = rehearsal.start("bakery")
    run.expect_completed()
    [following] = run.children
    assert following.describe().inputs == {"heat": 220}
    started, refused = run.describe().follow_ups
    assert (started.execution_id, refused.execution_id) == (following.id, "")
    assert refused.error is not None
    assert refused.error.type == "child_start_failed"


def test_a_family_ends_in_its_own_time() -> None:
    """Children of several items run side by side, and theirs is the same clock."""
    step = {**child(), "each": {"items": [1, 2, 3], "max_concurrency": 2}}
    rehearsal = Rehearsal(OVEN, flow(step), activities={"heat": takes(minutes=10)})
    run = rehearsal.start("bakery")
    rehearsal.run()
    run.expect_completed()
    assert run.elapsed == timedelta(minutes=20)
    assert rehearsal.at_once("heat") == 2
    assert len(rehearsal.executions("oven")) == 3
