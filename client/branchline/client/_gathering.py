"""What is wanted at the same time goes to the server together.

A call costs the server far more than a request within it. Nothing is held back for that: what one
turn of the event loop wants makes a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, repeat
from typing import Generic, TypeVar

from google.protobuf.message import Message

from branchline.client._portions import portions
from branchline.client._refusals import can_be_repeated
from branchline.client.errors import DeadlineExceeded, RpcError

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


class Gathering(Generic[_Request, _Response]):
    """Requests of one kind. Those that are made one by one at the same time share a call.

    ``together`` makes such a call, and answers with None for each request that was refused;
    ``alone`` makes a request by itself, for so many seconds at most; ``timeout`` is how many
    seconds a request may take in all.
    """

    def __init__(
        self,
        together: Callable[[list[_Request]], Awaitable[Iterable[_Response | None]]],
        alone: Callable[[_Request, float], Awaitable[_Response]],
        timeout: float,
    ) -> None:
        self._together = together
        self._alone = alone
        self._timeout = timeout
        self._wanted: list[_Wanted[_Request, _Response]] = []
        self._calls: dict[asyncio.Task[None], list[_Wanted[_Request, _Response]]] = {}

    async def ask(self, request: _Request) -> _Response:
        """Make a request. Raises ``RpcError``."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout
        if not self._wanted:
            loop.call_soon(self._call)
        wanted = _Wanted[_Request, _Response](request)
        self._wanted.append(wanted)
        response = await wanted.answer
        if response is not None:
            return response
        # By itself it is told in full why it is refused, or made again until it passes.
        return await self._alone(request, end - loop.time())

    async def close(self) -> None:
        """End the calls that are under way; whoever waits is told."""
        closed = RpcError("the client was closed while it waited for the answer", code="CANCELLED")
        calls, unsent, self._wanted = dict(self._calls), self._wanted, []
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for wanted in chain(unsent, *calls.values()):
            wanted.settle(closed)

    def _call(self) -> None:
        all_wanted = [wanted for wanted in self._wanted if not wanted.answer.done()]
        self._wanted = []
        requests = [wanted.request for wanted in all_wanted]
        for numbers in portions(range(len(requests)), requests):
            if len(numbers) == 1:
                all_wanted[numbers[0]].settle(None)
                continue
            portion = [all_wanted[number] for number in numbers]
            call = asyncio.create_task(self._ask_together(portion))
            self._calls[call] = portion
            call.add_done_callback(self._calls.pop)

    async def _ask_together(self, portion: list[_Wanted[_Request, _Response]]) -> None:
        answers: Iterable[_Response | RpcError | None]
        try:
            told = await self._together([wanted.request for wanted in portion])
            answers = chain(told, repeat(None))
        except RpcError as error:
            late = isinstance(error, DeadlineExceeded) or can_be_repeated(error)
            answers = repeat(error if late else None)
        for wanted, answer in zip(portion, answers, strict=False):
            wanted.settle(answer)


class _Wanted(Generic[_Request, _Response]):
    """A request that somebody waits for; without an answer it is made by itself."""

    __slots__ = ("answer", "request")

    def __init__(self, request: _Request) -> None:
        self.request = request
        self.answer: asyncio.Future[_Response | None] = asyncio.get_running_loop().create_future()

    def settle(self, answer: _Response | RpcError | None) -> None:
        """Tell whoever waits, if anybody still does."""
        if self.answer.done():
            return
        if isinstance(answer, RpcError):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)
