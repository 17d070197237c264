"""What comes from outside: definitions, starts, signals, pauses, cancellations, retries."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from branchline.client import errors
from branchline.client.definitions import load_definition
from branchline.testing import Rehearsal, fails, returns, takes
from tests.testing.flows import flow, rehearse, work

YAML = """
name: bakery
inputs: [{name: kind, type: string}]
outputs: [{name: work}]
steps:
  - {name: work, activity: work, parameters: {kind: "${inputs.kind}"}, store: work}
"""
LISTEN = {"name": "listen", "wait_signal": {"topic": "bell", "timeout": "1h", "store": "bell"}}


def test_a_definition_is_what_the_client_registers(tmp_path: Path) -> None:
    """A file's path, its text, a mapping, or the API's message: all the same version."""
    path = tmp_path / "bakery.yaml"
    path.write_text(YAML, encoding="utf-8")
    rehearsal = Rehearsal(path)
    message = load_definition(path).workflow
    versions = [rehearsal.register(one) for one in (str(path), YAML, message)]
    assert [(one.name, one.version, one.created) for one in versions] == [("bakery", 1, False)] * 3
    assert rehearsal.register(flow(work())).version == 2


def test_problems_of_a_definition_are_all_told() -> None:
    """Those of the file and those that a server finds."""
    with pytest.raises(errors.InvalidDefinition) as refused:
        Rehearsal({"name": "bakery", "steps": [{"name": "a", "next": "b"}], "colour": "red"})
    assert {problem.code for problem in refused.value.problems} == {
        "INVALID_FIELD",
        "NO_STEP_KIND",
        "UNKNOWN_EDGE_TARGET",
    }
    with pytest.raises(errors.InvalidDefinition, match="mapping"):
        Rehearsal("[1,\n2]")


def test_the_inputs_are_checked() -> None:
    rehearsal = Rehearsal(YAML)
    with pytest.raises(errors.InvalidInputs) as refused:
        rehearsal.start("bakery", {"kind": 1, "size": 2})
    assert [v.field for v in refused.value.violations] == ["inputs.kind", "inputs.size"]
    assert rehearsal.executions() == []
    with pytest.raises(ValueError, match="NaN"):
        rehearsal.start("bakery", {"kind": float("nan")})


def test_unknown_workflows_versions_and_executions_are_not_found() -> None:
    rehearsal = Rehearsal(YAML)
    with pytest.raises(errors.WorkflowNotFound, match="brewery"):
        rehearsal.start("brewery")
    with pytest.raises(errors.WorkflowNotFound, match="version 2"):
        rehearsal.start("bakery", version=2)
    with pytest.raises(errors.ExecutionNotFound, match="exec_9"):
        rehearsal.execution("exec_9").cancel()


def test_a_start_has_an_id_labels_a_version_and_a_time_limit() -> None:
    rehearsal = Rehearsal(flow(work()), flow(work(), work("more")), activities={})
    run = rehearsal.start("bakery", id="b-1", labels={"shop": "north"}, version=1, timeout=60)
    assert (run.id, run.version, run.describe().labels) == ("b-1", 1, {"shop": "north"})
    rehearsal.run()
    run.expect_failed("timeout")
    assert run.elapsed == timedelta(minutes=1)
    assert rehearsal.start("bakery").id == "exec_00000001"
    assert [run.id for run in rehearsal.executions("bakery")] == ["b-1", "exec_00000001"]


def test_a_start_can_be_repeated_with_its_request_id() -> None:
    rehearsal = Rehearsal(flow(work()))
    run = rehearsal.start("bakery", request_id="r", id="b-1")
    assert rehearsal.start("bakery", request_id="r").id == run.id
    with pytest.raises(errors.AlreadyExists, match="b-1"):
        rehearsal.start("bakery", id="b-1")


@pytest.mark.parametrize("wrong", [{"id": "a b"}, {"timeout": 0}], ids=str)
def test_a_start_with_a_wrong_field_is_refused(wrong: dict[str, object]) -> None:
    rehearsal = Rehearsal(flow(work()))
    with pytest.raises(errors.InvalidRequest) as refused:
        rehearsal.start("bakery", **wrong)  # type: ignore[arg-type]  # the claim
    assert [violation.field for violation in refused.value.violations] == list(wrong)


def test_a_signal_has_its_consequences_at_once() -> None:
    """Also one that came before anybody waited; a second one of the same id changes nothing."""
    rehearsal, run = rehearse(
        work(), LISTEN, outputs=[{"name": "bell"}], activities={"work": takes(minutes=5)}
    )
    run.signal("bell", {"n": 1}, signal_id="s")
    run.signal("bell", {"n": 2}, signal_id="s")
    rehearsal.run()
    assert rehearsal.next_due is None  # nobody waits any more
    assert run.expect_completed() == {"bell": {"n": 1}}
    assert run.elapsed == timedelta(minutes=5)
    run.signal("bell", signal_id="s")
    with pytest.raises(errors.ExecutionClosed):
        run.signal("bell", signal_id="other")


def test_a_pause_freezes_what_is_left_of_a_wait() -> None:
    rehearsal, run = rehearse(LISTEN, activities={})
    rehearsal.advance(minutes=20)
    run.pause(reason="holiday")
    assert run.suspension is not None
    assert run.suspension.branches[0].pause_reason == "holiday"
    rehearsal.advance(days=30)
    assert run.status == "PAUSED"
    run.unpause()
    rehearsal.run()
    run.expect_failed("timeout")
    assert run.elapsed == timedelta(days=30, hours=1)
    assert run.status_changes == ["RUNNING", "SUSPENDED", "PAUSED", "SUSPENDED", "FAILED"]


def test_what_does_not_fit_is_refused_with_the_errors_of_the_client() -> None:
    _, run = rehearse(LISTEN, activities={})
    with pytest.raises(errors.BranchNotFound) as refused:
        run.pause("side")
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "BRANCH_NOT_FOUND")
    with pytest.raises(errors.NotRetryable):
        run.retry()
    with pytest.raises(errors.ExecutionLive):
        run.delete()
    run.cancel()
    run.cancel()
    with pytest.raises(errors.ExecutionClosed):
        run.unpause()


def test_a_failed_execution_is_taken_up_again() -> None:
    _, run = rehearse(
        work(), outputs=[{"name": "work"}], activities={"work": [fails("busy"), returns(2)]}
    )
    run.expect_failed("busy")
    run.retry()
    assert run.expect_completed() == {"work": 2}
    assert [attempt.number for attempt in run.attempts()] == [1, 1]


def test_a_deleted_execution_is_gone() -> None:
    """And what named its start is free again."""
    rehearsal = Rehearsal(flow(work()), activities={"work": returns()})
    run = rehearsal.start("bakery", request_id="r")
    run.delete()
    assert rehearsal.executions() == []
    with pytest.raises(errors.ExecutionNotFound):
        _ = run.status
    assert rehearsal.start("bakery", request_id="r").id != run.id
