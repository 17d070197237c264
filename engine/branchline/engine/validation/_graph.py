"""What the steps of a definition say about each other: names, branches, ways from the start."""

from __future__ import annotations

from collections.abc import Iterator

from branchline.engine.definition import Step, Workflow


class Graph:
    """The names of a definition, and where each of them is used first."""

    def __init__(self, workflow: Workflow) -> None:
        self.named = _positions_by_name(workflow.steps)
        """The positions of the steps of a name, in order; nameless steps are left out."""
        self.branches = _first_uses(workflow.steps)
        """For each branch that an edge names, the positions of the first step and edge to do so."""
        self.groups = {group.id for group in workflow.groups if group.id}
        self.start_known = not workflow.start_at or workflow.start_at in self.named
        self.start = workflow.start_step
        self._reachable = _reachable(workflow, self.named)

    def is_reachable(self, position: int) -> bool:
        """True for a step that a path leads to; for every step when the start is unknown."""
        return not self.start_known or position in self._reachable

    def is_repeated(self, name: str, position: int) -> bool:
        """True when an earlier step has the name."""
        return self.named.get(name, [position])[0] != position


def _positions_by_name(steps: tuple[Step, ...]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for position, step in enumerate(steps):
        if step.name:
            positions.setdefault(step.name, []).append(position)
    return positions


def _first_uses(steps: tuple[Step, ...]) -> dict[str, tuple[int, int]]:
    uses: dict[str, tuple[int, int]] = {}
    for position, step in enumerate(steps):
        for number, edge in enumerate(step.next):
            if edge.branch:
                uses.setdefault(edge.branch, (position, number))
    return uses


def _reachable(workflow: Workflow, named: dict[str, list[int]]) -> set[int]:
    """The positions of the steps that paths from the start lead to."""
    if not workflow.steps:
        return set()
    names = {workflow.start_step}
    reached = set(named.get(workflow.start_step, [0]))
    waiting = list(reached)
    while waiting:
        for target in _targets(workflow.steps[waiting.pop()]):
            if target not in names:
                names.add(target)
                found = named.get(target, [])
                reached.update(found)
                waiting += found
    return reached


def _targets(step: Step) -> Iterator[str]:
    yield from (edge.step for edge in step.next)
    yield from (handler.next for handler in step.catch)
    if step.wait_signal is not None:
        yield step.wait_signal.on_timeout
