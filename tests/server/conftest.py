"""A server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from tests.server.clocks import HandClock
from tests.server.door import Door
from tests.server.serving import Served, serving


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """What the server logs is for its operators."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database file that is not there yet."""
    return tmp_path / "branchline.db"


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands still."""
    return HandClock()


@pytest.fixture
async def served(path: Path) -> AsyncIterator[Served]:
    """A server."""
    async with serving(path) as served:
        yield served


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Door]:
    """Puts a door before a method of the store."""
    return lambda method: Door(monkeypatch, method)
