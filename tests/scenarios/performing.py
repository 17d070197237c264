"""Performs a delivery's actions, in the worker process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from branchline.client import ActivityContext, ActivityError, activity
from tests.scenarios.durations import seconds
from tests.scenarios.line import Line
from tests.scenarios.messages import Begin, Orders
from tests.scenarios.processes import CRASHED
from tests.scenarios.visits import TaskInfo

Json = Any


class Delivery:
    """One delivery of a run."""

    def __init__(self, orders: Orders, parameters: dict[str, Json]) -> None:
        self.orders = orders
        self.parameters = parameters
        self.context: ActivityContext = activity.context()

    async def perform(self) -> Json:
        """Take the actions in order; gives the result of the run."""
        for key, value in self.orders.actions:
            if key in _RESULTS:
                return _RESULTS[key](self, value)
            await _STEPS[key](self, value)
        return None


async def deliver(line: Line, parameters: dict[str, Json]) -> Json:
    """Perform the delivery that is the current activity's, as the runner orders."""
    question = Begin(task=_task_info(), parameters=parameters)
    orders = await line.begin(question)
    try:
        return await Delivery(orders, parameters).perform()
    finally:
        line.end(orders.run)


async def counted(
    line: Line, parameters: dict[str, Json], work: Callable[[], Awaitable[Json]]
) -> Json:
    """Let an activity of the SDK's own work, and tell the runner when it begins and ends."""
    orders = await line.begin(Begin(task=_task_info(), parameters=parameters))
    try:
        return await work()
    finally:
        line.end(orders.run)


def _task_info() -> TaskInfo:
    task = activity.context().task
    return TaskInfo(
        execution_id=task.execution_id,
        branch=task.branch,
        step=task.step,
        activity=task.activity,
        attempt=task.attempt,
        item=task.item,
    )


async def _sleep(_: Delivery, duration: str) -> None:
    await asyncio.sleep(seconds(duration))


async def _set(delivery: Delivery, variables: dict[str, Json]) -> None:
    for name, value in variables.items():
        delivery.context.set(name, value)


async def _delete(delivery: Delivery, names: list[str]) -> None:
    for name in names:
        delivery.context.remove(name)


async def _progress(delivery: Delivery, progress: dict[str, Json]) -> None:
    delivery.context.progress(progress.get("message", ""), progress.get("data"))


async def _crash(delivery: Delivery, when: bool | str) -> None:  # noqa: FBT001  # from the file
    if when == "always" or (when is True and delivery.orders.first_delivery):
        os._exit(CRASHED)


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


def _task_fields(delivery: Delivery, names: list[str]) -> dict[str, Json]:
    return {name: getattr(delivery.context.task, name) for name in names}


_STEPS: dict[str, Callable[[Delivery, Any], Awaitable[None]]] = {
    "sleep": _sleep,
    "set": _set,
    "delete": _delete,
    "progress": _progress,
    "crash": _crash,
    "hang": _hang,
    "fail": _fail,
}
_RESULTS: dict[str, Callable[[Delivery, Any], Json]] = {
    "return": lambda _, value: value,
    "return_parameters": lambda delivery, _: delivery.parameters,
    "return_parameter": lambda delivery, name: delivery.parameters[name],
    "return_task": _task_fields,
}

ACTIONS = frozenset([*_STEPS, *_RESULTS])
"""What a run can do."""
