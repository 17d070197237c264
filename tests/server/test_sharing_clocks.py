"""The clocks of servers that share a database, and the database's own (semantics 7.3, 10.3)."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import BigInteger, literal_column

from branchline.server.clock import SystemClock
from branchline.server.cluster.silence import Silences
from branchline.server.storage import LifeSign, cluster
from branchline.v1 import execution_pb2
from tests.server.flows import flow, sleep, work
from tests.server.sharing import SILENCE, Member, together

HOUR = 3_600_000_000
SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED


def clock_of(member: Member) -> SystemClock:
    clock = member.app._clock  # noqa: SLF001 - no answer tells the server's time by itself
    assert isinstance(clock, SystemClock)
    return clock


def set_clock(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    """Set the database's clock as somebody might who has its machine."""
    there = f"((extract(epoch FROM clock_timestamp()) * 1000000)::bigint + {by})"
    monkeypatch.setattr(cluster, "_NOW", literal_column(there, BigInteger))


def signs(**seen: tuple[int, float]) -> list[LifeSign]:
    """Signs of life, each with its age in seconds."""
    return [LifeSign(server, at, round(age * 1e6)) for server, (at, age) in seen.items()]


def test_a_server_is_silent_when_it_gives_no_new_sign_for_too_long() -> None:
    silences = Silences(5)
    assert silences.of(signs(a=(1, 0), b=(1, 0)), now=0) == []
    assert silences.of(signs(a=(2, 0), b=(1, 4)), now=4) == []
    assert [sign.server for sign in silences.of(signs(a=(3, 0), b=(1, 6)), now=6)] == ["b"]


def test_who_comes_after_a_server_has_died_gives_it_half_of_that_time() -> None:
    silences = Silences(5)
    assert silences.of(signs(a=(1, 900)), now=0) == []
    assert silences.of(signs(a=(1, 902)), now=2) == []
    assert len(silences.of(signs(a=(1, 903)), now=3)) == 1


@pytest.mark.parametrize("age", [-3600.0, 3600.0])
def test_a_database_whose_clock_is_set_silences_nobody(age: float) -> None:
    silences = Silences(5)
    for second in range(20):
        assert silences.of(signs(a=(second, age)), now=second) == []


def test_a_server_that_died_when_the_databases_clock_was_set_back_is_silent() -> None:
    silences = Silences(5)
    assert silences.of(signs(a=(1, -3600)), now=0) == []
    assert len(silences.of(signs(a=(1, -3594)), now=6)) == 1


async def test_a_clock_that_has_drifted_comes_nearer_to_the_databases() -> None:
    async with together() as servers:
        member = await servers.join()
        clock = clock_of(member)
        peers = member.app._store.peers  # noqa: SLF001
        assert peers is not None
        clock.anchor(await peers.now() - 300_000)
        for _ in range(30):
            clock._corrected -= 10_000_000_000  # noqa: SLF001 - ten seconds have passed
            await member.app._cluster.beat()  # type: ignore[union-attr]  # noqa: SLF001
        assert abs(clock.now() - await peers.now()) < 100_000


@pytest.mark.parametrize("by", [-HOUR, HOUR])
async def test_a_database_whose_clock_is_set_wakes_nobody_early_and_ends_no_lease(
    monkeypatch: pytest.MonkeyPatch, by: int
) -> None:
    async with together() as servers:
        one, other = await servers.join(), await servers.join()
        before = one.id, other.id
        definition = flow(sleep(span=1800), name="nap")
        await one.served.register(definition)
        await one.served.register(flow(work()))
        naps = [await member.served.start(workflow="nap") for member in (one, other)]
        execution_id = await other.served.start()
        worker = await one.served.worker()
        task = await worker.task()
        set_clock(monkeypatch, by)
        await asyncio.sleep(SILENCE * 1.5)  # long enough to be given up
        assert (one.id, other.id) == before
        for nap in naps:
            assert (await other.served.get(nap)).status == SUSPENDED
        await worker.complete(task)
        assert (await worker.ack()).accepted
        await other.served.closed(execution_id)


async def test_a_server_that_has_stood_still_catches_up_with_the_databases_time() -> None:
    """Its machine was stopped, and counted nothing of that."""
    async with together() as servers:
        one, other = await servers.join(), await servers.join()
        before = one.id
        stood = clock_of(one)
        stood.anchor(stood.now())
        stood._latest -= HOUR  # noqa: SLF001
        stood._offset -= HOUR * 1000  # noqa: SLF001 - an hour that it has not counted
        await servers.fetch(f"DELETE FROM servers WHERE id = '{before}' RETURNING id")
        async with asyncio.timeout(20):
            while one.id == before:  # noqa: ASYNC110 - nobody tells when it has come again
                await asyncio.sleep(0.01)
        assert abs(stood.now() - clock_of(other).now()) < 1_000_000
