"""The runner's end of the line to the worker: it keeps the book and hands out orders."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Self

import msgspec

from tests.scenarios.book import Book
from tests.scenarios.messages import Begin, Computed, End, Hello, Noted, Orders, Question, Setup
from tests.scenarios.visits import Visits

_LONGEST_LINE = 64 * 1024 * 1024
_question = msgspec.json.Decoder(Question).decode
_encode = msgspec.json.Encoder().encode


class Desk:
    """Answers worker processes, one after the other, at a unix socket."""

    def __init__(self, path: Path, book: Book, visits: Visits, setup: Setup) -> None:
        self.path = path
        self.failure = ""
        """What went wrong while a worker was answered."""
        self._book = book
        self._visits = visits
        self._setup = setup
        self._open = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(
            self._connected, self.path, limit=_LONGEST_LINE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    def open(self) -> None:
        """The server is there: workers may begin."""
        self._open.set()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.create_task(self._serve(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work: Counter[int] = Counter()
        try:
            # A process that was killed may have left half a line.
            while (line := await reader.readline()).endswith(b"\n"):
                answer = await self._answer(_question(line), at_work)
                writer.write(_encode(answer) + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the worker process has been killed
        except Exception as error:  # noqa: BLE001  # told with the scenario's outcome
            self.failure = f"the worker could not be answered: {error!r}"
        finally:
            for run in at_work.elements():
                self._book.end(run)
            writer.close()

    async def _answer(self, question: Question, at_work: Counter[int]) -> object:
        match question:
            case Hello():
                await self._open.wait()
                return self._setup
            case Begin():
                key = await self._visits.key(question.task)
                run = self._book.begin(key, question.task.activity, question.parameters)
                at_work[run.number] += 1
                return Orders(
                    run=run.number, first_delivery=run.deliveries == 1, actions=run.actions
                )
            case Computed():
                self._book.computed[question.key] += 1
            case End():
                at_work[question.run] -= 1
                self._book.end(question.run)
        return Noted()
