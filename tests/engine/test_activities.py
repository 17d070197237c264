"""Activity steps: their tasks, and what becomes of results (semantics 7.1, 7.2, 7.5, 3.7)."""

from __future__ import annotations

import pytest
from msgspec import Raw

from branchline.engine.definition import SECOND
from branchline.engine.events import TaskScheduled

from .playing import Json, Play, plain, step, to

CATCH_ALL: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]


def test_a_task_tells_all_that_its_step_says() -> None:
    play = Play(
        step(
            "bake",
            activity="heat",
            parameters={"loaf": "${state.loaf}", "for": "${inputs.who}"},
            task_queue="ovens",
            timeout=5 * SECOND,
            heartbeat_timeout=2 * SECOND,
            schedule_timeout=9 * SECOND,
        ),
        state={"loaf": "rye"},
        inputs=[{"name": "who"}],
        given={"who": "ann"},
    )
    [task] = play.tasks
    assert plain(task.parameters) == {"loaf": "rye", "for": "ann"}
    assert (task.task, task.branch, task.activity, task.queue) == (1, "main", "heat", "ovens")
    assert (task.attempt, task.item) == (1, None)
    assert (task.timeout, task.heartbeat_timeout, task.schedule_timeout) == (
        5 * SECOND,
        2 * SECOND,
        9 * SECOND,
    )


def test_a_task_goes_to_the_queue_default_and_has_no_time_limits_by_itself() -> None:
    [task] = Play(step("bake")).tasks
    assert task.queue == "default"
    assert (task.timeout, task.heartbeat_timeout, task.schedule_timeout) == (None, None, None)
    assert plain(task.parameters) == {}


def test_tasks_are_numbered_through_the_execution() -> None:
    play = Play(step("a", "b", "b"), step("b"))
    play.complete("a")
    assert [task.task for task in play.tasks] == [2, 3]


@pytest.mark.parametrize("result", [None, 0, False, "", [], {}, {"a": [1, None]}])
def test_a_result_is_stored_whatever_it_is(result: Json) -> None:
    play = Play(step("bake", store="loaf"), state={"loaf": "none yet"})
    play.complete("bake", result)
    assert play.variables() == {"loaf": result}


def test_without_a_store_the_result_is_not_kept() -> None:
    play = Play(step("bake"))
    play.complete("bake", "rye")
    assert play.variables() == {}


def test_a_patch_sets_and_removes_variables() -> None:
    play = Play(step("bake"), state={"keep": 1, "change": 2, "drop": 3})
    play.complete("bake", patch={"change": 20, "new": [4]}, remove=["drop", "unknown"])
    assert play.variables() == {"keep": 1, "change": 20, "new": [4]}


def test_the_result_comes_after_the_patch() -> None:
    play = Play(step("bake", store="loaf"))
    play.complete("bake", "rye", patch={"loaf": "dough", "other": 1})
    assert play.variables() == {"loaf": "rye", "other": 1}
    play = Play(step("bake", store="loaf"), state={"loaf": "dough"})
    play.complete("bake", "rye", remove=["loaf"])
    assert play.variables() == {"loaf": "rye"}


def test_the_next_steps_parameters_see_patch_and_result() -> None:
    play = Play(
        step("bake", "sell", store="loaf"),
        step("sell", parameters={"loaf": "${state.loaf}", "price": "${state.price}"}),
    )
    play.complete("bake", "rye", patch={"price": 3})
    assert play.parameters("sell") == {"loaf": "rye", "price": 3}


def test_a_step_visited_again_starts_with_a_first_attempt() -> None:
    play = Play(
        step("bake", to("bake", when="state.more"), retry=[{"base_delay": SECOND}]),
        state={"more": True},
    )
    play.fail("bake")
    play.advance()
    play.complete("bake")
    assert play.task("bake").attempt == 1


# Documents stay as they are written


BIG = b"123456789012345678901234567890"
ODD = b'{"n" : ' + BIG + b',\n  "tiny": 1.0E-5, "text": "\\u00e4 \\/", "n": 1 }'


def test_a_document_passes_from_input_to_output_untouched() -> None:
    play = Play(
        step("bake", parameters={"all": "${inputs.order}"}, store="loaf"),
        inputs=[{"name": "order"}],
        given={"order": Raw(ODD)},
        outputs=[{"name": "loaf"}],
    )
    assert ODD in bytes(play.task("bake").parameters)
    play.complete("bake", Raw(ODD))
    assert bytes(play.state.outputs["loaf"]) == ODD


def test_large_integers_stay_exact_in_templates_and_items() -> None:
    play = Play(
        step(
            "bake",
            each={"items": "inputs.list", "as": "it"},
            parameters={"it": "${state.it}", "in": {"list": ["${inputs.list}"]}},
        ),
        inputs=[{"name": "list"}],
        given={"list": Raw(b"[" + BIG + b", 1.0]")},
    )
    assert play.parameters("bake", item=0) == {"it": int(BIG), "in": {"list": [[int(BIG), 1.0]]}}
    assert bytes(play.task("bake", item=1).parameters).startswith(b'{"it":1.0,')


def test_large_integers_of_a_definition_stay_exact() -> None:
    play = Play(step("bake", parameters={"a": int(BIG), "b": "${state.n}"}), state={"n": int(BIG)})
    assert play.parameters("bake") == {"a": int(BIG), "b": int(BIG)}


# Parameters that can't be rendered


def test_an_error_in_a_parameter_fails_the_step_without_a_task() -> None:
    play = Play(step("bake", parameters={"loaf": "${state.loaf}"}))
    assert play.error == "expression_error"
    assert play.statuses == {"main": "FAILED"}
    assert play.events(TaskScheduled) == []


def test_an_expression_error_is_not_retried_but_caught() -> None:
    play = Play(
        step(
            "bake",
            parameters={"n": "${1 / inputs.n}"},
            retry=[{"error_equals": ["all", "expression_error"]}],
            catch=CATCH_ALL,
        ),
        step("home"),
        inputs=[{"name": "n"}],
        given={"n": 0},
    )
    assert play.visits() == ["bake", "home"]
    assert play.variables()["why"]["Error"] == "expression_error"


@pytest.mark.parametrize("document", [b"1e400", b"[" * 5000 + b"]" * 5000])
def test_a_document_that_can_not_be_read_is_an_expression_error_where_it_is_looked_into(
    document: bytes,
) -> None:
    play = Play(
        step("bake", "read", parameters={"all": "${inputs.x}"}),
        step("read", parameters={"first": "${inputs.x[0]}"}),
        inputs=[{"name": "x"}],
        given={"x": Raw(document)},
        audited=False,  # such a depth can't be read back from a snapshot
    )
    assert document in bytes(play.task("bake").parameters)
    play.complete("bake")
    assert play.error == "expression_error"
