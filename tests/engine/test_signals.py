"""Signals, and steps that wait for them (semantics 10.1, 10.2)."""

from __future__ import annotations

import pytest
from msgspec import Raw

from branchline.engine.definition import SECOND
from branchline.engine.events import SignalAwaited, SignalConsumed, SignalReceived, WaitTimedOut

from .playing import MINUTE, Json, Play, listen, nap, step, to

HOME: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]


def test_a_wait_suspends_until_its_signal_comes() -> None:
    play = Play(listen("bell", "open", store="ring"), step("open"))
    assert play.statuses == {"main": "SUSPENDED"}
    assert play.state.status == "SUSPENDED"
    play.signal("bell", {"times": 2})
    assert play.state.status == "RUNNING"
    assert play.visits() == ["bell", "open"]
    assert play.variables() == {"ring": {"times": 2}}
    assert play.state.timers.next_due() is None


def test_a_payload_is_kept_as_it_is_written() -> None:
    odd = b'{"n" :  123456789012345678901234567890, "e": 1E1}'
    play = Play(listen("bell", "more", store="a"), listen("more", store="b"))
    play.signal("more", Raw(odd))
    play.signal("bell", Raw(odd))
    assert {
        name: bytes(value) for name, value in play.state.branches["main"].variables.items()
    } == {"a": odd, "b": odd}


def test_a_null_payload_is_stored_and_without_a_store_nothing_is() -> None:
    play = Play(listen("bell", "more", store="a"), listen("more"), state={"a": 1})
    play.signal("bell")
    play.signal("more", 5)
    assert play.variables() == {"a": None}


def test_a_signal_for_another_topic_wakes_nobody() -> None:
    play = Play(listen("bell"))
    play.signal("horn")
    assert play.state.status == "SUSPENDED"


def test_a_signal_sent_early_is_not_lost() -> None:
    play = Play(nap("doze", "bell"), listen("bell", store="ring"))
    play.signal("bell", "early")
    assert play.state.status == "SUSPENDED"
    play.advance()
    assert play.state.status == "COMPLETED"
    assert play.variables() == {"ring": "early"}


def test_early_signals_are_taken_in_the_order_in_which_they_came_each_once() -> None:
    play = Play(
        nap("doze", "one"),
        listen("one", "two", topic="bell", store="a"),
        listen("two", "three", topic="bell", store="b"),
        listen("three", topic="bell", store="c"),
    )
    play.signal("bell", 1)
    play.signal("horn", "other")
    play.signal("bell", 2)
    play.advance()
    assert play.variables() == {"a": 1, "b": 2}
    assert play.state.status == "SUSPENDED"
    play.signal("bell", 3)
    assert play.variables() == {"a": 1, "b": 2, "c": 3}
    assert [event.signal for event in play.events(SignalConsumed)] == [1, 3, 4]
    assert list(play.state.signals) == ["horn"]


def test_the_branch_that_has_waited_longest_gets_the_signal() -> None:
    play = Play(
        step("go", to("late", "late"), to("early", "early")),
        step("late", "bell"),
        step("early", "bell"),
        listen("bell", store="ring"),
    )
    play.complete("go")
    play.complete("early")
    play.complete("late")
    play.signal("bell", 1)
    assert play.statuses == {"main": "COMPLETED", "late": "SUSPENDED", "early": "COMPLETED"}
    play.signal("bell", 2)
    assert play.variables("early") == {"ring": 1}
    assert play.variables("late") == {"ring": 2}


def test_a_signal_id_counts_once_whatever_comes_with_it() -> None:
    play = Play(listen("one", "two", topic="bell", store="a"), listen("two", topic="bell"))
    play.signal("bell", 1, signal_id="s1")
    assert play.signal("bell", 2, signal_id="s1") == []
    assert play.signal("horn", 3, signal_id="s1") == []
    assert play.state.status == "SUSPENDED"
    play.signal("bell", 2, signal_id="s2")
    assert play.state.status == "COMPLETED"


def test_signals_without_an_id_all_count() -> None:
    play = Play(nap("doze"))
    play.signal("bell", 1)
    play.signal("bell", 1)
    assert len(play.events(SignalReceived)) == 2


# Topics


def test_a_topic_is_a_template_that_is_fixed_on_entry() -> None:
    play = Play(
        listen("wait", topic="order-${state.id}/${branch.name}", retry=[{}]), state={"id": 7}
    )
    [awaited] = play.events(SignalAwaited)
    assert awaited.topic == "order-7/main"
    play.signal("order-7/main")
    assert play.state.status == "COMPLETED"


@pytest.mark.parametrize("topic", ["${state.missing}", "${1 / 0}", "a ${state.missing}"])
def test_an_error_in_a_topic_fails_the_step(topic: str) -> None:
    play = Play(
        listen("wait", topic=topic, catch=HOME, retry=[{}], on_timeout="home"), step("home")
    )
    assert play.visits() == ["wait", "home"]
    assert play.variables()["why"]["Error"] == "expression_error"
    assert Play(listen("wait", topic=topic)).error == "expression_error"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (5, "an integer"),
        (None, "null"),
        (["bell"], "an array"),
        ("", "empty"),
        ({"big": "x" * 10_000}, "an object"),
        (Raw(b"1e400"), "can't be read"),
        (Raw(b"[" * 5000 + b"]" * 5000), "can't be read"),
    ],
)
@pytest.mark.parametrize("topic", ["${inputs.topic}", "${ [inputs.topic][0] }"])
def test_a_topic_that_is_no_text_fails_the_step_with_a_short_message(
    value: Json, told: str, topic: str
) -> None:
    play = Play(
        listen("wait", topic=topic),
        inputs=[{"name": "topic"}],
        given={"topic": value},
        audited=False,  # such a depth can't be read back from a snapshot
    )
    assert play.error == "expression_error"
    assert play.state.error is not None
    assert told in play.state.error.message
    assert len(play.state.error.message) < 300


# Time limits


def test_a_wait_that_lasts_too_long_is_a_timeout() -> None:
    play = Play(listen("bell", timeout=5 * SECOND))
    assert play.wake(5 * SECOND - 1) == []
    play.wake(5 * SECOND)
    assert play.error == "timeout"
    assert play.state.waiters == {}


def test_on_timeout_goes_its_own_way_past_edges_retry_and_catch() -> None:
    play = Play(
        listen("bell", "home", on_timeout="walk", store="ring", retry=[{}], catch=HOME),
        step("home"),
        step("walk"),
    )
    assert play.advance() == MINUTE
    assert play.visits() == ["bell", "walk"]
    assert play.variables() == {}
    play.signal("bell", "late")
    assert play.variables() == {}


def test_a_wait_may_be_retried_with_its_whole_time_and_then_caught() -> None:
    play = Play(
        listen(
            "bell",
            retry=[{"error_equals": ["timeout"], "max_retries": 1, "base_delay": SECOND}],
            catch=HOME,
        ),
        step("home"),
    )
    assert play.advance() == MINUTE
    assert play.statuses == {"main": "RUNNING"}
    assert play.advance() == SECOND
    assert play.statuses == {"main": "SUSPENDED"}
    assert play.advance() == MINUTE
    assert play.visits() == ["bell", "home"]
    assert play.variables()["why"]["Error"] == "timeout"
    assert len(play.events(WaitTimedOut)) == 2


def test_a_signal_between_two_attempts_is_kept_for_the_second() -> None:
    play = Play(listen("bell", store="ring", retry=[{}]))
    play.advance()
    play.signal("bell", 1)
    assert play.statuses == {"main": "RUNNING"}
    play.advance()
    assert play.variables() == {"ring": 1}
    assert play.state.status == "COMPLETED"


def test_a_policys_timeout_bounds_the_waits_that_it_makes() -> None:
    play = Play(listen("bell", retry=[{"max_retries": 1, "timeout": 5 * SECOND}]))
    assert play.advance() == MINUTE
    play.advance()
    assert play.advance() == 5 * SECOND
    assert play.error == "timeout"


def test_a_waiter_that_was_stopped_gets_nothing() -> None:
    """Another branch fails; the wait leaves nothing behind."""
    play = Play(
        step("go", to("bell", "a"), to("b", "b")),
        listen("bell"),
        step("b"),
    )
    play.complete("go")
    play.fail("b")
    assert play.statuses["a"] == "CANCELED"
    assert play.state.waiters == {}
    assert play.state.timers.next_due() is None


def test_waits_of_the_same_moment_time_out_together() -> None:
    play = Play(step("go", "bell", "bell"), listen("bell", on_timeout="walk"), step("walk"))
    play.complete("go")
    play.advance()
    assert [task.branch for task in play.tasks] == ["main-1", "main-2"]
