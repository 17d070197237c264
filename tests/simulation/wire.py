"""The network between callers and the server: messages take time, and get lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from random import Random
from typing import Generic, TypeVar

from branchline.server.rpc.calls import Context
from tests.simulation.database import Faults
from tests.simulation.host import Host
from tests.simulation.loop import OUTSIDE
from tests.simulation.server import INCOMING, Broken, Refused, Services
from tests.simulation.trace import Trace

Request = TypeVar("Request")
Response = TypeVar("Response")

Unary = Callable[[Services], Callable[[Request, Context], Awaitable[Response]]]
Streaming = Callable[[Services], Callable[[Request, Context], AsyncIterator[Response]]]

_TICK = 1e-6
_HALF_OPEN = 5.0
"""Seconds after which both sides find out that a connection is gone."""


class Wire:
    """One caller's way to the servers: each call, and each stream, to any of them."""

    def __init__(
        self, name: str, hosts: Sequence[Host], faults: Faults, random: Random, trace: Trace
    ) -> None:
        self.name = name
        self._hosts = hosts
        self.faults = faults
        self.random = random
        self.trace = trace

    def host(self) -> Host:
        """A server's machine."""
        return self._hosts[0] if len(self._hosts) == 1 else self.random.choice(self._hosts)

    def delay(self) -> float:
        """Seconds that a message takes."""
        random = self.random
        if not self.faults.over and random.random() < 0.02:
            return random.uniform(0, 1.5)
        return random.uniform(0, self.faults.odds.latency)

    async def call(
        self, method: Unary[Request, Response], request: Request, limit: float = 4.0
    ) -> Response:
        """Raises ``Refused``, and ``Broken`` when nobody knows what became of it."""
        try:
            async with asyncio.timeout(limit):
                await self._pass()
                answer = await self._carry_out(method, request)
                await self._pass()
        except TimeoutError:
            raise Broken("no answer in time") from None
        return answer

    def stream(self, method: Streaming[Request, Response], request: Request) -> Stream[Response]:
        """Open a stream of answers."""
        return Stream(self, lambda services, context: method(services)(request, context))

    async def _pass(self) -> None:
        await asyncio.sleep(self.delay())
        faults = self.faults
        if not faults.over and self.random.random() < faults.odds.lost:
            await asyncio.sleep(self.delay())
            raise Broken("lost on the way")

    async def _carry_out(self, method: Unary[Request, Response], request: Request) -> Response:
        door = self.host().door

        async def call() -> Response:
            return await method(door.services)(request, INCOMING)

        task = door.take(call())
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        if task.cancelled():
            raise Broken("the server is gone")
        return task.result()


class Stream(Generic[Response]):
    """A stream of answers: they come in order, each after a delay."""

    def __init__(
        self,
        wire: Wire,
        method: Callable[[Services, Context], AsyncIterator[Response]],
    ) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._answers: asyncio.Queue[Response | Exception | None] = asyncio.Queue()
        self._hung_up = False
        self._serving: asyncio.Task[None] | None = None
        self._loop.call_at(self._next(), self._open, method)

    def hang_up(self, *, silently: bool = False) -> None:
        """End it from this side; silently, the server finds out only after a while."""
        self._hung_up = True
        self._answers.put_nowait(None)
        pause = _HALF_OPEN if silently else self._wire.delay()
        self._loop.call_later(pause, self._cancel)

    async def next(self) -> Response | None:
        """The next answer, None at the end. Raises ``Refused`` and ``Broken``."""
        answer = await self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _open(self, method: Callable[[Services, Context], AsyncIterator[Response]]) -> None:
        try:
            host = self._wire.host()
            door = host.door
            self._serving = door.take(self._serve(method, door.services))
        except Broken as error:
            self._send(error)
        else:
            self._serving.add_done_callback(self._over)
            host.opened(self._serving, self._lose)
            if self._hung_up:
                self._loop.call_later(self._wire.delay(), self._cancel)

    async def _serve(
        self,
        method: Callable[[Services, Context], AsyncIterator[Response]],
        services: Services,
    ) -> None:
        stream = method(services, INCOMING)
        assert isinstance(stream, AsyncGenerator)
        try:
            async for answer in stream:
                self._send(answer)
        except Refused as error:
            self._send(error)
        else:
            self._send(None)
        finally:
            await stream.aclose()

    def _over(self, serving: asyncio.Task[None]) -> None:
        if serving.cancelled():
            self._send(Broken("the connection broke"))
        else:
            serving.result()

    def _lose(self) -> None:
        """The caller gives up a server that stands still; it finds out when it goes on."""
        self._send(Broken("the server is silent"))
        self._hung_up = True
        self._cancel()

    def _cancel(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    def _send(self, answer: Response | Exception | None) -> None:
        if not self._hung_up:
            at = self._next()
            self._loop.call_at(at, self._answers.put_nowait, answer, context=OUTSIDE)

    def _next(self) -> float:
        self._last = max(self._last + _TICK, self._loop.time() + self._wire.delay())
        return self._last


class Talk(Generic[Request]):
    """What a caller says on a stream: the server gets it in order, each after a delay."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._said: asyncio.Queue[Request | None] = asyncio.Queue()

    def say(self, message: Request | None) -> None:
        """Send a message; None is the end."""
        self._last = max(self._last + _TICK, self._loop.time() + self._wire.delay())
        self._loop.call_at(self._last, self._said.put_nowait, message)

    async def heard(self) -> AsyncIterator[Request]:
        """The messages, for the server."""
        while True:
            message = await self._said.get()
            if message is None:
                return
            yield message
