"""How long closed executions are kept: read from the settings, asked for by workflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OFF: Final = "off"
"""Executions are kept until somebody removes them."""

NONE: Final = "none"
"""No workflow has a time of its own."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Spans in microseconds; None keeps executions until somebody removes them."""

    default: int | None = None
    workflows: Mapping[str, int | None] = field(default_factory=dict)
    """Of workflows that have one of their own, by name."""

    def __bool__(self) -> bool:
        return any(span is not None for span in (self.default, *self.workflows.values()))

    def of(self, workflow: str) -> int | None:
        """How long a workflow's executions are kept after they have closed."""
        return self.workflows.get(workflow, self.default)


def read_rules(default: str, workflows: str) -> RetentionRules:
    """The rules that two settings say: a span, and ``name=span,name=span`` or ``none``.

    Raises ``ValueError``, whose message says what is wrong and what would be right.
    """
    own: dict[str, int | None] = {}
    pairs = [] if workflows == NONE else workflows.split(",")
    for pair in filter(None, map(str.strip, pairs)):
        name, equals, span = map(str.strip, pair.rpartition("="))
        if not name or not equals:
            raise ValueError(
                f"retention_workflows must be like order=7d,audit=off, or {NONE}, not {pair!r}"
            )
        if name in own:
            raise ValueError(f"retention_workflows names the workflow {name} twice")
        own[name] = _span(f"retention_workflows of {name}", span)
    return RetentionRules(_span("retention", default), own)


def _span(where: str, text: str) -> int | None:
    if text == OFF:
        return None
    found = _SPAN.fullmatch(text)
    span = 0 if found is None else round(float(found[1]) * _UNITS[found[2] or "s"] * 1_000_000)
    if not span:
        raise ValueError(f"{where} must be like 30d, 12h or 90s, or {OFF}, not {text!r}")
    return span
