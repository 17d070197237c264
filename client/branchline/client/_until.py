"""Waits until an execution has a status, without asking more often than is useful."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Final, Literal, Protocol

from branchline.client.errors import ExecutionCanceled, ExecutionClosed, ExecutionFailed
from branchline.client.types import Event, ExecutionInfo, ExecutionStatus, Failure

_SHORTEST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
"""Seconds between two questions about an execution that is busy."""


class Watched(Protocol):
    """An execution, as far as it is needed here."""

    id: str

    async def describe(self) -> ExecutionInfo:
        """How it stands now."""

    def watch(self, after: int = 0, *, progress: Literal[False]) -> AsyncGenerator[Event, None]:
        """What happens, to the close."""


async def until(
    execution: Watched, statuses: Iterable[str], seconds: float | None
) -> ExecutionInfo:
    """See ``Execution.until``."""
    wanted = frozenset(map(ExecutionStatus, statuses))
    if not wanted or ExecutionStatus.UNKNOWN in wanted:
        raise ValueError("name the statuses to wait for, such as SUSPENDED or PAUSED")
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            info = await _settled_as(execution, wanted)
    except TimeoutError:
        if not limit.expired():
            raise  # of a call that was not answered
        names = " or ".join(sorted(wanted))
        message = f"execution {execution.id} is not {names} after {seconds:g} s"
        raise TimeoutError(message) from None
    if info.status not in wanted:
        raise _error(info)
    return info


async def _settled_as(execution: Watched, wanted: frozenset[ExecutionStatus]) -> ExecutionInfo:
    """How it stands when it is as wanted, or has closed.

    A status changes with events alone, so it is asked for when some have come; the busier the
    execution, the more of them an answer covers.
    """
    info = await execution.describe()
    pause = _SHORTEST_PAUSE
    while not _settled(info, wanted):
        async with aclosing(execution.watch(info.last_sequence, progress=False)) as events:
            await anext(events, None)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
        info = await execution.describe()
    return info


def _settled(info: ExecutionInfo, wanted: frozenset[ExecutionStatus]) -> bool:
    return info.status in wanted or info.status.closed


def _error(info: ExecutionInfo) -> Exception:
    if info.status is ExecutionStatus.CANCELED:
        return ExecutionCanceled(info.id)
    if info.status is ExecutionStatus.FAILED:
        return ExecutionFailed(info.id, info.error or Failure("activity_failed", ""))
    return ExecutionClosed(f"execution {info.id} has completed")
