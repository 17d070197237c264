"""Clients that start executions at a pace of their own, in a process of its own.

They send the next starts whether the last were answered or not, and do not heed the delay that
the server asks for when it refuses.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import grpc
import uvloop
from guests import channels

from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub

_STARTS_A_CALL = 100
_CONNECTIONS = 20
_GENTLE = 8
"""Clients that wait for their answers."""


@dataclass
class Storm:
    """What comes down."""

    address: str
    pace: float
    """Starts a second; 0: a few clients, each of which waits for its answers."""
    seconds: float
    label: str


@dataclass
class Damage:
    """What came of it."""

    statuses: dict[str, int]
    """How many starts had which status; calls that failed count for all of their starts."""
    answered_after: dict[str, list[float]]
    """Seconds until each call was answered, by the best status among their starts."""
    sent_for: float
    """Seconds until the last start was sent."""
    seconds: float
    """The same until the last was answered."""

    @property
    def admitted(self) -> int:
        """How many were started."""
        return self.statuses.get("OK", 0)

    @property
    def offered(self) -> int:
        """How many were asked for."""
        return sum(self.statuses.values())


async def rage(storm: Storm) -> Damage:
    """Let a storm pass, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, json.dumps(asdict(storm)), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the storm broke off")
    return Damage(**json.loads(out))


async def _blow(storm: Storm) -> Damage:
    statuses: Counter[str] = Counter()
    took: dict[str, list[float]] = {}
    start = pb.StartExecutionRequest(
        workflow="chain", inputs_json='{"value":1}', labels={"storm": storm.label}
    )
    request = pb.StartExecutionsRequest(requests=[start] * _STARTS_A_CALL)
    stubs = cycle(
        [ExecutionServiceStub(channel) for channel in channels(storm.address, _CONNECTIONS)]
    )
    began = time.monotonic()
    end = began + storm.seconds

    async def call() -> None:
        called = time.monotonic()
        outcomes = await _outcomes(next(stubs), request)
        took.setdefault("OK" if "OK" in outcomes else min(outcomes), []).append(
            time.monotonic() - called
        )
        statuses.update(outcomes)

    async def client() -> None:
        while time.monotonic() < end:
            await call()

    async with asyncio.TaskGroup() as group:
        if storm.pace:
            await _pace(end, storm.pace / _STARTS_A_CALL, lambda: group.create_task(call()))
        else:
            for _ in range(_GENTLE):
                group.create_task(client())
        sent = time.monotonic()
    return Damage(dict(statuses), took, sent - began, time.monotonic() - began)


async def _pace(end: float, rate: float, act: Callable[[], object]) -> None:
    """Act so many times a second, catching up on what was late."""
    due = time.monotonic()
    while due < end:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        act()
        due += 1 / rate


async def _outcomes(
    stub: ExecutionServiceAsyncStub, request: pb.StartExecutionsRequest
) -> Counter[str]:
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    try:
        response = await stub.StartExecutions(request, timeout=120)
    except grpc.aio.AioRpcError as error:
        return Counter({error.code().name: len(request.requests)})
    return Counter(names[result.error.code] for result in response.results)


def main() -> None:
    """Blow, and tell what came of it."""
    storm = Storm(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(uvloop.run(_blow(storm)))))


if __name__ == "__main__":
    main()
