"""Plays a scenario from its registration to its expectations."""

from __future__ import annotations

import asyncio
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grpc import aio
from msgspec import UNSET

from tests.scenarios.expectations import SELF, judge
from tests.scenarios.facts import Facts
from tests.scenarios.gathering import gather
from tests.scenarios.outside import happen
from tests.scenarios.processes import ProcessFailed, tails
from tests.scenarios.refusals import refusal_differences, text_of
from tests.scenarios.registering import Refused, judge_problems, register
from tests.scenarios.results import Result, ScenarioFailed
from tests.scenarios.scenario import Refusal, Scenario
from tests.scenarios.stage import Stage, open_stage

_LONGEST_PLAY = 180.0
_LONGEST_WAIT = 10.0


async def play(scenario: Scenario) -> Result:
    """Play a scenario on a server, database and worker of its own."""
    result = Result(scenario.name)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scenario-") as name:
        folder = Path(name)
        with _told(result.differences):
            async with asyncio.timeout(_LONGEST_PLAY), open_stage(scenario, folder) as stage:
                result.differences += await _play(stage)
        if result.differences:
            result.logs = tails(folder)
    result.seconds = time.monotonic() - begin
    return result


@contextmanager
def _told(differences: list[str]) -> Iterator[None]:
    """What stops a play is a difference too."""
    try:
        yield
    except (ScenarioFailed, ProcessFailed, Refused) as error:
        differences.append(str(error))
    except aio.AioRpcError as error:
        differences.append(f"a call failed with {error.code().name}: {text_of(error)}")
    except TimeoutError:
        differences.append(f"it did not end within {_LONGEST_PLAY:g} s")
    except Exception:  # noqa: BLE001  # a fault of the runner must not end the other plays
        differences.append(f"the runner failed: {traceback.format_exc()}")


async def _play(stage: Stage) -> list[str]:
    scenario = stage.scenario
    expect = scenario.expect
    if expect.problems is not UNSET:
        return await judge_problems(stage.api, scenario.workflow, expect.problems)
    for definition in (*scenario.also, scenario.workflow):
        await register(stage.api, definition)
    if expect.start_refused is not UNSET:
        return await _judge_start(stage, expect.start_refused)
    await stage.listen_to_statuses()
    stage.started(SELF, await stage.api.start(stage.workflow, scenario.start))
    await happen(stage)
    facts = await gather(stage)
    return [*judge(expect, facts), *await _judge_watcher(stage, facts)]


async def _judge_watcher(stage: Stage, facts: Facts) -> list[str]:
    seen = facts.executions[SELF]
    if seen is None:
        return []
    difference = await stage.judge_watcher(closed=seen.is_closed, limit=_LONGEST_WAIT)
    return [difference] if difference else []


async def _judge_start(stage: Stage, expected: Refusal) -> list[str]:
    try:
        await stage.api.start(stage.workflow, stage.scenario.start)
    except aio.AioRpcError as error:
        return refusal_differences(expected, error.code().name, text_of(error))
    return [f"start: expected {expected.code}, it was not refused"]
