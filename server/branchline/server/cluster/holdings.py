"""Which deliveries this server looks after, and how they come from and go to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from branchline.server.cluster.notes import Note, write_notes
from branchline.server.dispatch import PendingTask, SharedDispatcher, TaskKey, TaskToken
from branchline.server.storage import CommitUnknown, Peers, TaskHold, TaskRow
from branchline.server.storage import TaskKey as RowKey
from branchline.server.tasks import pending_task

_MOST: Final = 500
"""How many of a server's tasks are looked at together."""


class Holdings:
    """Keeps a dispatcher in step with what the database says of its server's tasks."""

    def __init__(
        self,
        peers: Peers,
        dispatcher: SharedDispatcher,
        poke: Callable[[], None],
        suspect: Callable[[], None],
    ) -> None:
        self._peers = peers
        self._dispatcher = dispatcher
        self._poke = poke
        """There may be tasks for workers."""
        self._suspect = suspect
        """Nobody knows what this server has: it must come again."""
        self._takings = 0
        """How often tasks have come from other servers."""
        self._adopting: set[asyncio.Task[None]] = set()

    async def adopt(self, tokens: Sequence[TaskToken]) -> None:
        """Take deliveries that workers report here, from whichever server has them."""
        unknown = [
            TaskHold(*token)
            for token in tokens
            if not self._has(token) and not self._dispatcher.is_given_back(token)
        ]
        if unknown:
            # Whoever reports may hang up: what is this server's by then must be looked after.
            adopting = asyncio.ensure_future(self._adopt(unknown))
            self._adopting.add(adopting)
            adopting.add_done_callback(self._adopted)
            await asyncio.shield(adopting)

    async def find(self, token: TaskToken) -> PendingTask | None:
        """A delivery that another server has; it stays there. None when it does not stand."""
        rows = await self._peers.standing([TaskHold(*token)])
        return pending_task(rows[0]) if rows else None

    def inherit(self, rows: Sequence[TaskRow]) -> None:
        """Look after leased tasks whose server is gone, and which are this one's by now."""
        for row in self._new(rows):
            self._dispatcher.inherit(pending_task(row), row.worker)
        if rows:
            self._poke()

    async def inherit_orphans(self) -> None:
        """Take the leased tasks whose server is gone."""
        self.inherit(await self._known(self._peers.adopt_orphans()))

    async def look(self) -> None:
        """Let go of what has ended or was taken elsewhere, as if it had been told."""
        tasks = [task for task in self._dispatcher.tasks.values() if task.is_held]
        for start in range(0, len(tasks), _MOST):
            some = {TaskHold(*t.key, t.delivery): t for t in tasks[start : start + _MOST]}
            rows = await self._peers.standing(list(some))
            stand = {TaskHold(row.key, row.task, row.delivery) for row in rows}
            for hold, task in some.items():
                if hold not in stand and task.is_held:
                    # Only that is over for sure: the next delivery may be on its way to here.
                    self._dispatcher.lose(task.key)
            await self.let_go([hold[:2] for hold in some])

    async def let_go(self, told: Sequence[tuple[int, int]]) -> None:
        """Forget those tasks that another server has, by execution and number."""
        tasks = self._dispatcher.tasks
        while keys := [TaskKey(*key) for key in told if TaskKey(*key) in tasks]:
            before, known = self._takings, {key: tasks[key] for key in keys}
            own = {TaskKey(*row) for row in await self._peers.owned([RowKey(*key) for key in keys])}
            if before != self._takings:
                continue  # What has come meanwhile may be among them.
            for key, task in known.items():
                # The next delivery may have been fetched since.
                if key not in own and tasks.get(key) is task:
                    self._dispatcher.forget(key)
            self._poke()
            return

    # Inside

    async def _adopt(self, deliveries: Sequence[TaskHold]) -> None:
        rows = await self._known(self._peers.adopt(deliveries))
        for row in self._new(rows):
            self._dispatcher.adopt(pending_task(row), row.worker)
        if rows:
            gone = [(row.key, row.task) for row in rows]
            await self._peers.tell(write_notes(Note(self._peers.server, gone=gone)))

    def _adopted(self, adopting: asyncio.Task[None]) -> None:
        self._adopting.discard(adopting)
        if not adopting.cancelled():
            adopting.exception()  # Whoever has hung up needs not take it.

    async def _known(self, taking: Awaitable[list[TaskRow]]) -> list[TaskRow]:
        """What was taken; if nobody knows whether it was, the server comes again."""
        try:
            return await taking
        except CommitUnknown:
            self._suspect()
            raise

    def _has(self, token: TaskToken) -> bool:
        """Whether this server has a delivery, as far as it knows."""
        task = self._dispatcher.tasks.get(TaskKey(token.execution_key, token.task))
        return task is not None and task.delivery == token.delivery

    def _new(self, rows: Sequence[TaskRow]) -> Iterator[TaskRow]:
        """The deliveries that are new here; earlier ones of the same tasks are over."""
        self._takings += bool(rows)
        for row in rows:
            if not self._has(TaskToken(row.key, row.task, row.delivery)):
                self._dispatcher.lose(TaskKey(row.key, row.task))
                yield row
