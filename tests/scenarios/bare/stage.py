"""All that a scenario plays on: its rehearsal, and the executions that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType

from branchline.client.errors import ExecutionNotFound
from branchline.server.settings import Settings
from branchline.testing import Rehearsal, Run
from tests.scenarios.bare.calls import Caller
from tests.scenarios.bare.offers import Backstage, RehearsedRuns
from tests.scenarios.bare.readings import seen_of
from tests.scenarios.expectations import SELF
from tests.scenarios.facts import Seen
from tests.scenarios.results import ScenarioFailed
from tests.scenarios.scenario import Scenario

LONGEST_WAIT = 10.0
"""Seconds of the rehearsal that anything is waited for."""

_LEASE = 1.0


@dataclass(slots=True)
class Stage:
    """What the parts of a play share."""

    scenario: Scenario
    rehearsal: Rehearsal
    backstage: Backstage
    runs: RehearsedRuns
    caller: Caller
    ids: dict[str, str] = field(default_factory=dict)
    """The executions that were started, by name; the scenario's own is ``self``."""

    @property
    def workflow(self) -> str:
        """The name of the scenario's own workflow."""
        return str(self.scenario.workflow.get("name", ""))

    def find(self, name: str | UnsetType = UNSET) -> Run | None:
        """The execution of that name, or the newest of that workflow."""
        known = SELF if name is UNSET else name
        if known in self.ids:
            return self.rehearsal.execution(self.ids[known])
        runs = self.rehearsal.executions(known) if known else []
        return runs[-1] if runs else None

    def look(self, name: str | UnsetType = UNSET) -> Seen | None:
        """How an execution stands; None when it does not exist."""
        run = self.find(name)
        try:
            return None if run is None else seen_of(run)
        except ExecutionNotFound:
            return None

    def wait_for(self, name: str | UnsetType) -> Run:
        """An execution that may have to come yet. Raises ``ScenarioFailed``."""
        self.until(lambda: self.find(name) is not None)
        run = self.find(name)
        if run is None:
            raise ScenarioFailed(f"there is no execution of {name!r}")
        return run

    def until(self, holds: Callable[[], bool]) -> bool:
        """Let time pass until something holds, or enough has passed; whether it holds."""
        held = False

        def look() -> bool:
            nonlocal held
            held = holds()
            return held

        try:
            self.rehearsal.run_until(look, within=LONGEST_WAIT)
        except AssertionError:
            if held:
                raise
        return held


@contextmanager
def open_stage(scenario: Scenario, folder: Path) -> Iterator[Stage]:
    """The stage of a scenario. Raises ``InvalidSetting`` and ``TypeError``, as the server does."""
    given: dict[str, Any] = {"lease": _LEASE, **scenario.server}
    settings = Settings(**given)
    backstage = Backstage(scenario, folder)
    with Rehearsal(
        activities=backstage.activities,
        queues=backstage.queues,
        lease=settings.lease,
        max_deliveries=settings.max_deliveries,
    ) as rehearsal:
        backstage.rehearsal = rehearsal
        runs = RehearsedRuns(rehearsal, backstage)
        yield Stage(scenario, rehearsal, backstage, runs, Caller(rehearsal, settings))
