"""The book of a scenario's runs: it outlives worker processes.

A run is one attempt of one item of one step visit. Deliveries that go on after a wait or a lost
lease belong to the same run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.actions import Action


@dataclass(slots=True)
class Run:
    """One run of an activity."""

    number: int
    activity: str
    actions: list[Action]
    parameters: Any
    deliveries: int = 0


@dataclass(slots=True)
class Book:
    """Counts runs and hands out what each is to do."""

    entries: Mapping[str, list[list[Action]]]
    """By activity: the actions of its nth run. The last ones stay for all later runs."""
    computed: Counter[str] = field(default_factory=Counter)
    """How often a value was computed for a key."""
    most_at_once: Counter[str] = field(default_factory=Counter)
    """The most runs of an activity that were at work at the same time."""
    _runs: dict[Hashable, Run] = field(default_factory=dict)
    _by_activity: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    _at_work: Counter[int] = field(default_factory=Counter)
    """Deliveries at work, by the number of their run."""

    def begin(self, key: Hashable, activity: str, parameters: object) -> Run:
        """A delivery of the run with this key begins."""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = self._new_run(activity, parameters)
        run.deliveries += 1
        self._at_work[run.number] += 1
        busy = sum(1 for other in self._by_activity[activity] if self._at_work[other.number])
        self.most_at_once[activity] = max(self.most_at_once[activity], busy)
        return run

    def end(self, run: int) -> None:
        """A delivery of this run has ended, in whatever way."""
        self._at_work[run] -= 1

    def calls(self, activity: str) -> int:
        """How many runs of an activity have begun."""
        return len(self._by_activity[activity])

    def parameters(self, activity: str) -> list[Any]:
        """The parameters of each run of an activity, in order."""
        return [run.parameters for run in self._by_activity[activity]]

    def _new_run(self, activity: str, parameters: object) -> Run:
        runs = self._by_activity[activity]
        entries = self.entries.get(activity) or [[]]
        actions = entries[min(len(runs), len(entries) - 1)]
        run = Run(len(self._runs), activity, actions, parameters)
        runs.append(run)
        return run
