"""Random executions: what is told of their visits agrees with how they stand."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import HealthCheck, given, settings
from msgspec import structs

from branchline.engine import Branch, NotRetryable, Status
from branchline.engine.events import ExecutionRetried, Next, StepStarted
from branchline.engine.step_visit import StepVisit
from branchline.engine.visits import StepVisits

from .graphs import happenings, workflows
from .playing import Json, Play
from .test_properties import command_of


class Watched:
    """A play, and its visits as its history grows."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.visits = StepVisits()
        self._ended: dict[int, StepVisit] = {}
        self._taken = 0

    def look(self) -> None:
        """Take what is new, and check it."""
        for time, event in self.play.history[self._taken :]:
            self._taken += 1
            if isinstance(event, ExecutionRetried):
                self._ended.clear()
            self.visits.take(self._taken, time, event)
        for visit in self.visits.visits:
            earlier = self._ended.get(visit.number)
            assert earlier in (None, visit), "an ended visit has changed"
            if visit.ended is not None:
                self._ended[visit.number] = deepcopy(visit)
        self._agrees()

    def _agrees(self) -> None:
        started = [
            (number, event.branch, event.step)
            for number, (_, event) in enumerate(self.play.history, start=1)
            if isinstance(event, StepStarted)
        ]
        visits = self.visits.visits
        assert [(visit.number, visit.branch, visit.step) for visit in visits] == started
        last = {visit.branch: visit for visit in visits}
        for branch in self.play.state.branches.values():
            _check(branch, last.get(branch.id))
        present = {branch.visit.number for branch in self.play.state.live_branches()}
        assert all(visit.ended or visit.number in present for visit in visits)
        assert all((visit.end is None) == (visit.ended is None) for visit in visits)


def _check(branch: Branch, visit: StepVisit | None) -> None:
    if visit is None:
        assert branch.status.closed
        return
    assert visit.step == branch.step
    if branch.visit.number == 0:
        assert visit.status in (Status.COMPLETED, Status.FAILED)
        return
    assert visit.number == branch.visit.number
    if branch.status.closed:
        assert visit.status.closed
        return
    waits_at_join = branch.status is Status.WAITING
    assert visit.status is (Status.RUNNING if waits_at_join else branch.status)
    held = branch.held
    assert held is None or held.next in (Next.STAY, Next.ENTER, Next.END)
    assert visit.items == len(branch.visit.items or ())
    assert visit.items_done == (len(branch.visit.outcomes) if visit.items else 0)
    attempts = [a.number for a in branch.visit.attempts.values() if a.task is not None]
    assert visit.attempt >= max(attempts, default=0)


def _played(definition: dict[str, Json], happened: list[tuple[str, int]]) -> Watched:
    play = Play(*definition.pop("steps"), audited=False, **definition)
    watched = Watched(play)
    watched.look()
    for kind, number in happened:
        if play.state.end is not None:
            try:
                play.retry()
            except NotRetryable:
                break
        elif not kind.startswith("stale"):
            play.send(command_of(play, kind, number), chance=number / 1001)
        watched.look()
    return watched


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(workflows(), happenings())
def test_visits_agree_with_the_state_and_do_not_change_once_they_have_ended(
    definition: dict[str, Json], happened: list[tuple[str, int]]
) -> None:
    _played(definition, happened)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(workflows(), happenings())
def test_pages_tell_what_the_whole_tells(
    definition: dict[str, Json], happened: list[tuple[str, int]]
) -> None:
    """Also when a page stops reading as soon as it is settled."""
    watched = _played(definition, happened)
    pages: list[StepVisit] = []
    more = True
    while more:
        after = pages[-1].number if pages else 0
        page = StepVisits(most=2)
        for number, (time, event) in enumerate(watched.play.history, start=1):
            if number > after and not page.settled:
                page.take(number, time, event)
        pages += page.visits
        more = page.has_more
    assert [structs.asdict(visit) for visit in pages] == [
        structs.asdict(visit) for visit in watched.visits.visits
    ]
