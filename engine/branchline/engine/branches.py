"""How branches move along edges, start others and end (semantics 5)."""

from __future__ import annotations

from branchline.engine.definition import Edge
from branchline.engine.events import (
    BranchCanceled,
    BranchCompleted,
    BranchFailed,
    BranchStarted,
    ChildrenStopped,
    ExecutionFailed,
    Failure,
    TasksWithdrawn,
)
from branchline.engine.expressions import ExpressionError
from branchline.engine.state import Branch
from branchline.engine.transition import Transition


def follow_edges(t: Transition, branch: Branch) -> None:
    """Take the edges that match after a step has finished (semantics 5.1, 5.2)."""
    try:
        matches = matching_edges(t, branch)
    except ExpressionError as error:
        fail(t, branch, t.failure_of(error), at_edges=True)
        return
    if not matches:
        t.emit(BranchCompleted(branch=branch.id))
    elif len(matches) == 1 and matches[0].branch in ("", branch.name):
        t.entering.append((branch.id, matches[0].step))
    else:
        _fork(t, branch, matches)


def fail(
    t: Transition,
    branch: Branch,
    error: Failure,
    *,
    at_edges: bool = False,
    entering: str = "",
) -> None:
    """Fail a branch, and with it the execution; all other branches stop (semantics 4.6)."""
    withdraw(t)
    t.emit(BranchFailed(branch=branch.id, error=error, at_edges=at_edges, entering=entering))
    stop_all(t)
    t.emit(ExecutionFailed(error=error))


def stop_all(t: Transition) -> None:
    """Stop every live branch."""
    withdraw(t)
    entering = dict(t.entering)
    for branch in t.state.live_branches():
        t.emit(BranchCanceled(branch=branch.id, entering=entering.get(branch.id, "")))


def withdraw(t: Transition, branch: Branch | None = None) -> None:
    """Call off what is under way in a branch, or in all of them: tasks and children."""
    if branch is None:
        tasks, children = tuple(t.state.tasks), tuple(t.state.children)
    else:
        attempts = branch.visit.attempts.values()
        tasks = tuple(attempt.task for attempt in attempts if attempt.task is not None)
        children = tuple(attempt.child for attempt in attempts if attempt.child is not None)
    if tasks:
        t.emit(TasksWithdrawn(tasks=tasks))
    if children:
        started = (_execution_of(t, child) for child in children)
        t.emit(ChildrenStopped(children=children, executions=tuple(filter(None, started))))


def _execution_of(t: Transition, child: int) -> str:
    ref = t.state.children[child]
    return t.state.branches[ref.branch].visit.attempts[ref.item].execution


def matching_edges(t: Transition, branch: Branch, *, first_only: bool = False) -> list[Edge]:
    """The edges that match (semantics 5.1). Raises ``ExpressionError``."""
    step = t.plan.step(branch.step)
    scope = t.scope(branch)
    matches = []
    for edge, condition in step.edges:
        if condition is None or condition.holds(scope, t.allowance):
            matches.append(edge)
            if first_only or step.first_match_only:
                break
    return matches


def _fork(t: Transition, branch: Branch, matches: list[Edge]) -> None:
    taken = next((edge.branch for edge in matches if _is_live(t, edge.branch, branch)), None)
    if taken is not None:
        message = f'the branch "{taken}" is still live and cannot be started again'
        fail(t, branch, Failure("duplicate_branch", message))
        return
    t.emit(BranchCompleted(branch=branch.id))
    for edge in matches:
        new_id = _new_id(t, branch, edge.branch)
        t.emit(BranchStarted(branch=new_id, name=edge.branch, parent=branch.id))
        t.entering.append((new_id, edge.step))


def _is_live(t: Transition, name: str, forking: Branch) -> bool:
    """Whether a named branch is live; the forking one ends before its edges start any."""
    latest = t.state.latest.get(name) if name else None
    return (
        latest is not None and latest != forking.id and not t.state.branches[latest].status.closed
    )


def _new_id(t: Transition, parent: Branch, name: str) -> str:
    taken = t.state.branches
    if not name:
        number = t.state.next_branch
        while f"{parent.id}-{number}" in taken:
            number += 1
        return f"{parent.id}-{number}"
    if name not in taken:
        return name
    latest = t.state.latest.get(name, name)
    number = int(latest.rpartition("#")[2]) + 1 if "#" in latest else 2
    return f"{name}#{number}"
