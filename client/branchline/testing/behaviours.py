"""What activities do in a rehearsal, in place of their code."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NoReturn

from branchline.client import ActivityContext, ActivityError, activity
from branchline.testing.clock import length

Json = Any
"""A JSON value."""

crashing: Final[ContextVar[Callable[[], None]]] = ContextVar("branchline_testing_crash")
"""Loses the worker of the activity that runs here."""


@dataclass(eq=False)
class Performance:
    """One delivery of a behaviour, from its first action to the last."""

    parameters: dict[str, Json]
    context: ActivityContext = field(default_factory=activity.context)
    received: dict[str, Json] = field(default_factory=dict)
    """The payloads of its waits, by their names."""
    recorded: dict[str, Json] = field(default_factory=dict)
    """What its records gave, by key."""
    result: Json = None
    is_over: bool = False


Action = Callable[[Performance], Awaitable[None]]


@dataclass(frozen=True)
class Behaviour:
    """What an activity does in one attempt, in order. Made by the functions of this module."""

    actions: tuple[Action, ...]

    async def perform(self, parameters: dict[str, Json]) -> Json:
        """Take the actions; gives the result of the attempt, null without one."""
        performance = Performance(parameters)
        for action in self.actions:
            await action(performance)
            if performance.is_over:
                break
        return performance.result


def does(*behaviours: Behaviour) -> Behaviour:
    """Do several things in one attempt, in order, up to the first that ends it.

    ``does(takes(minutes=5), progress("half"), returns(7))``. After a wait or a crash it begins
    again with the first, as every activity does.
    """
    return Behaviour(tuple(action for each in behaviours for action in each.actions))


def returns(value: Json = None) -> Behaviour:
    """Complete with a result: a JSON value, or a function that makes it of the performance.

    The function, async or not, is given the ``Performance``, with ``parameters``, ``received``,
    ``recorded`` and the SDK's ``context``.
    """

    async def act(performance: Performance) -> None:
        performance.result = await _made(value, performance)
        performance.is_over = True

    return Behaviour((act,))


def fails(
    type: str = "activity_failed",  # noqa: A002 - as definition files call it
    message: str = "",
    details: Json = None,
) -> Behaviour:
    """Fail with an error (semantics 8.1)."""

    async def act(_: Performance) -> None:
        raise ActivityError(message, type=type, details=details)

    return Behaviour((act,))


def takes(
    seconds: float | timedelta = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
) -> Behaviour:
    """Let time pass; the parts are added up. Time takes none of the test's."""
    span = length(seconds, minutes=minutes, hours=hours, days=days)

    async def act(_: Performance) -> None:
        await asyncio.sleep(span.total_seconds())

    return Behaviour((act,))


def crashes(*, always: bool = False) -> Behaviour:
    """Lose the worker, without a word, in the attempt's first delivery or in every one.

    The task is delivered again when its lease has ended; then this does nothing, unless it
    happens ``always``.
    """

    async def act(performance: Performance) -> None:
        if always or performance.context.task.delivery == 1:
            await crash()

    return Behaviour((act,))


async def crash() -> NoReturn:
    """Lose the worker of the activity that calls this; for async activities.

    Raises:
        RuntimeError: no activity of a rehearsal runs here.

    """
    try:
        lose = crashing.get()
    except LookupError:
        raise RuntimeError("no activity of a rehearsal runs here") from None
    lose()
    while True:  # it is cancelled
        await asyncio.Event().wait()


def hangs() -> Behaviour:
    """Do not end until told to stop."""

    async def act(_: Performance) -> None:
        await asyncio.Event().wait()

    return Behaviour((act,))


def waits(topic: str, timeout: float | timedelta, *, name: str = "") -> Behaviour:
    """Wait for a signal in mid-work (semantics 7.7), at most so many seconds.

    The payload is kept under the name, the topic without one: see ``returns``.
    """
    seconds = length(timeout).total_seconds()

    async def act(performance: Performance) -> None:
        payload = performance.context.wait(topic, timeout=seconds)
        performance.received[name or topic] = payload

    return Behaviour((act,))


def records(key: str, value: Json) -> Behaviour:
    """Record a value (semantics 7.8), or what a function gives: called once for all runs."""

    async def act(performance: Performance) -> None:
        performance.recorded[key] = await performance.context.record(key, value)

    return Behaviour((act,))


def sets(**variables: Json) -> Behaviour:
    """Set variables of the branch, when the attempt completes (semantics 7.4)."""

    async def act(performance: Performance) -> None:
        for name, value in variables.items():
            performance.context.set(name, value)

    return Behaviour((act,))


def removes(*names: str) -> Behaviour:
    """Remove variables of the branch, when the attempt completes (semantics 7.4)."""

    async def act(performance: Performance) -> None:
        for name in names:
            performance.context.remove(name)

    return Behaviour((act,))


def progress(message: str = "", data: Json = None) -> Behaviour:
    """Report progress (semantics 7.6), which is a sign of life too."""

    async def act(performance: Performance) -> None:
        performance.context.progress(message, data)

    return Behaviour((act,))


def heartbeat() -> Behaviour:
    """Give a sign of life (semantics 8.5)."""

    async def act(performance: Performance) -> None:
        performance.context.heartbeat()

    return Behaviour((act,))


async def _made(value: Json, performance: Performance) -> Json:
    made = value(performance) if callable(value) else value
    return await made if inspect.isawaitable(made) else made
