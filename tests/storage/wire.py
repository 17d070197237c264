"""A wire to PostgreSQL that can be cut, plugged in again and held."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

CHUNK = 65536


class Wire:
    """Forwards connections at a port of its own."""

    def __init__(self, url: str) -> None:
        self._target = url
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0
        self.before_server: Callable[[bytes], bool] = lambda _: False
        """Given what the client says; the wire is cut before it gets there when it is true."""
        self.before_client: Callable[[bytes], bool] = lambda _: False
        """The same with what the server says."""
        self.flowing = asyncio.Event()
        """Unset, nothing gets through, and nobody is told."""
        self.flowing.set()

    @property
    def url(self) -> str:
        """The URL of the same database through the wire."""
        parts = urlsplit(self._target)
        user = parts.netloc.rpartition("@")[0]
        return f"postgresql://{user}@127.0.0.1:{self._port}{parts.path}"

    async def plug_in(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections and take no more."""
        assert self._server is not None
        self._server.close()
        self.break_connections()
        await self._server.wait_closed()

    def break_connections(self) -> None:
        """Break all connections, and take new ones."""
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await _connect(self._target)
        self._writers |= {writer, back}
        await asyncio.gather(
            self._pump(reader, back, self._to_server),
            self._pump(there, writer, self._to_client),
        )
        self._writers -= {writer, back}

    def _to_server(self, said: bytes) -> bool:
        return self.before_server(said)

    def _to_client(self, said: bytes) -> bool:
        return self.before_client(said)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        cuts: Callable[[bytes], bool],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while said := await source.read(CHUNK):
                await self.flowing.wait()
                if cuts(said):
                    self.break_connections()
                    break
                target.write(said)
                await target.drain()
        target.close()
        with contextlib.suppress(ConnectionError):
            await target.wait_closed()


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host")
    if folder:
        return await asyncio.open_unix_connection(f"{folder[-1]}/.s.PGSQL.{parts.port or 5432}")
    return await asyncio.open_connection(parts.hostname, parts.port or 5432)


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    """A wire to a database, plugged in."""
    wire = Wire(url)
    await wire.plug_in()
    try:
        yield wire
    finally:
        wire.flowing.set()
        await wire.cut()
