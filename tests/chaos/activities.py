"""The activities of the workers: sums, done in several moods, each run told to the ledger."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from branchline.client import ActivityContext, ActivityError, activity
from tests.chaos.arithmetic import advanced, combined
from tests.chaos.ledger import Computed, Ledger, Recalled, Run

CRASHED = 86
"""How a worker ends whose activity crashed it."""

_WAIT = 3_600.0
_LONG = 600.0


class Activities:
    """What a worker offers."""

    def __init__(self, folder: Path) -> None:
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._mended = folder / "mended"

    @property
    def all(self) -> list[Callable[..., Any]]:
        """The activities themselves."""
        return [self.advance, self.combine, self.ask]

    @activity
    async def advance(self, x: int, by: int, mood: str = "calm") -> dict[str, Any]:
        """A step on."""

        async def work(context: ActivityContext, run: str) -> int:
            await self._suffer(mood, context, run)
            return advanced(x, by)

        return await self._perform(work)

    @activity
    async def combine(self, x: int, parts: list[int]) -> dict[str, Any]:
        """A step on for each part."""

        async def work(context: ActivityContext, run: str) -> int:
            return combined(x, parts)

        return await self._perform(work)

    @activity
    async def ask(self, x: int, topic: str) -> dict[str, Any]:
        """Record a value, wait for a signal, record another one, and go a step on."""

        async def work(context: ActivityContext, run: str) -> int:
            first = await self._record(context, "first")
            payload = context.wait(topic, timeout=_WAIT)
            second = await self._record(context, "second")
            context.set(f"recorded {context.task.item}", [first, second])
            return advanced(x, payload["v"])

        return await self._perform(work)

    async def _perform(
        self, work: Callable[[ActivityContext, str], Awaitable[int]]
    ) -> dict[str, Any]:
        context, run, x = activity.context(), uuid4().hex, None
        began, end = _now(), "stopped"
        try:
            x = await work(context, run)
            end = "completed"
        except ActivityError:
            end = "failed"
            raise
        finally:
            self._ledger.write(Run(**_place(context), run=run, end=end, began=began, x=x))
        return {"x": x, "run": run}

    async def _suffer(self, mood: str, context: ActivityContext, run: str) -> None:
        task = context.task
        first = task.attempt == 1
        if mood == "slow":
            context.progress("begun", {"run": run})
            # Longer than a lease now and then: who was frozen meanwhile reports beside the next.
            await asyncio.sleep(random.uniform(0.1, 2.5))
        elif mood == "flaky" and task.attempt <= 2:
            raise ActivityError("not yet", "moody", {"attempt": task.attempt})
        elif mood == "hanging" and first:
            await asyncio.sleep(_LONG)
        elif mood == "crashing" and first and task.delivery == 1:
            self._ledger.write(Run(**_place(context), run=run, end="crashed", began=_now()))
            os._exit(CRASHED)
        elif mood == "broken":
            raise ActivityError("never", "broken")
        elif mood == "fused" and not (self._mended / task.execution_id).exists():
            raise ActivityError("not before somebody mends it", "fused")

    async def _record(self, context: ActivityContext, key: str) -> str:
        def compute() -> str:
            value = f"{key} {uuid4().hex}"
            self._ledger.write(Computed(**_place(context), value=value))
            return value

        value: str = await context.record(key, compute)
        self._ledger.write(Recalled(**_place(context), value=value))
        return value


def _now() -> int:
    return time.time_ns() // 1_000


def _place(context: ActivityContext) -> dict[str, Any]:
    task = context.task
    return {
        "execution": task.execution_id,
        "step": task.step,
        "item": task.item or 0,
        "attempt": task.attempt,
        "delivery": task.delivery,
        "key": context.idempotency_key,
    }
