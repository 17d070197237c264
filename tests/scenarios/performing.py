"""Performs a delivery's actions, in the worker process."""

from __future__ import annotations

import asyncio
import functools
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

    def __init__(self, line: Line, orders: Orders, parameters: dict[str, Json]) -> None:
        self.line = line
        self.orders = orders
        self.parameters = parameters
        self.context: ActivityContext = activity.context()
        self.recorded: dict[str, Json] = {}
        self.received: dict[str, Json] = {}
        """The payloads of its waits, by the name that the scenario gives them."""

    async def perform(self) -> Json:
        """Take the actions in order; gives the result of the run."""
        for key, value in self.orders.actions:
            if key in _RESULTS:
                return await _RESULTS[key](self, value)
            await _STEPS[key](self, value)
        return None


async def deliver(line: Line, parameters: dict[str, Json]) -> Json:
    """Perform the delivery that is the current activity's, as the runner orders."""
    question = Begin(task=_task_info(), parameters=parameters)
    orders = await line.begin(question)
    try:
        return await Delivery(line, orders, parameters).perform()
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


async def _record(delivery: Delivery, values: dict[str, Json]) -> None:
    for key, value in values.items():
        compute = functools.partial(_computed, delivery.line, key, value)
        delivery.recorded[key] = await delivery.context.record(key, compute)


async def _computed(line: Line, key: str, value: Json) -> Json:
    await line.computed(key)
    return value


async def _wait(delivery: Delivery, wait: dict[str, Json]) -> None:
    payload = delivery.context.wait(wait["topic"], timeout=seconds(wait["timeout"]))
    delivery.received[wait["as"]] = payload


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
