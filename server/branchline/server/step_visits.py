"""Step visits of executions: folded out of their histories when somebody asks (semantics 12.4)."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from branchline.engine.step_visit import StepVisit
from branchline.engine.visits import StepVisits
from branchline.server.catalog import Catalog
from branchline.server.dispatch import LatestProgress
from branchline.server.errors import execution_not_found
from branchline.server.histories import numbered_events
from branchline.server.reading import guarded
from branchline.server.storage import ExecutionRow, HistoryRow, Store

_ROWS_A_READ = 500

_BYTES_A_READ = 1024 * 1024
"""About how much of a history is in memory at once, unless a single row is larger."""

_BYTES_A_PAGE = 16 * 1024 * 1024
"""About how many bytes of progress and errors a page holds in memory."""

_READERS = 2
"""How many histories are folded at once, so that the rest of the server keeps its share."""


class VisitPage(NamedTuple):
    """Some step visits of an execution."""

    visits: list[StepVisit]
    has_more: bool
    """Whether others have begun after them."""


class VisitReader:
    """Tells the step visits of executions. A page costs the history from its first visit on."""

    def __init__(self, store: Store, catalog: Catalog, progress: LatestProgress) -> None:
        self._store = store
        self._catalog = catalog
        self._progress = progress
        self._turns = asyncio.Semaphore(_READERS)

    async def page(self, execution_id: str, after: int, most: int) -> VisitPage:
        """The visits that began after a number, at most so many. Raises ``ServiceError``."""
        rows = await guarded(self._store.executions_by_id([execution_id]))
        if not rows:
            raise execution_not_found(execution_id)
        row = rows[0]
        # Looked up before the history is read: what is not running any more is told there.
        told = dict(self._progress.of(row.key))
        async with self._turns:
            visits = await self._fold(row.key, after, most)
        for task in visits.tasks:
            if task in told:
                visits.hear(task, told[task].progress)
        await self._name_activities(row, visits.visits)
        return VisitPage(visits.visits, visits.has_more)

    async def _fold(self, key: int, after: int, most: int) -> StepVisits:
        visits = StepVisits(most)
        while not visits.settled:
            read = self._store.history(key, after, _ROWS_A_READ, _BYTES_A_READ)
            rows = await guarded(read)
            if not rows:
                break
            await asyncio.to_thread(_take, visits, rows, after)
            after = rows[-1].last_sequence
            if sum(map(_size, visits.visits)) > _BYTES_A_PAGE:
                visits.take_no_more()
        return visits

    async def _name_activities(self, row: ExecutionRow, visits: list[StepVisit]) -> None:
        """Name the activity where none has begun: only the definition knows it there."""
        if all(visit.activity for visit in visits):
            return
        plan = await self._catalog.plan(row.workflow, row.version)
        for visit in visits:
            visit.activity = visit.activity or plan.step(visit.step).step.activity


def _size(visit: StepVisit) -> int:
    """About how many bytes of documents a visit holds."""
    progress, error = visit.progress, visit.error
    documents = [progress.data] if progress else []
    documents += [error.details] if error else []
    return sum(memoryview(document).nbytes for document in documents)


def _take(visits: StepVisits, rows: list[HistoryRow], after: int) -> None:
    for number, time, event in numbered_events(rows):
        if number > after:
            visits.take(number, time, event)
