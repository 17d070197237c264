"""Queries of PostgreSQL cost what they give, however much is stored: none reads a whole table.

The plans are those of a database that is full and analysed: of a small one PostgreSQL rightly
reads all.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.ext.asyncio import create_async_engine

from branchline.server.storage import (
    Batch,
    ExecutionFilter,
    PostgresOptions,
    Store,
    lists,
    postgres_commit,
    reads,
)
from branchline.server.storage.postgres_connection import READS, connect
from branchline.server.storage.rows import (
    ExecutionChange,
    StatusChange,
    TaskHold,
    TaskKey,
    TaskLease,
    TaskPayload,
    TaskPull,
)
from tests.postgres import execute, new_database
from tests.storage.examples import ANY, NOW, execution, snapshot, task, transition
from tests.storage.queries import QUERIES

ROWS = 20_000
FILL = f"""
INSERT INTO executions (key, id, workflow, version, status, start_time, wake_at, request_id, parent)
    SELECT n, 'exec_' || n, 'order', 1, ({list(ANY)!r}::int[])[1 + n % 4], {NOW} + n,
        CASE WHEN n % 4 = 0 THEN {NOW} + n END, 'r-' || n, 'exec_' || n / 10
    FROM generate_series(1, {ROWS}) AS n;
INSERT INTO labels SELECT 'tenant', 'acme', n FROM generate_series(1, {ROWS}) AS n;
INSERT INTO labels SELECT 'order', 'o-' || n, n FROM generate_series(1, {ROWS}) AS n;
INSERT INTO labels
    SELECT 'colour', CASE WHEN n % 3 = 0 THEN 'red' ELSE 'blue' END, n
    FROM generate_series(1, {ROWS}) AS n;
INSERT INTO history SELECT n, s, s, {NOW}, '[]'
    FROM generate_series(1, {ROWS}) AS n, generate_series(1, 3) AS s;
INSERT INTO snapshots SELECT n, 1, '{{}}' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO tasks (execution_key, task, queue, activity, payload, worker)
    SELECT n, 1, 'default', CASE WHEN n % 2 = 0 THEN 'charge' ELSE 'send' END, '{{}}',
        CASE WHEN n % 5 = 0 THEN 'w' END
    FROM generate_series(1, {ROWS}) AS n;
INSERT INTO cancellations SELECT 'exec_' || n, 'why' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO status_changes SELECT n, {NOW}, '[]' FROM generate_series(2, {ROWS}) AS n;
INSERT INTO workflows SELECT 'order-' || n, 1, 'h', '{{}}', {NOW}
    FROM generate_series(1, {ROWS}) AS n;
INSERT INTO workflows SELECT 'order', n, 'h', '{{}}', {NOW} FROM generate_series(1, 50) AS n;
""".replace("([", "(ARRAY[")
MOST_ROWS = 1_100
"""What a step of a plan may read for a page: labels are counted up to a thousand."""
WHOLE = {"count", "count all", "count in time", "count with labels"}
"""What counts all that passes may have to read all."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full() -> AsyncIterator[str]:
    """The URL of a full database."""
    async with new_database() as url:
        await (await Store.open(url)).close()
        await execute(url, FILL)
        await execute(url, "VACUUM (ANALYZE)")
        yield url


def steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All steps of a plan."""
    return [plan, *(step for inner in plan.get("Plans", ()) for step in steps(inner))]


def wasteful(plan: dict[str, Any]) -> list[str]:
    """The steps that read a whole table, or far more rows than a page has."""
    return [
        f"{step['Node Type']} {step.get('Relation Name', '')} {step['Actual Rows']}"
        for step in steps(plan)
        if "Relation Name" in step
        and (
            step["Node Type"] == "Seq Scan"
            or (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
            > MOST_ROWS
        )
    ]


async def plans(url: str, query: Callable[[Connection], object]) -> list[dict[str, Any]]:
    """The plans of the statements of a query, with what they read."""
    options = PostgresOptions()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(url, options, READS)
    )
    seen: list[dict[str, Any]] = []

    def run(connection: Connection) -> None:
        def explain(
            _c: object,
            cursor: DBAPICursor,
            statement: str,
            parameters: Sequence[object],
            *_: object,
        ) -> None:
            if statement.startswith(("SELECT", "WITH", "(SELECT")):
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
                [[found]] = cursor.fetchall()
                seen.append((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])

        event.listen(connection, "before_cursor_execute", explain)
        query(connection)

    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()
    return seen


@pytest.mark.parametrize("name", QUERIES)
async def test_no_read_reads_more_than_it_has_to(full: str, name: str) -> None:
    seen = await plans(full, QUERIES[name])
    assert seen
    if name not in WHOLE:
        assert [wasteful(plan) for plan in seen] == [[]] * len(seen), seen


async def test_what_reads_too_much_would_be_found(full: str) -> None:
    """The test above can fail: no index helps with these."""

    def all_tasks(connection: Connection) -> object:
        return reads.running_tasks(connection)

    def all_of_a_tenant(connection: Connection) -> object:
        return lists.count_executions(
            connection, ExecutionFilter(statuses=ANY, labels={"tenant": "acme"})
        )

    for query in (all_tasks, all_of_a_tenant):
        [plan] = await plans(full, query)
        assert wasteful(plan)


EXPLAIN = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET client_min_messages = log;
"""


async def test_no_write_scans_even_where_that_would_be_the_quickest() -> None:
    """The plans of commits are kept: those of an empty database must be good for a full one."""
    keys = range(1, 65)
    batch = Batch(
        started=[execution(key, labels={"colour": "red"}, close_time=NOW) for key in keys],
        changed=[ExecutionChange(key, 2, close_time=NOW) for key in keys],
        history=[transition(key, 1, 1) for key in keys],
        snapshots=[snapshot(key, 1) for key in keys],
        tasks_added=[task(key, number) for key in keys for number in (1, 2)],
        tasks_leased=[TaskLease(key, 1, "w", 1, NOW) for key in keys],
        tasks_changed=[TaskPayload(key, 1, "{}") for key in keys],
        tasks_removed=[TaskKey(key, 1) for key in keys],
        tasks_pulled=[TaskPull("default", "charge", ("w",))],
        status_changes=[StatusChange(key, 2) for key in keys],
    )
    holds = [TaskHold(key, 2, 0, leased=False) for key in keys[1:]]
    back = [TaskLease(key, 2, None, 0, NOW) for key in keys[1:]]
    later = Batch(tasks_held=holds, tasks_leased=back)
    ends = Batch(tasks_held=holds, tasks_removed=[TaskKey(key, 2) for key in keys[1:]])
    run: list[str] = []
    async with new_database() as url:
        await (await Store.open(url)).close()
        connection = await postgres_commit.connect_for_commits(url, PostgresOptions())
        await connection.execute(EXPLAIN)
        connection.add_log_listener(lambda _, message: run.append(str(message)))
        for each in (batch, later, ends, Batch(deleted=list(keys))):
            await postgres_commit.commit(connection, each, "server")
        written = [said for said in run if "Query Text: SELECT * FROM pg_temp" not in said]
        assert len([said for said in written if "Query Text:" in said]) >= 18
        assert [said for said in written if "Seq Scan" in said] == []
        await connection.close()
