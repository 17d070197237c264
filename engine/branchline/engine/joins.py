"""Joins: who has arrived, who goes on, and with which variables (semantics 6)."""

from __future__ import annotations

from branchline.engine import branches, merging
from branchline.engine.definition import Join
from branchline.engine.events import (
    BranchCompleted,
    BranchFailed,
    Failure,
    JoinPassed,
    JoinReached,
    Merge,
    StepCompleted,
)
from branchline.engine.finishing import complete_step
from branchline.engine.state import Branch, Execution, JoinState, Status
from branchline.engine.transition import Transition


def reach(t: Transition, branch: Branch) -> None:
    """Let a branch wait at its step; one that the join went on without ends (6.1, 6.5)."""
    join = t.state.joins.get(branch.step)
    if join is not None and branch.id in join.left_out:
        t.emit(StepCompleted(branch=branch.id))
        t.emit(BranchCompleted(branch=branch.id))
    else:
        t.emit(JoinReached(branch=branch.id))


def settle_one(t: Transition) -> bool:
    """Let the first satisfied join pass; whether there was one."""
    for step, join_state in t.state.joins.items():
        if join_state.waiting:
            join = t.plan.step(step).step.join or Join()
            arrived = _arrived(t.state, join, join_state)
            if arrived is not None:
                _pass(t, join, join_state, arrived)
                return True
    return False


def fail_deadlocked(t: Transition) -> bool:
    """Fail the execution when every live branch waits at a join for ever (6.6)."""
    live = t.state.live
    if len(live) != 1 or Status.WAITING not in live:
        return False
    stuck = t.state.live_branches()
    where = ", ".join(f'"{branch.id}" at "{branch.step}"' for branch in stuck[:10])
    error = Failure("join_deadlock", f"no branch is left that could satisfy a join: {where}")
    for branch in stuck[:-1]:
        t.emit(BranchFailed(branch=branch.id, error=error))
    branches.fail(t, stuck[-1], error)
    return True


def _arrived(state: Execution, join: Join, join_state: JoinState) -> list[Branch] | None:
    """The branches that a join takes, None while it is not satisfied (6.2)."""
    if not join.branches:
        return _arrived_of_all(state, join, join_state)
    needed = join.count or len(join.branches)
    if _most_arrived(state, join_state) < needed:
        return None
    spare = len(join.branches) - needed
    waiting = set(join_state.waiting)
    arrived = []
    # From the last: branches mostly arrive in the order in which they began, and whoever is
    # missing is found the sooner.
    for name in reversed(join.branches):
        branch = _latest(state, name)
        if branch is not None and _has_arrived(branch, waiting, join_state.taken):
            arrived.append(branch)
        elif spare == 0:
            return None
        else:
            spare -= 1
    return arrived[::-1]


def _most_arrived(state: Execution, join_state: JoinState) -> int:
    """More branches than so many cannot have arrived; this takes no time to know."""
    ended = len(state.branches) - sum(state.live.values())
    return ended + len(join_state.waiting)


def _arrived_of_all(state: Execution, join: Join, join_state: JoinState) -> list[Branch] | None:
    """The same for a join that lists nothing: it looks at all other branches."""
    waiting = join_state.waiting
    if not join.count and sum(state.live.values()) > len(waiting):
        return None
    if join.count and _most_arrived(state, join_state) <= join.count:
        return None  # the first of those that wait here is the one that goes on
    ended = [
        branch
        for branch in state.branches.values()
        if branch.status is Status.COMPLETED
        and not branch.forked
        and branch.id not in join_state.taken
    ]
    others = [state.branches[branch_id] for branch_id in waiting[1:]]
    if join.count and len(ended) + len(others) < join.count:
        return None
    return ended + others


def _latest(state: Execution, name: str) -> Branch | None:
    latest = state.latest.get(name)
    return None if latest is None else state.branches[latest]


def _has_arrived(branch: Branch, waiting: set[str], taken: set[str]) -> bool:
    if branch.status is Status.COMPLETED:
        return branch.id not in taken
    return branch.id in waiting


def _pass(t: Transition, join: Join, join_state: JoinState, arrived: list[Branch]) -> None:
    waiting = [t.state.branches[branch_id] for branch_id in join_state.waiting]
    outsiders = (branch for branch in waiting if branch.label not in join.branches)
    goes_on = next(outsiders, waiting[-1]) if join.branches else waiting[0]
    taken = {branch.id for branch in arrived}
    left_out = tuple(
        latest
        for latest in (t.state.latest.get(name, name) for name in join.branches)
        if latest not in taken
    )
    merges = tuple(_merges(join, arrived, goes_on))
    error = _problem_of(t, goes_on, merges)
    if error is not None:
        branches.fail(t, goes_on, error)
        return
    t.emit(
        JoinPassed(
            branch=goes_on.id,
            taken=tuple(branch.id for branch in arrived),
            left_out=left_out,
            merges=merges,
        )
    )
    for branch in waiting:
        if branch is not goes_on:
            t.emit(BranchCompleted(branch=branch.id))
    complete_step(t, goes_on)


def _problem_of(t: Transition, branch: Branch, merges: tuple[Merge, ...]) -> Failure | None:
    """Why a join cannot copy what it should: the state would grow beyond what can be kept."""
    if not merges:
        return None
    variables = merging.merged(t.state, branch, merges)
    written = dict.fromkeys(merge.destination.partition(".")[0] for merge in merges)
    try:
        t.spend_text(merging.check_size(variables))
        merging.check_depth(variables, written)
    except merging.TooLarge as error:
        return Failure("expression_error", str(error))
    return t.exhaustion


def _merges(join: Join, arrived: list[Branch], goes_on: Branch) -> list[Merge]:
    """What is copied: whole states first, then mapped ones, outer variables first (6.4)."""
    sources = {branch.label: branch for branch in arrived}
    mapped = {source.partition(".")[0] for source in join.branch_mappings}
    whole = [
        Merge(branch.id, destination=label)
        for label, branch in sources.items()
        if label not in mapped and branch is not goes_on
    ]
    chosen = []
    for source, destination in sorted(join.branch_mappings.items(), key=lambda pair: pair[::-1]):
        label, _, variable = source.partition(".")
        if label in sources:
            chosen.append(Merge(sources[label].id, destination=destination, variable=variable))
    return whole + chosen
