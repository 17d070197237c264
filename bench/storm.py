"""Clients that start executions as fast as they can, in a process of its own.

Each sends the next starts as soon as it is answered, and does not heed the delay that the server
asks for when it refuses.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import grpc
import uvloop
from guests import channels

from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub

_STARTS_A_CALL = 100
_CONNECTIONS = 20


@dataclass
class Storm:
    """What comes down."""

    address: str
    clients: int
    seconds: float
    label: str
    filling: int = 0
    """How many bytes of inputs each start carries beyond its arguments."""


@dataclass
class Damage:
    """What came of it."""

    statuses: dict[str, int]
    """How many starts had which status; calls that failed count for all of their starts."""
    seconds: float

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
    began = time.monotonic()
    end = began + storm.seconds
    statuses: Counter[str] = Counter()
    filling = "x" * storm.filling
    start = pb.StartExecutionRequest(
        workflow="chain",
        inputs_json=json.dumps({"value": filling or 1}),
        labels={"storm": storm.label},
    )
    request = pb.StartExecutionsRequest(requests=[start] * _STARTS_A_CALL)
    stubs = [ExecutionServiceStub(channel) for channel in channels(storm.address, _CONNECTIONS)]

    async def client(stub: Any) -> None:
        while time.monotonic() < end:
            statuses.update(await _outcomes(stub, request))

    tasks = [client(stubs[number % len(stubs)]) for number in range(storm.clients)]
    await asyncio.gather(*tasks)
    return Damage(dict(statuses), time.monotonic() - began)


async def _outcomes(stub: Any, request: pb.StartExecutionsRequest) -> Counter[str]:
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
