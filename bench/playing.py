"""The bare engine: decides, and answers every task at once. No database, no network."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from branchline.client.definitions import load_definition
from branchline.engine import CompleteTask, Execution, Plan, Wake, decide, start
from branchline.engine.definition import Workflow
from branchline.engine.events import Event, TaskScheduled
from branchline.engine.values import Json, encode
from branchline.server.rpc.definitions import DefinitionReader

NOW = 1_800_000_000_000_000
SECOND = 1_000_000


def workflow(definition: dict[str, Any]) -> Workflow:
    """The engine's form of a definition."""
    return DefinitionReader().workflow(load_definition(definition).workflow)


def plan(definition: dict[str, Any]) -> Plan:
    """The same, ready to run."""
    return Plan(workflow(definition), 1)


class Player:
    """One execution; ``answer`` gives a task's result."""

    def __init__(
        self,
        plan: Plan,
        answer: Callable[[TaskScheduled], Json],
        inputs: dict[str, Any] | None = None,
        when_decided: Callable[[list[Event]], object] | None = None,
    ) -> None:
        self.plan = plan
        self.now = NOW
        self.decisions = 0
        """How many tasks have been answered."""
        self._answer = answer
        self._tell = when_decided or (lambda _events: None)
        self._tasks: deque[TaskScheduled] = deque()
        documents = {name: encode(value) for name, value in (inputs or {}).items()}
        self.state: Execution
        self.state, events = start(plan, "exec_1", documents, self.now)
        self._take(events)

    def play(self, tasks: int = 1 << 60) -> None:
        """Answer so many tasks, or all until the execution ends or waits."""
        last = self.decisions + tasks
        while self.state.end is None and self.decisions < last:
            if self._tasks:
                task = self._tasks.popleft()
                self.decisions += 1
                self._decide(CompleteTask(task.task, self._answer(task)))
            elif (due := self.state.timers.next_due()) is not None and due <= self.now + SECOND:
                self.now = max(self.now, due)
                self._decide(Wake())
            else:
                return

    def _decide(self, command: CompleteTask | Wake) -> None:
        self._take(decide(self.plan, self.state, command, self.now))

    def _take(self, events: list[Event]) -> None:
        self._tasks.extend(event for event in events if isinstance(event, TaskScheduled))
        self._tell(events)


def cpu_of_play(player: Player, tasks: int = 1 << 60) -> float:
    """CPU seconds of playing."""
    began = time.process_time()
    player.play(tasks)
    return time.process_time() - began
