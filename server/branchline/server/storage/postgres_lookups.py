"""Reads of a few rows by their keys from PostgreSQL; implements Lookups.

Each is one round trip, with a plan that is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from branchline.server.storage.rows import ExecutionRow
from branchline.server.storage.schema import executions

Fetch = Callable[..., Awaitable[list[Any]]]

_ROW: Final = ", ".join(f"e.{column.name}" for column in executions.c)

_BY_ID: Final = f"SELECT {_ROW} FROM executions AS e WHERE e.id = ANY($1::text[])"
_BY_KEY: Final = f"SELECT {_ROW} FROM executions AS e WHERE e.key = ANY($1::bigint[])"
_IN_THE_WAY: Final = f"""\
SELECT true, {_ROW} FROM executions AS e WHERE e.id = ANY($1::text[])
UNION ALL
SELECT false, {_ROW} FROM unnest($2::text[], $3::text[]) AS v(workflow, request_id)
JOIN executions AS e ON e.workflow = v.workflow AND e.request_id = v.request_id
"""
_LAST_SEQUENCES: Final = """\
SELECT e.key, (
  SELECT h.last_sequence FROM history AS h WHERE h.execution_key = e.key
  ORDER BY h.first_sequence DESC LIMIT 1
) FROM executions AS e WHERE e.key = ANY($1::bigint[])
"""
_LATEST_VERSIONS: Final = """\
SELECT v.name, w.version FROM unnest($1::text[]) AS v(name), LATERAL (
  SELECT version FROM workflows WHERE name = v.name ORDER BY version DESC LIMIT 1
) AS w
"""


class PostgresLookups:
    """See Lookups."""

    def __init__(self, fetch: Fetch) -> None:
        """``fetch`` runs a statement with arguments."""
        self._fetch = fetch

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """See Store."""
        return list(map(ExecutionRow._make, await self._fetch(_BY_ID, ids)))

    async def executions_by_key(self, keys: Sequence[int]) -> list[ExecutionRow]:
        """See Store."""
        return list(map(ExecutionRow._make, await self._fetch(_BY_KEY, keys)))

    async def executions_in_the_way(
        self, ids: Sequence[str], requests: Sequence[tuple[str, str]]
    ) -> tuple[list[ExecutionRow], list[ExecutionRow]]:
        """See Store."""
        workflows, asked = [list(each) for each in zip(*requests, strict=True)] or ([], [])
        same_id: list[ExecutionRow] = []
        same_request: list[ExecutionRow] = []
        for is_id, *row in await self._fetch(_IN_THE_WAY, ids, workflows, asked):
            (same_id if is_id else same_request).append(ExecutionRow._make(row))
        return same_id, same_request

    async def last_sequences(self, keys: Sequence[int]) -> dict[int, int]:
        """See Store."""
        return dict(map(tuple, await self._fetch(_LAST_SEQUENCES, keys)))

    async def latest_versions(self, names: Sequence[str]) -> dict[str, int]:
        """See Store."""
        return dict(map(tuple, await self._fetch(_LATEST_VERSIONS, names)))
