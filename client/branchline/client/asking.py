"""How an activity's code waits for an answer, on a loop or in a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from branchline.client.hosting import Host

_Answer = TypeVar("_Answer")


async def awaited(answer: Future[_Answer]) -> _Answer:
    """The answer, on any loop. A caller that is cancelled meanwhile leaves the question as it is.

    Raises:
        CancelledError: asyncio's; the activity is to stop.

    """
    return await asyncio.shield(asyncio.wrap_future(answer))


def must_be_in_thread(host: Host) -> None:
    """Make sure that blocking does no harm.

    Raises:
        RuntimeError: this is the worker's loop.

    """
    if host.is_here():
        raise RuntimeError(
            "this would block the worker's loop: async code awaits the method without _blocking"
        )


def blocked_for(answer: Future[_Answer]) -> _Answer:
    """The answer, in a thread.

    Raises:
        CancelledError: asyncio's, which no handler of errors catches; the activity is to stop.

    """
    try:
        return answer.result()
    except CancelledError:
        raise asyncio.CancelledError from None
