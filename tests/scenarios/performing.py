"""Performs a delivery's actions, as the activity that was called."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from branchline.client import ActivityContext, ActivityError, activity
from branchline.client.builtin import BUILTINS, file, shell
from tests.scenarios.actions import Action
from tests.scenarios.durations import seconds

Json = Any


class Backstage(Protocol):
    """What a delivery needs of whoever runs the scenario."""

    async def computed(self, key: str) -> None:
        """Note that a value was computed for a key."""

    def progressed(self, execution_id: str, message: str) -> None:
        """Note that an execution's activity has reported progress."""

    async def crash(self) -> None:
        """Let the worker die; does not return."""


def shipped(name: str, file_root: str) -> Callable[..., Any]:
    """An activity of the SDK's own, by its name."""
    if name == "shell":
        return shell()
    if name == "file":
        return file(file_root)
    return BUILTINS[name]


class Delivery:
    """One delivery of a run."""

    def __init__(
        self,
        backstage: Backstage,
        actions: list[Action],
        parameters: dict[str, Json],
        *,
        is_first: bool,
    ) -> None:
        self.backstage = backstage
        self.actions = actions
        self.parameters = parameters
        self.is_first = is_first
        """Whether it is the first delivery of its run."""
        self.context: ActivityContext = activity.context()
        self.recorded: dict[str, Json] = {}
        self.received: dict[str, Json] = {}
        """The payloads of its waits, by the name that the scenario gives them."""

    async def perform(self) -> Json:
        """Take the actions in order; gives the result of the run."""
        for key, value in self.actions:
            if key in _RESULTS:
                return await _RESULTS[key](self, value)
            await _STEPS[key](self, value)
        return None


async def _sleep(_: Delivery, duration: str) -> None:
    await asyncio.sleep(seconds(duration))


async def _set(delivery: Delivery, variables: dict[str, Json]) -> None:
    for name, value in variables.items():
        delivery.context.set(name, value)


async def _delete(delivery: Delivery, names: list[str]) -> None:
    for name in names:
        delivery.context.remove(name)


async def _progress(delivery: Delivery, progress: dict[str, Json]) -> None:
    message = progress.get("message", "")
    delivery.context.progress(message, progress.get("data"))
    delivery.backstage.progressed(delivery.context.task.execution_id, message)


async def _record(delivery: Delivery, values: dict[str, Json]) -> None:
    for key, value in values.items():
        compute = functools.partial(_computed, delivery.backstage, key, value)
        delivery.recorded[key] = await delivery.context.record(key, compute)


async def _computed(backstage: Backstage, key: str, value: Json) -> Json:
    await backstage.computed(key)
    return value


async def _wait(delivery: Delivery, wait: dict[str, Json]) -> None:
    payload = delivery.context.wait(wait["topic"], timeout=seconds(wait["timeout"]))
    delivery.received[wait["as"]] = payload


async def _crash(delivery: Delivery, when: bool | str) -> None:  # noqa: FBT001  # from the file
    if when == "always" or (when is True and delivery.is_first):
        await delivery.backstage.crash()


async def _hang(_: Delivery, really: bool) -> None:  # noqa: FBT001  # from the file
    if really:
        await asyncio.Event().wait()


async def _fail(_: Delivery, error: dict[str, Json]) -> None:
    message = error.get("message", "")
    if "type" not in error and "details" not in error:
        raise Exception(message)  # noqa: TRY002  # an ordinary one, which has no type to tell
    raise ActivityError(
        message, type=error.get("type", "activity_failed"), details=error.get("details")
    )


async def _return(_: Delivery, value: Json) -> Json:
    return value


async def _return_parameters(delivery: Delivery, _: bool) -> Json:  # noqa: FBT001  # from the file
    return delivery.parameters


async def _return_parameter(delivery: Delivery, name: str) -> Json:
    return delivery.parameters[name]


async def _return_wait(delivery: Delivery, name: str) -> Json:
    return delivery.received[name]


async def _return_waits(delivery: Delivery, _: bool) -> Json:  # noqa: FBT001  # from the file
    return delivery.received


async def _return_recorded(delivery: Delivery, key: str) -> Json:
    return delivery.recorded[key]


async def _return_variable(delivery: Delivery, name: str) -> Json:
    return (await delivery.context.branch_state()).state[name]


async def _return_task(delivery: Delivery, names: list[str]) -> Json:
    return {name: getattr(delivery.context.task, name) for name in names}


_STEPS: dict[str, Callable[[Delivery, Any], Awaitable[None]]] = {
    "sleep": _sleep,
    "set": _set,
    "delete": _delete,
    "progress": _progress,
    "record": _record,
    "wait": _wait,
    "crash": _crash,
    "hang": _hang,
    "fail": _fail,
}
_RESULTS: dict[str, Callable[[Delivery, Any], Awaitable[Json]]] = {
    "return": _return,
    "return_parameters": _return_parameters,
    "return_parameter": _return_parameter,
    "return_wait": _return_wait,
    "return_waits": _return_waits,
    "return_recorded": _return_recorded,
    "return_variable": _return_variable,
    "return_task": _return_task,
}

ACTIONS = frozenset([*_STEPS, *_RESULTS])
"""What a run can do."""
