"""Events as people read them: a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from branchline.client.cli.texts import json_text, local_time, one_line, precise_time
from branchline.client.types import Event, Progress

_Data: TypeAlias = Mapping[str, Any]

_LONGEST: Final = 200
"""Characters of a sentence."""


def event_sentence(event: Event, subject: str = "") -> str:
    """Tell what happened; an event that this version does not know is told by its data.

    ``subject`` is the task or child that the event is about; without it its number stands in.
    """
    tell = _SENTENCES.get(event.type)
    data = {**event.data, "subject": subject or _number(event.data)}
    sentence = one_line(tell(data) if tell else f"{event.type} {json_text(event.data)}")
    return sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]}..."


def progress_sentence(progress: Progress) -> str:
    """Tell what an activity said of itself."""
    data = "" if progress.data is None else f" {json_text(progress.data)}"
    said = progress.message or data.strip()
    return f"{place_text(progress.branch, progress.step, progress.item)}: {one_line(said)}"


def place_text(branch: str, step: str, item: int | None) -> str:
    """Write where something happened."""
    return f"[{branch}] {step}{_item(item)}"


def error_text(error: _Data | None) -> str:
    """Write an event's error as its type and message."""
    return f"{error['type']}: {error['message']}" if error else "no reason given"


def _number(data: _Data) -> str:
    return f"task {data['task']}" if "task" in data else f"child {data.get('child', '')}"


def _item(index: int | None) -> str:
    return "" if index is None else f", item {index}"


def _step_failed(data: _Data) -> str:
    caught = f", caught by {data['caught_by']}" if data["caught_by"] else ""
    return f"step failed: {error_text(data['error'])}{caught}"


def _scheduled(data: _Data) -> str:
    queue = "" if data["task_queue"] in {"", "default"} else f" on {data['task_queue']}"
    return f"task {data['task']}: {data['activity']}{queue}{_item(data['item'])}{_again(data)}"


def _again(data: _Data) -> str:
    return f", attempt {data['attempt']}" if data["attempt"] > 1 else ""


def _child(data: _Data) -> str:
    version = f" version {data['version']}" if data["version"] else ""
    what = f"{data['workflow']}{version}{_item(data['item'])}{_again(data)}"
    return f"child {data['child']}: {what}{'' if data['wait'] else ', left to itself'}"


def _awaited(data: _Data) -> str:
    until = f" until {local_time(data['until'])}" if data["until"] else ""
    return f"waits for signal {data['topic']}{until}"


def _passed(data: _Data) -> str:
    taken = f" with {', '.join(data['taken'])}" if data["taken"] else ""
    without = f", without {', '.join(data['left_out'])}" if data["left_out"] else ""
    return f"join passed{taken}{without}"


def _because(data: _Data) -> str:
    return f": {data['reason']}" if data["reason"] else ""


def _started(data: _Data) -> str:
    return f"execution of {data['workflow']} version {data['version']} started"


def _retry(data: _Data) -> str:
    due = precise_time(data["due"])
    return f"attempt {data['attempt']}{_item(data['item'])} follows at {due}"


def _in_branch(tell: Callable[[_Data], str]) -> Callable[[_Data], str]:
    return lambda data: f"[{data['branch']}] {tell(data)}"


_SENTENCES: Final[Mapping[str, Callable[[_Data], str]]] = {
    "execution_started": _started,
    "execution_completed": lambda _: "execution completed",
    "execution_failed": lambda data: f"execution failed: {error_text(data['error'])}",
    "execution_canceled": lambda data: f"execution cancelled{_because(data)}",
    "execution_retried": lambda _: "execution taken up again",
    "branch_resumed": _in_branch(lambda _: "goes on"),
    "pause_requested": _in_branch(lambda data: f"shall pause{_because(data)}"),
    "branch_paused": _in_branch(lambda data: f"paused{_because(data)}"),
    "branch_unpaused": _in_branch(lambda _: "goes on after the pause"),
    "branch_started": _in_branch(lambda data: f"branch started from {data['parent']}"),
    "branch_completed": _in_branch(lambda _: "branch completed"),
    "branch_failed": _in_branch(lambda data: f"branch failed: {error_text(data['error'])}"),
    "branch_canceled": _in_branch(lambda _: "branch stopped"),
    "step_started": _in_branch(lambda data: f"step {data['step']}"),
    "step_completed": _in_branch(lambda _: "step completed"),
    "step_failed": _in_branch(_step_failed),
    "items_listed": _in_branch(lambda data: f"{len(data['items'])} items"),
    "items_postponed": _in_branch(lambda _: "the other items follow"),
    "items_resumed": _in_branch(lambda _: "goes on with its items"),
    "task_scheduled": _in_branch(_scheduled),
    "task_completed": lambda data: f"{data['subject']} completed",
    "task_failed": lambda data: f"{data['subject']} failed: {error_text(data['error'])}",
    "task_waiting": lambda data: f"{data['subject']} {_awaited(data)}",
    "value_recorded": lambda data: (
        f"{data['subject']} recorded {data['key']}: {json_text(data['value'])}"
    ),
    "tasks_withdrawn": lambda data: f"tasks withdrawn: {', '.join(map(str, data['tasks']))}",
    "retry_scheduled": _in_branch(_retry),
    "signal_received": lambda data: f"signal {data['topic']} received",
    "signal_awaited": _in_branch(_awaited),
    "signal_consumed": _in_branch(lambda data: f"took signal {data['signal']}"),
    "wait_timed_out": _in_branch(lambda _: "waited in vain"),
    "sleep_started": _in_branch(lambda data: f"sleeps until {local_time(data['until'])}"),
    "child_requested": _in_branch(_child),
    "child_started": lambda data: f"{data['subject']} started as {data['execution_id']}",
    "child_completed": lambda data: f"{data['subject']} completed",
    "child_failed": lambda data: f"{data['subject']} failed: {error_text(data['error'])}",
    "child_timed_out": lambda data: (
        f"{data['subject']} took too long, {data['execution_id']} is cancelled"
    ),
    "children_stopped": lambda data: (
        f"children are cancelled: {', '.join(data['execution_ids']) or 'none was started'}"
    ),
    "follow_up_requested": lambda data: f"follow-up {data['workflow']} is asked for",
    "follow_up_started": lambda data: f"{data['subject']} started as {data['execution_id']}",
    "follow_up_failed": lambda data: (
        f"follow-up {data['workflow']} failed: {error_text(data['error'])}"
    ),
    "join_reached": _in_branch(lambda _: "waits at the join"),
    "join_passed": _in_branch(_passed),
}
