"""A PostgreSQL database that can't be opened is told with the remedy, and without the password."""

from __future__ import annotations

import asyncio
import re
import socket
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import pytest

from branchline.server.storage import (
    Batch,
    CannotOpen,
    PostgresOptions,
    Store,
    StoreUnavailable,
    UnsupportedDatabase,
)
from tests.postgres import SUSPECT, as_user, connect, execute, new_database, new_user, server_url
from tests.storage.examples import execution
from tests.storage.wire import wired

SECRET = "s3cret"
NOBODY = "postgresql://127.0.0.1:1/branchline"


@pytest.fixture
async def database() -> AsyncIterator[str]:
    """The URL of an empty database."""
    async with new_database() as url:
        yield url


@pytest.fixture
async def user() -> AsyncIterator[str]:
    """The name of a user who owns nothing."""
    name = f"user_{uuid4().hex[:12]}"
    async with new_user(name, SECRET):
        yield name


async def refusal(url: str, kind: type[CannotOpen] = CannotOpen) -> str:
    """What is said when a database can't be opened."""
    with pytest.raises(kind) as refused:
        await Store.open(url, postgres=PostgresOptions(connect_timeout=5.0))
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    return str(refused.value)


async def test_a_missing_database_is_to_be_made() -> None:
    said = await refusal(urlsplit(server_url())._replace(path="/absent").geturl())
    assert re.search(r"'absent' at .*does not exist.*createdb", said) or re.search(
        r"'absent'.*does not exist.*createdb", said
    )


async def test_a_wrong_password_is_told_without_it(database: str) -> None:
    async with new_user(SUSPECT, "right"):
        said = await refusal(as_user(database, SUSPECT, SECRET))
        assert re.search(r"password authentication failed.*PGPASSWORD", said)
        await execute(database, f"ALTER DATABASE {urlsplit(database).path[1:]} OWNER TO {SUSPECT}")
        store = await Store.open(as_user(database, SUSPECT, "right"))
        await store.close()
        await execute(database, f"DROP OWNED BY {SUSPECT} CASCADE")
        await execute(
            database, f"ALTER DATABASE {urlsplit(database).path[1:]} OWNER TO CURRENT_USER"
        )


async def test_an_unknown_user_is_named(database: str) -> None:
    said = await refusal(as_user(database, "unknown_user", SECRET))
    assert re.search(r"unknown_user.*Check the user", said)


async def test_nobody_who_listens_is_to_be_started() -> None:
    said = await refusal(NOBODY)
    assert re.search(r"'branchline' at 127\.0\.0\.1:1 can't be opened.*Check that PostgreSQL", said)


async def test_a_missing_socket_is_to_be_checked(tmp_path: Path) -> None:
    said = await refusal(f"postgresql:///branchline?host={tmp_path}")
    assert re.search(rf"'branchline' at {tmp_path} can't be opened.*Check that PostgreSQL", said)


async def test_one_who_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/branchline"
        with pytest.raises(CannotOpen, match="Check that PostgreSQL"):
            await Store.open(url, postgres=PostgresOptions(connect_timeout=0.2))


async def test_a_server_without_ssl_is_refused_when_it_is_required() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await refusal(f"postgresql://u:{SECRET}@127.0.0.1:{port}/x?sslmode=require")
    assert re.search(r"PostgreSQL has no SSL.*sslmode=disable", said)


async def test_a_user_without_the_right_to_create_tables_is_told_which(
    database: str, user: str
) -> None:
    said = await refusal(as_user(database, user, SECRET))
    assert re.search(r"permission denied.*GRANT CREATE ON SCHEMA public", said)


async def test_a_user_without_the_right_to_temporary_objects_is_told(
    database: str, user: str
) -> None:
    name = urlsplit(database).path[1:]
    await execute(database, f"REVOKE TEMPORARY ON DATABASE {name} FROM public")
    said = await refusal(as_user(database, user, SECRET))
    assert f"GRANT TEMPORARY ON DATABASE {name} TO {user}" in said


async def test_a_user_without_the_right_to_write_is_told_where(database: str, user: str) -> None:
    await (await Store.open(database)).close()
    await execute(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}")
    said = await refusal(as_user(database, user, SECRET))
    assert re.search(rf"The user {user} may not read and write the table.*GRANT", said)
    await execute(database, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}")
    store = await Store.open(as_user(database, user, SECRET))
    await store.commit(Batch(started=[execution(1)]))
    await execute(database, f"REVOKE ALL ON executions FROM {user}")
    with pytest.raises(StoreUnavailable, match="permission denied"):
        await store.commit(Batch(started=[execution(2)]))
    await store.close()
    await execute(database, f"DROP OWNED BY {user}")


async def test_what_can_only_be_read_is_refused(database: str) -> None:
    await (await Store.open(database)).close()
    name = urlsplit(database).path[1:]
    await execute(server_url(), f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert re.search(r"can't be written to.*Name the primary", await refusal(database))
    with_any = f"{database}{'&' if '?' in database else '?'}target_session_attrs=any"
    assert "Name the primary" in await refusal(with_any)


async def test_what_becomes_read_only_is_unavailable_until_it_is_no_more(database: str) -> None:
    """A primary that was made a replica keeps no connection for ever."""
    store = await Store.open(database)
    await store.commit(Batch(started=[execution(1)]))
    name = urlsplit(database).path[1:]
    await execute(server_url(), f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    other = await connect(server_url())
    await other.execute(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    with pytest.raises(StoreUnavailable):
        await store.commit(Batch(started=[execution(2)]))
    await other.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await other.close()
    await store.commit(Batch(started=[execution(2)]))
    await store.close()


async def test_a_database_that_cannot_hold_all_text_is_refused() -> None:
    options = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    async with new_database(options) as url:
        assert re.search(r"encoded in LATIN1.*--encoding=UTF8", await refusal(url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret@host:port/x",
        "postgresql://user:x@s3cret@host/x",
        "postgresql://user:x/s3cret@host/x",
        "postgresql://user:s3cret/@host/x",
        "postgresql://user:x#s3cret@host/x",
        "postgresql://host/x?password=s3cret&bad",
        "postgresql+psycopg2://user:s3cret@host/x",
        "postgresql:user:s3cret",
    ],
)
async def test_a_url_that_cannot_be_read_is_answered_with_the_form(url: str) -> None:
    said = await refusal(url, UnsupportedDatabase)
    assert "postgresql://user:password@host:5432/database" in said


@pytest.mark.parametrize(
    "query",
    [
        "host=127.0.0.1&sslmode=always",
        "host=127.0.0.1&sslmode=verify-full&sslrootcert=/absent",
        "port=x",
        "host=127.0.0.1,localhost&port=1,2,3",
    ],
)
async def test_a_parameter_that_cannot_be_used_is_told(query: str) -> None:
    assert "can't be opened" in await refusal(f"postgresql://user@/x?{query}")


async def test_an_unknown_parameter_is_told(database: str) -> None:
    async with wired(database) as wire:
        said = await refusal(f"{wire.url}?no_such_setting=1")
    assert re.search(r"can't be opened.*no_such_setting", said)


async def test_an_address_that_is_known_by_several_names_opens(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The forms that users of libpq know."""
    parts = urlsplit(database)
    path, user = parts.path, quote(parts.username or "postgres")
    async with wired(database) as wire:
        port = urlsplit(wire.url).port
        monkeypatch.setenv("PGPASSWORD", parts.password or "unused")
        forms = [
            f"postgres://{user}@127.0.0.1:{port}{path}",
            f"postgresql+asyncpg://{user}@localhost:{port}{path}",
            f"postgresql://127.0.0.1:{port}{path}?user={user}&sslmode=prefer",
            f"postgresql://{user}@/?host=127.0.0.1&port={port}&dbname={path[1:]}",
            f"postgresql://{user}@127.0.0.1:1,127.0.0.1:{port}{path}",
            f"postgresql://{user}@127.0.0.1:{port}{path}?target_session_attrs=primary",
        ]
        if folder := parse_qs(parts.query).get("host"):
            forms.append(f"postgresql://{user}@{path}?host={folder[0]}")
            forms.append(f"postgresql://{user}@{quote(folder[0], safe='')}{path}")
        ids = {await opened(form) for form in forms}
        monkeypatch.setenv("PGUSER", parts.username or "postgres")
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(port))
        monkeypatch.setenv("PGDATABASE", path[1:])
        ids.add(await opened("postgresql://"))
    assert len(ids) == 1


async def opened(url: str) -> str:
    """The id of a database that can be opened."""
    store = await Store.open(url)
    await store.close()
    return store.database_id


async def test_servers_that_open_an_empty_database_at_once_share_it(database: str) -> None:
    stores = await asyncio.gather(*(Store.open(database) for _ in range(5)))
    assert len({store.database_id for store in stores}) == 1
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_server_waits_for_the_upgrade_of_another_longer_than_for_statements(
    database: str,
) -> None:
    other = await connect(database)
    async with other.transaction():
        await other.execute("CREATE TABLE meta ()")
        await other.execute("SELECT pg_advisory_xact_lock(6627502)")
        options = PostgresOptions(statement_timeout=0.05)
        opening = asyncio.create_task(Store.open(database, postgres=options))
        done, _ = await asyncio.wait([opening], timeout=0.5)
        assert not done
        await other.execute("DROP TABLE meta")
    await other.close()
    await (await opening).close()
