"""Stores of every dialect; what is tested with them holds for all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from branchline.server.storage import Store
from tests.postgres import new_database

DIALECTS = ["sqlite", "postgresql"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A SQLite file that is not there yet."""
    return tmp_path / "branchline.db"


@pytest.fixture
def letter(path: Path) -> bytes:
    """The content of the file, which is no database."""
    path.write_text("Dear friend, all is well.\n" * 100)
    return path.read_bytes()


@pytest.fixture(params=DIALECTS)
async def url(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{path}"
    else:
        async with new_database() as url:
            yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store, empty."""
    store = await Store.open(url)
    yield store
    await store.close()
