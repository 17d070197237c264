"""Waits until what came out of a play on a server can be read, then reads it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from msgspec import UNSET

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.scenarios.api import status_name
from tests.scenarios.compare import show
from tests.scenarios.expectations import (
    SELF,
    all_closed,
    every_outcome,
    names_in_lists,
    waits_for,
)
from tests.scenarios.facts import Facts, Seen, SeenList, SeenVisit
from tests.scenarios.outcomes import can_be_judged
from tests.scenarios.readings import list_of, seen_of, visit_of
from tests.scenarios.registering import round_trip_difference
from tests.scenarios.results import ScenarioFailed
from tests.scenarios.scenario import Expect, Listed, ListFilter, Outcome
from tests.scenarios.stage import Stage

_LONGEST_WAIT = 10.0
_PAUSE = 0.015


async def gather(stage: Stage) -> Facts:
    """All that came out. Raises ``ScenarioFailed``."""
    expect = stage.scenario.expect
    every = every_outcome(expect)
    await asyncio.gather(*(_settled(stage, name, outcome) for name, outcome in every.items()))
    await _waiting(stage, expect)
    children = await _children(stage, expect)
    own = await stage.find(SELF)
    return Facts(
        executions={name: await _seen(stage, name) for name in every},
        ids={**stage.ids, **{name: await _the_id(stage, name) for name in names_in_lists(expect)}},
        runs=stage.book,
        children=children,
        status_changes=await _status_changes(stage, expect),
        step_visits=await _step_visits(stage, own) if expect.progress is not UNSET else [],
        lists=[await _list(stage, each) for each in _lists(expect)],
        round_trip=await _round_trip(stage) if expect.round_trip is True else "",
    )


async def _until(stage: Stage, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, or long enough."""
    end = time.monotonic() + _LONGEST_WAIT
    while not await holds() and time.monotonic() < end:
        stage.check_processes()
        await asyncio.sleep(_PAUSE)


async def _settled(stage: Stage, name: str, outcome: Outcome) -> None:
    async def holds() -> bool:
        execution = await stage.look(name)
        return can_be_judged(outcome, None if execution is None else seen_of(execution))

    await _until(stage, holds)


async def _waiting(stage: Stage, expect: Expect) -> None:
    wanted = waits_for(expect)

    async def holds() -> bool:
        execution = await stage.look()
        tasks = execution.waiting_tasks if execution is not None else ()
        return Counter((task.activity, task.task_queue) for task in tasks) == wanted

    if expect.waiting_for is not UNSET:
        await _until(stage, holds)


async def _children(stage: Stage, expect: Expect) -> dict[str, list[str]]:
    statuses: dict[str, list[str]] = {}
    for workflow, count in ({} if expect.children is UNSET else expect.children).items():

        async def holds(workflow: str = workflow, count: int = count) -> bool:
            children = await stage.api.executions_of(workflow)
            statuses[workflow] = [status_name(child) for child in children]
            return all_closed(statuses[workflow], count)

        await _until(stage, holds)
    return statuses


async def _seen(stage: Stage, name: str) -> Seen | None:
    execution = await stage.look(name)
    if execution is None:
        return None
    return seen_of(execution, await stage.api.history(execution.id))


async def _status_changes(stage: Stage, expect: Expect) -> list[str]:
    listener = stage.statuses
    if listener is None or expect.status_changes is UNSET:
        return []
    count = len(expect.status_changes)
    got = await listener.statuses(stage.ids.get(SELF, ""), count, _LONGEST_WAIT)
    if listener.failure:
        raise ScenarioFailed(f"status_changes: {listener.failure}")
    return got


async def _step_visits(stage: Stage, execution_id: str) -> list[SeenVisit]:
    if await stage.look() is None:
        return []  # told elsewhere
    return [visit_of(visit) for visit in await stage.api.step_visits(execution_id)]


async def _round_trip(stage: Stage) -> str:
    execution = await stage.look()
    if execution is None:
        return ""  # told elsewhere
    stored = await stage.api.definition(execution.workflow, execution.version)
    return round_trip_difference(stage.scenario.workflow, stored)


def _lists(expect: Expect) -> list[Listed]:
    return [] if expect.listed is UNSET else expect.listed


async def _list(stage: Stage, listed: Listed) -> SeenList:
    """A list, read in pages of one, and its count, between which nothing has changed."""
    wanted = await _filter(stage, listed.filter)
    found = await stage.api.executions(wanted, page_size=1)
    while True:
        count = await stage.api.count(wanted)
        again = await stage.api.executions(wanted, page_size=1)
        if again == found:
            return list_of(found, count)
        found = again


async def _filter(stage: Stage, wanted: ListFilter) -> pb.ExecutionFilter:
    message = pb.ExecutionFilter(labels=wanted.labels)
    if wanted.workflow is not UNSET:
        message.workflow = wanted.workflow
    if wanted.status is not UNSET:
        message.statuses.append(
            execution_pb2.ExecutionStatus.Value(f"EXECUTION_STATUS_{wanted.status}")
        )
    if wanted.parent is not UNSET:
        message.parent = await _the_id(stage, wanted.parent)
    if wanted.started_after is not UNSET:
        execution = await stage.look(wanted.started_after)
        if execution is None:
            raise ScenarioFailed(f"listed: there is no execution {show(wanted.started_after)}")
        message.started_after.CopyFrom(execution.start_time)
    return message


async def _the_id(stage: Stage, name: str) -> str:
    execution_id = await stage.find(name)
    if not execution_id:
        raise ScenarioFailed(f"listed: there is no execution {show(name)}")
    return execution_id
