"""Prints how an execution stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from branchline.client.cli.output import print_fields, print_table, print_text
from branchline.client.cli.texts import duration, json_text, local_time
from branchline.client.types import BranchInfo, DormantBranch, ExecutionInfo, SuspensionReason


def print_execution(info: ExecutionInfo) -> None:
    """Print an execution and its branches to standard output."""
    print_fields(_fields(info))
    if info.branches:
        print_text("")
        dormant = info.suspension.branches if info.suspension else ()
        reasons = {found.branch: _reason(found) for found in dormant}
        rows = [_row(branch, reasons.get(branch.id, "")) for branch in info.branches]
        print_table(("BRANCH", "STATUS", "STEP", "WHY"), rows)


def _fields(info: ExecutionInfo) -> Iterator[tuple[str, str]]:
    yield "id", info.id
    yield "workflow", f"{info.workflow}, version {info.version}"
    for name, value in sorted(info.labels.items()):
        yield "label", f"{name}={value}"
    yield "parent", info.parent
    yield "status", info.status.value
    yield "started", local_time(info.start_time)
    yield "closed", local_time(info.close_time)
    if info.start_time:
        yield "took", duration((info.close_time or datetime.now(UTC)) - info.start_time)
    yield "events", str(info.last_sequence)
    yield "inputs", json_text(info.inputs)
    if info.outputs is not None:
        yield "outputs", json_text(info.outputs)
    if info.error:
        yield "error", f"{info.error.type}: {info.error.message}"
        yield "details", "" if info.error.details is None else json_text(info.error.details)
    for follow_up in info.follow_ups:
        error = follow_up.error
        why = f"failed ({error.type}): {error.message}" if error else ""
        yield "follow-up", f"{follow_up.workflow}: {follow_up.execution_id or why}"
    for task in info.waiting_tasks:
        yield "no worker for", f"{task.activity} (task queue {task.task_queue})"


def _row(branch: BranchInfo, reason: str) -> tuple[str, str, str, str]:
    why = f"{branch.error.type}: {branch.error.message}" if branch.error else reason
    return branch.id, branch.status.value, branch.step, why


def _reason(dormant: DormantBranch) -> str:
    until = f" until {local_time(dormant.wake_time)}" if dormant.wake_time else ""
    if dormant.reason is SuspensionReason.WAITING_SIGNAL:
        return f"waits for signal {dormant.topic}{until}"
    if dormant.reason is SuspensionReason.WAITING_CHILD:
        return f"waits for {', '.join(dormant.children)}{until}"
    if dormant.reason is SuspensionReason.PAUSED:
        return f"paused: {dormant.pause_reason}" if dormant.pause_reason else "paused"
    return f"{dormant.reason.lower().replace('_', ' ')}{until}"
