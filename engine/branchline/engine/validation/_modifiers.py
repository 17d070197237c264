"""Which kinds of step there are, and which of a step's fields each of them has (semantics 2.4)."""

from __future__ import annotations

from typing import Final

from branchline.engine.definition import Step

from ._fault import Fault, Faults

_FIELDS: Final[dict[str, frozenset[str]]] = {
    "activity": frozenset(
        {
            "parameters",
            "store",
            "each",
            "retry",
            "catch",
            "task_queue",
            "timeout",
            "heartbeat_timeout",
            "schedule_timeout",
        }
    ),
    "join": frozenset(),
    "wait_signal": frozenset({"retry", "catch"}),
    "sleep": frozenset(),
    "pause": frozenset(),
    "child": frozenset({"store", "each", "retry", "catch"}),
}

_OWN_FIELDS: Final = {
    ("wait_signal", "store"): "wait_signal.store",
    ("wait_signal", "timeout"): "wait_signal.timeout",
    ("child", "parameters"): "child.inputs",
    ("child", "timeout"): "child.timeout",
}
"""Where a kind has inside what was written beside it."""

_LEFT_OUT: Final[tuple[object, ...]] = ({}, (), "", None)


def modifier_faults(step: Step) -> Faults:
    """A step has one kind, and only the fields of that kind.

    What a step of no kind or of several may have is not judged.
    """
    kinds = step.kinds
    if not kinds:
        message = f"the step has no kind: give it one of {', '.join(_FIELDS)}"
        yield Fault("NO_STEP_KIND", message)
    elif len(kinds) > 1:
        message = f"the step has several kinds ({', '.join(kinds)}): keep one of them"
        yield Fault("CONFLICTING_STEP_KINDS", message)
    else:
        yield from _misplaced(step, kinds[0])


def _misplaced(step: Step, kind: str) -> Faults:
    for field in sorted(_FIELDS["activity"] - _FIELDS[kind]):
        if getattr(step, field) not in _LEFT_OUT:
            own = _OWN_FIELDS.get((kind, field))
            remedy = f"use {own}" if own else "remove it"
            yield Fault("INVALID_MODIFIER", f"{field} does not belong to a {kind} step: {remedy}")
