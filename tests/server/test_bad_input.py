"""Bad input: refused with a status, a reason and a message that helps; and life goes on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode

from branchline.v1 import execution_pb2, task_pb2, workflow_pb2
from branchline.v1 import execution_service_pb2 as executions_pb
from branchline.v1 import task_service_pb2 as tasks_pb
from branchline.v1 import workflow_service_pb2 as workflows_pb
from tests.server.flows import flow, listen, sleep, work
from tests.server.refusals import Refusal, attempt, refusal_of, refused
from tests.server.serving import Served
from tests.server.worker import completed

INVALID_FIELD = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
INVALID_DEFINITION = (StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION")
TOO_LARGE = (StatusCode.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE")

NO_JSON = ["NaN", "Infinity", "{", "[1,]", "'a'", '"a" "b"', '{"a": NaN}', "01", '"\\ud800"', "\0"]
DEEP = "[" * 10_000 + "]" * 10_000
LARGE = '"' + "x" * 10_000_000 + '"'


@pytest.fixture(autouse=True)
async def _goes_on(served: Served) -> AsyncIterator[None]:
    """Whatever a test does, the server serves afterwards, and to the end."""
    await served.register(flow(work(store="n"), name="sane", outputs=["n"]))
    yield
    execution_id = await served.start(workflow="sane")
    [task] = await served.poll(20)
    await served.report(completed(task, 1))
    assert (await served.closed(execution_id)).outputs_json == '{"n":1}'


def start(served: Served, text: str) -> Awaitable[object]:
    """Start with some text as inputs."""
    request = executions_pb.StartExecutionRequest(workflow="sane", inputs_json=text)
    return served.executions.StartExecution(request)


def signal(served: Served, text: str) -> Awaitable[object]:
    """Send a signal with some text as payload."""
    return served.signal("nobody", payload=text)


CALLS: dict[str, Callable[[Served, str], Awaitable[object]]] = {
    "inputs_json": start,
    "payload_json": signal,
}


@pytest.mark.parametrize("field", CALLS)
async def test_text_that_is_no_json_is_refused(served: Served, field: str) -> None:
    for text in NO_JSON:
        refusal = await refused(CALLS[field](served, text))
        assert refusal.what == INVALID_FIELD
        assert "JSON" in refusal.violations[field]
        assert field in refusal.message


@pytest.mark.parametrize("field", CALLS)
async def test_what_is_nested_too_deeply_is_refused(served: Served, field: str) -> None:
    for text in (f'{{"a":{DEEP}}}', "[" * 1_000_000, '{"a":' * 5_000 + "1" + "}" * 5_000):
        refusal = await refused(CALLS[field](served, text))
        assert refusal.what == INVALID_FIELD
        assert set(refusal.violations) == {field}
    refusal = await refused(CALLS[field](served, f'{{"a":{DEEP}}}'))
    assert "nested too deeply" in refusal.message


@pytest.mark.parametrize("field", CALLS)
async def test_a_document_that_is_too_large_is_refused(served: Served, field: str) -> None:
    refusal = await refused(CALLS[field](served, f'{{"a":{LARGE}}}'))
    assert refusal.what == TOO_LARGE
    assert f"{field} has 10,000,008 bytes; at most 4,194,304 are taken" in refusal.message


async def test_whatever_nesting_is_taken_can_be_read_again(served: Served) -> None:
    await served.register(flow(listen(), inputs=["a"]))
    for depth in (*range(300, 500, 10), 600, 800, 940, 960, 990):
        text = f'{{"a":{"[" * depth}{"]" * depth}}}'
        request = executions_pb.StartExecutionRequest(workflow="flow", inputs_json=text)
        started = await attempt(served.executions.StartExecution(request))
        if isinstance(started, Refusal):
            assert (started.what, depth > 300) == (INVALID_FIELD, True)
        else:
            execution_id = started.execution_id
            await served.signal(execution_id, payload="[" * 300 + "]" * 300)
            assert await served.events(execution_id)
            assert (await served.closed(execution_id)).inputs_json == text


async def test_a_message_that_is_too_large_is_refused(served: Served) -> None:
    refusal = await refused(start(served, "x" * 33_554_433))
    assert refusal.code is StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in refusal.message


async def outcome(served: Served, **fields: object) -> task_pb2.OutcomeAck:
    """The answer to an outcome of a task of ``sane``; the task is ended afterwards."""
    execution_id = await served.start(workflow="sane")
    [task] = await served.poll(20)
    [ack] = await served.report(task_pb2.TaskOutcome(token=task.token, **fields))  # type: ignore[arg-type]  # each is of its field's type
    await served.cancel(execution_id)
    return ack


@pytest.mark.parametrize("text", [*NO_JSON, DEEP], ids=range(len(NO_JSON) + 1))
async def test_an_outcome_that_is_no_json_is_refused(served: Served, text: str) -> None:
    for fields, field in (
        ({"completed": task_pb2.TaskResult(result_json=text)}, "result_json"),
        ({"completed": task_pb2.TaskResult(set_json=text)}, "set_json"),
        ({"failed": execution_pb2.Failure(details_json=text)}, "details_json"),
    ):
        ack = await outcome(served, **fields)
        assert (ack.accepted, ack.reason) == (False, "INVALID_FIELD")
        assert field in ack.message


async def test_an_outcome_that_is_too_large_is_refused(served: Served) -> None:
    ack = await outcome(served, completed=task_pb2.TaskResult(result_json=LARGE))
    assert (ack.accepted, ack.reason) == (False, "PAYLOAD_TOO_LARGE")


async def test_tokens_that_are_none_are_refused(served: Served) -> None:
    tokens = ["", "garbage", "ffffffff.1.1.1", "\0", "x" * 100_000]
    acks = await served.report(*(task_pb2.TaskOutcome(token=token) for token in tokens))
    assert {ack.reason for ack in acks} == {"INVALID_TASK_TOKEN"}
    assert max(len(ack.message) for ack in acks) < 500


async def test_a_token_made_up_from_a_real_one_is_refused(served: Served) -> None:
    execution_id = await served.start(workflow="sane")
    [task] = await served.poll(20)
    database = task.token.split(".")[0]
    done = task_pb2.TaskResult()
    made_up = [f"{database}.{key}.1.1" for key in ("f" * 16, "f" * 30, "-1", "1", "0")]
    acks = await served.report(
        *(task_pb2.TaskOutcome(token=token, completed=done) for token in made_up)
    )
    assert {ack.reason for ack in acks} == {"INVALID_TASK_TOKEN", "LEASE_LOST"}
    await served.cancel(execution_id)


async def test_too_many_reports_in_a_message_are_refused(served: Served) -> None:
    request = tasks_pb.ReportTasksRequest(outcomes=[task_pb2.TaskOutcome()] * 1_001)
    refusal = await refused(served.tasks.ReportTasks(request))
    assert refusal.what == INVALID_FIELD
    assert set(refusal.violations) == {"outcomes"}


def raw_register(served: Served) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """RegisterWorkflow with bytes instead of a message."""
    return served.channel.unary_unary("/branchline.v1.WorkflowService/RegisterWorkflow")


@pytest.mark.parametrize("seed", range(5))
async def test_garbage_instead_of_a_definition_is_refused(served: Served, seed: int) -> None:
    register = raw_register(served)
    generator = random.Random(seed)
    for _ in range(20):
        refusal = await refused(register(generator.randbytes(generator.randrange(1, 300))))
        assert refusal.code is StatusCode.INVALID_ARGUMENT
        assert refusal.reason
        assert refusal.message


async def test_random_changes_of_a_definition_never_break_the_server(served: Served) -> None:
    register = raw_register(served)
    definition = flow(work("work", "listen", items=[1]), listen("listen", "sleep"), sleep())
    whole = workflows_pb.RegisterWorkflowRequest(workflow=definition).SerializeToString()
    generator = random.Random(7)
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(generator.randrange(1, 4)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        answer = await attempt(register(bytes(changed)))
        if isinstance(answer, Refusal):
            assert answer.code in {
                StatusCode.INVALID_ARGUMENT,
                StatusCode.FAILED_PRECONDITION,
            }
            assert answer.reason


async def test_garbage_on_a_stream_ends_it(served: Served) -> None:
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = served.channel.stream_stream(
        "/branchline.v1.TaskService/StreamTasks"
    )
    call = method()
    hello = tasks_pb.WorkerHello(worker_id="w", activities=["a"])
    await call.write(tasks_pb.StreamTasksRequest(hello=hello).SerializeToString())
    await call.read()
    await call.write(b"\xff" * 10)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert refusal_of(raised.value).what == INVALID_FIELD


def _with(change: Callable[[workflow_pb2.Workflow], object]) -> workflow_pb2.Workflow:
    """A definition with something changed."""
    definition = flow(work("work", "listen"), listen())
    change(definition)
    return definition


DOCUMENTS: dict[str, Callable[[workflow_pb2.Workflow, str], object]] = {
    "state_json": lambda d, text: setattr(d, "state_json", text),
    "parameters_json": lambda d, text: setattr(d.steps[0], "parameters_json", text),
    "items_json": lambda d, text: setattr(d.steps[0].each, "items_json", text),
    "default_json": lambda d, text: d.inputs.add(name="a", default_json=text),
}


@pytest.mark.parametrize("field", DOCUMENTS)
async def test_a_document_of_a_definition_that_is_no_json_is_a_problem(
    served: Served, field: str
) -> None:
    nested = "[" * 200 + "]" * 200
    for text in (*NO_JSON, DEEP, nested, "[" * 100_000):
        definition = _with(lambda d, text=text: DOCUMENTS[field](d, text))  # type: ignore[misc]  # the loop's own
        refusal = await refused(served.register(definition))
        assert refusal.what == INVALID_DEFINITION
        assert "INVALID_FIELD" in refusal.codes
        assert field in refusal.message


async def test_a_definition_that_is_too_large_is_refused(served: Served) -> None:
    definition = _with(lambda d: setattr(d, "description", "x" * 10_000_000))
    refusal = await refused(served.register(definition))
    assert refusal.what == TOO_LARGE
    assert "4,194,304" in refusal.message


async def test_a_definition_that_is_not_there_is_refused(served: Served) -> None:
    request = workflows_pb.RegisterWorkflowRequest()
    refusal = await refused(served.workflows.RegisterWorkflow(request))
    assert refusal.what == INVALID_FIELD
    assert set(refusal.violations) == {"workflow"}


async def test_a_workflow_of_5000_steps_is_registered_and_runs(served: Served) -> None:
    names = [f"step{n}" for n in range(5_000)]
    steps = [work(name, *names[n + 1 : n + 2]) for n, name in enumerate(names)]
    assert await served.register(flow(*steps)) == 1
    execution_id = await served.start()
    for name in names[:3]:
        [task] = await served.poll(20, name)
        [ack] = await served.report(completed(task))
        assert ack.accepted
    await served.cancel(execution_id)


async def test_a_thousand_problems_are_answered_with_as_many_as_an_answer_holds(
    served: Served,
) -> None:
    definition = flow(*(work("ä" * 50, f"nowhere-{n}") for n in range(1_000)))
    refusal = await refused(served.register(definition))
    assert refusal.what == INVALID_DEFINITION
    assert refusal.message.startswith("the definition has 1999 problems: ")
    assert len(refusal.violations) >= 1
    request = workflows_pb.ValidateWorkflowRequest(workflow=definition)
    answer = await served.workflows.ValidateWorkflow(request)
    assert len(answer.problems) == 1_999


@pytest.mark.parametrize("name", ["x" * 100_000, "€" * 30_000, "%" * 50_000, "\n" * 9_000])
async def test_an_error_about_something_huge_still_arrives(served: Served, name: str) -> None:
    definition = flow(work(name, name + "!"), work(name))
    assert (await refused(served.register(definition))).what == INVALID_DEFINITION
    refusal = await refused(served.start(workflow=name[:900]))
    assert refusal.what == (StatusCode.NOT_FOUND, "WORKFLOW_NOT_FOUND")
    refusal = await refused(served.start({name: 1, name + "2": 2}, workflow="sane"))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_INPUTS")
    refusal = await refused(served.get(name))
    assert refusal.reason in {"EXECUTION_NOT_FOUND", "INVALID_FIELD"}


async def test_numbers_that_json_cannot_hold_are_refused_in_a_definition(
    served: Served,
) -> None:
    definition = flow(work())
    definition.steps[0].retry.add(backoff_rate=float("nan"))
    definition.groups.add(id="g", x=float("inf"))
    refusal = await refused(served.register(definition))
    assert refusal.what == INVALID_DEFINITION
    assert "INVALID_RETRY" in refusal.codes


async def test_integers_of_any_size_pass_through(served: Served) -> None:
    await served.register(flow(work(parameters={"n": 2**100}), inputs=["n"]))
    execution_id = await served.start({"n": -(2**200)})
    [task] = await served.poll(20)
    assert task.parameters_json == f'{{"n":{2**100}}}'
    inputs = (await served.get(execution_id)).inputs_json
    assert inputs.replace(" ", "") == f'{{"n":{-(2**200)}}}'
    await served.cancel(execution_id)


@pytest.mark.parametrize("span", [2**33, 2**43, 2**53, 2**62])
async def test_times_beyond_all_reason_break_nothing(served: Served, span: int) -> None:
    long = Duration(seconds=span)
    definition = flow(work("work", "sleep"), sleep())
    definition.timeout.CopyFrom(long)
    definition.steps[0].timeout.CopyFrom(long)
    definition.steps[0].schedule_timeout.CopyFrom(long)
    definition.steps[0].heartbeat_timeout.CopyFrom(long)
    definition.steps[0].retry.add(base_delay=long, backoff_rate=1e300)
    definition.steps[1].sleep.duration.CopyFrom(long)
    registered = await attempt(served.register(definition))
    if isinstance(registered, Refusal):
        assert registered.what == INVALID_DEFINITION
        assert f"{span} s" in registered.message
        return
    failing, sleeping = await served.start(), await served.start()
    first, second = await served.poll(20, most=2)
    failed = task_pb2.TaskOutcome(token=first.token, failed=execution_pb2.Failure())
    await served.report(failed, completed(second))
    for execution_id in (failing, sleeping):
        assert (await served.get(execution_id)).id == execution_id
        assert await served.events(execution_id)
        await served.cancel(execution_id)


async def test_a_delay_that_grows_beyond_all_reason_breaks_nothing(served: Served) -> None:
    definition = flow(work())
    retry = definition.steps[0].retry.add(backoff_rate=1e300, max_retries=5)
    retry.base_delay.CopyFrom(Duration(nanos=1_000_000))
    await served.register(definition)
    execution_id = await served.start()
    for number in (1, 2):
        [task] = await served.poll(20)
        assert task.attempt == number
        failed = task_pb2.TaskOutcome(token=task.token, failed=execution_pb2.Failure())
        [ack] = await served.report(failed)
        assert ack.accepted
    await served.cancel(execution_id)


async def test_ids_and_names_that_are_too_long_or_strange_are_refused(served: Served) -> None:
    for call, field in (
        (served.start(workflow="sane", id="a b"), "id"),
        (served.start(workflow="sane", id="a" * 201), "id"),
        (served.start(workflow="sane", id="ä"), "id"),
        (served.start(workflow="sane", request_id="r" * 201), "request_id"),
        (served.start(workflow="sane", version=-1), "version"),
        (served.start(workflow=""), "workflow"),
        (served.signal("a", topic=""), "topic"),
        (served.signal("a", topic="t" * 1_001), "topic"),
        (served.signal(""), "execution_id"),
        (served.get("a", wait=-1), "wait"),
    ):
        refusal = await refused(call)
        assert refusal.what == INVALID_FIELD
        assert set(refusal.violations) == {field}


async def test_a_client_that_goes_away_leaves_what_it_asked_for(served: Served) -> None:
    request = executions_pb.StartExecutionRequest(workflow="sane", id="a")
    call = served.executions.StartExecution(request)
    waiting = served.executions.GetExecution(
        executions_pb.GetExecutionRequest(execution_id="a", wait=Duration(seconds=60))
    )
    await asyncio.sleep(0)
    call.cancel()
    waiting.cancel()
    for gone in (call, waiting):
        with pytest.raises(asyncio.CancelledError):
            await gone
    repeated = executions_pb.StartExecutionRequest(workflow="sane", request_id="r")
    execution_id = (await served.executions.StartExecution(repeated)).execution_id
    for live in {execution_id, "a"}:
        left = await attempt(served.cancel(live))
        assert left is None or left.code is StatusCode.NOT_FOUND
