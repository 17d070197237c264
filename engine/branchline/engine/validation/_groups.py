"""Groups: ids, parents, and no circles (semantics 2.1, 2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from branchline.engine.definition import Group
from branchline.engine.quoting import listed, quoted

from ._fault import Fault, Faults


def group_faults(groups: tuple[Group, ...]) -> Faults:
    """What is wrong with the groups themselves."""
    parents: dict[str, str] = {}
    for number, group in enumerate(groups):
        if not group.id:
            yield Fault("EMPTY_GROUP_ID", f"groups[{number}] has no id: give it one")
        elif group.id in parents:
            message = f"another group has the id {quoted(group.id)} already: give it one of its own"
            yield Fault("DUPLICATE_GROUP_ID", message)
        else:
            parents[group.id] = group.parent_id
        yield from _number_faults(number, group)
    for group in groups:
        if group.parent_id and group.parent_id not in parents:
            message = f"group {quoted(group.id)} has the unknown parent {quoted(group.parent_id)}"
            yield Fault("UNKNOWN_GROUP", f"{message}: name one of the groups, or leave it out")
    for cycle in _cycles(parents):
        message = f"groups contain each other: {listed(cycle)}; take one out of its parent"
        yield Fault("GROUP_CYCLE", message)


def _number_faults(number: int, group: Group) -> Faults:
    for field in ("x", "y", "width", "height"):
        value: float | None = getattr(group, field)
        if value is not None and not isfinite(value):
            message = f"groups[{number}].{field} is {value}, which JSON can't write"
            yield Fault("INVALID_FIELD", message)


def _cycles(parents: dict[str, str]) -> Iterator[list[str]]:
    """Every circle once. A group has one parent, so each path can be walked to its end."""
    seen: set[str] = set()
    for first in parents:
        path: dict[str, None] = {}
        group = first
        while group in parents and group not in seen:
            seen.add(group)
            path[group] = None
            group = parents[group]
        if group in path:
            walked = list(path)
            yield walked[walked.index(group) :]
