"""The proxy passes on what it gets, until it is told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.chaos.proxy import Proxy


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy before a server that says everything twice."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line + line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
        server.close()


class Caller:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def call(cls, proxy: Proxy) -> Caller:
        host, port = proxy.address.split(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def say(self, text: bytes) -> bytes:
        """What comes back; nothing when the connection is gone."""
        self._writer.write(text)
        try:
            return await self._reader.read(100)
        except ConnectionError:
            return b""

    def hang_up(self) -> None:
        self._writer.close()


async def test_what_is_said_is_passed_on_both_ways(proxy: Proxy) -> None:
    caller = await Caller.call(proxy)
    assert await caller.say(b"hello\n") == b"hello\nhello\n"
    caller.hang_up()


async def test_a_cut_breaks_connections_off_and_new_ones_work(proxy: Proxy) -> None:
    caller = await Caller.call(proxy)
    assert await caller.say(b"1\n") == b"1\n1\n"
    assert proxy.cut(Random(1), 1.1) == 1
    assert await caller.say(b"2\n") == b""
    another = await Caller.call(proxy)
    assert await another.say(b"3\n") == b"3\n3\n"
    caller.hang_up()
    another.hang_up()


async def test_while_connections_are_refused_nothing_is_answered(proxy: Proxy) -> None:
    refusing = asyncio.create_task(proxy.refuse(0.05))
    await asyncio.sleep(0)
    caller = await Caller.call(proxy)
    assert await caller.say(b"1\n") == b""
    await refusing
    another = await Caller.call(proxy)
    assert await another.say(b"2\n") == b"2\n2\n"
    caller.hang_up()
    another.hang_up()


async def test_what_is_held_up_comes_later(proxy: Proxy) -> None:
    caller = await Caller.call(proxy)
    holding = asyncio.create_task(proxy.hold_up(0.05))
    await asyncio.sleep(0)
    answer = await caller.say(b"1\n")
    assert holding.done()
    assert answer == b"1\n1\n"
    caller.hang_up()
