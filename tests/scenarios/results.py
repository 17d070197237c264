"""What came of a scenario."""

from __future__ import annotations

from dataclasses import dataclass, field


class ScenarioFailed(Exception):
    """The scenario cannot go on; the message says where and why."""


@dataclass(slots=True)
class Result:
    """What came of a scenario."""

    name: str
    differences: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Why it was not played."""
    seconds: float = 0.0
    logs: dict[str, list[str]] = field(default_factory=dict)
    """The last lines of the processes' logs, where something differs."""
