"""Starts in bulk: few calls, each start answered by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from branchline.client import _convert, _json
from branchline.client._backoff import Backoff
from branchline.client._ids import new_id
from branchline.client._portions import portions
from branchline.client._refusals import can_be_repeated, refused_request
from branchline.client.connection import Connection
from branchline.client.errors import RpcError
from branchline.client.execution import Execution
from branchline.client.types import StartRequest
from branchline.v1 import execution_service_pb2 as pb

_LONGEST_PAUSE: Final = 2.0


def start_message(request: StartRequest) -> pb.StartExecutionRequest:
    """The message of a start; it always has a ``request_id``, so that it can be repeated.

    Raises:
        ValueError: the inputs cannot be written as JSON, or the timeout not as a length of time.

    """
    return pb.StartExecutionRequest(
        workflow=request.workflow,
        version=request.version or 0,
        id=request.id or "",
        request_id=request.request_id or new_id(),
        inputs_json=_json.encode(request.inputs, "inputs") if request.inputs else "",
        labels=request.labels,
        timeout=_convert.duration(request.timeout, "timeout"),
    )


async def start_all(
    connection: Connection, requests: Iterable[StartRequest]
) -> list[Execution | RpcError]:
    """Start all, in order; a start that was refused only for the moment is made again."""
    messages = [start_message(request) for request in requests]
    results: dict[int, Execution | RpcError] = {}
    clock = asyncio.get_running_loop().time
    end = clock() + connection.timeout
    backoff = Backoff(_LONGEST_PAUSE)
    left = list(range(len(messages)))
    while left:
        for numbers in portions(left, messages):
            await _start_portion(connection, numbers, messages, results)
        left = [number for number in left if _passing(results[number])]
        pause = backoff.pause()
        if left and clock() + pause >= end:
            break
        if left:
            await asyncio.sleep(pause)
    return [results[number] for number in range(len(messages))]


async def _start_portion(
    connection: Connection,
    numbers: list[int],
    messages: list[pb.StartExecutionRequest],
    results: dict[int, Execution | RpcError],
) -> None:
    request = pb.StartExecutionsRequest(requests=[messages[number] for number in numbers])
    answer = await connection.call(connection.executions.StartExecutions, request)
    for number, result in zip(numbers, answer.results, strict=True):
        results[number] = (
            refused_request(result.error)
            if result.HasField("error")
            else Execution(connection, result.started.execution_id, result.started.version)
        )


def _passing(result: Execution | RpcError) -> bool:
    return isinstance(result, RpcError) and can_be_repeated(result)
