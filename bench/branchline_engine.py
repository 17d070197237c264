"""Branchline's adapter for a harness that measures workflow engines side by side.

The harness imports ``common`` and calls this; it is named in its folder variable
``BENCH_ENGINES``. Workflows are definitions, activities run in a worker process of their own,
and every client call is the SDK's ordinary one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import (
    CHAIN_LEN,
    FAN,
    Engine,
    add_one,
    free_port,
    port_open,
    postgres_version,
    setup_postgres,
    start_postgres,
    wait_for,
)

ROOT = Path(__file__).resolve().parent.parent


def _chain() -> dict[str, Any]:
    steps = [
        {
            "name": f"step {number}",
            "activity": "add_one",
            "parameters": {"arg": "${inputs.arg}" if number == 0 else "${state.arg}"},
            "store": "arg",
            "next": f"step {number + 1}",
        }
        for number in range(CHAIN_LEN)
    ]
    del steps[-1]["next"]
    return {
        "name": "chain",
        "inputs": [{"name": "arg", "type": "object"}],
        "steps": steps,
        "outputs": [{"name": "arg"}],
    }


def _fanout() -> dict[str, Any]:
    step = {
        "name": "add",
        "activity": "add_one",
        "each": {"items": [{"n": 0}] * FAN, "as": "item"},
        "parameters": {"arg": "${state.item}"},
        "store": "results",
    }
    return {
        "name": "fanout",
        "inputs": [{"name": "arg", "type": "object"}],
        "steps": [step],
        "outputs": [{"name": "results"}],
    }


def _wait() -> dict[str, Any]:
    wait = {"topic": "go", "timeout": "1h", "store": "value"}
    return {
        "name": "wait",
        "inputs": [{"name": "arg", "type": "object"}],
        "steps": [{"name": "wait", "wait_signal": wait}],
        "outputs": [{"name": "value"}],
    }


_RESULTS: dict[str, Callable[[Any], Any]] = {
    "chain": lambda outputs: outputs["arg"],
    "fanout": lambda outputs: {"n": sum(result["n"] for result in outputs["results"])},
    "wait": lambda outputs: outputs["value"],
}


class Branchline(Engine):  # type: ignore[misc]  # the harness has no types
    """One server on a SQLite file and one worker, both with their defaults."""

    name = "branchline"
    pip = (f"{ROOT}[server]",)
    about = (
        "branchline server on a SQLite file + one Python worker process (async activities over"
        " one task stream) + SDK client; defaults throughout"
    )
    durability = "SQLite, WAL, synchronous=FULL: one transaction and fsync a turn, group commit"

    def versions(self) -> dict[str, str]:
        """What is measured."""
        return {"branchline": "working tree"}

    def start(self) -> None:
        """Start the server and the worker."""
        port = self.conf["port"] = free_port()
        arguments = ["server", "--database", self.database()]
        arguments += ["--listen", f"127.0.0.1:{port}", "--log-level", "warning"]
        server = self.spawn("server", [self.python, "-m", "branchline.client.cli", *arguments])
        wait_for(lambda: port_open(port), 30, server)
        self.spawn_worker()

    def database(self) -> str:
        """The URL of an empty database."""
        return f"sqlite:///{self.data}/branchline.db"

    async def worker(self, ready: Callable[[], None]) -> None:
        """Register the workflows and offer the activity."""
        from branchline.client import Client, Worker, activity

        async with Client(self._address) as client:
            for definition in (_chain(), _fanout(), _wait()):
                await client.register(definition)

        @activity(name="add_one")
        async def add_one_activity(arg: dict[str, Any]) -> dict[str, Any]:
            result: dict[str, Any] = add_one(arg)
            return result

        worker = Worker(self._address, activities=[add_one_activity])
        running = asyncio.create_task(worker.run())
        await worker.connected.wait()
        ready()
        await running

    async def connect(self) -> None:
        """Open the client."""
        from branchline.client import Client

        self.client = await Client(self._address).__aenter__()

    async def start_wf(self, kind: str, wid: str, arg: object) -> tuple[str, Any]:
        """Start a workflow."""
        return kind, await self.client.start(kind, {"arg": arg}, id=wid)

    async def result(self, handle: tuple[str, Any]) -> object:
        """Wait for its result."""
        kind, execution = handle
        return _RESULTS[kind](await execution.result())

    async def signal_wf(self, _wid: str, handle: tuple[str, Any], value: object) -> None:
        """Send the signal that it waits for."""
        await handle[1].signal("go", value)

    async def close(self) -> None:
        """Close the client."""
        await self.client.close()

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self.conf['port']}"


class BranchlinePostgres(Branchline):
    """The same on PostgreSQL."""

    name = "branchline-postgres"
    about = (
        "PostgreSQL with its stock settings + one branchline server + one Python worker process"
        " (async activities over one task stream) + SDK client; defaults throughout"
    )
    durability = (
        "a PostgreSQL commit a turn, fsync and synchronous_commit on; one commit for many workflows"
    )
    wal_dirs = ("pg_wal",)

    def setup(self) -> None:
        """Install PostgreSQL and the packages."""
        setup_postgres()
        super().setup()

    def versions(self) -> dict[str, str]:
        """What is measured."""
        return {**super().versions(), "postgresql": postgres_version()}

    def database(self) -> str:
        """The URL of an empty database."""
        return str(start_postgres(self))


ENGINES = [Branchline, BranchlinePostgres]
