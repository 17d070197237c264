"""A server with nothing to do asks its database next to nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

from branchline.server.storage import Batch
from branchline.server.storage.rows import ExecutionRow
from tests.simulation.database import Disk, Faults, SimulatedDatabase
from tests.simulation.loop import SimulatedClock, SimulatedLoop
from tests.simulation.odds import NOTHING
from tests.simulation.server import Server
from tests.storage.examples import execution

_HOUR = 3_600


def waiting(key: int, now: int) -> ExecutionRow:
    """An execution that waits for months."""
    return execution(key, wake_at=now + 10_000 * _HOUR * 1_000_000)


async def statements_of_an_idle_hour() -> Counter[str]:
    """What a server asks that has many executions, all of which wait."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    disk = Disk()
    clock = SimulatedClock(loop)
    database = SimulatedDatabase(disk, Faults(Random(1), NOTHING), loop)
    await database.commit(Batch(started=[waiting(key, clock.now()) for key in range(1, 1_001)]))
    server = Server(database, clock, NOTHING)
    await server.start()
    await asyncio.sleep(60)
    asked: Counter[str] = Counter()
    disk.raw.set_trace_callback(lambda statement: asked.update([statement.partition(" ")[0]]))
    await asyncio.sleep(_HOUR)
    disk.raw.set_trace_callback(None)
    await server.stop()
    return asked


def test_an_idle_server_asks_a_few_times_a_minute() -> None:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        asked = runner.run(statements_of_an_idle_hour())
    assert 0 < asked["SELECT"] <= 10 * 60, asked
    assert asked["SELECT"] == asked.total() - asked["BEGIN"] - asked["COMMIT"], asked
