"""What the client asks, what it makes of answers, and which calls it makes again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from branchline.client import (
    AlreadyExists,
    Client,
    DeadlineExceeded,
    Execution,
    ExecutionNotFound,
    ExecutionStatus,
    InvalidDefinition,
    Overloaded,
    Problem,
    RegisteredWorkflow,
    StartRequest,
    Unavailable,
)
from branchline.v1 import execution_pb2, workflow_pb2, workflow_service_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.client.scripted import SILENCE, UNAVAILABLE, Refusal, ScriptedServer

OVERLOADED = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", delay_ms=1)
STARTED = pb.StartExecutionResponse(execution_id="exec_1", version=3, started=True)
SOUND = {"name": "order", "steps": [{"name": "a", "sleep": {"duration": "1s"}}]}
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_a_start_sends_inputs_with_every_digit() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecution", STARTED)
        run = await client.start("order", {"n": 12345678901234567890123}, id="mine", version=2)
        [request] = server.received["StartExecution"]
        assert (run.id, run.version) == ("exec_1", 3)
        assert request.inputs_json == '{"n":12345678901234567890123}'
        assert (request.workflow, request.id, request.version) == ("order", "mine", 2)


async def test_a_start_sends_labels_and_its_time() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecution", STARTED)
        await client.start("order", labels={"tenant": "acme"}, timeout=1.5)
        await client.start("order")
        labelled, plain = server.received["StartExecution"]
        assert dict(labelled.labels) == {"tenant": "acme"}
        assert labelled.timeout.ToTimedelta() == timedelta(seconds=1.5)
        assert (dict(plain.labels), plain.HasField("timeout")) == ({}, False)


async def test_the_time_of_a_start_may_be_a_timedelta() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecution", STARTED)
        await client.start("order", timeout=timedelta(days=1))
        assert server.received["StartExecution"][0].timeout.ToTimedelta() == timedelta(days=1)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), 1e15])
async def test_a_time_that_cannot_be_told_is_refused_before_anything_is_sent(
    timeout: float,
) -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        with pytest.raises(ValueError, match=r"timeout cannot be .* seconds"):
            await client.start("order", timeout=timeout)
        assert not server.received["StartExecution"]


@pytest.mark.parametrize("passing", [UNAVAILABLE, OVERLOADED], ids=["unavailable", "overloaded"])
async def test_a_start_is_repeated_as_the_same_request(passing: Refusal) -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecution", passing, passing, STARTED)
        await client.start("order")
        ids = [request.request_id for request in server.received["StartExecution"]]
        assert len(ids) == 3
        assert len(set(ids)) == 1
        assert ids[0]


async def test_a_given_request_id_is_kept() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecution", STARTED)
        await client.start("order", request_id="mine")
        assert server.received["StartExecution"][0].request_id == "mine"


@pytest.mark.parametrize(
    ("passing", "error"), [(UNAVAILABLE, Unavailable), (OVERLOADED, Overloaded)]
)
async def test_repeating_ends_with_the_time_of_the_call(
    passing: Refusal, error: type[Exception]
) -> None:
    async with ScriptedServer() as server, Client(server.address, timeout=0.2) as client:
        server.script("StartExecution", passing)
        with pytest.raises(error):
            await client.start("order")
        assert len(server.received["StartExecution"]) > 1


async def test_a_server_that_asks_for_more_patience_than_there_is_is_not_asked_again() -> None:
    patient = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", delay_ms=900)
    async with ScriptedServer() as server, Client(server.address, timeout=0.5) as client:
        server.script("StartExecution", patient)
        with pytest.raises(Overloaded):
            await client.start("order")
        assert len(server.received["StartExecution"]) == 1


async def test_nobody_at_the_address_is_unavailable() -> None:
    async with Client("127.0.0.1:1", timeout=0.2) as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await client.start("order")


async def test_a_server_that_never_answers_is_a_timeout() -> None:
    async with ScriptedServer() as server, Client(server.address, timeout=0.05) as client:
        server.script("StartExecution", SILENCE)
        with pytest.raises(TimeoutError) as caught:
            await client.start("order")
        assert isinstance(caught.value, DeadlineExceeded)


async def test_inputs_that_are_no_json_are_refused_before_anything_is_sent() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        with pytest.raises(ValueError, match="inputs cannot be written as JSON: NaN"):
            await client.start("order", {"n": [1.5, float("nan")], "nothing": None})
        assert not server.received["StartExecution"]


async def test_many_starts_are_answered_one_by_one_and_in_order() -> None:
    taken = pb.RequestError(
        code=grpc.StatusCode.ALREADY_EXISTS.value[0], reason="EXECUTION_EXISTS", message="in use"
    )
    answer = pb.StartExecutionsResponse(
        results=[pb.StartResult(started=STARTED), pb.StartResult(error=taken)]
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecutions", answer)
        first, second = await client.start_many(
            [
                StartRequest(workflow="order", labels={"a": "1"}, timeout=2),
                StartRequest(workflow="order", id="used"),
            ]
        )
        labelled, _ = server.received["StartExecutions"][0].requests
        assert (dict(labelled.labels), labelled.timeout.seconds) == ({"a": "1"}, 2)
        assert isinstance(first, Execution)
        assert first.id == "exec_1"
        assert isinstance(second, AlreadyExists)
        assert (second.code, second.message) == ("ALREADY_EXISTS", "in use")


async def test_of_many_starts_only_the_refused_for_now_are_repeated() -> None:
    busy = pb.RequestError(
        code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], reason="OVERLOADED", message="busy"
    )
    started = pb.StartResult(started=STARTED)
    half = pb.StartExecutionsResponse(results=[started, pb.StartResult(error=busy)])
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecutions", half, pb.StartExecutionsResponse(results=[started]))
        results = await client.start_many([StartRequest(workflow=name) for name in ("a", "b")])
        first, second = server.received["StartExecutions"]
        assert all(isinstance(result, Execution) for result in results)
        assert [request.workflow for request in second.requests] == ["b"]
        assert second.requests[0].request_id == first.requests[1].request_id


async def test_more_starts_than_a_call_takes_are_several_calls() -> None:
    def start_each(request: pb.StartExecutionsRequest) -> pb.StartExecutionsResponse:
        results = [
            pb.StartResult(started=pb.StartExecutionResponse(execution_id=start.id))
            for start in request.requests
        ]
        return pb.StartExecutionsResponse(results=results)

    wanted = [str(number) for number in range(2_001)]
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecutions", start_each)
        runs = await client.start_many([StartRequest(workflow="w", id=name) for name in wanted])
        assert [run.id for run in runs if isinstance(run, Execution)] == wanted
        assert [len(call.requests) for call in server.received["StartExecutions"]] == [
            1_000,
            1_000,
            1,
        ]


async def test_a_definition_is_registered_from_a_mapping_a_file_and_a_text(tmp_path: Path) -> None:
    text = "name: order\nsteps:\n  - {name: a, sleep: {duration: 1s}}\n"
    file = tmp_path / "order.yaml"
    file.write_text(text, encoding="utf-8")
    answer = workflow_service_pb2.RegisterWorkflowResponse(name="order", version=4, created=True)
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("RegisterWorkflow", answer)
        results = [await client.register(form) for form in (SOUND, file, str(file), text)]
        assert results == [RegisteredWorkflow("order", 4, created=True)] * 4
        first, *others = server.received["RegisterWorkflow"]
        assert all(other == first for other in others)


async def test_problems_of_the_file_and_of_the_server_come_together() -> None:
    found = workflow_pb2.Problem(code="UNREACHABLE_STEP", step="b", message="no way leads to b")
    validated = workflow_service_pb2.ValidateWorkflowResponse(problems=[found])
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("ValidateWorkflow", validated)
        with pytest.raises(InvalidDefinition) as caught:
            await client.register({**SOUND, "colour": "red"})
        codes = [problem.code for problem in caught.value.problems]
        assert codes == ["INVALID_FIELD", "UNREACHABLE_STEP"]
        assert not server.received["RegisterWorkflow"]
        problems = await client.validate({**SOUND, "colour": "red"})
        assert problems == list(caught.value.problems)


async def test_a_text_that_is_no_definition_is_a_problem() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        [problem] = await client.validate("- a\n- list\n")
        assert problem.code == "INVALID_FIELD"
        with pytest.raises(InvalidDefinition):
            await client.register("- a\n- list\n")


async def test_problems_that_the_server_refuses_with_name_their_steps() -> None:
    refusal = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_DEFINITION",
        violations=[("steps[a b]", "no such step", "UNKNOWN_EDGE_TARGET"), ("workflow", "x", "Y")],
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("RegisterWorkflow", refusal)
        with pytest.raises(InvalidDefinition) as caught:
            await client.register(SOUND)
        assert caught.value.problems == (
            Problem("UNKNOWN_EDGE_TARGET", "a b", "no such step"),
            Problem("Y", "", "x"),
        )


async def test_a_workflow_comes_back_as_a_definition_file_says_it() -> None:
    definition = workflow_pb2.Workflow(name="order", steps=[workflow_pb2.Step(name="a")])
    version = workflow_pb2.WorkflowVersion(
        name="order", version=2, create_time=stamp(MOMENT), workflow=definition
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script(
            "GetWorkflow", workflow_service_pb2.GetWorkflowResponse(workflow_version=version)
        )
        found = await client.get_workflow("order", 2)
        assert (found.name, found.version, found.create_time) == ("order", 2, MOMENT)
        assert found.definition == {"name": "order", "steps": [{"name": "a"}]}


async def test_lists_go_from_page_to_page() -> None:
    pages = [
        workflow_service_pb2.ListWorkflowsResponse(
            workflows=[workflow_pb2.WorkflowVersion(name="a", version=1)], next_page_token="two"
        ),
        workflow_service_pb2.ListWorkflowsResponse(
            workflows=[workflow_pb2.WorkflowVersion(name="b", version=7)]
        ),
    ]
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("ListWorkflows", *pages)
        assert [found.name async for found in client.list_workflows()] == ["a", "b"]
        tokens = [request.page_token for request in server.received["ListWorkflows"]]
        assert tokens == ["", "two"]


async def test_executions_are_listed_by_filter() -> None:
    first = pb.ListExecutionsResponse(
        executions=[
            execution_pb2.Execution(
                id="e2",
                status=execution_pb2.EXECUTION_STATUS_FAILED,
                labels={"tenant": "acme"},
                parent="e0",
            )
        ],
        next_page_token="more",
    )
    second = pb.ListExecutionsResponse(executions=[execution_pb2.Execution(id="e1")])
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("ListExecutions", first, second)
        listed = client.list_executions(
            "order",
            [ExecutionStatus.FAILED],
            labels={"tenant": "acme"},
            parent="e0",
            started_after=MOMENT,
            page_size=1,
        )
        found = [(info.id, info.status, info.labels, info.parent) async for info in listed]
        assert found == [
            ("e2", ExecutionStatus.FAILED, {"tenant": "acme"}, "e0"),
            ("e1", ExecutionStatus.UNKNOWN, {}, ""),
        ]
        request = server.received["ListExecutions"][1]
        assert request.filter == pb.ExecutionFilter(
            workflow="order",
            statuses=[execution_pb2.EXECUTION_STATUS_FAILED],
            labels={"tenant": "acme"},
            parent="e0",
            started_after=stamp(MOMENT),
        )
        assert (request.page_size, request.page_token) == (1, "more")


async def test_executions_are_counted_by_filter() -> None:
    answer = pb.CountExecutionsResponse(
        total=5,
        by_status=[
            pb.StatusCount(status=execution_pb2.EXECUTION_STATUS_FAILED, count=2),
            pb.StatusCount(status=98, count=1),  # type: ignore[arg-type]  # of a later API
            pb.StatusCount(status=99, count=2),  # type: ignore[arg-type]  # of a later API
        ],
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("CountExecutions", answer)
        count = await client.count_executions("order", labels={"tenant": "acme"}, parent="e0")
        assert (count.total, count.by_status) == (
            5,
            {ExecutionStatus.FAILED: 2, ExecutionStatus.UNKNOWN: 3},
        )
        [request] = server.received["CountExecutions"]
        assert request.filter == pb.ExecutionFilter(
            workflow="order", labels={"tenant": "acme"}, parent="e0"
        )


@pytest.mark.parametrize(
    "wanted",
    [
        {"started_after": datetime(2026, 1, 1)},  # noqa: DTZ001 - what is to be refused
        {"statuses": [ExecutionStatus.UNKNOWN]},
    ],
    ids=["naive time", "unknown status"],
)
async def test_a_filter_that_means_nothing_is_refused(wanted: dict[str, Any]) -> None:
    async with Client() as client:
        with pytest.raises(ValueError, match=r"time zone|UNKNOWN"):
            await anext(client.list_executions(**wanted))
        with pytest.raises(ValueError, match=r"time zone|UNKNOWN"):
            await client.count_executions(**wanted)


async def test_a_lost_answer_to_a_deletion_is_no_error() -> None:
    gone = Refusal(grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("DeleteExecution", UNAVAILABLE, gone)
        await client.execution("e1").delete()
        with pytest.raises(ExecutionNotFound):
            await client.execution("e1").delete()


async def test_a_client_works_only_while_it_is_open() -> None:
    client = Client()
    with pytest.raises(RuntimeError, match="async with"):
        await client.start("order")


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCHLINE_ADDRESS", "example:1")
    assert Client().address == "example:1"
    assert Client("other:2").address == "other:2"
    monkeypatch.delenv("BRANCHLINE_ADDRESS")
    assert Client().address == "localhost:7717"


def stamp(moment: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(moment)
    return result
