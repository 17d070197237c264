"""What must come out of a scenario: waits until it can be read, then checks each expectation."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import UNSET

from branchline.v1 import execution_pb2
from tests.scenarios import outcomes
from tests.scenarios.api import is_closed, status_name
from tests.scenarios.compare import differs, same, same_in_any_order
from tests.scenarios.durations import seconds
from tests.scenarios.lists import judge_lists
from tests.scenarios.outcomes import Seen, judge_outcome
from tests.scenarios.progress import judge_progress
from tests.scenarios.registering import judge_round_trip
from tests.scenarios.scenario import Elapsed, Expect, Outcome, WaitingTask
from tests.scenarios.stage import SELF, Stage

_LONGEST_WAIT = 10.0
_PAUSE = 0.015
_ANY_ORDER = "any_order"


async def judge(stage: Stage) -> list[str]:
    """How what came out differs from what is expected; empty when it does not."""
    expect = stage.scenario.expect
    every = {SELF: expect, **expect.others}
    await asyncio.gather(*(_settled(stage, name, outcome) for name, outcome in every.items()))
    differences: list[str] = []
    for name, outcome in every.items():
        told = await _judge_execution(stage, name, outcome)
        differences += told if name == SELF else [f"{name}: {difference}" for difference in told]
    for key, check in _CHECKS.items():
        expected = getattr(expect, key)
        if expected is not UNSET:
            differences += await check(stage, expected)
    execution = await stage.look()
    if execution is not None:
        difference = await stage.judge_watcher(closed=is_closed(execution), limit=_LONGEST_WAIT)
        differences += [difference] if difference else []
    return differences


async def _settled(stage: Stage, name: str, outcome: Outcome) -> None:
    """Wait until an execution can be judged: nothing changes any more once it has closed."""
    end = time.monotonic() + _LONGEST_WAIT
    while time.monotonic() < end:
        execution = await stage.look(name)
        if execution is None:
            if outcome.gone is True:
                return
        elif _is_as_wanted(execution, outcome):
            return
        stage.check_processes()
        await asyncio.sleep(_PAUSE)


def _is_as_wanted(execution: execution_pb2.Execution, outcome: Outcome) -> bool:
    if outcome.gone is True:
        return False
    if is_closed(execution):
        return True
    if outcome.status is not UNSET:
        return status_name(execution) == outcome.status
    return not _tells_the_end(outcome)


def _tells_the_end(outcome: Outcome) -> bool:
    """Whether something is expected that only a closed execution has."""
    elapsed = outcome.elapsed if isinstance(outcome, Expect) else UNSET
    return any(value is not UNSET for value in (outcome.outputs, outcome.error, elapsed))


async def _judge_execution(stage: Stage, name: str, outcome: Outcome) -> list[str]:
    execution = await stage.look(name)
    if execution is None:
        return [] if outcome.gone is True else ["the execution does not exist"]
    if outcome.gone is True:
        return ["gone: the execution still exists"]
    return judge_outcome(outcome, Seen(execution, await stage.api.history(execution.id)))


async def _calls(stage: Stage, expected: dict[str, int]) -> list[str]:
    got = {name: stage.book.calls(name) for name in expected}
    return [] if got == expected else [differs("calls", expected, got)]


async def _computed(stage: Stage, expected: dict[str, int]) -> list[str]:
    got = {key: stage.book.computed[key] for key in expected}
    return [] if got == expected else [differs("computed", expected, got)]


async def _at_once(stage: Stage, expected: dict[str, int]) -> list[str]:
    got = {name: stage.book.most_at_once[name] for name in expected}
    return [
        f"at_once {name}: at most {most} allowed, got {got[name]}"
        for name, most in expected.items()
        if got[name] > most
    ]


async def _waiting_for(stage: Stage, expected: list[WaitingTask]) -> list[str]:
    wanted = Counter((task.activity, task.task_queue) for task in expected)
    end = time.monotonic() + _LONGEST_WAIT
    while True:
        execution = await stage.look()
        tasks = execution.waiting_tasks if execution is not None else ()
        waiting = Counter((task.activity, task.task_queue) for task in tasks)
        if waiting == wanted:
            return []
        if time.monotonic() > end:
            return [differs("waiting_for", sorted(wanted.elements()), sorted(waiting.elements()))]
        await asyncio.sleep(_PAUSE)


async def _children(stage: Stage, expected: dict[str, int]) -> list[str]:
    differences = []
    end = time.monotonic() + _LONGEST_WAIT
    for workflow, count in expected.items():
        while True:
            statuses = [
                status_name(child) if not is_closed(child) else "closed"
                for child in await stage.api.executions_of(workflow)
            ]
            if statuses == ["closed"] * count:
                break
            if time.monotonic() > end:
                differences.append(differs(f"children {workflow}", f"{count} closed", statuses))
                break
            await asyncio.sleep(_PAUSE)
    return differences


async def _follow_up_errors(stage: Stage, expected: list[str]) -> list[str]:
    execution = await stage.look()
    results = execution.follow_ups if execution is not None else ()
    got = [result.workflow for result in results if result.HasField("error")]
    return [] if sorted(got) == sorted(expected) else [differs("follow_up_errors", expected, got)]


async def _round_trip(stage: Stage, expected: bool) -> list[str]:  # noqa: FBT001  # from the file
    execution = await stage.look()
    if not expected or execution is None:
        return []
    return await judge_round_trip(stage.api, stage.scenario.workflow, execution.version)


async def _elapsed(stage: Stage, expected: Elapsed) -> list[str]:
    execution = await stage.look()
    if execution is None or not execution.HasField("close_time"):
        return ["elapsed: the execution has not closed"]
    start, close = execution.start_time, execution.close_time
    lived = close.seconds - start.seconds + (close.nanos - start.nanos) / 1e9
    differences = []
    if expected.at_least is not UNSET and lived < seconds(expected.at_least):
        differences.append(f"elapsed: at least {expected.at_least}, got {lived:.3f} s")
    if expected.at_most is not UNSET and lived > seconds(expected.at_most):
        differences.append(f"elapsed: at most {expected.at_most}, got {lived:.3f} s")
    return differences


async def _status_changes(stage: Stage, expected: list[str]) -> list[str]:
    listener = stage.statuses
    if listener is None:
        return []
    got = await listener.statuses(stage.ids.get(SELF, ""), len(expected), _LONGEST_WAIT)
    if listener.failure:
        return [f"status_changes: {listener.failure}"]
    return [] if got == expected else [differs("status_changes", expected, got)]


async def _parameters(stage: Stage, expected: dict[str, Any]) -> list[str]:
    loose = stage.scenario.expect.any_order or expected.get(_ANY_ORDER) is True
    equal = same_in_any_order if loose else same
    return [
        differs(f"parameters of {name}", runs, stage.book.parameters(name))
        for name, runs in expected.items()
        if name != _ANY_ORDER and not equal(runs, stage.book.parameters(name))
    ]


_CHECKS: dict[str, Callable[[Stage, Any], Awaitable[list[str]]]] = {
    "calls": _calls,
    "computed": _computed,
    "at_once": _at_once,
    "waiting_for": _waiting_for,
    "children": _children,
    "follow_up_errors": _follow_up_errors,
    "round_trip": _round_trip,
    "listed": judge_lists,
    "elapsed": _elapsed,
    "parameters": _parameters,
    "status_changes": _status_changes,
    "progress": judge_progress,
}

CHECKED = frozenset(
    [*_CHECKS, *outcomes.CHECKED, "others", "any_order", "problems", "start_refused"]
)
"""What can be expected; the last ones are seen to in other places."""
