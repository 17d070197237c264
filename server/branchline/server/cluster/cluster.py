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
from branchline.server.cluster.notes import Note, read_note, write_notes
from branchline.server.dispatch import PendingTask, SharedDispatcher, TaskKey, TaskToken
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
from branchline.server.storage import Peers, Store, StoreError, TaskHold, TaskRow
from branchline.server.storage import TaskKey as RowKey
from branchline.server.tasks import pending_task

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
        self._lives = lives
        self._hearing = hearing
        self._disconnect = disconnect
        """Ends the streams of all workers, who come again."""
        self._roll: list[str] = []
        self._beats = 0
        self._work: set[asyncio.Task[None]] = set()
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
        await self._peers.bury(SILENCE)
        if await self._call_the_roll():
            await self._look_at_waiting()
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
        unknown = [
            TaskHold(*token)
            for token in tokens
            if not self._has(token) and not self._dispatcher.is_given_back(token)
        ]
        if not unknown:
            return
        rows = await self._peers.adopt(unknown)
        self._take_up(rows)
        if rows and self.has_others():
            gone = [(row.key, row.task) for row in rows]
            await self._peers.tell(write_notes(Note(self._peers.server, gone=gone)))

    async def find(self, token: TaskToken) -> PendingTask | None:
        """A delivery that another server has; it stays there. None when it does not stand."""
        rows = await self._peers.standing([TaskHold(*token)])
        return pending_task(rows[0]) if rows else None

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
        self._take_up(await self._peers.join())
        self._roll = await self._peers.roll()
        self._outside = False
        await self._look_at_waiting()
        await self._tell_to_look()

    def _has(self, token: TaskToken) -> bool:
        """Whether this server has a delivery, as far as it knows."""
        task = self._dispatcher.tasks.get(TaskKey(token.execution_key, token.task))
        return task is not None and task.delivery == token.delivery

    def _take_up(self, rows: Sequence[TaskRow]) -> None:
        """Look after leased tasks that are this server's from now on."""
        for row in rows:
            if not self._has(TaskToken(row.key, row.task, row.delivery)):
                self._dispatcher.forget(TaskKey(row.key, row.task))
                self._dispatcher.restore(pending_task(row), row.worker)

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
            self._take_up(await self._peers.adopt_orphans())
        self._roll = roll
        if gone or new:
            # What was stored before this server knew of the new ones, they were not told.
            await self._tell_to_look()
        return bool(gone or new)

    async def _tell_to_look(self) -> None:
        note = Note(self._peers.server, statuses=True, look=True)
        await self._peers.tell(write_notes(note))

    def _hear(self, text: str) -> None:
        note = read_note(text)
        if note is None or note.server == self._peers.server:
            return
        self._hearing.take(note, self._dispatcher)
        if note.look:
            self._soon(self._look())
        if note.gone and not note.withdrawn:
            self._soon(self._let_go(note.gone))

    def _missed(self) -> None:
        """Notes may have been missed: look at everything that they tell of."""
        self._hearing.statuses()
        self._soon(self._look())

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("looking at the other servers' work failed", error=str(error))

    async def _let_go(self, told: Sequence[tuple[int, int]]) -> None:
        """Forget tasks that another server has taken, unless they have come back since."""
        keys = [TaskKey(*key) for key in told if TaskKey(*key) in self._dispatcher.tasks]
        if keys:
            own = {TaskKey(*row) for row in await self._peers.owned([RowKey(*key) for key in keys])}
            for key in set(keys) - own:
                self._dispatcher.forget(key)
            self._hearing.poke()

    async def _look(self) -> None:
        """See who is there and what waits, as if it had been told."""
        await self._call_the_roll()
        await self._look_at_waiting()

    async def _look_at_waiting(self) -> None:
        self._dispatcher.left_out.offers |= set(await self._store.ready_offers())
        self._hearing.look()
        self._hearing.poke()
