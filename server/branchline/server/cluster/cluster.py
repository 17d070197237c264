"""One server among those that share a database.

There is no leader. Every server gives a sign of life each second; one that was silent for longer
than ``SILENCE`` is given up by whoever sees it first, who takes the tasks that it had. A server
that finds itself given up forgets what it had and comes again under another id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from branchline.server.cluster.hearing import Hearing
from branchline.server.cluster.notes import Note, read_note, write_notes
from branchline.server.dispatch import SharedDispatcher, TaskKey, TaskToken
from branchline.server.runtime import (
    FailLeasedTask,
    Live,
    LiveExecutions,
    ReportOutcome,
    ReportRecord,
    Start,
)
from branchline.server.runtime.requests import AnyRequest, Order
from branchline.server.runtime.turn import Turn
from branchline.server.storage import Peers, Store, StoreError, TaskHold
from branchline.server.tasks import pending_task

log = structlog.get_logger(__name__)

BEAT = 1.0
"""Seconds between two signs of life."""

SILENCE = 5.0
"""Seconds after which a server is given up."""


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
        self._lives = lives
        self._hearing = hearing
        self._disconnect = disconnect
        """Ends the streams of all workers, who come again."""
        self._roll: list[str] = []
        self._outside = True
        """Whether this server has to come (again) before it does anything."""

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
        if not await self._peers.beat():
            log.warning("the other servers have given this one up; it comes again")
            self._outside = True
            self._hearing.poke()
            return
        before = set(self._roll)
        await self._peers.bury(SILENCE)
        await self._call_the_roll()
        gone = before - set(self._roll)
        if gone:
            log.warning("servers are gone", servers=sorted(gone))
            await self._take_over()

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
        tasks = self._dispatcher.tasks
        unknown = [
            TaskHold(*token)
            for token in tokens
            if TaskKey(token.execution_key, token.task) not in tasks
        ]
        if not unknown:
            return
        rows = await self._peers.adopt(unknown)
        for row in rows:
            if TaskKey(row.key, row.task) not in tasks:
                self._dispatcher.restore(pending_task(row), row.worker)
        if rows and self.has_others():
            gone = [(row.key, row.task) for row in rows]
            await self._peers.tell(write_notes(Note(self._peers.server, gone=gone)))

    # For turns

    async def settle(self) -> None:
        """See Sharing."""
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
        lives = {}
        for request in requests:
            live = self._live_of(request)
            # What this very turn has changed is ahead of the database.
            if live is not None and live.stored == live.state.sequence:
                lives[live.key] = live
        if not lives:
            return
        stored = await self._store.last_sequences(list(lives))
        for key, live in lives.items():
            if stored.get(key) != live.stored:
                self._lives.drop(live)

    def notes(self, turn: Turn) -> list[str]:
        """See Sharing."""
        if not self.has_others():
            return []
        known = self._dispatcher.tasks
        waiting = {task.offer for task in turn.tasks.values() if task.key not in known}
        waiting |= {task.offer for task in turn.released}
        note = Note(
            self._peers.server,
            changed=[change.live.state.id for change in turn.changes.values()],
            deleted=list(turn.deleted),
            offers=sorted(waiting),
            gone=[(key.execution_key, key.task) for key in turn.ended if key not in known],
            withdrawn=True,
            statuses=True,
        )
        return write_notes(note)

    def suspect(self) -> None:
        """See Sharing."""
        self._outside = True

    # Inside

    def _live_of(self, request: AnyRequest | Order) -> Live | None:
        match request:
            case ReportOutcome() | ReportRecord():
                return self._lives.by_key(request.token.execution_key)
            case FailLeasedTask():
                return self._lives.by_key(request.task.key.execution_key)
            case Start():
                return None
            case _:
                return self._lives.by_id(request.execution_id)

    async def _come(self) -> None:
        for row in await self._peers.join():
            self._dispatcher.restore(pending_task(row), row.worker)
        self._dispatcher.left_out.offers |= set(await self._store.ready_offers())
        self._outside = False
        await self._call_the_roll()
        await self._peers.tell(write_notes(Note(self._peers.server, look=True)))
        self._hearing.look()
        self._hearing.poke()

    async def _take_over(self) -> None:
        for row in await self._peers.adopt_orphans():
            self._dispatcher.restore(pending_task(row), row.worker)
        await self._look()
        await self._peers.tell(write_notes(Note(self._peers.server, look=True)))

    async def _call_the_roll(self) -> None:
        self._roll = await self._peers.roll()

    def _hear(self, text: str) -> None:
        note = read_note(text)
        if note is None or note.server == self._peers.server:
            return
        self._hearing.take(note, self._dispatcher)
        if note.look:
            self._look_soon()

    def _missed(self) -> None:
        """Notes may have been missed: look at everything that they tell of."""
        self._hearing.statuses()
        self._look_soon()

    def _look_soon(self) -> None:
        task = asyncio.ensure_future(self._look())
        task.add_done_callback(_log_failure)

    async def _look(self) -> None:
        """See what waits, as if it had been told."""
        await self._call_the_roll()
        self._dispatcher.left_out.offers |= set(await self._store.ready_offers())
        self._hearing.look()
        self._hearing.poke()


def _log_failure(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("looking at the other servers' work failed", error=str(error))
