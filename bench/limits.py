"""A server at its limits: python bench/limits.py [--workers 1000] [--database URL].

A crowd of workers and watchers, a hundred thousand waiting executions, some who never read, and
then storms of starts far beyond what the server can take. A few callers act at a steady pace
meanwhile, and the latency of what they are granted is measured: wall time, as they feel it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import flows
import uvloop
from callers import Callers, Peak, beside
from filling import fill
from guests import DEAF, Crowd, guests
from measuring import Figure, percentile, save
from processes import Server, memory_mib, serving
from storm import Damage, Storm, rage

from branchline.client import Client, ExecutionStatus

_BUSY_PACE = 1.0
"""Seconds between two transitions of the execution that many watch."""
_SETTLING = 5.0
_UNREAD = 300
"""How many signals of a hundred kilobytes the reader that never reads does not read."""
_DEAF_TASKS = 500
_PATIENCE = 600.0


class Scene:
    """One server and everybody who comes to it."""

    def __init__(self, server: Server, client: Client, waiting: Sequence[str]) -> None:
        self.server = server
        self.client = client
        self._waiting = iter(waiting)
        self.figures: list[Figure] = []

    def note(self, name: str, value: float, unit: str, note: str = "") -> None:
        """Keep a figure, and show it."""
        self.figures.append(Figure(f"limits: {name}", value, unit, note))
        print(self.figures[-1].as_text(), flush=True)

    def note_memory(self, when: str) -> None:
        """Keep what the server holds now."""
        self.note(f"server's memory {when}", memory_mib(self.server.pid), "MiB")

    async def prepare(self) -> tuple[str, str]:
        """The busy execution, and the one whose watcher never reads; tasks for the deaf worker."""
        deaf = flows.chain(1)
        deaf["steps"][0]["task_queue"] = DEAF
        for definition in (flows.chain(1), {**deaf, "name": DEAF}, _listening()):
            await self.client.register(definition)
        value = "x" * 10_000
        for _ in range(_DEAF_TASKS):
            await self.client.start(DEAF, {"value": value})
        busy, unread = [await self.client.start("listen") for _ in range(2)]
        return busy.id, unread.id

    async def stir(self, execution_id: str) -> None:
        """Keep an execution busy until cancelled."""
        while True:
            await self.client.execution(execution_id).signal("go", "x" * 1_000)
            await asyncio.sleep(_BUSY_PACE)

    async def shout(self, execution_id: str) -> None:
        """Tell one that never reads thirty megabytes."""
        for _ in range(_UNREAD):
            await self.client.execution(execution_id).signal("go", "x" * 100_000)

    async def quiet(self, when: str, seconds: float) -> None:
        """What callers feel without a storm, and the server's CPU time."""
        callers = Callers(self.server.address, self._waiting)
        cpu = self.server.cpu()
        await callers.act(seconds)
        self._show(callers.figures(when))
        share = (self.server.cpu() - cpu) / seconds
        self.note(f"server's CPU {when}", share * 1e3, "ms a second")

    async def storm(self, storm: Storm, capacity: float) -> Damage:
        """What callers feel in a storm."""
        callers, peak = Callers(self.server.address, self._waiting), Peak(self.server)
        cpu = self.server.cpu()
        async with beside(callers.act(), peak.look()):
            damage = await rage(storm)
        name = f"in storm {storm.label}"
        share = (self.server.cpu() - cpu) / damage.seconds
        self._show(callers.figures(name))
        statuses = ", ".join(f"{status} {n:,}" for status, n in sorted(damage.statuses.items()))
        offered = damage.offered / damage.sent_for
        self.note(f"starts asked for {name}", offered, "a second", statuses)
        for status, took in damage.answered_after.items():
            note = f"{len(took):,} calls, half of them within {percentile(took, 0.5):.1f} s"
            self.note(f"calls {name}, {status}, p99", percentile(took, 0.99), "s", note)
        self.note(f"asked for, {name}", offered / capacity, "times the capacity")
        self.note(f"starts admitted {name}", damage.admitted / damage.seconds, "a second")
        self.note(f"server's CPU {name}", share * 1e3, "ms a second")
        self.note(f"server's memory, most {name}", peak.mib, "MiB")
        return damage

    async def work_off(self, storm: Storm, admitted: int) -> None:
        """Wait until everything that was admitted has completed, and nothing else is there."""
        began = time.monotonic()
        while True:
            counts = await self.client.count_executions(labels={"storm": storm.label})
            if counts.total == counts.by_status.get(ExecutionStatus.COMPLETED, 0):
                break
            if time.monotonic() - began > _PATIENCE:
                raise SystemExit(f"not worked off: {counts}")
            await asyncio.sleep(0.2)
        self.note(f"worked off after storm {storm.label}", time.monotonic() - began, "s")
        note = f"{admitted:,} admitted, {counts.total:,} completed"
        self.note(f"lost or unasked after storm {storm.label}", counts.total - admitted, "", note)

    def _show(self, figures: Sequence[Figure]) -> None:
        self.figures += figures
        for figure in figures:
            print(figure.as_text(), flush=True)


def _listening() -> dict[str, Any]:
    """Rounds of waiting for a signal, without an activity."""
    wait = {"topic": "go", "timeout": "1h", "store": "heard"}
    step = {"name": "listen", "wait_signal": wait, "next": [{"step": "listen"}]}
    return {"name": "listen", "steps": [step]}


async def play(scene: Scene, arguments: argparse.Namespace, ids: Sequence[str]) -> None:
    """Everything, one after the other."""
    scene.note_memory("alone")
    busy, unread = await scene.prepare()
    half = arguments.watchers // 2
    watched = [*repeat(busy, half), *ids[:half]]
    address = scene.server.address
    crowd = Crowd(address, arguments.connections, arguments.workers, watched, unread)
    with guests(crowd):
        await asyncio.sleep(_SETTLING)
        scene.note_memory("with all guests")
        await scene.shout(unread)
        await asyncio.sleep(_SETTLING)
        scene.note_memory("when thirty megabytes were not read")
        async with beside(scene.stir(busy)):
            await scene.quiet("before", arguments.quiet)
            gentle = Storm(address, 0, arguments.quiet, "none")
            damage = await rage(gentle)
            await scene.work_off(gentle, damage.admitted)
            capacity = damage.admitted / damage.seconds
            scene.note(
                "capacity", capacity, "starts a second", "eight clients, a hundred starts a call"
            )
            for label in map(str, range(1, arguments.storms + 1)):
                storm = Storm(address, arguments.times * capacity, arguments.seconds, label)
                damage = await scene.storm(storm, capacity)
                await scene.work_off(storm, damage.admitted)
                await asyncio.sleep(_SETTLING)
                scene.note_memory(f"after storm {label}")
            await scene.quiet("after", arguments.quiet)


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    """A server of its own on a new database."""
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or Path(folder, "bench.db")
        ids = await fill(database, waiting=arguments.waiting)
        with serving(database) as server:
            async with Client(server.address) as client:
                scene = Scene(server, client, ids[arguments.watchers // 2 :])
                await play(scene, arguments, ids)
    return scene.figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1_000, help="connected workers (1000)")
    parser.add_argument("--watchers", type=int, default=2_000, help="watchers (2000)")
    parser.add_argument("--connections", type=int, default=50, help="that these share (50)")
    parser.add_argument("--waiting", type=int, default=100_000, help="executions (100000)")
    parser.add_argument("--storms", type=int, default=3, help="one after the other (3)")
    parser.add_argument("--times", type=float, default=10, help="the capacity (10)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of a storm (15)")
    parser.add_argument("--quiet", type=float, default=10.0, help="seconds before and after (10)")
    parser.add_argument("--database", help="URL of an empty database in place of a file")
    parser.add_argument("--results", type=Path, help="a file to add the figures to")
    arguments = parser.parse_args()
    figures = uvloop.run(measure(arguments))
    if arguments.results:
        save(arguments.results, figures)


if __name__ == "__main__":
    main()
