"""The worker process's end of the line to the runner."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self, TypeVar

import msgspec

from tests.scenarios.messages import Begin, Computed, End, Hello, Noted, Orders, Question, Setup

_LONGEST_LINE = 64 * 1024 * 1024
_encode = msgspec.json.Encoder().encode
Answer = TypeVar("Answer")


class Line:
    """Asks the runner; answers come in the order of the questions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asked: deque[asyncio.Future[bytes]] = deque()
        self.reading = asyncio.create_task(self._read())
        """Done when the runner has hung up."""

    @classmethod
    async def open(cls, path: str) -> Self:
        """A line to the runner that listens at a unix socket."""
        return cls(*await asyncio.open_unix_connection(path, limit=_LONGEST_LINE))

    async def hello(self) -> Setup:
        """What this worker is to offer; answered when the server is there."""
        return await self._ask(Hello(), Setup)

    async def begin(self, question: Begin) -> Orders:
        """What a delivery is to do."""
        return await self._ask(question, Orders)

    async def computed(self, key: str) -> None:
        """Tell that a value was computed for a key."""
        await self._ask(Computed(key), Noted)

    def end(self, run: int) -> None:
        """Tell that a delivery has ended; nobody waits for the answer, the order suffices."""
        self._send(End(run))

    async def _ask(self, question: Question, answer: type[Answer]) -> Answer:
        return msgspec.json.decode(await self._send(question), type=answer)

    def _send(self, question: Question) -> asyncio.Future[bytes]:
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked.append(answered)
        self._writer.write(_encode(question) + b"\n")
        return answered

    async def _read(self) -> None:
        while line := await self._reader.readline():
            answered = self._asked.popleft()
            if not answered.done():  # a stopped task waits no longer
                answered.set_result(line)
