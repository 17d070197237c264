"""What activities say at one server, for those who watch at another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from branchline.server.cluster.notes import Note, Said, write_said
from branchline.server.dispatch import TaskKey
from branchline.server.storage import Peers, StoreError
from branchline.server.subscriptions import ProgressNote

log = structlog.get_logger(__name__)

_PAUSE = 0.1
"""Seconds between two notes: of what a task's activity says meanwhile the last is told."""

_MOST = 100
"""Tasks whose progress is told at a time."""


class Relay:
    """Tells the other servers what the activities of this one's workers say."""

    def __init__(
        self, peers: Peers, has_others: Callable[[], bool], has: Callable[[TaskKey], bool]
    ) -> None:
        self._peers = peers
        self._has_others = has_others
        self._has = has
        """Whether a task is still this server's: of the others their servers tell."""
        self._latest: dict[TaskKey, Said] = {}
        self._filled = asyncio.Event()

    def tell(self, key: TaskKey, execution_id: str, note: ProgressNote) -> None:
        """An activity says something."""
        if self._has_others():
            self._latest[key] = Said(*key, execution_id, note)
            self._filled.set()

    async def run(self) -> None:
        """Tell it, until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("telling progress failed", error=str(error))
            await asyncio.sleep(_PAUSE)

    async def run_once(self) -> None:
        """Tell what has been said since the last time."""
        while self._latest:
            keys = list(self._latest)[:_MOST]
            latest = {key: self._latest.pop(key) for key in keys}
            note = Note(self._peers.server)
            texts = [
                write_said(replace(note, said=said))
                for key, said in latest.items()
                if self._has(key)
            ]
            if texts:
                await self._peers.tell(texts)
