"""Removes executions that have been closed for long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from typing import Final, Protocol

import structlog

from branchline.server.clock import Clock
from branchline.server.errors import Reason, ServiceError
from branchline.server.retention_rules import RetentionRules
from branchline.server.storage import ClosedExecution, Store, StoreError

log = structlog.get_logger(__name__)

_BATCH: Final = 100
"""How many executions are removed at once."""

_ROWS: Final = 2_000
"""From how many rows of history on no further execution goes along. One is never cut in two."""

_SHARE: Final = 3
"""For how many times as long as a batch took the others have the database to themselves."""

_PAUSE: Final = 60.0
"""Seconds between two looks."""

_PASSED_OVER: Final = {Reason.EXECUTION_NOT_FOUND, Reason.EXECUTION_LIVE}
"""Why one is not removed: somebody else did it, or has taken the execution up again."""


class Remove(Protocol):
    """Removes an execution as ``DeleteExecution`` does, if it has closed before a time."""

    def __call__(self, execution_id: str, *, closed_before: int) -> Awaitable[None]:
        """Raise ``ServiceError`` when it is not removed."""
        ...


class Retention:
    """Keeps closed executions for as long as the rules say.

    Nobody waits for what it removes: a parent is told of its child's end by the commit that
    closes the child (semantics 11.1), and an execution that is taken up again is live.
    """

    def __init__(self, store: Store, remove: Remove, clock: Clock, rules: RetentionRules) -> None:
        self._store = store
        self._remove = remove
        self._clock = clock
        self._rules = rules

    async def run(self) -> None:
        """Look again and again until cancelled; without rules there is nothing to do."""
        while self._rules:
            try:
                removed = await self.run_once()
            except (StoreError, ServiceError) as error:
                log.warning("removing old executions failed", error=str(error))
            else:
                if removed:
                    log.info("removed old executions", executions=removed)
            await asyncio.sleep(_PAUSE)

    async def run_once(self) -> int:
        """Remove what has been closed for too long. Returns how many executions that were.

        Raises ``StoreError`` and ``ServiceError``; what is left then goes the next time.
        """
        now = self._clock.now()
        removed = 0
        for workflow in await self._store.closed_workflows():
            span = self._rules.of(workflow)
            if span is not None:
                removed += await self._remove_before(workflow, now - span)
        return removed

    async def _remove_before(self, workflow: str, time: int) -> int:
        """Remove a workflow's executions that have closed before a time, the oldest first."""
        removed = 0
        while found := await self._store.closed_before(workflow, time, _BATCH):
            began = _seconds()
            gone = sum([await self._remove_all(batch, time) for batch in _batches(found)])
            removed += gone
            if not gone:
                break
            await asyncio.sleep(_SHARE * (_seconds() - began))
        return removed

    async def _remove_all(self, batch: Sequence[ClosedExecution], time: int) -> int:
        """Remove some together; returns how many are gone by that."""
        results = await asyncio.gather(
            *(self._remove(execution.id, closed_before=time) for execution in batch),
            return_exceptions=True,
        )
        for result in results:
            passed_over = isinstance(result, ServiceError) and result.reason in _PASSED_OVER
            if result is not None and not passed_over:
                raise result
        return results.count(None)


def _batches(found: Sequence[ClosedExecution]) -> Iterator[list[ClosedExecution]]:
    """The executions in batches with a bounded number of rows."""
    batch: list[ClosedExecution] = []
    rows = 0
    for execution in found:
        if batch and rows + execution.rows > _ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(execution)
        rows += execution.rows
    if batch:
        yield batch


def _seconds() -> float:
    return asyncio.get_running_loop().time()
