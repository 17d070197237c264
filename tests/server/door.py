"""The store's door: a test may shut it, or hold whoever goes through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from branchline.server.storage import Store, StoreUnavailable


class Door:
    """Stands before one method of every store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self._failures = 0
        self._open = asyncio.Event()
        self._open.set()
        self.knocked = asyncio.Event()
        """Set when somebody has come to the door while it was shut."""
        real: Callable[..., Awaitable[Any]] = getattr(Store, method)

        async def through(store: Store, *arguments: object, **named: object) -> object:
            if self._failures:
                self._failures -= 1
                raise StoreUnavailable("The disk is full.")
            if not self._open.is_set():
                self.knocked.set()
                await self._open.wait()
            return await real(store, *arguments, **named)

        monkeypatch.setattr(Store, method, through)

    def fail(self, times: int) -> None:
        """Refuse the next so many."""
        self._failures = times

    @property
    def failing(self) -> bool:
        """Whether the next one will be refused."""
        return self._failures > 0

    def shut(self) -> None:
        """Hold everybody from now on."""
        self._open.clear()

    def let_in(self) -> None:
        """Let everybody pass."""
        self._open.set()
