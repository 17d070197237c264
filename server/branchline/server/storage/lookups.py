"""Reads of a few rows by their keys, for which a database may have a quicker way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from branchline.server.storage import reads, workflows
from branchline.server.storage.rows import ExecutionRow

Read = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


class Lookups(Protocol):
    """Each says what the method of the same name of the store says."""

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """See Store."""
        ...

    async def executions_by_key(self, keys: Sequence[int]) -> list[ExecutionRow]:
        """See Store."""
        ...

    async def executions_in_the_way(
        self, ids: Sequence[str], requests: Sequence[tuple[str, str]]
    ) -> tuple[list[ExecutionRow], list[ExecutionRow]]:
        """See Store."""
        ...

    async def last_sequences(self, keys: Sequence[int]) -> dict[int, int]:
        """See Store."""
        ...

    async def latest_versions(self, names: Sequence[str]) -> dict[str, int]:
        """See Store."""
        ...


class PlainLookups:
    """Lookups that are reads as all others."""

    def __init__(self, read: Read) -> None:
        self._read = read

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """See Store."""
        return list(await self._read(lambda c: reads.executions_by_id(c, ids)))

    async def executions_by_key(self, keys: Sequence[int]) -> list[ExecutionRow]:
        """See Store."""
        return list(await self._read(lambda c: reads.executions_by_key(c, keys)))

    async def executions_in_the_way(
        self, ids: Sequence[str], requests: Sequence[tuple[str, str]]
    ) -> tuple[list[ExecutionRow], list[ExecutionRow]]:
        """See Store."""
        same_id, same_request = await self._read(
            lambda c: (reads.executions_by_id(c, ids), reads.executions_by_request(c, requests))
        )
        return same_id, same_request

    async def last_sequences(self, keys: Sequence[int]) -> dict[int, int]:
        """See Store."""
        return dict(await self._read(lambda c: reads.last_sequences(c, keys)))

    async def latest_versions(self, names: Sequence[str]) -> dict[str, int]:
        """See Store."""
        return dict(await self._read(lambda c: workflows.latest_versions(c, names)))
