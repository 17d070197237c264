"""Step visits, as the SDK tells them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from branchline.client import BranchStatus, Client, Failure, StepProgress, StepVisit
from branchline.v1 import execution_pb2, step_visit_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.client.scripted import ScriptedServer

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
STAMP = Timestamp()
STAMP.FromDatetime(MOMENT)

FULL = step_visit_pb2.StepVisit(
    number=7,
    branch="main",
    step="bake",
    status=execution_pb2.BRANCH_STATUS_FAILED,
    activity="oven",
    attempt=2,
    start_time=STAMP,
    end_time=STAMP,
    error=execution_pb2.Failure(type="burnt", message="black", details_json="[1]"),
    progress=step_visit_pb2.StepProgress(
        message="hot", data_json='{"degrees":200}', time=STAMP, item=0
    ),
    items=3,
    items_done=1,
    children=["c-1"],
)
BARE = step_visit_pb2.StepVisit(
    number=9,
    branch="main",
    step="rest",
    status=execution_pb2.BRANCH_STATUS_SUSPENDED,
    progress=step_visit_pb2.StepProgress(),
)


async def test_visits_are_told_in_full_over_all_pages() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script(
            "ListStepVisits",
            pb.ListStepVisitsResponse(visits=[FULL], next_after_number=7),
            pb.ListStepVisitsResponse(visits=[BARE]),
        )
        visits = [visit async for visit in client.execution("e").step_visits(after=4)]
        asked = [
            (request.execution_id, request.after_number)
            for request in server.received["ListStepVisits"]
        ]
    assert asked == [("e", 4), ("e", 7)]
    full = StepVisit(
        number=7,
        branch="main",
        step="bake",
        status=BranchStatus.FAILED,
        activity="oven",
        attempt=2,
        start_time=MOMENT,
        end_time=MOMENT,
        error=Failure("burnt", "black", [1]),
        progress=StepProgress(message="hot", data={"degrees": 200}, time=MOMENT, item=0),
        items=3,
        items_done=1,
        children=("c-1",),
    )
    bare = StepVisit(
        number=9,
        branch="main",
        step="rest",
        status=BranchStatus.SUSPENDED,
        progress=StepProgress(message=""),
    )
    assert visits == [full, bare]
