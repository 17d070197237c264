"""When a server looks at what the others may have done, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from branchline.server.cluster import Cluster, Hearing, Note
from branchline.server.cluster.notes import write_notes
from branchline.server.dispatch import SharedDispatcher
from branchline.server.runtime import LiveExecutions
from branchline.server.storage import Peers, Store, StoreError
from tests.server.clocks import HandClock
from tests.server.pending import LEASE, TOKENS
from tests.simulation.loop import SimulatedLoop
from tests.simulation.odds import NOTHING
from tests.storage.shared import Simulated


class Scene(NamedTuple):
    """A server and its database; every look is noted."""

    shared: Simulated
    cluster: Cluster
    looks: list[str]


Play = Callable[[Scene], Coroutine[Any, Any, None]]


def peers_of(store: Store) -> Peers:
    """A store as one among others."""
    assert store.peers is not None
    return store.peers


def simulate(play: Play) -> None:
    """Begin with a server that is alone, and has looked."""

    async def run() -> None:
        shared, looks = Simulated(), list[str]()
        store = await shared.open()
        hearing = Hearing(
            changed=lambda _: None,
            deleted=lambda _: None,
            statuses=lambda: None,
            said=lambda _, __: None,
            look=lambda: looks.append("look"),
            poke=lambda: None,
        )
        dispatcher = SharedDispatcher(HandClock(), TOKENS, LEASE)
        lives = LiveExecutions(1, 1)
        cluster = Cluster(store, peers_of(store), dispatcher, lives, hearing, lambda: None)
        await cluster.start()
        await cluster.beat()
        await asyncio.sleep(10)
        looks.clear()
        await play(Scene(shared, cluster, looks))
        await store.close()

    with closing(SimulatedLoop()) as loop:
        loop.run_until_complete(run())


async def ask_to_look(shared: Simulated, times: int = 1) -> None:
    """Another server asks everybody to look."""
    store = await shared.open()
    [note] = write_notes(Note("other", look=True))
    await peers_of(store).tell([note] * times)
    await store.close()


def test_a_look_that_fails_is_made_with_the_next_sign_of_life() -> None:
    async def play(scene: Scene) -> None:
        await ask_to_look(scene.shared)
        scene.shared.faults.out = True
        await asyncio.sleep(1)
        assert scene.looks == []
        scene.shared.faults.out = False
        await scene.cluster.beat()
        await asyncio.sleep(1)
        assert scene.looks == ["look"]

    simulate(play)


def test_who_is_asked_to_look_while_it_looks_does_so_once_more() -> None:
    """Whoever looks may ask the others to look: all of them must come to rest."""

    async def play(scene: Scene) -> None:
        scene.shared.faults.odds = replace(NOTHING, commit_time=0.1)
        await ask_to_look(scene.shared, 100)
        await asyncio.sleep(10)
        assert 1 <= len(scene.looks) <= 5

    simulate(play)


def test_the_others_are_told_of_a_new_one_even_if_that_fails_at_first() -> None:
    async def play(scene: Scene) -> None:
        shared, heard = scene.shared, list[str]()
        new = await shared.open()
        await peers_of(new).join()
        peers_of(new).listen(heard.append, lambda: None)
        await asyncio.sleep(1)
        shared.faults.odds = replace(NOTHING, contended=1.0)
        with pytest.raises(StoreError):
            await scene.cluster.beat()
        assert heard == []
        shared.faults.odds = NOTHING
        await scene.cluster.beat()
        await asyncio.sleep(1)
        assert any("look" in note for note in heard)
        await new.close()

    simulate(play)
