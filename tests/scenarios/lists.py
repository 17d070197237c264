"""What lists of executions must find: read in pages of one, and counted."""

from __future__ import annotations

from collections import Counter

from msgspec import UNSET

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.scenarios.api import status_name
from tests.scenarios.compare import differs, show
from tests.scenarios.scenario import Listed, ListFilter
from tests.scenarios.stage import ScenarioFailed, Stage


async def judge_lists(stage: Stage, expected: list[Listed]) -> list[str]:
    """How each list differs from what it must find."""
    differences: list[str] = []
    for listed in expected:
        what = f"listed {show(_shown(listed.filter))}"
        wanted = await _filter(stage, listed.filter)
        found, count = await _read(stage, wanted)
        ids = [await _the_id(stage, name) for name in listed.finds]
        if ids != [execution.id for execution in found]:
            differences.append(differs(what, listed.finds, _names(stage, found)))
        elif difference := _count_difference(count, found):
            differences.append(f"{what}: {difference}")
    return differences


async def _read(
    stage: Stage, wanted: pb.ExecutionFilter
) -> tuple[list[execution_pb2.Execution], pb.CountExecutionsResponse]:
    """A list and its count, between which nothing has changed."""
    found = await stage.api.executions(wanted, page_size=1)
    while True:
        count = await stage.api.count(wanted)
        again = await stage.api.executions(wanted, page_size=1)
        if again == found:
            return found, count
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


def _names(stage: Stage, found: list[execution_pb2.Execution]) -> list[str]:
    """What the scenario calls executions, else their ids."""
    names = {execution_id: name for name, execution_id in stage.ids.items()}
    return [names.get(execution.id, execution.id) for execution in found]


def _count_difference(
    count: pb.CountExecutionsResponse, found: list[execution_pb2.Execution]
) -> str:
    statuses = Counter(status_name(execution) for execution in found)
    names = execution_pb2.ExecutionStatus.Name
    counted = {
        names(each.status).removeprefix("EXECUTION_STATUS_"): each.count for each in count.by_status
    }
    if (count.total, counted) == (len(found), statuses):
        return ""
    return differs("counted", {"total": len(found), **statuses}, {"total": count.total, **counted})


def _shown(wanted: ListFilter) -> dict[str, object]:
    fields = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not UNSET and value != {}}
