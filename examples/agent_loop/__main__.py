"""Plays the traveller, and starts a new worker when one dies.

The server and the worker are processes of their own. In its third round the model's worker dies
after the model was paid and before its outcome is told: the next worker finds what is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from branchline.client import Client, Event, Execution
from examples.audit.processes import free_address
from examples.telling import tell

_LEASE = "1"
"""Seconds until the server takes a silent worker for dead."""


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address, bill = free_address(), Path(folder, "bill")
        database = f"sqlite:///{folder}/agent.db"
        serving = ("server", "--listen", address, "--database", database, "--lease", _LEASE)
        async with branchline(*serving, "--log-level", "warning"), Client(address) as client:
            await client.register(Path(__file__).with_name("agent_loop.yaml"))
            working = asyncio.create_task(keep_working(address, bill))
            inputs = {"goal": "a night train to Vienna", "crash_in_round": 3}
            await travel(trip := await client.start("travel-agent", inputs))
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            tell(f"the model was called {calls_on(bill)} times")
            print(json.dumps(await trip.result()))


async def travel(trip: Execution) -> None:
    """Show what happens, and answer when the agent asks."""
    async for item in trip.watch():
        if not isinstance(item, Event):
            continue
        if item.type == "step_started":
            tell(f"[{item.data['step']}]")
        elif item.type == "value_recorded":
            tell(f"  recorded {item.data['key']}: {json.dumps(item.data['value'])}")
        elif item.type == "task_waiting":
            tell("  the agent waits; the traveller answers")
            await trip.signal("answer", "22:40 sleeper to Vienna")


def calls_on(bill: Path) -> int:
    return len(bill.read_text(encoding="utf-8").splitlines())


async def keep_working(address: str, bill: Path) -> None:
    """Run a worker, and another one whenever it dies, until cancelled."""
    while True:
        offered = ("worker", "examples.agent_loop.activities", "--address", address)
        async with branchline(*offered, AGENT_BILL=str(bill)) as worker:
            code = await worker.wait()
        tell(f"  the worker died with {code}; the next one takes over")


@asynccontextmanager
async def branchline(*arguments: str, **environ: str) -> AsyncIterator[Process]:
    """The command line as a process, which is told to end with the context."""
    command = (sys.executable, "-m", "branchline.client.cli", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environ})
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


asyncio.run(main())
