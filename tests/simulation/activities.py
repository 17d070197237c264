"""What activities do, in simulated time: those of the chaos test, without a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from branchline.client import outcomes
from branchline.v1 import task_pb2
from tests.chaos.arithmetic import advanced, combined
from tests.chaos.ledger import AnyEntry, Computed, Recalled, Run

OFFERED = ("advance", "combine", "ask")

_LONG = 600.0
_MUTE = 5.0
_WAIT = 3_600


class Failed(Exception):
    """An activity fails."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Waiting(Exception):
    """An activity waits for a signal."""


@dataclass(slots=True)
class Surroundings:
    """What all activities share."""

    now: Callable[[], int]
    """Microseconds since the epoch."""
    ledger: list[AnyEntry] = field(default_factory=list)
    mended: set[str] = field(default_factory=set)
    """The executions whose fault is mended."""
    runs: int = 0


class Means(Protocol):
    """What a worker does for its activities."""

    async def record(self, token: str, key: str, value: str) -> None:
        """Have a value recorded; returns when it is durable."""
        ...

    def progress(self, token: str, message: str) -> None:
        """Tell what an activity says."""
        ...

    def crash(self) -> None:
        """End the worker at once."""
        ...


class Activity:
    """One run of an activity."""

    def __init__(
        self, task: task_pb2.Task, means: Means, around: Surroundings, random: Random
    ) -> None:
        self._task = task
        self._means = means
        self._around = around
        self._random = random
        self._set = ""

    async def run(self) -> task_pb2.TaskOutcome:
        """Its outcome."""
        around, task = self._around, self._task
        around.runs += 1
        name, began, end, x = f"run-{around.runs}", around.now(), "stopped", None
        work: dict[str, Callable[[dict[str, Any]], Awaitable[int]]] = {
            "advance": self._advance,
            "combine": self._combine,
            "ask": self._ask,
        }
        try:
            x = await work[task.activity](json.loads(task.parameters_json))
            end = "completed"
        except Failed as error:
            end = "failed"
            return outcomes.failure(task.token, error.kind, "drawn")
        except Waiting:
            wait = task_pb2.TaskWait(key="1", topic=self._topic())
            wait.timeout.FromSeconds(_WAIT)
            return outcomes.waiting(task.token, wait)
        finally:
            around.ledger.append(Run(**self._place(), run=name, end=end, began=began, x=x))
        result = json.dumps({"x": x, "run": name})
        completed = task_pb2.TaskResult(result_json=result, set_json=self._set)
        return task_pb2.TaskOutcome(token=task.token, completed=completed)

    async def _advance(self, parameters: dict[str, Any]) -> int:
        await self._suffer(parameters["mood"])
        return advanced(parameters["x"], parameters["by"])

    async def _combine(self, parameters: dict[str, Any]) -> int:
        return combined(parameters["x"], parameters["parts"])

    async def _ask(self, parameters: dict[str, Any]) -> int:
        first = await self._record("first")
        received = self._task.received_json.get("1")
        if received is None:
            raise Waiting
        second = await self._record("second")
        self._set = json.dumps({f"recorded {self._task.item}": [first, second]})
        value: int = json.loads(received)["v"]
        return advanced(parameters["x"], value)

    def _topic(self) -> str:
        topic: str = json.loads(self._task.parameters_json)["topic"]
        return topic

    async def _suffer(self, mood: str) -> None:
        task = self._task
        if mood == "slow":
            self._means.progress(task.token, "begun")
            await asyncio.sleep(self._random.uniform(0.1, 2.5))
        elif mood == "flaky" and task.attempt <= 2:
            raise Failed("moody")
        elif mood == "mute" and task.attempt == 1:
            await asyncio.sleep(_MUTE)
        elif mood == "hanging" and task.attempt == 1:
            await asyncio.sleep(_LONG)
        elif mood == "crashing" and task.attempt == task.delivery == 1:
            self._means.crash()
            await asyncio.sleep(_LONG)
        elif mood == "broken":
            raise Failed("broken")
        elif mood == "fused" and task.execution_id not in self._around.mended:
            raise Failed("fused")

    async def _record(self, key: str) -> str:
        known = self._task.recorded_json.get(key)
        value: str
        if known is None:
            value = f"{key} {self._random.getrandbits(64):016x}"
            self._around.ledger.append(Computed(**self._place(), value=value))
            await self._means.record(self._task.token, key, json.dumps(value))
        else:
            value = json.loads(known)
        self._around.ledger.append(Recalled(**self._place(), value=value))
        return value

    def _place(self) -> dict[str, Any]:
        task = self._task
        return {
            "execution": task.execution_id,
            "step": task.step,
            "item": task.item,
            "attempt": task.attempt,
            "delivery": task.delivery,
            "key": task.idempotency_key,
        }
