"""Who performs the activities of a scenario, and what is known of their runs."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from branchline.client import activity
from branchline.testing import Rehearsal
from tests.scenarios.actions import Action, runs_of
from tests.scenarios.performing import Delivery, shipped
from tests.scenarios.scenario import Scenario

MOMENT = 0.001
"""Seconds that a call or a run of an activity takes at least, as everything real takes some time.

Without them a circle of activities would go round for ever before the time moves.
"""

Function = Callable[..., Any]


class Backstage:
    """Serves the deliveries, and remembers what they have done."""

    def __init__(self, scenario: Scenario, file_root: Path) -> None:
        self.rehearsal: Rehearsal | None = None
        """Whose workers the activities crash."""
        self.values_computed: Counter[str] = Counter()
        self.messages: defaultdict[str, set[str]] = defaultdict(set)
        """By execution id: the progress that its activities have reported."""
        self._scenario = scenario
        self._file_root = file_root

    @property
    def activities(self) -> dict[str, Function | list[Function]]:
        """Who performs which activity: functions, one for each run; the last one stays."""
        scripted = {
            name: [self._scripted(actions) for actions in runs_of(entries)]
            for name, entries in self._scenario.activities.items()
        }
        own = {name: _unhurried(shipped(name, str(self._file_root))) for name in self._builtin}
        return {**scripted, **own}

    @property
    def queues(self) -> dict[str, str]:
        """The task queues of the activities that are not on the default one."""
        offered = {*self._scenario.activities, *self._builtin}
        return {name: queue for name, queue in self._scenario.queues.items() if name in offered}

    @property
    def _builtin(self) -> list[str]:
        return self._scenario.builtin

    def _scripted(self, actions: list[Action]) -> Function:
        async def perform(**parameters: Any) -> Any:  # noqa: ANN401  # any JSON value
            await asyncio.sleep(MOMENT)
            is_first = activity.context().task.delivery == 1
            return await Delivery(self, actions, parameters, is_first=is_first).perform()

        return perform

    async def computed(self, key: str) -> None:
        """Note that a value was computed for a key."""
        self.values_computed[key] += 1

    def progressed(self, execution_id: str, message: str) -> None:
        """Note that an execution's activity has reported progress."""
        self.messages[execution_id].add(message)

    async def crash(self) -> None:
        """Let the worker process die, with all that it has in hand; does not return."""
        assert self.rehearsal is not None
        self.rehearsal.crash_workers()
        await asyncio.Event().wait()  # until it is told to stop


class RehearsedRuns:
    """What is known of the runs of activities."""

    def __init__(self, rehearsal: Rehearsal, backstage: Backstage) -> None:
        self._rehearsal = rehearsal
        self._backstage = backstage

    @property
    def computed(self) -> Mapping[str, int]:
        """How often a value was computed for a key."""
        return self._backstage.values_computed

    @property
    def most_at_once(self) -> Mapping[str, int]:
        """The most runs of an activity that were at work at the same time."""
        names = {attempt.activity for attempt in self._rehearsal.attempts()}
        return {name: self._rehearsal.at_once(name) for name in names}

    def calls(self, activity: str) -> int:
        """How many runs of an activity have begun."""
        return len(self._rehearsal.attempts(activity))

    def parameters(self, activity: str) -> list[Any]:
        """The parameters of each run of an activity, in order."""
        return list(self._rehearsal.calls(activity))


def _unhurried(function: Function) -> Function:
    """An activity of the SDK's own, with its own checks of parameters, that takes a moment."""

    @functools.wraps(function)
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401  # any JSON value
        await asyncio.sleep(MOMENT)
        result = function(**parameters)
        return await result if inspect.isawaitable(result) else result

    return activity(name=activity.name_of(function) or function.__name__)(perform)
