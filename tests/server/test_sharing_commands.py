"""Commands to one execution at several servers at once: each counts once, in one order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from branchline.engine import FailTask
from branchline.engine.events import Failure
from branchline.server.cluster import Cluster
from branchline.server.runtime import FailLeasedTask
from branchline.server.tasks import pending_task
from branchline.v1 import execution_pb2
from tests.postgres import execute
from tests.server.flows import flow, hold, listen, spawn, work
from tests.server.refusals import Refusal, attempt, refused
from tests.server.serving import Served
from tests.server.sharing import Together, gapless, together
from tests.server.worker import completed, failed, released

PATIENT = """\
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 60000', current_database());
END $$
"""
"""Servers that wait for each other then do so for longer than a test may take."""


@pytest.fixture
async def servers() -> AsyncIterator[Together]:
    """A database for several servers."""
    async with together() as servers:
        await execute(servers.url, PATIENT)
        yield servers


@pytest.fixture
async def both(servers: Together) -> tuple[Served, Served]:
    """Two servers on one database."""
    return (await servers.join()).served, (await servers.join()).served


async def test_signals_at_both_at_once_are_all_heard(both: tuple[Served, Served]) -> None:
    steps = [listen(f"s{number}", f"s{number + 1}") for number in range(19)]
    await both[0].register(flow(*steps, listen("s19")))
    execution_id = await both[0].start()
    await asyncio.gather(
        *(both[number % 2].signal(execution_id, payload=str(number)) for number in range(20))
    )
    await both[0].closed(execution_id)
    events = await both[1].events(execution_id)
    assert gapless(events)
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds.count("signal_consumed") == 20


async def test_a_pause_at_one_server_holds_at_the_other(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(listen("listen", "hold"), hold("hold", "work"), work()))
    execution_id = await one.start()
    await other.pause(execution_id)
    await one.signal(execution_id)
    assert (await one.get(execution_id)).status == execution_pb2.EXECUTION_STATUS_PAUSED
    await one.unpause(execution_id)
    await other.unpause(execution_id)
    [task] = await one.poll(20)
    await other.report(failed(task))
    assert (await one.closed(execution_id)).status == execution_pb2.EXECUTION_STATUS_FAILED
    await one.retry(execution_id)
    await other.cancel(execution_id)
    for served in both:
        status = (await served.get(execution_id)).status
        assert status == execution_pb2.EXECUTION_STATUS_CANCELED


async def test_of_two_opposite_ends_one_counts(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(work()))
    for number in range(30):
        execution_id = await one.start()
        [task] = await one.poll(20)
        at = both[number % 2]
        await other.get(execution_id)  # both have it in memory
        [ack], refusal = await asyncio.gather(
            at.report(completed(task)), attempt(other.cancel(execution_id))
        )
        execution = await other.closed(execution_id)
        done = execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED
        assert ack.accepted == done
        assert isinstance(refusal, Refusal) == done


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_an_overdue_task_that_somebody_has_just_taken_is_left_to_them(
    servers: Together, *, elsewhere: bool
) -> None:
    """Whoever has found it waiting holds up nobody else over it."""
    one, other = await servers.join(), await servers.join()
    taker = other if elsewhere else one
    await one.served.register(flow(work()))
    execution_id = await one.served.start()
    [row] = await one.app._store.tasks_of(  # noqa: SLF001 - as a server finds it
        (await servers.fetch("SELECT key FROM executions"))[0]["key"]
    )
    [task] = await taker.served.poll(20)
    again: list[object] = []
    command = FailTask(row.task, Failure("timeout", "too late"))
    found = FailLeasedTask(pending_task(row), command, lambda: again.append(row))
    one.app._runtime.submit_urgent(found)  # noqa: SLF001
    await one.served.pause(execution_id)
    await one.served.unpause(execution_id)
    assert len(taker.app._workers._dispatcher.tasks) == 1  # noqa: SLF001 - it is still watched over
    [ack] = await one.served.report(completed(task))
    assert ack.accepted
    assert again == []


@pytest.fixture
async def deaf(servers: Together, monkeypatch: pytest.MonkeyPatch) -> tuple[Served, Served]:
    """Two servers that do not hear what the other tells; what is in memory may be old."""
    monkeypatch.setattr(Cluster, "_hear", lambda *_: None)
    return (await servers.join()).served, (await servers.join()).served


async def test_what_an_old_state_would_not_change_is_decided_on_the_new_one(
    deaf: tuple[Served, Served],
) -> None:
    one, other = deaf
    await one.register(flow(listen("listen", "work"), work()))
    execution_id = await one.start()
    await other.pause(execution_id)
    await one.unpause(execution_id)
    assert (await other.get(execution_id)).status != execution_pb2.EXECUTION_STATUS_PAUSED
    await other.cancel(execution_id)
    await one.delete(execution_id)
    assert (await refused(other.get(execution_id))).reason == "EXECUTION_NOT_FOUND"


async def test_what_an_old_state_would_change_is_decided_on_the_new_one(
    servers: Together, deaf: tuple[Served, Served]
) -> None:
    one, other = deaf
    await one.register(flow(listen("listen", "work"), work()))
    closed, removed = await one.start(), await one.start()
    for execution_id in (closed, removed):
        await other.cancel(execution_id)
    await other.delete(removed)
    assert (await refused(one.signal(closed))).reason == "EXECUTION_CLOSED"
    assert (await refused(one.signal(removed))).reason == "EXECUTION_NOT_FOUND"
    keys = await servers.fetch("SELECT DISTINCT execution_key FROM history")
    assert len(keys) == 1


class Player:
    """Does what it likes to a few executions, at either server."""

    def __init__(self, both: tuple[Served, Served], ids: list[str], seed: int) -> None:
        self._both = both
        self._ids = ids
        self._random = random.Random(seed)
        self.accepted: list[str] = []
        """The tasks whose outcomes were taken."""

    async def play(self, moves: int) -> None:
        """Make some moves."""
        for _ in range(moves):
            served = self._random.choice(self._both)
            await self._move(served, self._random.choice(self._ids))

    async def _move(self, served: Served, execution_id: str) -> None:
        match self._random.randrange(12):
            case 0:
                answer = await attempt(served.cancel(execution_id))
            case 1:
                answer = await attempt(served.pause(execution_id))
            case 2 | 3:
                answer = await attempt(served.unpause(execution_id))
            case 4:
                answer = await attempt(served.retry(execution_id))
            case 5 | 6 | 7:
                answer = await attempt(served.signal(execution_id))
            case _:
                answer = None
                await self._work(served)
        assert not isinstance(answer, Refusal) or answer.reason in {
            "EXECUTION_CLOSED",
            "NOT_RETRYABLE",
        }, answer

    async def _work(self, served: Served) -> None:
        for task in await served.poll(0.01, most=3):
            at = self._random.choice(self._both)
            report = self._random.choice([completed, completed, failed, released])
            for ack in await at.report(report(task)):
                if ack.accepted and report is not released:
                    self.accepted.append(task.token)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_done_at_two_servers_is_one_story(
    servers: Together, both: tuple[Served, Served], seed: int
) -> None:
    """Histories have no gaps, all servers see the same, and no commit waits for another's."""
    await both[0].register(flow(listen("l", "w"), work("w"), name="child"))
    both_ways = listen("listen", "work")
    await both[0].register(flow(both_ways, work("work", "spawn", items=[1, 2, 3]), spawn()))
    ids = [await both[number % 2].start() for number in range(4)]
    players = [Player(both, ids, seed * 10 + number) for number in range(4)]
    async with asyncio.timeout(15):
        await asyncio.gather(*(player.play(25) for player in players))
    accepted = [token for player in players for token in player.accepted]
    assert len(accepted) == len(set(accepted))
    for execution_id in ids:
        seen = [await served.events(execution_id) for served in both]
        assert seen[0] == seen[1]
        assert gapless(seen[0])
        assert await both[0].get(execution_id) == await both[1].get(execution_id)
    fresh = (await servers.join()).served
    for execution_id in ids:
        assert await fresh.get(execution_id) == await both[0].get(execution_id)
