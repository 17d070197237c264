"""Parents and children as the API shows them."""

from __future__ import annotations

import json
from typing import Any

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.serving import Served


async def family(served: Served, parent: str = "") -> list[execution_pb2.Execution]:
    """All executions, or the children of one, the oldest first."""
    found: list[execution_pb2.Execution] = []
    token = ""
    while True:
        request = pb.ListExecutionsRequest(
            filter=pb.ExecutionFilter(parent=parent), page_size=1000, page_token=token
        )
        page = await served.executions.ListExecutions(request)
        found += page.executions
        token = page.next_page_token
        if not token:
            return found[::-1]


def got(execution: execution_pb2.Execution) -> Any:  # noqa: ANN401 - a JSON value
    """What the step with children has stored."""
    return json.loads(execution.branches[0].state_json)["got"]
