"""Plays a scenario on the bare engine, from its registration to its expectations."""

from __future__ import annotations

import io
import logging
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from msgspec import UNSET

from branchline.client.errors import InvalidDefinition
from tests.scenarios.bare.calls import CallRefused, calling
from tests.scenarios.bare.gathering import gather
from tests.scenarios.bare.outside import happen
from tests.scenarios.bare.stage import Stage, open_stage
from tests.scenarios.expectations import SELF, judge
from tests.scenarios.refusals import refusal_differences
from tests.scenarios.registering import Refused, Told, unmatched
from tests.scenarios.results import Result, ScenarioFailed
from tests.scenarios.scenario import ExpectedProblem, Refusal, Scenario

_TAIL = 40

_SEEN = frozenset({"lease", "max_deliveries", "max_payload"})
_UNSEEN = frozenset(
    {
        "cached_dormant",
        "cached_running",
        "log_format",
        "log_level",
        "max_message",
        "shutdown_grace",
        "status_changes_kept",
        "synchronous",
    }
)
"""Settings of the server that change nothing for the engine."""


def reasons_to_skip(scenario: Scenario) -> list[str]:
    """Why a scenario cannot be played without a server; nothing when it can."""
    return [
        f"the bare engine has no setting {name}"
        for name in sorted(scenario.server.keys() - _SEEN - _UNSEEN)
    ]


def play(scenario: Scenario) -> Result:
    """Play a scenario in a rehearsal of its own."""
    result = Result(scenario.name)
    log = io.StringIO()
    begin = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="scenario-") as name,
            _logged(log),
            open_stage(scenario, Path(name)) as stage,
        ):
            result.differences += _play(stage)
    except (ScenarioFailed, CallRefused, Refused) as error:
        result.differences.append(str(error))
    except Exception:  # noqa: BLE001  # a fault of the runner must not end the other plays
        result.differences.append(f"the runner failed: {traceback.format_exc()}")
    if result.differences:
        result.logs = {"rehearsal": log.getvalue().splitlines()[-_TAIL:]}
    result.seconds = time.monotonic() - begin
    return result


@contextmanager
def _logged(log: io.StringIO) -> Iterator[None]:
    """Keep what activities print, and what is logged of them, out of the results."""
    logger = logging.getLogger("branchline")
    handler = logging.StreamHandler(log)
    logger.addHandler(handler)
    try:
        with redirect_stdout(log):
            yield
    finally:
        logger.removeHandler(handler)


def _play(stage: Stage) -> list[str]:
    scenario = stage.scenario
    expect = scenario.expect
    if expect.problems is not UNSET:
        return _judge_problems(stage, expect.problems)
    for definition in (*scenario.also, scenario.workflow):
        with calling():
            stage.rehearsal.register(definition)
    if expect.start_refused is not UNSET:
        return _judge_start(stage, expect.start_refused)
    stage.ids[SELF] = stage.caller.start(stage.workflow, scenario.start).id
    happen(stage)
    return [*judge(expect, gather(stage)), *_judge_histories(stage)]


def _judge_problems(stage: Stage, expected: list[ExpectedProblem]) -> list[str]:
    try:
        stage.rehearsal.register(stage.scenario.workflow)
    except InvalidDefinition as error:
        told = [Told(problem.code, problem.step, problem.message) for problem in error.problems]
        return unmatched(expected, told)
    return unmatched(expected, [])


def _judge_start(stage: Stage, expected: Refusal) -> list[str]:
    try:
        stage.caller.start(stage.workflow, stage.scenario.start)
    except CallRefused as refusal:
        return refusal_differences(expected, refusal.code, refusal.text)
    return [f"start: expected {expected.code}, it was not refused"]


def _judge_histories(stage: Stage) -> list[str]:
    """Every history must give the state that its execution is in."""
    try:
        stage.rehearsal.restart()
    except AssertionError as error:
        return [str(error)]
    return []
