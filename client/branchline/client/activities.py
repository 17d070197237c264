"""Activities: functions that a worker offers by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, overload

from branchline.client._binding import Binder, binder_of
from branchline.client.context import ActivityContext, context

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK: Final = "__branchline_activity__"


class Activity:
    """A function as a worker sees it: a name, and a way to call it with a task's parameters."""

    __slots__ = ("bind", "function", "is_async", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.bind: Binder = binder_of(function)
        """The arguments in a JSON text. Raises ``ActivityError`` (``invalid_parameters``)."""


def activity_of(function: Callable[..., Any]) -> Activity:
    """What a worker needs to offer a function or bound method.

    Raises:
        TypeError: it is not marked with ``@activity``, or its annotations cannot be checked.

    """
    name = getattr(function, _MARK, None)
    if not isinstance(name, str):
        raise TypeError(f"{function!r} is no activity: mark the function with @activity")
    return Activity(name, function)


def by_name(activities: Iterable[Activity]) -> dict[str, Activity]:
    """The activities by their names.

    Raises:
        ValueError: there are none, or two of one name.

    """
    result: dict[str, Activity] = {}
    for activity in activities:
        if activity.name in result:
            raise ValueError(f"two activities are named {activity.name}: give one another name")
        result[activity.name] = activity
    if not result:
        raise ValueError("a worker needs at least one activity")
    return result


class _ActivityDecorator:
    """Marks functions as activities.

    ::

        @activity
        async def charge(order_id: str, amount: float) -> dict[str, Any]: ...

        @activity(name="orders.pack")
        def pack(order_id: str) -> None: ...

    An async function runs on the worker's event loop, a plain one in a thread. Parameters are
    given by name and checked against the annotations; ``**kwargs`` takes those that are not
    named. The result is anything that can be written as JSON. The function itself stays as it
    is; a marked method is offered bound to its object.
    """

    @overload
    def __call__(self, function: _F) -> _F: ...
    @overload
    def __call__(self, *, name: str) -> Callable[[_F], _F]: ...
    def __call__(
        self, function: _F | None = None, *, name: str | None = None
    ) -> _F | Callable[[_F], _F]:
        """Mark a function as an activity, with its own name or the given one.

        Raises:
            TypeError: it cannot be an activity; the message says why.

        """
        if function is not None:
            return _marked(function, name or function.__name__)
        return lambda decorated: _marked(decorated, name or decorated.__name__)

    @staticmethod
    def context() -> ActivityContext:
        """The context of the activity that calls this.

        Raises:
            RuntimeError: no activity runs here.

        """
        return context()

    @staticmethod
    def name_of(function: object) -> str | None:
        """The name of an activity; None when the object is none."""
        name = getattr(function, _MARK, None)
        return name if isinstance(name, str) and callable(function) else None


activity: Final = _ActivityDecorator()


def _marked(function: _F, name: str) -> _F:
    if not inspect.isroutine(function):
        raise TypeError(f"{function!r} cannot be an activity: only functions and methods can")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{name} cannot be an activity: a generator has no single result")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise TypeError(
                f"{name} cannot be an activity: its parameter {parameter.name} is "
                "positional-only, and parameters are given by name"
            )
    setattr(function, _MARK, name)
    return function
