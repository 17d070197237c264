"""A finding of one check, before it is told which step it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from branchline.engine.definition import SECOND
from branchline.engine.inputs import json_type
from branchline.engine.quoting import quoted

Code: TypeAlias = Literal[
    "NAME_REQUIRED",
    "NO_STEPS",
    "EMPTY_STEP_NAME",
    "DUPLICATE_STEP_NAME",
    "UNKNOWN_START_STEP",
    "UNREACHABLE_STEP",
    "NO_STEP_KIND",
    "CONFLICTING_STEP_KINDS",
    "INVALID_MODIFIER",
    "UNKNOWN_EDGE_TARGET",
    "UNKNOWN_CATCH_TARGET",
    "UNKNOWN_TIMEOUT_TARGET",
    "RESERVED_BRANCH_NAME",
    "DUPLICATE_BRANCH_NAME",
    "INVALID_BRANCH_NAME",
    "UNKNOWN_JOIN_BRANCH",
    "INVALID_JOIN",
    "INVALID_WAIT",
    "INVALID_SLEEP",
    "INVALID_TIMEOUT",
    "INVALID_PAUSE",
    "INVALID_RETRY",
    "INVALID_CATCH",
    "INVALID_EACH",
    "INVALID_TEMPLATE",
    "INVALID_EXPRESSION",
    "INVALID_STORE_PATH",
    "INVALID_INPUT",
    "INVALID_FIELD",
    "EMPTY_GROUP_ID",
    "DUPLICATE_GROUP_ID",
    "UNKNOWN_GROUP",
    "GROUP_CYCLE",
]
"""The closed list of codes (semantics 2.6)."""


class Fault(NamedTuple):
    """What is wrong, and what to do about it."""

    code: Code
    message: str


Faults: TypeAlias = Iterator[Fault]


def in_seconds(duration: int) -> str:
    """A duration in microseconds as users write it."""
    return f"{duration / SECOND:.15g}s"


def timeout_faults(field: str, duration: int | None) -> Faults:
    """A time limit must be positive when there is one."""
    if duration is not None and duration <= 0:
        message = f"{field} is {in_seconds(duration)}: make it longer than 0, or leave it out"
        yield Fault("INVALID_TIMEOUT", message)


def object_faults(field: str, value: Any) -> Faults:  # noqa: ANN401 - it may be any JSON value
    """A field that holds values by name must be an object."""
    if not isinstance(value, dict):
        message = f"{field} must be an object of values by name, but is {json_type(value)}"
        yield Fault("INVALID_FIELD", message)


def name_faults(field: str, name: str) -> Faults:
    """A name by which something is stored or found must be one that every database can hold."""
    if "\0" in name:
        yield Fault("INVALID_FIELD", f"{field} has the character U+0000 in it: leave it out")


def store_faults(field: str, variable: str) -> Faults:
    """A variable is named bare, unlike in an expression."""
    if variable.startswith("state."):
        bare = variable.removeprefix("state.")
        message = (
            f"{field} takes a variable's bare name: write {quoted(bare)} for {quoted(variable)}"
        )
        yield Fault("INVALID_STORE_PATH", message)
