"""Lets time pass until what came out of a play can be read, then reads it."""

from __future__ import annotations

from collections import Counter

from msgspec import UNSET

from branchline.server.rpc.definition_messages import workflow_message
from branchline.server.rpc.definitions import DefinitionReader
from branchline.testing import Run
from tests.scenarios.bare.readings import visit_of
from tests.scenarios.bare.stage import Stage
from tests.scenarios.compare import show
from tests.scenarios.expectations import (
    SELF,
    all_closed,
    every_outcome,
    names_in_lists,
    waits_for,
)
from tests.scenarios.facts import Facts, SeenList
from tests.scenarios.outcomes import can_be_judged
from tests.scenarios.registering import load, round_trip_difference
from tests.scenarios.results import ScenarioFailed
from tests.scenarios.scenario import Expect, ListFilter


def gather(stage: Stage) -> Facts:
    """All that came out. Raises ``ScenarioFailed``."""
    expect = stage.scenario.expect
    every = every_outcome(expect)
    stage.until(
        lambda: all(can_be_judged(outcome, stage.look(name)) for name, outcome in every.items())
    )
    _wait_for_tasks(stage, expect)
    workflows = _wait_for_children(stage, expect)
    _wait_for_changes(stage, expect)
    executions = {name: stage.look(name) for name in every}
    lists = [] if expect.listed is UNSET else expect.listed
    own = stage.find() if executions[SELF] else None
    return Facts(
        executions=executions,
        ids={**stage.ids, **{name: _run(stage, name).id for name in names_in_lists(expect)}},
        runs=stage.runs,
        children={workflow: _statuses(stage, workflow) for workflow in workflows},
        status_changes=[] if own is None else [str(status) for status in own.status_changes],
        step_visits=[] if own is None else [visit_of(visit) for visit in own.step_visits],
        lists=[_list(stage, listed.filter) for listed in lists],
        round_trip=_round_trip(stage) if expect.round_trip is True else "",
    )


def _wait_for_tasks(stage: Stage, expect: Expect) -> None:
    wanted = waits_for(expect)

    def waits() -> bool:
        seen = stage.look()
        return seen is not None and Counter(seen.waiting) == wanted

    if expect.waiting_for is not UNSET:
        stage.until(waits)


def _wait_for_children(stage: Stage, expect: Expect) -> list[str]:
    """Wait until they have closed, in so far as they do; whose they are."""
    if expect.children is UNSET:
        return []
    children = expect.children
    stage.until(lambda: all(all_closed(_statuses(stage, each), n) for each, n in children.items()))
    return list(children)


def _wait_for_changes(stage: Stage, expect: Expect) -> None:
    if expect.status_changes is UNSET or stage.look() is None:
        return
    own, count = _run(stage, SELF), len(expect.status_changes)
    stage.until(lambda: len(own.status_changes) >= count)


def _statuses(stage: Stage, workflow: str) -> list[str]:
    return [str(run.status) for run in stage.rehearsal.executions(workflow)]


def _round_trip(stage: Stage) -> str:
    """How the definition changes on its way through the engine's form."""
    reader = DefinitionReader()
    workflow = reader.workflow(load(stage.scenario.workflow).workflow)
    if reader.problems:
        return f"the engine cannot take it: {reader.problems}"
    return round_trip_difference(stage.scenario.workflow, workflow_message(workflow))


def _list(stage: Stage, wanted: ListFilter) -> SeenList:
    found = [run for run in reversed(stage.rehearsal.executions()) if _passes(stage, run, wanted)]
    statuses = Counter(str(run.status) for run in found)
    return SeenList([run.id for run in found], statuses, len(found), statuses)


def _passes(stage: Stage, run: Run, wanted: ListFilter) -> bool:
    """Whether an execution is one of those that are asked for (semantics 12.5)."""
    info = run.describe()
    parent = None if wanted.parent is UNSET else _run(stage, wanted.parent).id
    after = None if wanted.started_after is UNSET else _run(stage, wanted.started_after)
    earliest = None if after is None else after.describe().start_time
    return (
        wanted.workflow in (UNSET, info.workflow)
        and wanted.status in (UNSET, str(info.status))
        and wanted.labels.items() <= info.labels.items()
        and parent in (None, info.parent)
        and (earliest is None or (info.start_time is not None and info.start_time > earliest))
    )


def _run(stage: Stage, name: str) -> Run:
    run = stage.find(name)
    if run is None:
        raise ScenarioFailed(f"listed: there is no execution {show(name)}")
    return run
