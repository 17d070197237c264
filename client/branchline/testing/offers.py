"""Who performs which activity."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from branchline.client import activity as mark
from branchline.client.activities import Activity, activity_of
from branchline.engine.definition import DEFAULT_QUEUE
from branchline.testing.behaviours import Behaviour

Activities: TypeAlias = Mapping[str, object] | Iterable[Callable[..., Any]]
"""Who performs which activity, by its name; or functions that are marked with ``@activity``.

Each is performed by a behaviour; by a function marked with ``@activity``; by any function of the
parameters, async or not, that gives the result or raises; or by a list of these, one an attempt,
of which the last stays.
"""


class Offer:
    """An activity that is offered, and how often it has begun."""

    def __init__(self, name: str, performers: object, queue: str) -> None:
        listed = performers if isinstance(performers, list | tuple) else (performers,)
        if not listed:
            raise ValueError(f"the activity {name} needs at least one behaviour or function")
        self.queue = queue
        self._performers = [_performer(name, performer) for performer in listed]
        self._begun = 0

    def next(self) -> Activity:
        """Who performs the attempt that begins now."""
        place = min(self._begun, len(self._performers) - 1)
        self._begun += 1
        return self._performers[place]

    @property
    def is_threaded(self) -> bool:
        """Whether the attempt that begins next runs in a thread."""
        place = min(self._begun, len(self._performers) - 1)
        return not self._performers[place].is_async


def offers_of(activities: Activities, queues: Mapping[str, str]) -> dict[str, Offer]:
    """The offers by name.

    Raises:
        TypeError: something is neither a behaviour nor a function.
        ValueError: an activity without any, or a queue for one that is not offered.

    """
    named = activities if isinstance(activities, Mapping) else _by_name(activities)
    unknown = sorted(queues.keys() - named.keys())
    if unknown:
        raise ValueError(f"queues names activities that are not offered: {', '.join(unknown)}")
    return {
        name: Offer(name, performers, queues.get(name, DEFAULT_QUEUE))
        for name, performers in named.items()
    }


def _by_name(functions: Iterable[Callable[..., Any]]) -> dict[str, object]:
    named: dict[str, object] = {}
    for function in functions:
        name = activity_of(function).name
        if name in named:
            raise ValueError(f"two activities are named {name}: give one another name")
        named[name] = function
    return named


def _performer(name: str, performer: object) -> Activity:
    if isinstance(performer, Behaviour):
        return Activity(name, _scripted(performer))
    if not callable(performer):
        raise TypeError(f"the activity {name} cannot be performed by {performer!r}")
    if mark.name_of(performer) is not None:
        return Activity(name, performer)
    return Activity(name, _plain(performer))


def _scripted(behaviour: Behaviour) -> Callable[..., Any]:
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401 - JSON is of any type
        return await behaviour.perform(parameters)

    return perform


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is no activity runs on the loop: it needs no time, and no thread."""

    @functools.wraps(function)
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401 - JSON is of any type
        result = function(**parameters)
        return await result if inspect.isawaitable(result) else result

    return perform
