"""Starting, looking, signalling, cancelling and removing executions through the API."""

from __future__ import annotations

import asyncio
import json

from grpc import StatusCode

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.flows import flow, listen, sleep, work
from tests.server.refusals import attempt, refused
from tests.server.serving import Served
from tests.server.worker import completed


def start(**fields: str) -> pb.StartExecutionRequest:
    """A request to start ``flow``."""
    request = pb.StartExecutionRequest(workflow="flow")
    for field, text in fields.items():
        setattr(request, field, text)
    return request


async def test_an_execution_runs_to_its_outputs(served: Served) -> None:
    await served.register(
        flow(
            work("work", parameters={"twice": "${inputs.n * 2}"}, store="done"),
            inputs=["n"],
            outputs=["done"],
        )
    )
    execution_id = await served.start({"n": 21})
    [task] = await served.poll(20)
    assert (task.execution_id, task.workflow, task.version) == (execution_id, "flow", 1)
    assert (task.branch, task.step, task.activity) == ("main", "work", "work")
    assert (task.attempt, task.delivery) == (1, 1)
    assert json.loads(task.parameters_json) == {"twice": 42}
    [ack] = await served.report(completed(task, {"n": 42}))
    assert ack.accepted
    execution = await served.closed(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED
    assert json.loads(execution.inputs_json) == {"n": 21}
    assert json.loads(execution.outputs_json) == {"done": {"n": 42}}


async def test_an_id_in_use_is_refused_and_an_id_of_the_callers_is_kept(served: Served) -> None:
    await served.register(flow(listen()))
    assert await served.start(id="order/7") == "order/7"
    refusal = await refused(served.start(id="order/7"))
    assert refusal.what == (StatusCode.ALREADY_EXISTS, "EXECUTION_EXISTS")
    assert '"order/7"' in refusal.message


async def test_a_start_may_be_repeated_with_its_request_id(served: Served) -> None:
    await served.register(flow(listen()))
    first = await served.executions.StartExecution(start(request_id="r1", id="a"))
    again = await served.executions.StartExecution(start(request_id="r1"))
    with_other_id = await served.executions.StartExecution(start(request_id="r1", id="b"))
    assert first.started
    assert [answer.started for answer in (again, with_other_id)] == [False, False]
    assert {answer.execution_id for answer in (first, again, with_other_id)} == {"a"}


async def test_a_request_id_belongs_to_its_workflow(served: Served) -> None:
    await served.register(flow(listen()))
    await served.register(flow(listen(), name="other"))
    one = await served.start(request_id="r1")
    assert await served.start(request_id="r1", workflow="other") != one


async def test_a_repeated_start_finds_a_closed_execution_and_its_old_version(
    served: Served,
) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start(request_id="r1")
    await served.cancel(execution_id)
    await served.register(flow(sleep()))
    again = await served.executions.StartExecution(start(request_id="r1"))
    assert (again.execution_id, again.version, again.started) == (execution_id, 1, False)


async def test_of_the_same_starts_at_once_one_counts(served: Served) -> None:
    await served.register(flow(listen()))
    answers = await asyncio.gather(
        *(served.executions.StartExecution(start(request_id="r1")) for _ in range(20))
    )
    assert len({answer.execution_id for answer in answers}) == 1
    assert sum(answer.started for answer in answers) == 1


async def test_of_the_same_starts_in_one_batch_one_counts(served: Served) -> None:
    await served.register(flow(listen()))
    requests = [start(request_id="r1"), start(request_id="r1"), start(id="a"), start(id="a")]
    response = await served.executions.StartExecutions(pb.StartExecutionsRequest(requests=requests))
    first, repeated, taken, refused_one = response.results
    assert first.started.execution_id == repeated.started.execution_id
    assert (first.started.started, repeated.started.started) == (True, False)
    assert taken.started.execution_id == "a"
    assert refused_one.error.code == StatusCode.ALREADY_EXISTS.value[0]
    assert refused_one.error.reason == "EXECUTION_EXISTS"


async def test_each_start_of_a_batch_is_answered_by_itself(served: Served) -> None:
    await served.register(flow(listen(), inputs=["n"]))
    requests = [
        start(inputs_json='{"n": 1}'),
        start(inputs_json='{"n": 1, "m": 2}'),
        start(workflow="nobody"),
        start(inputs_json="[1]"),
        start(id="white space"),
        start(inputs_json='{"n": 2}'),
    ]
    response = await served.executions.StartExecutions(pb.StartExecutionsRequest(requests=requests))
    kinds = [result.WhichOneof("result") for result in response.results]
    assert kinds == ["started", "error", "error", "error", "error", "started"]
    errors = [result.error for result in response.results[1:5]]
    assert [(error.code, error.reason) for error in errors] == [
        (StatusCode.INVALID_ARGUMENT.value[0], "INVALID_INPUTS"),
        (StatusCode.NOT_FOUND.value[0], "WORKFLOW_NOT_FOUND"),
        (StatusCode.INVALID_ARGUMENT.value[0], "INVALID_FIELD"),
        (StatusCode.INVALID_ARGUMENT.value[0], "INVALID_FIELD"),
    ]
    assert '"m"' in errors[0].message
    assert "nobody" in errors[1].message
    assert "inputs_json" in errors[2].message
    assert "white space" in errors[3].message


async def test_a_batch_of_too_many_starts_is_refused(served: Served) -> None:
    request = pb.StartExecutionsRequest(requests=[start()] * 1_001)
    refusal = await refused(served.executions.StartExecutions(request))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert refusal.violations == {"requests": "may hold at most 1000, not 1001: make several calls"}


async def test_all_that_is_wrong_with_inputs_is_told_and_nothing_is_stored(
    served: Served,
) -> None:
    definition = flow(listen(), inputs=["n", "m"])
    definition.inputs[0].type = "integer"
    await served.register(definition)
    refusal = await refused(served.start({"n": "one", "x": 1}, id="a"))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_INPUTS")
    assert set(refusal.violations) == {"inputs.n", "inputs.m", "inputs.x"}
    refusal = await refused(served.get("a"))
    assert refusal.what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_a_wait_for_the_end_answers_when_the_time_is_over(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    execution = await served.get(execution_id, wait=0.01)
    assert execution.status == execution_pb2.EXECUTION_STATUS_SUSPENDED
    assert execution.suspension.topics == ["go"]


async def test_a_wait_for_the_end_answers_as_soon_as_it_has_come(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    waiting = asyncio.ensure_future(served.closed(execution_id))
    await served.signal(execution_id, payload='"now"')
    execution = await waiting
    assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED
    assert execution.branches[0].state_json == '{"heard":"now"}'


async def test_a_wait_for_what_is_deleted_meanwhile_ends(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.cancel(execution_id)
    execution = await served.closed(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_CANCELED
    await served.delete(execution_id)
    refusal = await refused(served.get(execution_id, wait=20))
    assert refusal.what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_a_live_execution_is_not_deleted(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    refusal = await refused(served.delete(execution_id))
    assert refusal.what == (StatusCode.FAILED_PRECONDITION, "EXECUTION_LIVE")
    assert "cancel" in refusal.message
    assert (await served.get(execution_id)).id == execution_id


async def test_cancelling_again_changes_nothing(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.cancel(execution_id)
    before = await served.events(execution_id)
    await served.cancel(execution_id)
    assert await served.events(execution_id) == before


async def test_a_closed_execution_takes_no_signal_and_a_completed_one_no_cancel(
    served: Served,
) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.signal(execution_id)
    await served.closed(execution_id)
    for call in (
        served.signal(execution_id),
        served.cancel(execution_id),
        served.pause(execution_id),
        served.unpause(execution_id),
    ):
        refusal = await refused(call)
        assert refusal.what == (StatusCode.FAILED_PRECONDITION, "EXECUTION_CLOSED")
        assert "COMPLETED" in refusal.message.upper()


async def test_a_signal_of_an_id_counts_once(served: Served) -> None:
    await served.register(flow(listen(topic="other")))
    execution_id = await served.start()
    request = pb.SignalExecutionRequest(execution_id=execution_id, topic="go", signal_id="s1")
    for _ in range(2):
        await served.executions.SignalExecution(request)
    kinds = [event.WhichOneof("event") for event in await served.events(execution_id)]
    assert kinds.count("signal_received") == 1


async def test_what_does_not_exist_is_not_found(served: Served) -> None:
    for call in (
        served.get("nobody"),
        served.signal("nobody"),
        served.cancel("nobody"),
        served.pause("nobody"),
        served.unpause("nobody"),
        served.retry("nobody"),
        served.delete("nobody"),
        served.events("nobody"),
    ):
        refusal = await refused(call)
        assert refusal.what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
        assert '"nobody"' in refusal.message


async def test_cancel_and_delete_at_once_leave_nothing_half_done(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await asyncio.gather(
        served.cancel(execution_id),
        served.delete(execution_id),
        return_exceptions=True,
    )
    again = await attempt(served.delete(execution_id))
    assert again is None or again.reason == "EXECUTION_NOT_FOUND"
    refusal = await refused(served.get(execution_id))
    assert refusal.code is StatusCode.NOT_FOUND
