"""Many calls at the same moment: each is answered by the server, none is dropped on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from grpc import StatusCode

from branchline.v1 import execution_service_pb2 as pb
from tests.server.refusals import Refusal, attempt
from tests.server.serving import serving

MANY = 5_000
"""More than gRPC lets wait, unless it is told otherwise."""


async def test_calls_that_come_at_the_same_moment_are_all_answered(path: Path) -> None:
    async with serving(path) as served:
        request = pb.SignalExecutionRequest(execution_id="nobody", topic="go")
        calls = [attempt(served.executions.SignalExecution(request)) for _ in range(MANY)]
        answers = await asyncio.gather(*calls)
        whats = Counter(answer.what for answer in answers if isinstance(answer, Refusal))
        assert whats == {(StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND"): MANY}
