"""The executions in memory, which another server may have changed meanwhile.

Events that are decided on an old state are refused by the history's key, so nobody asks the
database before. What has led to no events (a refusal, a command that was given twice) would be
answered from the old state: that is compared with the database before the turn is stored. What is
only looked at, and what another server has told of, is compared first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from branchline.server.runtime import (
    FailLeasedTask,
    Live,
    LiveExecutions,
    ReportOutcome,
    ReportRecord,
    Start,
    View,
)
from branchline.server.runtime.requests import AnyRequest, Order
from branchline.server.runtime.turn import Turn
from branchline.server.storage import Store


class Memory:
    """What is in memory, as far as other servers are concerned. Methods raise ``StoreError``."""

    def __init__(self, store: Store, lives: LiveExecutions) -> None:
        self._store = store
        self._lives = lives
        self._unsure: dict[int, Live] = {}
        """What the present turn has found in memory and taken for what is stored."""

    def begin(self) -> None:
        """A turn begins."""
        self._unsure.clear()

    async def check(self, requests: Iterable[AnyRequest | Order]) -> None:
        """Forget what the requests must not be decided on."""
        first: dict[int, Live] = {}
        for request in requests:
            live = self._live_of(request)
            # What this very turn has changed is ahead of the database.
            if live is None or live.stored != live.state.sequence:
                continue
            if isinstance(request, View) or live.rumours:
                first[live.key] = live
            else:
                self._unsure[live.key] = live
        for key in await self._drop_outdated(first):
            self._unsure.pop(key, None)

    async def confirm(self, turn: Turn) -> bool:
        """Whether what has led to no events was as it is stored; if not, it is forgotten."""
        changes = turn.changes
        silent = {
            key: live
            for key, live in self._unsure.items()
            if key not in changes or not changes[key].events
        }
        self._unsure.clear()
        return not await self._drop_outdated(silent)

    def hear(self, changed: Iterable[str]) -> None:
        """Another server tells that it has changed executions."""
        for execution_id in changed:
            live = self._lives.by_id(execution_id)
            if live is not None:
                live.rumours += 1

    def suspect(self) -> None:
        """Other servers may have changed anything without telling."""
        self._lives.suspect()

    async def _drop_outdated(self, lives: Mapping[int, Live]) -> set[int]:
        """Forget what another server has changed meanwhile; the keys of that."""
        if not lives:
            return set()
        before = {key: live.rumours for key, live in lives.items()}
        stored = await self._store.last_sequences(list(lives))
        outdated = {key for key, live in lives.items() if stored.get(key) != live.stored}
        for key, live in lives.items():
            if key in outdated:
                self._lives.drop(live)
            else:
                live.rumours -= before[key]  # Those that have come meanwhile may be true.
        return outdated

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
