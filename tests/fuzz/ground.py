"""A server that is talked to without sense, and must stay sane."""

from __future__ import annotations

import asyncio
import gc
import reprlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from branchline.v1 import execution_service_pb2 as executions_pb
from tests.fuzz.apis import Method
from tests.fuzz.faults import Faults, faults_collected
from tests.fuzz.lines import Ending, Line
from tests.fuzz.pool import FIXED, Placeholder, filled
from tests.server.flows import flow, listen, work
from tests.server.refusals import attempt
from tests.server.serving import Served, serving
from tests.server.worker import completed, failed

TIME = 30.0
"""Seconds that an example may take before it counts as hanging."""

_SHOWN = 600
_CACHED = 10
_SETTINGS: dict[str, Any] = {
    "lease": 3.0,
    "synchronous": "NORMAL",
    "cached_dormant": _CACHED,
    "shutdown_grace": 0.2,
}


@dataclass(frozen=True, repr=False)
class Call:
    """One call: what is said, and how the caller takes leave."""

    method: Method
    said: tuple[Message | bytes, ...]
    ending: Ending = Ending.PATIENT

    def __repr__(self) -> str:
        said = ", ".join(
            reprlib.repr(part) if isinstance(part, bytes) else _cut(part) for part in self.said
        )
        return f"{self.method}({said}).{self.ending.name}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: ANN401, FBT001 - Hypothesis' protocol
        printer.text(repr(self))


def _cut(message: Message) -> str:
    """A message as an error shows it: what is many times the same is not shown many times."""
    text = f"{{{message}}}".replace("\n", " ")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...}}"


Moment = Sequence[Call]
"""Calls that are made at once."""


class Ground:
    """A server with a few executions, made anew for each example."""

    def __init__(self, served: Served, runner: asyncio.Runner, faults: Faults) -> None:
        self._served = served
        self._runner = runner
        self._faults = faults

    def play(self, *moments: Moment) -> None:
        """Make calls, and see that the server has neither a fault nor lost its head."""
        self.do(lambda _: self._play(moments))

    def do(self, act: Callable[[Served], Awaitable[None]]) -> None:
        """Do something with the server, and see the same."""
        try:
            self._runner.run(asyncio.wait_for(self._do(act), TIME))
        except BaseException as error:
            for fault in self._faults.taken():
                error.add_note(fault)
            raise
        gc.collect(0)  # a task that was lost with its error says so when it goes
        self._faults.none()

    async def _do(self, act: Callable[[Served], Awaitable[None]]) -> None:
        await act(self._served)
        await self._check_sanity()
        await self._clean()

    async def _play(self, moments: Sequence[Moment]) -> None:
        real = {**FIXED, **await self._real()}
        for moment in moments:
            await asyncio.gather(*(self._call(call, real) for call in moment))

    async def _call(self, call: Call, real: dict[str, str]) -> None:
        said = [
            part if isinstance(part, bytes) else filled(part, real).SerializeToString()
            for part in call.said
        ]
        await Line(self._served.channel, call.method).talk(said, call.ending)

    async def _real(self) -> dict[str, str]:
        """Executions of all sorts, and what else there is to name."""
        served = self._served
        await served.register(flow(work("work", "listen", store="n"), listen(), inputs=[]))
        ids = [await served.start() for _ in range(3)]
        tasks = {task.execution_id: task for task in await self._taken(3)}
        live, listening, broken = (tasks[execution_id] for execution_id in ids)
        await served.report(completed(listening, 1), failed(broken))
        closed = await served.start()
        await served.cancel(closed)
        request = executions_pb.ListExecutionsRequest(page_size=1)
        page = await served.executions.ListExecutions(request)
        return {
            Placeholder.LIVE: live.execution_id,
            Placeholder.LISTENING: listening.execution_id,
            Placeholder.FAILED: broken.execution_id,
            Placeholder.CLOSED: closed,
            Placeholder.TOKEN: live.token,
            Placeholder.STALE: listening.token,
            Placeholder.PAGE: page.next_page_token,
        }

    async def _taken(self, count: int) -> list[Any]:
        tasks: list[Any] = []
        while len(tasks) < count:
            tasks += await self._served.poll(20, "work", most=count - len(tasks))
        return tasks

    async def _check_sanity(self) -> None:
        """A workflow that nobody else knows runs to its end."""
        served = self._served
        await served.register(flow(work("sane-work", store="n"), name="sane", outputs=["n"]))
        execution_id = await served.start(workflow="sane")
        [task] = await served.poll(20, "sane-work")
        [ack] = await served.report(completed(task, 1))
        assert ack.accepted, ack
        assert (await served.closed(execution_id)).outputs_json == '{"n":1}'

    async def _clean(self) -> None:
        """Leave no execution to the next example; each of them can be ended and removed."""
        served = self._served
        while True:
            listed = await served.executions.ListExecutions(executions_pb.ListExecutionsRequest())
            if not listed.executions:
                return
            for execution in listed.executions:
                # It may be over already, or not be there any more.
                await attempt(served.cancel(execution.id))
                await attempt(served.delete(execution.id))


@contextmanager
def a_ground(path: Path) -> Iterator[Ground]:
    """A server on a file."""
    with faults_collected() as faults, asyncio.Runner() as runner:
        context = serving(path, **_SETTINGS)
        served = runner.run(_entered(context))
        try:
            yield Ground(served, runner, faults)
        finally:
            runner.run(_left(context))


async def _entered(context: Any) -> Served:  # noqa: ANN401 - a context manager
    served: Served = await context.__aenter__()
    return served


async def _left(context: Any) -> None:  # noqa: ANN401 - a context manager
    await context.__aexit__(None, None, None)
