"""What the runs of an activity do, brought into one form: a list of actions a run."""

from __future__ import annotations

from typing import Any

Action = tuple[str, Any]
"""A key of the table in the format's description, with its value."""

Entries = Any
"""The entries of an activity, as the file has them."""

ORDER = (
    "sleep",
    "set",
    "delete",
    "progress",
    "record",
    "wait",
    "crash",
    "hang",
    "return",
    "return_parameters",
    "return_parameter",
    "return_wait",
    "return_waits",
    "return_recorded",
    "return_variable",
    "return_task",
    "fail",
)
"""The keys of an entry, in the order in which they are taken."""


def runs_of(entries: Entries) -> list[list[Action]]:
    """The actions of each entry; the last one stays for all later runs.

    Raises ``ValueError`` when an entry is none.
    """
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"an activity has a list of entries, not {entries!r}")
    return [_actions(entry) for entry in entries]


def _actions(entry: object) -> list[Action]:
    if isinstance(entry, list):
        return [action for mapping in entry for action in _in_order(mapping)]
    return _in_order(entry)


def _in_order(mapping: object) -> list[Action]:
    if not isinstance(mapping, dict):
        raise ValueError(f"an entry is a mapping or a list of mappings, not {mapping!r}")  # noqa: TRY004  # a fault of the file
    unknown = mapping.keys() - set(ORDER)
    if unknown:
        raise ValueError(f"unknown actions {', '.join(sorted(map(str, unknown)))}")
    return [(key, mapping[key]) for key in ORDER if key in mapping]
