"""Events and progress as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from branchline.engine import events as e
from branchline.engine.values import NULL, encode_text
from branchline.server.rpc.checks import duration, timestamp
from branchline.server.rpc.child_events import CHILD_WRITERS
from branchline.server.rpc.step_visits import step_progress
from branchline.server.rpc.values import failure_message, json_text, object_text
from branchline.server.subscriptions import ProgressNote
from branchline.v1 import event_pb2 as pb


def event_message(sequence: int, time: int, event: e.Event) -> pb.Event:
    """An event of a history."""
    name, write = _WRITERS[type(event)]
    kind: dict[str, Any] = {name: write(event)}
    return pb.Event(sequence=sequence, time=timestamp(time), **kind)


def progress_message(note: ProgressNote) -> pb.Progress:
    """What an activity said."""
    return pb.Progress(
        branch=note.branch,
        step=note.step,
        activity=note.activity,
        item=note.item,
        attempt=note.attempt,
        message=note.message,
        data_json=json_text(note.data),
        time=timestamp(note.time),
    )


def _started(event: e.ExecutionStarted) -> pb.ExecutionStarted:
    return pb.ExecutionStarted(
        workflow=event.workflow,
        version=event.version,
        inputs_json=object_text(event.inputs),
        state_json=object_text(event.state),
        deadline=timestamp(event.deadline),
        labels=event.labels,
        parent=event.parent,
        child=event.child,
        depth=event.depth,
    )


def _branch_started(event: e.BranchStarted) -> pb.BranchStarted:
    return pb.BranchStarted(branch=event.branch, name=event.name, parent=event.parent)


def _branch_failed(event: e.BranchFailed) -> pb.BranchFailed:
    return pb.BranchFailed(
        branch=event.branch,
        error=failure_message(event.error),
        at_edges=event.at_edges,
        entering=event.entering,
    )


def _step_failed(event: e.StepFailed) -> pb.StepFailed:
    return pb.StepFailed(
        branch=event.branch,
        error=failure_message(event.error),
        caught_by=event.caught_by,
        store=event.store,
    )


def _items_listed(event: e.ItemsListed) -> pb.ItemsListed:
    items = [bytes(item).decode() for item in event.items]
    return pb.ItemsListed(branch=event.branch, items_json=items)


def _task_scheduled(event: e.TaskScheduled) -> pb.TaskScheduled:
    return pb.TaskScheduled(
        task=event.task,
        branch=event.branch,
        item=event.item,
        attempt=event.attempt,
        activity=event.activity,
        task_queue=event.queue,
        parameters_json=bytes(event.parameters).decode(),
        timeout=duration(event.timeout),
    )


def _task_completed(event: e.TaskCompleted) -> pb.TaskCompleted:
    return pb.TaskCompleted(
        task=event.task,
        result_json=bytes(event.result or NULL).decode(),
        set_json=object_text(event.set),
        remove=event.remove,
        progress=step_progress(event.progress),
    )


def _tasks_withdrawn(event: e.TasksWithdrawn) -> pb.TasksWithdrawn:
    progress = [
        pb.WithdrawnProgress(branch=branch, progress=step_progress(told))
        for branch, told in event.progress.items()
    ]
    return pb.TasksWithdrawn(tasks=event.tasks, progress=progress)


def _retry_scheduled(event: e.RetryScheduled) -> pb.RetryScheduled:
    return pb.RetryScheduled(
        branch=event.branch,
        item=event.item,
        attempt=event.attempt,
        due=timestamp(event.due),
        policy=event.policy,
    )


def _signal_received(event: e.SignalReceived) -> pb.SignalReceived:
    return pb.SignalReceived(
        signal=event.signal,
        topic=event.topic,
        payload_json=bytes(event.payload).decode(),
        signal_id=event.signal_id,
    )


def _signal_awaited(event: e.SignalAwaited) -> pb.SignalAwaited:
    return pb.SignalAwaited(branch=event.branch, topic=event.topic, until=timestamp(event.until))


def _branch_paused(event: e.BranchPaused) -> pb.BranchPaused:
    move = pb.NextMove.Value(f"NEXT_MOVE_{event.next.name}")
    return pb.BranchPaused(branch=event.branch, reason=event.reason, next=move, step=event.step)


def _join_passed(event: e.JoinPassed) -> pb.JoinPassed:
    merges = [
        pb.Merge(branch=merge.branch, variable=merge.variable, destination=merge.destination)
        for merge in event.merges
    ]
    return pb.JoinPassed(
        branch=event.branch, taken=event.taken, left_out=event.left_out, merges=merges
    )


# Each writer takes its own kind of event, which a dictionary by type cannot express.
_Writer = Callable[[Any], object]

_WRITERS: dict[type[e.Event], tuple[str, _Writer]] = {
    e.ExecutionStarted: ("execution_started", _started),
    e.ExecutionCompleted: (
        "execution_completed",
        lambda event: pb.ExecutionCompleted(outputs_json=encode_text(event.outputs)),
    ),
    e.ExecutionFailed: (
        "execution_failed",
        lambda event: pb.ExecutionFailed(error=failure_message(event.error)),
    ),
    e.ExecutionCanceled: (
        "execution_canceled",
        lambda event: pb.ExecutionCanceled(reason=event.reason),
    ),
    e.BranchStarted: ("branch_started", _branch_started),
    e.BranchCompleted: (
        "branch_completed",
        lambda event: pb.BranchCompleted(branch=event.branch),
    ),
    e.BranchFailed: ("branch_failed", _branch_failed),
    e.BranchCanceled: (
        "branch_canceled",
        lambda event: pb.BranchCanceled(branch=event.branch, entering=event.entering),
    ),
    e.StepStarted: (
        "step_started",
        lambda event: pb.StepStarted(branch=event.branch, step=event.step),
    ),
    e.StepCompleted: (
        "step_completed",
        lambda event: pb.StepCompleted(branch=event.branch, store=event.store),
    ),
    e.StepFailed: ("step_failed", _step_failed),
    e.ItemsListed: ("items_listed", _items_listed),
    e.ItemsPostponed: (
        "items_postponed",
        lambda event: pb.ItemsPostponed(branch=event.branch),
    ),
    e.ItemsResumed: ("items_resumed", lambda event: pb.ItemsResumed(branch=event.branch)),
    e.TaskScheduled: ("task_scheduled", _task_scheduled),
    e.TaskCompleted: ("task_completed", _task_completed),
    e.TaskWaiting: (
        "task_waiting",
        lambda event: pb.TaskWaiting(
            task=event.task,
            key=event.key,
            topic=event.topic,
            until=timestamp(event.until),
            progress=step_progress(event.progress),
        ),
    ),
    e.ValueRecorded: (
        "value_recorded",
        lambda event: pb.ValueRecorded(
            task=event.task, key=event.key, value_json=bytes(event.value).decode()
        ),
    ),
    e.TaskFailed: (
        "task_failed",
        lambda event: pb.TaskFailed(
            task=event.task,
            error=failure_message(event.error),
            progress=step_progress(event.progress),
        ),
    ),
    e.TasksWithdrawn: ("tasks_withdrawn", _tasks_withdrawn),
    e.RetryScheduled: ("retry_scheduled", _retry_scheduled),
    e.SignalReceived: ("signal_received", _signal_received),
    e.SignalAwaited: ("signal_awaited", _signal_awaited),
    e.SignalConsumed: (
        "signal_consumed",
        lambda event: pb.SignalConsumed(branch=event.branch, signal=event.signal, item=event.item),
    ),
    e.WaitTimedOut: (
        "wait_timed_out",
        lambda event: pb.WaitTimedOut(branch=event.branch, item=event.item),
    ),
    e.SleepStarted: (
        "sleep_started",
        lambda event: pb.SleepStarted(branch=event.branch, until=timestamp(event.until)),
    ),
    e.ExecutionRetried: (
        "execution_retried",
        lambda event: pb.ExecutionRetried(deadline=timestamp(event.deadline)),
    ),
    e.BranchResumed: ("branch_resumed", lambda event: pb.BranchResumed(branch=event.branch)),
    e.PauseRequested: (
        "pause_requested",
        lambda event: pb.PauseRequested(branch=event.branch, reason=event.reason),
    ),
    e.BranchPaused: ("branch_paused", _branch_paused),
    e.BranchUnpaused: ("branch_unpaused", lambda event: pb.BranchUnpaused(branch=event.branch)),
    e.JoinReached: ("join_reached", lambda event: pb.JoinReached(branch=event.branch)),
    e.JoinPassed: ("join_passed", _join_passed),
    **CHILD_WRITERS,
}
