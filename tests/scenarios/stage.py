"""All that a scenario plays on: its server, worker, book, and the executions that it knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc import aio
from msgspec import UNSET, UnsetType

from branchline.v1 import execution_pb2
from tests.scenarios.actions import runs_of
from tests.scenarios.api import Api
from tests.scenarios.book import Book
from tests.scenarios.changes import StatusListener
from tests.scenarios.desk import Desk
from tests.scenarios.expectations import SELF
from tests.scenarios.messages import Offer, Setup
from tests.scenarios.processes import ServerProcess, WorkerProcess
from tests.scenarios.results import ScenarioFailed
from tests.scenarios.scenario import Scenario
from tests.scenarios.visits import Visits
from tests.scenarios.watcher import ProgressListener, Watcher


@dataclass(slots=True)
class Stage:
    """What the parts of a play share."""

    scenario: Scenario
    server: ServerProcess
    worker: WorkerProcess
    api: Api
    book: Book
    desk: Desk
    ids: dict[str, str] = field(default_factory=dict)
    """The executions that were started, by name; the scenario's own is ``self``."""
    watcher: Watcher | None = None
    """Watches the scenario's own execution."""
    listeners: dict[str, ProgressListener] = field(default_factory=dict)
    """By execution id: who listens for its progress."""
    statuses: StatusListener | None = None
    """Listens to the changes of status, from before the start."""
    watched: bool = False
    """Whether the watcher has been judged already, before the execution was deleted."""

    @property
    def workflow(self) -> str:
        """The name of the scenario's own workflow."""
        return str(self.scenario.workflow.get("name", ""))

    @property
    def listens(self) -> bool:
        """Whether the scenario waits for progress anywhere."""
        whens = (entry.when for entry in self.scenario.do)
        return any(when is not UNSET and when.progress is not UNSET for when in whens)

    def started(self, name: str, execution_id: str) -> None:
        """An execution was started."""
        self.ids[name] = execution_id
        if name == SELF:
            self.watcher = Watcher(self.api, execution_id)
        if self.listens:
            self.listen(execution_id)

    def listen(self, execution_id: str) -> ProgressListener:
        """Who listens for an execution's progress."""
        if execution_id not in self.listeners:
            self.listeners[execution_id] = ProgressListener(self.api, execution_id)
        return self.listeners[execution_id]

    async def find(self, name: str | UnsetType) -> str:
        """The id of the execution of that name, or the newest of that workflow; empty: none."""
        if name is UNSET:
            return self.ids.get(SELF, "")
        if name in self.ids:
            return self.ids[name]
        executions = await self.api.executions_of(name)
        return executions[0].id if executions else ""

    async def look(self, name: str | UnsetType = UNSET) -> execution_pb2.Execution | None:
        """How an execution stands; None when it does not exist."""
        execution_id = await self.find(name)
        try:
            return await self.api.execution(execution_id) if execution_id else None
        except aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def listen_to_statuses(self) -> None:
        """Have somebody listen to the changes of status from now on, if they are expected."""
        if self.scenario.expect.status_changes is not UNSET:
            self.statuses = StatusListener(self.api, self.workflow)
            await self.statuses.opened()

    def check_processes(self) -> None:
        """Raise ``ScenarioFailed`` when the worker has ended on its own account."""
        failure = self.worker.failure or self.desk.failure
        if failure:
            raise ScenarioFailed(failure)

    async def judge_watcher(self, *, closed: bool, limit: float) -> str:
        """How what the watcher got differs from the stored history; empty: not at all."""
        if self.watcher is None or self.watched:
            return ""
        self.watched = True
        return await self.watcher.difference(closed=closed, limit=limit)


@asynccontextmanager
async def open_stage(scenario: Scenario, folder: Path) -> AsyncIterator[Stage]:
    """The stage of a scenario, with a server that serves and a worker that is about to.

    Raises ``ProcessFailed`` when the server does not come up.
    """
    async with AsyncExitStack() as stack:
        server = ServerProcess(folder, scenario.server)
        stack.push_async_callback(server.kill)
        api = Api(server.address)
        stack.push_async_callback(api.close)
        book = Book({name: runs_of(entries) for name, entries in scenario.activities.items()})
        setup = _setup(scenario, server.address, folder / "files")
        desk = await stack.enter_async_context(Desk(folder / "desk.sock", book, Visits(api), setup))
        worker = WorkerProcess(folder, desk.path)
        stack.push_async_callback(worker.kill)
        if _needs_worker(scenario):
            await worker.start()
        await server.start()
        desk.open()
        stage = Stage(scenario, server, worker, api, book, desk)
        stack.push_async_callback(_stop_watching, stage)
        yield stage


def _setup(scenario: Scenario, address: str, file_root: Path) -> Setup:
    file_root.mkdir()
    offers: dict[str, Offer] = {}
    for name in scenario.activities:
        _offer_at(scenario, name, offers).scripted.append(name)
    for name in scenario.builtin:
        _offer_at(scenario, name, offers).builtin.append(name)
    return Setup(address=address, offers=offers, file_root=str(file_root))


def _offer_at(scenario: Scenario, name: str, offers: dict[str, Offer]) -> Offer:
    """The offer at the task queue of an activity."""
    return offers.setdefault(scenario.queues.get(name, "default"), Offer())


def _needs_worker(scenario: Scenario) -> bool:
    offers = scenario.activities or scenario.builtin
    return bool(offers) and scenario.expect.problems is UNSET


async def _stop_watching(stage: Stage) -> None:
    await asyncio.gather(*(listener.stop() for listener in stage.listeners.values()))
    if stage.watcher is not None:
        await stage.watcher.stop()
    if stage.statuses is not None:
        await stage.statuses.stop()
