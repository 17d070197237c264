"""Many questions of the same kind asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Coalesced(Generic[K, V]):
    """Asks for all that is wanted at a time in one question.

    An answer is never older than the question: what is asked while one is under way waits for
    the next.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._wanted: dict[K, asyncio.Future[V | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The answer for a key, None when there is none. Raises what asking raises."""
        future = self._wanted.get(key)
        if future is None:
            future = self._wanted[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                try:
                    found = await self._ask(list(wanted))
                except Exception as error:  # noqa: BLE001 - it is the callers'
                    for future in wanted.values():
                        future.set_exception(error)
                        future.exception()  # somebody may have gone
                else:
                    for key, future in wanted.items():
                        future.set_result(found.get(key))
        finally:
            self._asking = None
