"""No execution may take the server's time or memory without bound."""

from __future__ import annotations

import pytest

from branchline.engine import CompleteTask, FailTask
from branchline.engine.definition import SECOND
from branchline.engine.events import Failure, ItemsListed, TaskScheduled

from .invariants import check_state
from .playing import MINUTE, Json, Play, meet, nap, snapshot_of, step, to

HEAVY = "state.l.map(x, state.l.map(y, y + x)).size() > 0"
"""With 280 elements this takes some 160,000 steps."""

CATCH: Json = [{"error_equals": ["all"], "next": "bake"}]


def items(count: int, most: int = 0, **fields: Json) -> Play:
    """`bake`, once per number; the audit is left to the test."""
    each = {"items": "inputs.numbers", "as": "it", "max_concurrency": most}
    fields.setdefault("parameters", {"it": "${state.it}"})
    given = {"numbers": list(range(count))}
    return Play(
        step("bake", each=each, store="loaves", **fields),
        inputs=[{"name": "numbers"}],
        given=given,
        audited=False,
    )


def finish(play: Play) -> None:
    """Complete all tasks, and let the postponed items begin, until nothing is left."""
    while play.state.end is None:
        for task in tuple(play.state.tasks):
            play.send(CompleteTask(task=task))
        if play.state.timers.next_due() is not None:
            play.advance()
    check_state(play.state)
    play.audit()


# Time


def test_a_loop_of_costly_conditions_is_ended_as_endless() -> None:
    loop = step("go", to("go", when=HEAVY), each={"items": []})
    play = Play(loop, state={"l": list(range(280))}, audited=False)
    assert play.error == "endless_loop"
    assert play.state.error is not None
    assert "2,000,000 steps" in play.state.error.message
    assert len(play.visits()) < 50
    play.audit()


def test_a_costly_error_that_is_caught_for_ever_is_ended_as_endless() -> None:
    """Also with items: they are not put off for being costly, which would go on for ever."""
    state = {"l": list(range(280))}
    costly = {"x": "${" + HEAVY + " ? 1 / 0 : 1}"}
    loop = step("bake", each={"items": [1]}, parameters=costly, catch=CATCH)
    play = Play(loop, state=state, audited=False)
    assert play.error == "endless_loop"
    assert len(play.visits()) < 50
    play.retry()
    assert play.error == "endless_loop", "with an allowance of its own"


def test_reading_large_variables_again_and_again_counts() -> None:
    loop = step("go", to("go", when="state.big.size() > 0"), each={"items": []})
    play = Play(loop, state={"big": "x" * 1_000_000}, audited=False)
    assert play.error == "endless_loop"
    assert "2,000,000 steps" in str(play.state.error)
    assert len(play.visits()) < 500


def test_sleepers_that_wake_together_have_time_enough_for_each() -> None:
    """Those who would make the transition too large are woken by the next."""
    many = 30
    play = Play(
        step("go", *[to("doze") for _ in range(many)]),
        nap("doze", to("work", when=HEAVY)),
        step("work"),
        state={"l": list(range(280))},
    )
    play.complete("go")
    play.advance()
    assert 0 < len(play.tasks) < many
    while len(play.tasks) < many:
        assert play.advance() == 0
        check_state(play.state)
    assert play.error == ""


def test_a_costly_template_leaves_the_other_items_to_the_next_transition() -> None:
    play = Play(
        step("bake", each={"items": list(range(30))}, parameters={"x": "${" + HEAVY + "}"}),
        state={"l": list(range(280))},
        audited=False,
    )
    assert 0 < len(play.tasks) < 30
    while len(play.tasks) < 30:
        assert play.advance() == 0
    assert play.error == ""
    play.audit()


# What joins make


def test_a_join_that_nests_without_end_is_stopped() -> None:
    loop = meet("gate", "gate", branches=["main"], branch_mappings={"main": "nest"})
    play = Play(loop, state={"a": "{[{["}, audited=False)
    assert play.error == "expression_error"
    assert '"nest" deeper than 200 levels' in str(play.state.error)
    assert 195 < len(play.visits()) < 205
    play.audit()
    play.retry()
    assert play.error == "expression_error"
    play.audit()


def test_wide_documents_are_not_taken_for_deep_ones() -> None:
    wide: list[Json] = [[] for _ in range(500)]
    play = Play(meet("gate", branches=["main"], branch_mappings={"main": "a"}), state={"w": wide})
    assert play.state.status == "COMPLETED"


def test_a_join_that_doubles_without_end_is_stopped() -> None:
    mappings = {"main": "twice", "main.twice": "more"}
    loop = meet("gate", "gate", branches=["main"], branch_mappings=mappings)
    play = Play(loop, state={"text": "x" * 100_000}, audited=False)
    assert play.error == "expression_error"
    assert 'largest variable is "twice"' in str(play.state.error)
    assert len(snapshot_size(play)) < 2 * 32 * 1024 * 1024
    play.audit()


def snapshot_size(play: Play) -> bytes:
    """All variables of the branch."""
    variables = snapshot_of(play.state).branches["main"].variables
    return b"".join(map(bytes, variables.values()))


def test_merging_large_states_again_and_again_counts() -> None:
    mappings = {"main.text": "same"}
    loop = meet("gate", "gate", branches=["main"], branch_mappings=mappings)
    play = Play(loop, state={"text": "x" * 5_000_000}, audited=False)
    assert play.error == "endless_loop"
    assert len(play.visits()) < 100


# Items


def test_a_hundred_thousand_items_are_allowed_and_no_more() -> None:
    assert len(items(100_000).events(ItemsListed)[0].items) == 100_000
    play = items(100_001)
    assert play.error == "expression_error"
    assert "100,001 items" in str(play.state.error)
    assert play.events(ItemsListed) == []


def test_items_begin_a_thousand_at_a_time() -> None:
    play = items(2_500)
    assert [task.item for task in play.tasks] == list(range(1_000))
    assert play.advance() == 0
    assert [task.item for task in play.tasks] == list(range(2_000))
    assert play.advance() == 0
    assert [task.item for task in play.tasks] == list(range(2_500))
    assert play.state.timers.next_due() is None
    finish(play)
    assert play.variables()["loaves"] == [None] * 2_500


def test_large_parameters_begin_by_their_bytes() -> None:
    play = Play(
        step("bake", each={"items": list(range(20))}, parameters={"flour": "${state.flour}"}),
        state={"flour": "x" * 1024 * 1024},
        audited=False,
    )
    assert len(play.tasks) == 8
    play.advance()
    assert len(play.tasks) == 16
    finish(play)
    assert len(play.events(TaskScheduled)) == 20


def test_all_may_end_before_the_others_begin() -> None:
    play = items(1_500)
    for task in tuple(play.state.tasks):
        play.send(CompleteTask(task=task))
    assert play.state.status == "RUNNING"
    assert play.tasks == []
    check_state(play.state)
    play.advance()
    assert [task.item for task in play.tasks] == list(range(1_000, 1_500))
    finish(play)


def test_max_concurrency_holds_across_transitions() -> None:
    play = items(3_000, most=1_200)
    assert len(play.tasks) == 1_000
    play.advance()
    assert len(play.tasks) == 1_200
    assert play.state.timers.next_due() is None
    play.complete("bake")
    assert [task.item for task in play.tasks][-1] == 1_200
    finish(play)


def test_two_branches_share_a_transition() -> None:
    each = {"items": "inputs.numbers"}
    play = Play(
        step("go", "bread", "cake"),
        step("bread", each=each),
        step("cake", each=each),
        inputs=[{"name": "numbers"}],
        given={"numbers": list(range(800))},
        audited=False,
    )
    play.complete("go")
    assert len(play.tasks) == 1_000
    play.advance()
    assert len(play.tasks) == 1_600
    finish(play)


def test_delays_that_pass_together_are_taken_in_portions() -> None:
    play = items(1_500, retry=[{"max_retries": 1, "base_delay": SECOND}])
    play.advance()
    for task in tuple(play.state.tasks):
        play.send(FailTask(task=task, error=Failure("broken")))
    assert play.tasks == []
    assert play.advance() == SECOND
    assert len(play.tasks) == 1_000
    assert play.advance() == 0
    assert len(play.tasks) == 1_500
    finish(play)


def test_withdrawn_attempts_of_several_branches_all_begin_again() -> None:
    """Also when a branch before them enters its next step at the same time."""
    play = Play(
        step("go", to("one", "a"), to("bad", "b"), to("bake", "c")),
        step("one", "two"),
        step("two"),
        step("bad"),
        step("bake", each={"items": [1, 2, 3]}),
    )
    play.complete("go")
    play.fail("bad")
    play.retry()
    assert [task.activity for task in play.tasks].count("bake") == 3
    check_state(play.state)


def test_postponed_items_wait_while_their_branch_is_paused() -> None:
    play = items(1_001)
    for task in tuple(play.state.tasks):
        play.send(CompleteTask(task=task))
    play.pause()
    assert play.state.status == "PAUSED"
    assert play.state.timers.next_due() is None
    check_state(play.state)
    play.now += 5 * SECOND
    play.unpause()
    assert play.advance() == 0
    assert [task.item for task in play.tasks] == [1_000]
    finish(play)


@pytest.mark.parametrize("most", [0, 1_100])
def test_a_retried_execution_begins_withdrawn_items_in_portions_too(most: int) -> None:
    each = {"items": "inputs.numbers", "max_concurrency": most}
    play = Play(
        step("go", to("bad", "a"), to("bake", "b")),
        step("bad"),
        step("bake", each=each),
        inputs=[{"name": "numbers"}],
        given={"numbers": list(range(2_500))},
        audited=False,
    )
    play.complete("go")
    play.advance()
    at_work = [task.item for task in play.tasks]
    play.fail("bad")
    assert play.state.timers.next_due() is None
    play.retry()
    check_state(play.state)
    assert len(play.tasks) == 1_000
    play.advance()
    assert (
        sorted(task.item or 0 for task in play.tasks if task.activity == "bake")
        == sorted(item or 0 for item in at_work if item is not None)[: len(play.tasks) - 1]
    )
    finish(play)
    completed = [task.item for task in play.events(TaskScheduled) if task.activity == "bake"]
    assert set(completed) == set(range(2_500))


def test_a_failure_calls_postponed_items_off() -> None:
    play = items(1_500)
    assert play.state.timers.next_due() == 0
    play.fail("bake")
    assert play.state.timers.next_due() is None
    assert play.state.status == "FAILED"
    play.retry()
    assert play.state.timers.next_due() == 0
    finish(play)


def test_a_cancelled_execution_keeps_no_timer_of_postponed_items() -> None:
    play = items(1_500)
    play.cancel()
    assert play.state.timers.due == {}
    play.audit()


def test_a_catch_leaves_postponed_items_behind() -> None:
    play = Play(
        step(
            "bake",
            each={"items": "inputs.numbers"},
            catch=[{"error_equals": ["all"], "next": "rest"}],
        ),
        nap("rest"),
        inputs=[{"name": "numbers"}],
        given={"numbers": list(range(1_500))},
        audited=False,
    )
    play.fail("bake")
    assert play.state.status == "SUSPENDED"
    check_state(play.state)
    assert play.advance() == MINUTE
    assert play.state.status == "COMPLETED"
    play.audit()
