"""The real server in simulated surroundings, and its life: it starts, stops, dies, comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import replace
from typing import Any, Final, NamedTuple, NoReturn, TypeVar, cast

import grpc
from google.rpc import error_details_pb2, status_pb2

from branchline.server.app import Api, App
from branchline.server.clock import Clock
from branchline.server.errors import Reason
from branchline.server.rpc.calls import Context
from branchline.server.rpc.executions import Executions
from branchline.server.rpc.tasks import Tasks
from branchline.server.rpc.workflows import Workflows
from branchline.server.settings import Settings
from branchline.server.storage import Store
from tests.simulation.database import SimulatedDatabase
from tests.simulation.odds import Odds
from tests.simulation.shared import SharedDatabase

T = TypeVar("T")
Request = TypeVar("Request")
Response = TypeVar("Response")

SETTINGS: Final = Settings(lease=1.0, max_deliveries=1_000_000, shutdown_grace=1.0)
_DETAILS: Final = "grpc-status-details-bin"


class Refused(Exception):
    """The server refuses a call."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


class Broken(Exception):
    """The connection broke: nobody knows what became of a call."""


class Services(NamedTuple):
    """What the server offers."""

    workflows: Workflows
    executions: Executions
    tasks: Tasks


class _Incoming:
    """A call as the server's code sees it; all it ever does with it is to refuse it."""

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        for name, value in status.trailing_metadata:
            if name == _DETAILS:
                for detail in status_pb2.Status.FromString(value).details:
                    info = error_details_pb2.ErrorInfo()
                    if detail.Unpack(info):
                        raise Refused(Reason(info.reason), status.details)
        raise AssertionError(f"an error without a reason: {status.details}")


INCOMING: Final = cast("Context", _Incoming())


class Door:
    """Stands where the gRPC server stands: calls come in here; implements Api."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.open = False
        self.context = copy_context()
        """The server's: what it does for others is its own."""
        self.calls: dict[asyncio.Task[Any], None] = {}
        """In their order: a set would have another in each run."""

    async def start(self, address: str) -> int:
        """See Api."""
        self.open = True
        return 0

    async def stop_serving(self) -> None:
        """See Api."""

    async def stop(self, grace: float) -> None:
        """See Api."""
        self.open = False
        if self.calls:
            await asyncio.wait(self.calls, timeout=grace)
        for call in list(self.calls):
            call.cancel()

    def take(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Carry a call out. Raises ``Broken`` when nobody serves."""
        if not self.open:
            call.close()
            raise Broken("nobody serves")
        task = asyncio.create_task(call, context=self.context.copy())
        self.calls[task] = None
        task.add_done_callback(lambda task: self.calls.pop(task, None))
        return task


class Server(App):
    """The server on a simulated database, behind a door."""

    def __init__(
        self, database: SimulatedDatabase | SharedDatabase, clock: Clock, odds: Odds
    ) -> None:
        settings = replace(
            SETTINGS,
            max_inbox=odds.max_inbox,
            cached_dormant=odds.cached,
            cached_running=odds.cached,
        )
        super().__init__(settings, clock)
        self.database = database
        self.door: Door | None = None
        self.starting: asyncio.Task[None] | None = None

    async def open_store(self) -> Store:
        """See App."""
        return Store(self.database, self.database.database_id)

    def make_api(self, workflows: Workflows, executions: Executions, tasks: Tasks) -> Api:
        """See App."""
        self.door = Door(Services(workflows, executions, tasks))
        return self.door

    @property
    def serves(self) -> bool:
        """Whether calls are taken."""
        return self.door is not None and self.door.open

    def die(self) -> None:
        """End at once, at whatever it is; what is not in the database is lost."""
        self.database.die()
        tasks = [*self._tasks]
        if self.starting is not None:
            tasks.append(self.starting)
        if self.door is not None:
            self.door.open = False
            tasks += self.door.calls
        for task in tasks:
            task.cancel()

    def left_in_memory(self) -> list[str]:
        """What it still holds of executions, though all have closed."""
        dispatcher = self._workers._dispatcher  # noqa: SLF001 - no user of it could tell
        left = [f"task {key}" for key in dispatcher.tasks]
        if dispatcher.ready_count:
            left.append(f"{dispatcher.ready_count} tasks that wait")
        left += [
            f"{worker.id} holds {[*worker.held]}, {worker.promised} promised"
            for worker in dispatcher.workers.values()
            if worker.held or worker.promised
        ]
        lives = self._runtime._lives  # noqa: SLF001 - no user of it could tell
        if len(lives) and not dispatcher.shared:  # of several each keeps what others may close
            left.append(f"{len(lives)} executions")
        return left
