"""Many signals in one call: each is answered by itself."""

from __future__ import annotations

from grpc import StatusCode

from branchline.v1 import execution_service_pb2 as pb
from tests.server.flows import flow, listen
from tests.server.refusals import refused
from tests.server.serving import Served


def signal(execution_id: str, payload: str = "1", topic: str = "go") -> pb.SignalExecutionRequest:
    """A signal with its own name."""
    return pb.SignalExecutionRequest(
        execution_id=execution_id, topic=topic, payload_json=payload, signal_id=payload
    )


async def test_each_signal_is_answered_by_itself(served: Served) -> None:
    await served.register(flow(listen(), outputs=["heard"]))
    live, closed = await served.start(), await served.start()
    await served.signal(closed)
    await served.closed(closed)
    requests = [
        signal(live),
        signal("nobody"),
        signal(closed),
        signal(live, "{"),
        signal(live, "2", ""),
    ]
    answer = await served.executions.SignalExecutions(pb.SignalExecutionsRequest(requests=requests))
    assert [result.error.reason for result in answer.results] == [
        "",
        "EXECUTION_NOT_FOUND",
        "EXECUTION_CLOSED",
        "INVALID_FIELD",
        "INVALID_FIELD",
    ]
    assert not answer.results[0].HasField("error")
    assert answer.results[1].error.code == StatusCode.NOT_FOUND.value[0]
    assert '"nobody"' in answer.results[1].error.message
    assert (await served.closed(live)).outputs_json == '{"heard":1}'


async def test_signals_to_one_execution_are_taken_in_their_order(served: Served) -> None:
    await served.register(flow(listen("a", "b"), listen("b", "c"), listen("c")))
    execution_id = await served.start()
    requests = [signal(execution_id, text) for text in ("1", "2", "3")]
    await served.executions.SignalExecutions(pb.SignalExecutionsRequest(requests=requests))
    await served.closed(execution_id)
    received = [event.signal_received for event in await served.events(execution_id)]
    assert [each.payload_json for each in received if each.topic] == ["1", "2", "3"]


async def test_too_many_signals_are_refused(served: Served) -> None:
    request = pb.SignalExecutionsRequest(requests=[signal("nobody")] * 1_001)
    refusal = await refused(served.executions.SignalExecutions(request))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert refusal.violations == {"requests": "may hold at most 1000, not 1001: make several calls"}
