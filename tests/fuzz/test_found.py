"""What random calls have found, each as small as it can be."""

from __future__ import annotations

import grpc

from branchline.v1 import execution_service_pb2 as executions_pb
from tests.fuzz.ground import Ground
from tests.server.flows import flow, listen
from tests.server.refusals import refused
from tests.server.serving import Served

LAST = 2**63 - 1


def test_nothing_comes_after_the_largest_number(ground: Ground) -> None:
    async def look(served: Served) -> None:
        await served.register(flow(listen()))
        execution_id = await served.start()
        assert await served.events(execution_id, LAST) == []
        visits = executions_pb.ListStepVisitsRequest(execution_id=execution_id, after_number=LAST)
        answer = await served.executions.ListStepVisits(visits)
        assert (list(answer.visits), answer.next_after_number) == ([], 0)
        watch = executions_pb.WatchExecutionRequest(execution_id=execution_id, after_sequence=LAST)
        refusal = await refused(served.executions.WatchExecution(watch).read())
        assert refusal.reason == "SEQUENCE_OUT_OF_RANGE"

    ground.do(look)


def test_a_stream_that_begins_with_garbage_is_refused(ground: Ground) -> None:
    async def begin(served: Served) -> None:
        method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = served.channel.stream_stream(
            "/branchline.v1.TaskService/StreamTasks"
        )
        call = method()
        await call.write(b"\xff" * 10)
        refusal = await refused(call.read())
        assert refusal.what == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
        assert "StreamTasksRequest" in refusal.message

    ground.do(begin)
