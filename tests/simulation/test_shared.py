"""What the simulated database of several servers shows of the real way to it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from branchline.server.storage import Batch, CommitUnknown, StoreUnavailable
from tests.simulation.loop import MACHINE, SimulatedLoop
from tests.simulation.odds import NOTHING
from tests.storage.examples import execution, transition
from tests.storage.shared import Simulated


async def test_an_error_that_nobody_waits_for_any_more_is_not_logged() -> None:
    shared = Simulated()
    database = shared.connect()
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    shared.faults.out = True
    reading = asyncio.ensure_future(database.read(lambda connection: connection.info))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await database.close()
    gc.collect()
    assert faults == []


async def test_what_is_stored_while_the_answer_is_lost_is_stored_once() -> None:
    """Events are sent a second time, and refused: nobody knows which of them was stored."""
    shared = Simulated()
    store = await shared.open()
    shared.faults.odds = replace(NOTHING, in_doubt=0.5)
    unknown = 0
    for key in range(1, 41):
        try:
            await store.commit(Batch(started=[execution(key)], history=[transition(key, 1, 2)]))
        except CommitUnknown:
            unknown += 1
        except StoreUnavailable:
            pytest.fail("it has reached the database")
    shared.faults.over = True
    stored = await store.histories(range(1, 41))
    assert unknown
    assert all(len(rows) <= 1 for rows in stored.values())
    assert 40 - unknown <= sum(map(len, stored.values())) <= 40
    await store.close()


def test_a_frozen_machine_does_all_that_it_has_missed_when_it_goes_on() -> None:
    loop = SimulatedLoop()
    machine, done = object(), list[tuple[str, float]]()

    async def work(name: str) -> None:
        for number in range(3):
            await asyncio.sleep(1)
            done.append((f"{name} {number}", loop.time() - 1_000))

    async def on_the_machine() -> None:
        MACHINE.set(machine)
        await work("machine")

    async def everything() -> None:
        tasks = [loop.create_task(on_the_machine()), loop.create_task(work("other"))]
        await asyncio.sleep(1.5)
        loop.freeze(machine)
        await asyncio.sleep(5)
        loop.thaw(machine)
        await asyncio.gather(*tasks)

    with closing(loop):
        loop.run_until_complete(everything())
    assert [(what, round(when, 3)) for what, when in done] == [
        ("machine 0", 1.0),
        ("other 0", 1.0),
        ("other 1", 2.0),
        ("other 2", 3.0),
        ("machine 1", 6.5),
        ("machine 2", 7.5),
    ]
