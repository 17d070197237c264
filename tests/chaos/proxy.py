"""A way for TCP connections that can be cut, closed and held up."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

_CHUNK = 64 * 1024


class Proxy:
    """Listens at a port of its own and passes everything on to another one."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._closed_until = 0.0

    @property
    def address(self) -> str:
        """Where to connect to."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in self._pairs:
            task.cancel()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    def cut(self, random: Random, share: float) -> int:
        """Break a share of the connections off, without a farewell; how many they were."""
        cut = [writers for writers in self._pairs.values() if random.random() < share]
        for writers in cut:
            for writer in writers:
                writer.transport.abort()
        return len(cut)

    async def refuse(self, seconds: float) -> None:
        """Break all connections off and take no new ones for a while."""
        self._closed_until = asyncio.get_running_loop().time() + seconds
        self.cut(Random(0), 1.1)
        await asyncio.sleep(seconds)

    async def hold_up(self, seconds: float) -> None:
        """Pass nothing on for a while; nothing is lost."""
        self._flowing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._pairs[task] = [writer]
        try:
            if asyncio.get_running_loop().time() >= self._closed_until:
                await self._connect(reader, writers)
        except (OSError, asyncio.CancelledError):
            pass  # One end is gone, or the test is over: so is the other end.
        finally:
            del self._pairs[task]
            for one in writers:
                one.transport.abort()

    async def _connect(
        self, reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter]
    ) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._target)
        writers.append(onward)
        ways = [
            asyncio.create_task(self._pump(reader, onward)),
            asyncio.create_task(self._pump(there, writers[0])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
