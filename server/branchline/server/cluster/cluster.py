"""One server among those that share a database.

There is no leader. Every server gives a sign of life each second; one that was silent for longer
than ``SILENCE`` is given up by whoever sees it first, who takes the tasks that it had. A server
that finds itself given up forgets what it had and comes again under another id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog

from branchline.server.cluster.hearing import Hearing
from branchline.server.cluster.holdings import Holdings
from branchline.server.cluster.memory import Memory
from branchline.server.cluster.notes import Note, read_note, write_notes
from branchline.server.cluster.silence import Silences
from branchline.server.cluster.timekeeping import Timekeeper
from branchline.server.dispatch import PendingTask, SharedDispatcher, TaskToken
from branchline.server.runtime import (
    LiveExecutions,
    ReportOutcome,
    ReportRecord,
)
from branchline.server.runtime.requests import AnyRequest, Order
from branchline.server.runtime.turn import Turn
from branchline.server.storage import Peers, Store, StoreError

log = structlog.get_logger(__name__)

BEAT = 1.0
"""Seconds between two signs of life."""

SILENCE = 5.0
"""Seconds after which a server is given up."""

_BEATS_A_LOOK = 5
"""After so many signs of life workers with room are served anew, whatever the others have told."""


class Cluster:
    """A server and the others; implements Sharing."""

    def __init__(
        self,
        store: Store,
        peers: Peers,
        dispatcher: SharedDispatcher,
        lives: LiveExecutions,
        hearing: Hearing,
        disconnect: Callable[[], None],
    ) -> None:
        self._store = store
        self._peers = peers
        self._dispatcher = dispatcher
        self._holdings = Holdings(peers, dispatcher, hearing.poke, self.suspect)
        self._memory = Memory(store, lives)
        self._hearing = hearing
        self._disconnect = disconnect
        """Ends the streams of all workers, who come again."""
        self._roll: list[str] = []
        self._beats = 0
        self._work: set[asyncio.Task[None]] = set()
        self._outside = True
        """Whether this server has to come (again) before it does anything."""
        self._given_up = False
        """Whether that is so because the others have seen it stand still."""
        self._wants_look = False
        """Whether to look at what the others may have done."""
        self._looking: asyncio.Task[None] | None = None
        self._has_news = False
        """Whether the others are still to be told of who has come or gone."""
        self._silences = Silences(SILENCE)
        self.keeper: Timekeeper | None = None
        """Keeps this server's clock, if it can be set."""

    # For the whole server

    async def start(self) -> None:
        """Come to the others, and take up what was left behind."""
        await self._come()
        self._peers.listen(self._hear, self._missed)

    async def run(self) -> None:
        """Give signs of life, and look after the others, until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self.beat()
            except StoreError as error:
                log.warning("no sign of life", error=str(error))

    async def beat(self) -> None:
        """Give a sign of life, and take over from servers that give none."""
        if self._outside:
            self._hearing.poke()
            return
        asked = _seconds()
        told = await self._peers.beat()
        if told is None:
            log.warning("the other servers have given this one up; it comes again")
            self._outside = self._given_up = True
            self._hearing.poke()
            return
        if self.keeper is not None:
            self.keeper.take(told, _seconds() - asked)
        silent = self._silences.of(await self._peers.signs(), _seconds())
        if silent:
            await self._peers.bury(silent)
        if await self._call_the_roll() or self._wants_look:
            self._look_soon()
        self._beats += 1
        if self._beats % _BEATS_A_LOOK == 0:
            # A task may have been skipped while a transaction had it that was then rolled back.
            self._dispatcher.look_everywhere()
            self._hearing.poke()

    async def stop(self) -> None:
        """Go; the others take what this server had."""
        if not self._outside:
            self._outside = True
            await self._peers.leave()
            await self._peers.tell(write_notes(Note(self._peers.server, look=True)))

    def has_others(self) -> bool:
        """Whether there is another server."""
        return len(self._roll) > 1

    def owns(self, key: int) -> bool:
        """Whether it falls to this server to wake an execution that nobody else thinks of."""
        roll = self._roll
        return not self.has_others() or roll[key % len(roll)] == self._peers.server

    async def adopt(self, tokens: Sequence[TaskToken]) -> None:
        """Take deliveries that workers report here, from whichever server has them."""
        await self._holdings.adopt(tokens)

    async def find(self, token: TaskToken) -> PendingTask | None:
        """A delivery that another server has; it stays there. None when it does not stand."""
        return await self._holdings.find(token)

    # For turns

    async def settle(self) -> None:
        """See Sharing."""
        self._memory.begin()
        if not self._outside:
            return
        self._disconnect()
        self._dispatcher.reset()
        try:
            await self._come()
        except StoreError as error:
            log.warning("the database is not available", error=str(error))

    async def refresh(self, requests: Sequence[AnyRequest | Order]) -> None:
        """Bring what is in memory of the requests' executions and tasks up to date."""
        tokens = [r.token for r in requests if isinstance(r, ReportOutcome | ReportRecord)]
        await self.adopt(tokens)
        await self._memory.check(requests)

    async def confirm(self, turn: Turn) -> bool:
        """See Sharing."""
        return await self._memory.confirm(turn)

    def notes(self, turn: Turn) -> list[str]:
        """See Sharing."""
        if not self.has_others():
            return []
        known, said = self._dispatcher.tasks, self._dispatcher.progress
        waiting = {task.offer for task in turn.tasks.values() if task.key not in known}
        waiting |= {task.offer for task in turn.released}
        note = Note(
            self._peers.server,
            changed=[change.live.state.id for change in turn.changes.values()],
            deleted=list(turn.deleted),
            offers=sorted(waiting),
            gone=[
                (key.execution_key, key.task)
                for key in turn.ended
                if key not in known or key.task in said.of(key.execution_key)
            ],
            withdrawn=True,
            statuses=True,
        )
        return write_notes(note)

    def suspect(self) -> None:
        """See Sharing."""
        self._outside = True

    # Inside

    async def _come(self) -> None:
        if self._given_up and self.keeper is not None:
            self.keeper.catch_up(await self._peers.now())
        self._given_up = False
        self._holdings.inherit(await self._peers.join())
        self._roll = await self._peers.roll()
        self._outside = False
        self._wants_look = self._has_news = True  # if what follows fails
        await self._look_at_waiting()
        await self._tell_to_look()

    async def _call_the_roll(self) -> bool:
        """See who is there, and take over from those who are not; whether anything is new."""
        before, roll = set(self._roll), await self._peers.roll()
        if self._peers.server not in roll:
            return False  # The next sign of life finds out.
        gone, new = before.difference(roll), set(roll).difference(before)
        if gone:
            log.warning("servers are gone", servers=sorted(gone))
            # Whoever has left has told of it, whoever was given up not; somebody else may take
            # what it had as well.
            await self._holdings.inherit_orphans()
        self._roll = roll
        if gone or new or self._has_news:
            # What was stored before this server knew of the new ones, they were not told.
            self._has_news = True
            await self._tell_to_look()
        return bool(gone or new)

    async def _tell_to_look(self) -> None:
        note = Note(self._peers.server, statuses=True, look=True)
        await self._peers.tell(write_notes(note))
        self._has_news = False

    def _hear(self, text: str) -> None:
        note = read_note(text)
        if note is None or note.server == self._peers.server:
            return
        self._memory.hear(note.changed)
        self._hearing.take(note, self._dispatcher)
        if note.look:
            self._look_soon()
        if note.gone and not note.withdrawn:
            self._soon(self._holdings.let_go(note.gone))

    def _missed(self) -> None:
        """Notes may have been missed: look at everything that they tell of."""
        self._hearing.statuses()
        self._look_soon()

    def _look_soon(self) -> None:
        """Look once, however often that is asked for meanwhile.

        Servers that all look whenever another has looked would never come to rest.
        """
        self._wants_look = True
        if self._looking is None:
            self._looking = self._soon(self._look())

    def _soon(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if task is self._looking:
            self._looking = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("looking at the other servers' work failed", error=str(error))
            self._wants_look = True  # with the next sign of life

    async def _look(self) -> None:
        """See who is there, what waits and what is held, as if it had been told."""
        while self._wants_look:
            self._wants_look = False
            await self._call_the_roll()
            await self._look_at_waiting()
            await self._holdings.look()

    async def _look_at_waiting(self) -> None:
        self._memory.suspect()
        self._dispatcher.left_out.offers |= set(await self._store.ready_offers())
        self._hearing.look()
        self._hearing.poke()


def _seconds() -> float:
    """Seconds since some moment, by a clock that nobody sets."""
    return asyncio.get_running_loop().time()
