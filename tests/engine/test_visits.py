"""Step visits, folded out of the history (semantics 12.4)."""

from __future__ import annotations

from msgspec import structs

from branchline.engine import Status
from branchline.engine.definition import SECOND
from branchline.engine.events import (
    ChildFailed,
    ChildRequested,
    ChildStarted,
    Event,
    ExecutionStarted,
    Failure,
    Progress,
    StepStarted,
    TasksWithdrawn,
)
from branchline.engine.step_visit import MOST_CHILDREN, StepVisit
from branchline.engine.values import encode
from branchline.engine.visits import StepVisits

from .playing import Play, forked, halt, listen, meet, nap, step, to

RETRY = [{"max_retries": 1, "base_delay": SECOND}]


def visits_of(play: Play, most: int | None = None) -> StepVisits:
    """The visits of a play."""
    folded = StepVisits(most)
    for number, (time, event) in enumerate(play.history, start=1):
        folded.take(number, time, event)
    return folded


def seen(play: Play) -> list[tuple[str, str]]:
    """The step and status of each visit."""
    return [(visit.step, str(visit.status)) for visit in visits_of(play).visits]


def only(play: Play) -> StepVisit:
    """The only visit of a play."""
    [visit] = visits_of(play).visits
    return visit


def test_a_visit_lasts_from_its_start_to_its_end() -> None:
    play = Play(step("knead", "bake"), step("bake"))
    play.now = 5
    play.complete("knead")
    first, second = visits_of(play).visits
    assert (first.number, first.branch, first.activity, first.attempt) == (2, "main", "knead", 1)
    assert (first.status, first.start, first.end) == (Status.COMPLETED, 0, 5)
    assert (second.status, second.start, second.end) == (Status.RUNNING, 5, None)


def test_each_entering_of_a_step_is_a_visit_of_its_own() -> None:
    again = to("knead", when="state.again")
    play = Play(step("knead", again), state={"again": True})
    play.complete("knead")
    play.complete("knead", patch={"again": False})
    assert seen(play) == [("knead", "COMPLETED")] * 2


def test_attempts_that_failed_leave_their_error() -> None:
    play = Play(step("bake", retry=RETRY))
    play.fail("bake", "busy")
    assert (only(play).status, only(play).attempt) == (Status.RUNNING, 1)
    play.advance()
    play.complete("bake")
    visit = only(play)
    assert (visit.status, visit.attempt) == (Status.COMPLETED, 2)
    assert visit.error == Failure("busy")


def test_a_visit_whose_error_was_caught_is_failed() -> None:
    play = Play(step("bake", catch=[{"error_equals": ["all"], "next": "sweep"}]), step("sweep"))
    play.fail("bake", "burnt")
    assert seen(play) == [("bake", "FAILED"), ("sweep", "RUNNING")]


def test_a_visit_whose_edges_failed_was_completed() -> None:
    play = Play(step("bake", to("eat", when="state.nothing > 1")), step("eat"))
    play.complete("bake")
    assert play.error == "expression_error"
    assert seen(play) == [("bake", "COMPLETED")]


def test_items_are_counted_and_the_highest_attempt_is_told() -> None:
    play = Play(step("bake", each={"items": [1, 2, 3]}, retry=RETRY))
    play.complete("bake", item=0)
    play.fail("bake", item=1)
    play.advance()
    visit = only(play)
    assert (visit.items, visit.items_done, visit.attempt) == (3, 1, 2)
    assert visit.status is Status.RUNNING
    play.wait("bake", item=1)
    assert only(play).status is Status.RUNNING
    play.wait("bake", item=2)
    assert only(play).status is Status.SUSPENDED


def test_a_wait_in_an_activity_suspends_the_visit() -> None:
    play = Play(step("bake"))
    play.wait("bake")
    assert only(play).status is Status.SUSPENDED
    play.signal("bell")
    assert only(play).status is Status.RUNNING
    assert only(play).attempt == 1


def test_sleeps_and_waits_are_suspended() -> None:
    play = Play(nap("doze", "hear"), listen("hear"))
    assert seen(play) == [("doze", "SUSPENDED")]
    play.advance()
    assert seen(play) == [("doze", "COMPLETED"), ("hear", "SUSPENDED")]
    play.signal("hear")
    assert seen(play)[1] == ("hear", "COMPLETED")
    assert visits_of(play).visits[1].attempt == 1


def test_a_visit_at_a_join_runs_until_the_join_lets_it_go() -> None:
    play = forked(
        nap("fork", to("join", "a"), to("bake", "b"), duration=1),
        step("bake"),
        meet("join", branches=["a", "b"]),
    )
    assert ("join", "RUNNING") in seen(play)
    play.complete("bake")
    assert ("join", "COMPLETED") in seen(play)


def test_a_wait_that_is_tried_again_tells_its_error_and_attempt() -> None:
    play = Play(listen("hear", retry=RETRY))
    play.advance()
    assert only(play).error == Failure("timeout", "no signal came in time")
    assert only(play).attempt == 1
    play.advance()
    assert (only(play).status, only(play).attempt) == (Status.SUSPENDED, 2)
    play.advance()
    assert only(play).status is Status.FAILED
    assert play.state.error == only(play).error


def test_a_held_visit_is_paused_and_goes_on_as_it_was() -> None:
    play = Play(listen("hear"))
    play.pause()
    assert only(play).status is Status.PAUSED
    play.unpause()
    assert only(play).status is Status.SUSPENDED


def test_a_pause_step_is_paused_until_it_is_left() -> None:
    play = Play(halt("hold", "bake"), step("bake"))
    assert seen(play) == [("hold", "PAUSED")]
    play.unpause()
    assert seen(play) == [("hold", "COMPLETED"), ("bake", "RUNNING")]


def test_a_pause_behind_a_step_is_not_the_steps() -> None:
    play = Play(step("bake", "eat"), step("eat"))
    play.pause()
    assert only(play).status is Status.RUNNING
    play.complete("bake")
    assert play.statuses == {"main": "PAUSED"}
    assert seen(play) == [("bake", "COMPLETED")]


def test_a_cancelled_execution_has_cancelled_visits() -> None:
    play = Play(step("bake"))
    play.now = 3
    play.cancel()
    assert (only(play).status, only(play).end) == (Status.CANCELED, 3)


def test_a_retried_execution_goes_on_in_the_same_visits() -> None:
    play = forked(
        nap("fork", to("bake", "a"), to("hear", "b"), duration=1), step("bake"), listen("hear")
    )
    play.fail("bake", "burnt")
    assert seen(play)[1:] == [("bake", "FAILED"), ("hear", "CANCELED")]
    play.retry()
    assert seen(play)[1:] == [("bake", "RUNNING"), ("hear", "SUSPENDED")]
    bake = visits_of(play).visits[1]
    assert (bake.end, bake.attempt, bake.error) == (None, 1, Failure("burnt"))
    play.complete("bake")
    assert seen(play)[1] == ("bake", "COMPLETED")


def test_visits_behind_a_number_need_nothing_from_before_it() -> None:
    play = Play(*(step(f"s{i}", *([f"s{i + 1}"] if i < 4 else [])) for i in range(5)))
    for i in range(4):
        play.complete(f"s{i}")
    every = visits_of(play).visits
    page, taken = StepVisits(most=2), every[1].number
    for number, (time, event) in enumerate(play.history, start=1):
        if number > taken and not page.settled:
            page.take(number, time, event)
            taken = number
    assert page.visits == every[2:4]
    assert page.has_more
    assert taken == every[4].number


def test_a_page_is_not_settled_while_one_of_its_visits_may_change() -> None:
    play = Play(step("bake", "eat"), step("eat"))
    play.complete("bake")
    assert not visits_of(play, most=2).settled
    assert visits_of(play, most=1).settled


def test_a_page_may_be_ended_early_but_never_empty() -> None:
    play = Play(step("bake", "eat"), step("eat", "sweep"), step("sweep"))
    play.complete("bake")
    play.complete("eat")
    page = StepVisits()
    for number, (time, event) in enumerate(play.history, start=1):
        page.take_no_more()
        page.take(number, time, event)
    assert [visit.step for visit in page.visits] == ["bake"]
    assert page.settled


# What is told by events that plays do not make.


def folded(*events: Event) -> StepVisits:
    """A visit of ``bake`` with these events."""
    started: list[Event] = [
        ExecutionStarted(workflow="bakery", version=1),
        StepStarted(branch="main", step="bake"),
    ]
    result = StepVisits()
    for number, event in enumerate([*started, *events], start=1):
        result.take(number, number, event)
    return result


def told(message: str, time: int, item: int | None = None) -> Progress:
    """A progress."""
    return Progress(message, encode({"at": time}), time, item)


def with_progress(play: Play, *progress: Progress) -> StepVisit:
    """The visit of a play whose outcomes, in order, carry progress."""
    result, left = StepVisits(), list(progress)
    for number, (time, event) in enumerate(play.history, start=1):
        told_now = left and hasattr(event, "progress") and not isinstance(event, TasksWithdrawn)
        taken = structs.replace(event, progress=left.pop(0)) if told_now else event
        result.take(number, time, taken)
    [visit] = result.visits
    return visit


def test_the_latest_progress_of_all_items_and_attempts_stays() -> None:
    play = Play(step("bake", each={"items": [1, 2]}, retry=RETRY))
    play.fail("bake", item=0)
    play.complete("bake", item=1)
    play.advance()
    play.wait("bake", item=0)
    late, early = told("hot", 9, item=0), told("cold", 4, item=1)
    assert with_progress(play, late, early).progress == late
    assert with_progress(play, late, early, told("done", 12)).progress == told("done", 12)


def test_withdrawn_tasks_leave_their_progress_to_their_branch() -> None:
    play = Play(step("bake"))
    play.cancel()
    result = StepVisits()
    for number, (time, event) in enumerate(play.history, start=1):
        withdrawn = isinstance(event, TasksWithdrawn)
        progress = {"main": told("half", 2), "other": told("no", 3)}
        taken = structs.replace(event, progress=progress) if withdrawn else event
        result.take(number, time, taken)
    assert result.visits[0].progress == told("half", 2)


def test_a_task_without_an_outcome_can_still_be_heard() -> None:
    play = Play(step("bake", "eat"), step("eat"))
    play.complete("bake")
    visits = visits_of(play)
    assert visits.tasks == [2]
    visits.hear(1, told("too late", 1))
    visits.hear(2, told("hot", 1))
    visits.hear(2, told("old", 0))
    assert [visit.progress for visit in visits.visits] == [None, told("hot", 1)]


def test_children_are_told_and_waited_for() -> None:
    asked = ChildRequested(child=1, branch="main", workflow="bread", attempt=2)
    begun = ChildStarted(child=1, execution="bread-1")
    [visit] = folded(asked).visits
    assert (visit.status, visit.attempt, visit.activity) == (Status.RUNNING, 2, "")
    [visit] = folded(asked, begun).visits
    assert (visit.status, visit.children) == (Status.SUSPENDED, ["bread-1"])
    failed = ChildFailed(child=1, error=Failure("burnt"))
    [visit] = folded(asked, begun, failed).visits
    assert (visit.status, visit.error) == (Status.RUNNING, Failure("burnt"))


def test_only_so_many_children_are_told() -> None:
    events: list[Event] = []
    for child in range(MOST_CHILDREN + 5):
        events += [
            ChildRequested(child=child, branch="main", workflow="b", item=child, wait=False),
            ChildStarted(child=child, execution=f"b-{child}"),
        ]
    [visit] = folded(*events).visits
    assert visit.children == [f"b-{child}" for child in range(MOST_CHILDREN)]
    assert visit.status is Status.RUNNING
