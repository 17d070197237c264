"""Executions have labels and a time of their own, and are found by them (semantics 4.12, 12.5)."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.clocks import HandClock
from tests.server.flows import flow, listen, seconds
from tests.server.refusals import refused
from tests.server.serving import Served, serving

INVALID_FIELD = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
CANCELED = execution_pb2.EXECUTION_STATUS_CANCELED
SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED
RUNNING = execution_pb2.EXECUTION_STATUS_RUNNING


async def listed(served: Served, wanted: pb.ExecutionFilter, size: int = 1) -> list[str]:
    """The ids that a filter finds, page by page; as many as are counted."""
    ids: list[str] = []
    token = ""
    while True:
        request = pb.ListExecutionsRequest(filter=wanted, page_size=size, page_token=token)
        response = await served.executions.ListExecutions(request)
        ids += [execution.id for execution in response.executions]
        token = response.next_page_token
        if not token:
            break
    assert (await counted(served, wanted)).total == len(ids)
    return ids


async def counted(served: Served, wanted: pb.ExecutionFilter) -> pb.CountExecutionsResponse:
    """How many a filter finds."""
    return await served.executions.CountExecutions(pb.CountExecutionsRequest(filter=wanted))


async def basic(served: Served, execution_id: str) -> execution_pb2.Execution:
    """The basic view."""
    request = pb.GetExecutionRequest(execution_id=execution_id)
    return (await served.executions.GetExecution(request)).execution


async def test_labels_are_told_in_every_view_and_in_the_history(path: Path) -> None:
    labels = {"tenant": "Ünique\n", "a/b.c_d-9": ""}
    async with serving(path) as served:
        await served.register(flow(listen()))
        await served.start(id="a", labels=labels)
        await served.start(id="plain")
    async with serving(path) as served:
        for execution in (await served.get("a"), await basic(served, "a")):
            assert dict(execution.labels) == labels
            assert (execution.parent, execution.depth) == ("", 0)
        started = (await served.events("a"))[0].execution_started
        assert dict(started.labels) == labels
        assert dict((await served.get("plain")).labels) == {}
        assert await listed(served, pb.ExecutionFilter(labels=labels)) == ["a"]


async def test_all_labels_of_a_filter_must_match(served: Served) -> None:
    await served.register(flow(listen()))
    await served.register(flow(listen(), name="other"))
    await served.start(id="a", labels={"shelf": "a", "colour": "red"})
    await served.start(id="b", labels={"shelf": "a", "colour": "blue"})
    await served.start(id="c", labels={"shelf": "b", "colour": "red"})
    await served.start(id="d", labels={"shelf": "a"}, workflow="other")
    await served.start(id="e")
    await served.cancel("a")
    f = pb.ExecutionFilter
    assert await listed(served, f(labels={"shelf": "a"})) == ["d", "b", "a"]
    assert await listed(served, f(labels={"shelf": "a", "colour": "red"})) == ["a"]
    assert await listed(served, f(labels={"shelf": "b", "colour": "blue"})) == []
    assert await listed(served, f(labels={"shelf": "a"}, workflow="flow")) == ["b", "a"]
    assert await listed(served, f(labels={"shelf": "a"}, statuses=[CANCELED])) == ["a"]
    assert await listed(served, f(labels={"shelf": "a"}, parent="a")) == []
    after_a = f(labels={"shelf": "a"}, started_after=(await basic(served, "a")).start_time)
    assert await listed(served, after_a) == ["d", "b"]


async def test_executions_are_counted_by_status(served: Served) -> None:
    await served.register(flow(listen()))
    for name in ("a", "b", "c"):
        await served.start(id=name)
    await served.cancel("b")
    count = await counted(served, pb.ExecutionFilter())
    assert count == pb.CountExecutionsResponse(
        total=3,
        by_status=[
            pb.StatusCount(status=SUSPENDED, count=2),
            pb.StatusCount(status=CANCELED, count=1),
        ],
    )
    count = await counted(served, pb.ExecutionFilter(statuses=[RUNNING]))
    assert count == pb.CountExecutionsResponse()


async def test_a_repeated_start_keeps_the_first_labels(served: Served) -> None:
    await served.register(flow(listen()))
    first = await served.start(request_id="r", labels={"try": "first"})
    assert await served.start(request_id="r", labels={"try": "second"}) == first
    assert dict((await served.get(first)).labels) == {"try": "first"}
    assert await listed(served, pb.ExecutionFilter(labels={"try": "second"})) == []


async def test_each_start_of_many_has_labels_of_its_own(served: Served) -> None:
    await served.register(flow(listen()))
    starts = [
        pb.StartExecutionRequest(workflow="flow", id=str(number), labels={"half": str(number % 2)})
        for number in range(6)
    ]
    starts.append(pb.StartExecutionRequest(workflow="flow", labels={"a b": "c"}))
    request = pb.StartExecutionsRequest(requests=starts)
    response = await served.executions.StartExecutions(request)
    error = response.results[-1].error
    assert (error.code, error.reason) == (StatusCode.INVALID_ARGUMENT.value[0], "INVALID_FIELD")
    assert 'labels["a b"]' in error.message
    ones = await listed(served, pb.ExecutionFilter(labels={"half": "1"}), size=2)
    assert sorted(ones) == ["1", "3", "5"]


async def test_a_deleted_execution_is_found_by_no_label(served: Served) -> None:
    await served.register(flow(listen()))
    for _ in range(2):
        await served.start(id="a", labels={"colour": "red"})
        assert await listed(served, pb.ExecutionFilter(labels={"colour": "red"})) == ["a"]
        await served.cancel("a")
        await served.delete("a")
        assert await listed(served, pb.ExecutionFilter(labels={"colour": "red"})) == []


async def test_as_much_as_is_allowed_is_taken(served: Served) -> None:
    await served.register(flow(listen()))
    labels = {f"{number:0>100}": "😀" * 200 for number in range(32)}
    await served.start(id="a", labels=labels)
    assert await listed(served, pb.ExecutionFilter(labels=labels)) == ["a"]


BAD_LABELS: dict[str, tuple[dict[str, str], str, str]] = {
    "too many": ({f"l{number}": "" for number in range(33)}, "", "at most 32 labels, not 33"),
    "no name": ({"": "x"}, '[""]', "1 to 100 letters"),
    "a space": ({"x y": "x"}, '["x y"]', "letters, digits or any of -_./"),
    "a letter of another alphabet": ({"größe": "x"}, '["größe"]', "letters, digits"),
    "a line's end": ({"x\n": "x"}, '["x\n"]', "letters, digits"),
    "a long name": ({"x" * 101: ""}, f'["{"x" * 50}..."]', "1 to 100 letters"),
    "a huge name": ({"x" * 1_000_000: ""}, f'["{"x" * 50}..."]', "1 to 100 letters"),
    "a long value": ({"x": "ü" * 201}, '["x"]', "at most 200 characters, not 201"),
    "a huge value": ({"x": "y" * 1_000_000}, '["x"]', "at most 200 characters"),
}


@pytest.mark.parametrize(("labels", "place", "remedy"), BAD_LABELS.values(), ids=BAD_LABELS.keys())
async def test_bad_labels_are_refused_by_name(
    served: Served, labels: dict[str, str], place: str, remedy: str
) -> None:
    """In a start before anything else, and in every filter."""
    await served.register(flow(listen()))
    wanted = pb.ExecutionFilter(labels=labels)
    calls: dict[str, Awaitable[object]] = {
        "labels": served.start(labels=labels),
        "filter.labels": served.executions.ListExecutions(pb.ListExecutionsRequest(filter=wanted)),
        "filter.labels ": counted(served, wanted),
    }
    for field, call in calls.items():
        refusal = await refused(call)
        assert refusal.what == INVALID_FIELD
        [(name, description)] = refusal.violations.items()
        assert name == field.strip() + place
        assert remedy in description
    assert (await counted(served, pb.ExecutionFilter())).total == 0


async def test_a_token_is_good_for_its_labels_and_parent_only(served: Served) -> None:
    await served.register(flow(listen()))
    for _ in range(2):
        await served.start(labels={"a": "1", "b": "2"})
    labels = {"a": "1", "b": "2"}
    request = pb.ListExecutionsRequest(filter=pb.ExecutionFilter(labels=labels), page_size=1)
    token = (await served.executions.ListExecutions(request)).next_page_token
    for other in (
        pb.ExecutionFilter(),
        pb.ExecutionFilter(labels={"a": "1"}),
        pb.ExecutionFilter(labels={"a": "2", "b": "1"}),
        pb.ExecutionFilter(labels=labels, parent="x"),
    ):
        request = pb.ListExecutionsRequest(filter=other, page_size=1, page_token=token)
        refusal = await refused(served.executions.ListExecutions(request))
        assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
    reordered = pb.ExecutionFilter(labels={"b": "2", "a": "1"})
    request = pb.ListExecutionsRequest(filter=reordered, page_size=1, page_token=token)
    assert len((await served.executions.ListExecutions(request)).executions) == 1


async def test_a_list_by_time_is_exact_to_the_microsecond(path: Path, clock: HandClock) -> None:
    """Keys, by which the store finds times, tell milliseconds only."""
    async with serving(path, clock=clock) as served:
        await served.register(flow(listen()))
        times = []
        for number in range(6):
            await served.start(id=str(number))
            times.append((await basic(served, str(number))).start_time)
            clock.move(0.0003)
        for number, time in enumerate(times):
            after = pb.ExecutionFilter(started_after=time)
            before = pb.ExecutionFilter(started_before=time)
            assert await listed(served, after) == [str(n) for n in range(5, number, -1)]
            assert await listed(served, before) == [str(n) for n in range(number - 1, -1, -1)]


async def test_a_start_has_a_time_of_its_own_in_place_of_the_workflows(served: Served) -> None:
    await served.register(flow(listen(), timeout=600.0))
    execution = await served.closed(await served.start(timeout=seconds(0.01)))
    assert execution.error.type == "timeout"
    longer = await served.start(timeout=seconds(9_000))
    started = (await served.events(longer))[0]
    assert started.execution_started.deadline.seconds - started.time.seconds == 9_000


async def test_a_retry_gives_the_time_of_the_start_again(served: Served) -> None:
    await served.register(flow(listen(), timeout=600.0))
    execution_id = await served.start(timeout=seconds(0.01))
    assert (await served.closed(execution_id)).error.type == "timeout"
    await served.retry(execution_id)
    assert (await served.closed(execution_id)).error.type == "timeout"
    [retried] = [
        event for event in await served.events(execution_id) if event.HasField("execution_retried")
    ]
    spared = retried.execution_retried.deadline.ToDatetime() - retried.time.ToDatetime()
    assert spared == timedelta(seconds=0.01)


BAD_TIMES = {
    "nothing": Duration(),
    "less than nothing": Duration(seconds=-5),
    "less than can be measured": Duration(nanos=999),
    "more than a duration may tell": Duration(seconds=2**62),
}


@pytest.mark.parametrize("timeout", BAD_TIMES.values(), ids=BAD_TIMES.keys())
async def test_a_time_that_makes_no_sense_is_refused(served: Served, timeout: Duration) -> None:
    await served.register(flow(listen()))
    refusal = await refused(served.start(timeout=timeout))
    assert refusal.what == INVALID_FIELD
    assert set(refusal.violations) == {"timeout"}


async def test_the_longest_time_is_taken(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start(timeout=Duration(seconds=315_576_000_000))
    assert (await served.get(execution_id)).status == SUSPENDED
