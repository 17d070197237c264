"""What a handle tells of an execution, and what it asks of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from branchline.client import (
    BranchInfo,
    BranchStatus,
    Client,
    DormantBranch,
    Event,
    ExecutionCanceled,
    ExecutionFailed,
    ExecutionInfo,
    ExecutionStatus,
    Failure,
    Progress,
    SequenceOutOfRange,
    Suspension,
    SuspensionReason,
    Unavailable,
    WaitingTask,
)
from branchline.v1 import event_pb2, execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.client.scripted import UNAVAILABLE, Refusal, ScriptedServer

BIG = 12345678901234567890123
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
STAMP = Timestamp()
STAMP.FromDatetime(MOMENT)

RUNNING = execution_pb2.Execution(id="e", status=execution_pb2.EXECUTION_STATUS_RUNNING)
COMPLETED = execution_pb2.Execution(
    id="e", status=execution_pb2.EXECUTION_STATUS_COMPLETED, outputs_json=f'{{"total":{BIG}}}'
)


def told(execution: execution_pb2.Execution) -> pb.AwaitExecutionsResponse:
    """An execution has closed."""
    return pb.AwaitExecutionsResponse(executions=[execution])


def shown(execution: execution_pb2.Execution) -> pb.GetExecutionResponse:
    """How an execution stands."""
    return pb.GetExecutionResponse(execution=execution)


async def test_the_full_view_is_told_in_full() -> None:
    execution = execution_pb2.Execution(
        id="e",
        workflow="order",
        version=3,
        status=execution_pb2.EXECUTION_STATUS_SUSPENDED,
        start_time=STAMP,
        inputs_json='{"n":1}',
        last_sequence=9,
        branches=[
            execution_pb2.Branch(
                id="main-1",
                parent="main",
                status=execution_pb2.BRANCH_STATUS_FAILED,
                step="pay",
                state_json=f'{{"n":{BIG}}}',
                error=execution_pb2.Failure(type="declined", message="no", details_json="[1]"),
            )
        ],
        suspension=execution_pb2.Suspension(
            reason=execution_pb2.SUSPENSION_REASON_WAITING_SIGNAL,
            topics=["paid"],
            wake_time=STAMP,
            branches=[
                execution_pb2.DormantBranch(
                    branch="main",
                    step="wait",
                    reason=execution_pb2.SUSPENSION_REASON_WAITING_SIGNAL,
                    topic="paid",
                )
            ],
        ),
        waiting_tasks=[execution_pb2.WaitingTask(activity="charge", task_queue="default")],
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("GetExecution", pb.GetExecutionResponse(execution=execution))
        info = await client.execution("e").describe()
        assert server.received["GetExecution"][0].view == execution_pb2.EXECUTION_VIEW_FULL
    waiting = SuspensionReason.WAITING_SIGNAL
    assert info == ExecutionInfo(
        id="e",
        workflow="order",
        version=3,
        status=ExecutionStatus.SUSPENDED,
        start_time=MOMENT,
        inputs={"n": 1},
        last_sequence=9,
        branches=(
            BranchInfo(
                id="main-1",
                name="",
                parent="main",
                status=BranchStatus.FAILED,
                step="pay",
                state={"n": BIG},
                error=Failure("declined", "no", [1]),
            ),
        ),
        suspension=Suspension(
            reason=waiting,
            topics=("paid",),
            wake_time=MOMENT,
            branches=(DormantBranch(branch="main", step="wait", reason=waiting, topic="paid"),),
        ),
        waiting_tasks=(WaitingTask("charge", "default"),),
    )


async def test_a_status_of_a_newer_server_is_unknown() -> None:
    newer = execution_pb2.Execution.FromString(b"\x20\x63")
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("GetExecution", pb.GetExecutionResponse(execution=newer))
        info = await client.execution("e").describe()
        assert info.status is ExecutionStatus.UNKNOWN
        assert not info.status.closed


async def test_a_result_is_waited_for_until_the_execution_has_closed() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("AwaitExecutions", [UNAVAILABLE], [told(COMPLETED)])
        assert await client.execution("e").result() == {"total": BIG}
        assert [[*request.execution_ids] for request in server.received["AwaitExecutions"]] == [
            ["e"],
            ["e"],
        ]


async def test_a_failed_execution_raises_its_failure() -> None:
    failed = execution_pb2.Execution(
        id="e",
        status=execution_pb2.EXECUTION_STATUS_FAILED,
        error=execution_pb2.Failure(type="declined", message="no money", details_json='{"a":1}'),
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("AwaitExecutions", [told(failed)])
        with pytest.raises(ExecutionFailed, match=r"e failed \(declined\): no money") as caught:
            await client.execution("e").result()
        error = caught.value
        assert (error.type, error.message, error.details) == ("declined", "no money", {"a": 1})


async def test_a_cancelled_execution_raises() -> None:
    cancelled = execution_pb2.Execution(id="e", status=execution_pb2.EXECUTION_STATUS_CANCELED)
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("AwaitExecutions", [told(cancelled)])
        with pytest.raises(ExecutionCanceled):
            await client.execution("e").result()


async def test_a_result_that_is_not_there_in_time_is_a_timeout() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("AwaitExecutions", [])
        server.script("GetExecution", shown(RUNNING))
        for timeout in (0, timedelta(0), 0.01):
            with pytest.raises(TimeoutError, match=r"e is RUNNING after 0(\.01)? s"):
                await client.execution("e").result(timeout=timeout)


async def test_what_has_closed_just_in_time_is_a_result() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("AwaitExecutions", [])
        server.script("GetExecution", shown(COMPLETED))
        for timeout in (0, 0.01):
            assert await client.execution("e").result(timeout=timeout) == {"total": BIG}


async def test_a_watch_goes_on_where_it_was_cut_without_gap_or_repeat() -> None:
    progress = pb.WatchExecutionResponse(
        progress=[event_pb2.Progress(branch="main", attempt=1, message="half", data_json="0.5")]
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script(
            "WatchExecution",
            [UNAVAILABLE],
            [watched(3, 4), progress, UNAVAILABLE],
            # A server that begins too early must not be told twice.
            [watched(4, 5), watched(6)],
        )
        seen = [item async for item in client.execution("e").watch(after=2)]
        assert [i.sequence if isinstance(i, Event) else i.message for i in seen] == [
            3,
            4,
            "half",
            5,
            6,
        ]
        assert isinstance(seen[2], Progress)
        assert (seen[2].data, seen[2].item) == (0.5, None)
        asked = [request.after_sequence for request in server.received["WatchExecution"]]
        assert asked == [2, 2, 4]


async def test_a_watch_may_leave_out_progress() -> None:
    half = pb.WatchExecutionResponse(progress=[event_pb2.Progress(message="half")])
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("WatchExecution", [watched(1), half, watched(2)])
        events = [event async for event in client.execution("e").watch(progress=False)]
        assert [event.sequence for event in events] == [1, 2]


async def test_a_watch_gives_up_when_the_server_stays_away() -> None:
    async with ScriptedServer() as server, Client(server.address, timeout=0.2) as client:
        server.script("WatchExecution", [watched(1), UNAVAILABLE], [UNAVAILABLE])
        watch = client.execution("e").watch()
        assert isinstance(await anext(watch), Event)
        with pytest.raises(Unavailable):
            await anext(watch)
        assert len(server.received["WatchExecution"]) > 2


async def test_a_refused_watch_is_not_tried_again() -> None:
    refusal = Refusal(grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE")
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("WatchExecution", [refusal])
        with pytest.raises(SequenceOutOfRange):
            await anext(client.execution("e").watch(after=100))
        assert len(server.received["WatchExecution"]) == 1


async def test_events_are_decoded_by_the_names_of_the_api() -> None:
    scheduled = event_pb2.TaskScheduled(
        task=1,
        branch="main",
        attempt=1,
        activity="charge",
        task_queue="default",
        parameters_json=f'{{"n":{BIG}}}',
        timeout=Duration(seconds=90),
    )
    failed = event_pb2.TaskFailed(
        task=1, error=execution_pb2.Failure(type="t", message="m", details_json="null")
    )
    listed = event_pb2.ItemsListed(branch="main", items_json=["1", '{"a":2}'])
    slept = event_pb2.SleepStarted(branch="main", until=STAMP)
    first = pb.ListEventsResponse(
        events=[
            event_pb2.Event(sequence=1, time=STAMP, task_scheduled=scheduled),
            event_pb2.Event(sequence=2, task_failed=failed),
        ],
        next_after_sequence=2,
    )
    second = pb.ListEventsResponse(
        events=[
            event_pb2.Event(sequence=3, items_listed=listed),
            event_pb2.Event(sequence=4, sleep_started=slept),
        ]
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("ListEvents", first, second)
        events = [event async for event in client.execution("e").events()]
        asked = [request.after_sequence for request in server.received["ListEvents"]]
        assert asked == [0, 2]
    assert events[0] == Event(
        1,
        MOMENT,
        "task_scheduled",
        {
            "task": 1,
            "branch": "main",
            "item": None,
            "attempt": 1,
            "activity": "charge",
            "task_queue": "default",
            "parameters": {"n": BIG},
            "timeout": timedelta(seconds=90),
        },
    )
    assert events[1].data == {
        "task": 1,
        "error": {"type": "t", "message": "m", "details": None},
        "progress": None,
    }
    assert events[2].data == {"branch": "main", "items": [1, {"a": 2}]}
    assert events[3].data == {"branch": "main", "until": MOMENT}


async def test_enums_of_events_are_told_by_name() -> None:
    paused = event_pb2.BranchPaused(branch="main", next=event_pb2.NEXT_MOVE_ENTER, step="a")
    events = [event_pb2.Event(sequence=1, branch_paused=paused)]
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("ListEvents", pb.ListEventsResponse(events=events))
        [event] = [event async for event in client.execution("e").events()]
    assert event.data == {"branch": "main", "reason": "", "next": "ENTER", "step": "a"}


async def test_a_signal_is_repeated_as_the_same_signal() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("SignalExecution", UNAVAILABLE, pb.SignalExecutionResponse())
        await client.execution("e").signal("paid", {"amount": BIG})
        first, second = server.received["SignalExecution"]
        assert first == second
        assert first.signal_id
        assert (first.topic, first.payload_json) == ("paid", f'{{"amount":{BIG}}}')


async def test_cancelling_tells_the_reason() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("CancelExecution", pb.CancelExecutionResponse())
        await client.execution("e").cancel("not wanted")
        assert server.received["CancelExecution"][0].reason == "not wanted"


async def test_pausing_names_a_branch_and_a_reason() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("PauseExecution", UNAVAILABLE, pb.PauseExecutionResponse())
        run = client.execution("e")
        await run.pause("main", reason="lunch")
        await run.pause()
        assert server.received["PauseExecution"][1:] == [
            pb.PauseExecutionRequest(execution_id="e", branch="main", reason="lunch"),
            pb.PauseExecutionRequest(execution_id="e"),
        ]


async def test_unpausing_names_a_branch_or_means_all() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("UnpauseExecution", pb.UnpauseExecutionResponse())
        run = client.execution("e")
        await run.unpause("main")
        await run.unpause()
        assert server.received["UnpauseExecution"] == [
            pb.UnpauseExecutionRequest(execution_id="e", branch="main"),
            pb.UnpauseExecutionRequest(execution_id="e"),
        ]


async def test_a_retry_names_the_execution() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("RetryExecution", pb.RetryExecutionResponse())
        await client.execution("e").retry()
        assert server.received["RetryExecution"] == [pb.RetryExecutionRequest(execution_id="e")]


async def test_a_paused_branch_tells_why() -> None:
    paused = execution_pb2.SUSPENSION_REASON_PAUSED
    execution = execution_pb2.Execution(
        id="e",
        status=execution_pb2.EXECUTION_STATUS_PAUSED,
        suspension=execution_pb2.Suspension(
            reason=paused,
            branches=[
                execution_pb2.DormantBranch(
                    branch="main", step="gate", reason=paused, pause_reason="look first"
                )
            ],
        ),
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("GetExecution", pb.GetExecutionResponse(execution=execution))
        info = await client.execution("e").describe()
    assert (info.status, info.status.closed) == (ExecutionStatus.PAUSED, False)
    assert info.suspension == Suspension(
        reason=SuspensionReason.PAUSED,
        branches=(
            DormantBranch(
                branch="main",
                step="gate",
                reason=SuspensionReason.PAUSED,
                pause_reason="look first",
            ),
        ),
    )


def watched(*sequences: int) -> pb.WatchExecutionResponse:
    started = event_pb2.StepStarted(branch="main", step="a")
    return pb.WatchExecutionResponse(
        events=[event_pb2.Event(sequence=n, step_started=started) for n in sequences]
    )
