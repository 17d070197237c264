"""What is left after a run: what the API tells, what the database holds, what was written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc

from branchline.client import StatusChange
from branchline.engine import events as e
from branchline.server.histories import numbered_events
from branchline.server.statuses import ALL_STATUSES
from branchline.server.storage import ExecutionFilter, ExecutionRow, HistoryRow, SnapshotRow, Store
from branchline.v1 import event_pb2, execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub
from tests.chaos.diary import Diary
from tests.chaos.ledger import AnyEntry
from tests.chaos.shapes import Shape

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub

_PAGE = 500


@dataclass(slots=True, kw_only=True)
class Told:
    """An execution as the API tells it."""

    info: execution_pb2.Execution
    events: list[event_pb2.Event]


@dataclass(slots=True, kw_only=True)
class Stored:
    """An execution as the database holds it."""

    row: ExecutionRow
    history: list[HistoryRow]
    snapshot: SnapshotRow | None
    tasks: int

    @property
    def events(self) -> list[tuple[int, int, e.Event]]:
        """(sequence, time, event) of all of its history."""
        return list(numbered_events(self.history))


@dataclass(slots=True, kw_only=True)
class Remains:
    """What the database holds besides."""

    stored: dict[str, Stored] = field(default_factory=dict)
    next_due: int | None = None
    cancellations: int = 0
    """Executions that are still to be cancelled."""
    tasks_running: int = 0
    offers_ready: int = 0


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Everything that is checked."""

    shapes: dict[str, Shape]
    """By workflow, those of children and follow-ups too."""
    diary: Diary
    ledger: list[AnyEntry]
    watched: dict[str, list[event_pb2.Event]]
    """What watchers of single executions saw."""
    changes: list[StatusChange]
    """What the watcher of all executions saw."""
    told: dict[str, Told]
    remains: Remains

    def canceled(self, execution: str) -> bool:
        """Whether an execution has ended because somebody tried to cancel it."""
        status = self.told[execution].info.status
        return execution in self.diary.tried and status == execution_pb2.EXECUTION_STATUS_CANCELED


async def ask(address: str) -> dict[str, Told]:
    """What the API tells of all executions."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: ExecutionServiceAsyncStub = ExecutionServiceStub(channel)
        told = {}
        async for execution_id in _all_ids(stub):
            request = pb.GetExecutionRequest(
                execution_id=execution_id, view=execution_pb2.EXECUTION_VIEW_FULL
            )
            info = (await stub.GetExecution(request, wait_for_ready=True)).execution
            told[execution_id] = Told(info=info, events=await _events(stub, execution_id))
        return told


async def live(address: str) -> list[str]:
    """The executions that have not closed, with their statuses."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: ExecutionServiceAsyncStub = ExecutionServiceStub(channel)
        statuses = [
            execution_pb2.EXECUTION_STATUS_RUNNING,
            execution_pb2.EXECUTION_STATUS_SUSPENDED,
            execution_pb2.EXECUTION_STATUS_PAUSED,
        ]
        request = pb.ListExecutionsRequest(filter=pb.ExecutionFilter(statuses=statuses))
        answer = await stub.ListExecutions(request, wait_for_ready=True)
        name = execution_pb2.ExecutionStatus.Name
        return [f"{found.id} {name(found.status)}" for found in answer.executions]


async def dig(url: str) -> Remains:
    """What the database holds when no server uses it any more."""
    store = await Store.open(url)
    try:
        return await remains_of(store)
    finally:
        await store.close()


async def remains_of(store: Store) -> Remains:
    """What a store holds."""
    rows = await _all_rows(store)
    keys = [row.key for row in rows]
    histories = await store.histories(keys)
    snapshots = await store.snapshots(keys)
    return Remains(
        stored={
            row.id: Stored(
                row=row,
                history=histories[row.key],
                snapshot=snapshots.get(row.key),
                tasks=len(await store.tasks_of(row.key)),
            )
            for row in rows
        },
        next_due=await store.next_due(),
        cancellations=len(await store.cancellations("", 1_000)),
        tasks_running=len(await store.running_tasks()),
        offers_ready=len(await store.ready_offers()),
    )


async def _all_ids(stub: ExecutionServiceAsyncStub) -> AsyncIterator[str]:
    request = pb.ListExecutionsRequest(page_size=100)
    more = True
    while more:
        answer = await stub.ListExecutions(request, wait_for_ready=True)
        for found in answer.executions:
            yield found.id
        request.page_token = answer.next_page_token
        more = bool(answer.next_page_token)


async def _events(stub: ExecutionServiceAsyncStub, execution_id: str) -> list[event_pb2.Event]:
    events: list[event_pb2.Event] = []
    after, more = 0, True
    while more:
        request = pb.ListEventsRequest(execution_id=execution_id, after_sequence=after)
        answer = await stub.ListEvents(request, wait_for_ready=True)
        events += answer.events
        after = answer.next_after_sequence
        more = after > 0
    return events


async def _all_rows(store: Store) -> list[ExecutionRow]:
    everything = ExecutionFilter(statuses=ALL_STATUSES)
    rows: list[ExecutionRow] = []
    while True:
        before = rows[-1].key if rows else None
        page = await store.list_executions(everything, before_key=before, limit=_PAGE)
        rows += page
        if len(page) < _PAGE:
            return rows
