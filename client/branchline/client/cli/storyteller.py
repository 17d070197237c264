"""Tells a history from its beginning: what later events call by a number has a name then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from branchline.client.cli.sentences import event_sentence, place_text
from branchline.client.types import Event

_ENDS: Final = frozenset(
    {
        "task_completed",
        "task_failed",
        "task_waiting",
        "child_completed",
        "child_failed",
        "child_timed_out",
    }
)


class Storyteller:
    """Tells events in their order, naming step, item and activity of tasks and children.

    What it has not seen begin, it calls by its number.
    """

    def __init__(self) -> None:
        self._steps: dict[str, str] = {}
        """The step in which a branch is."""
        self._subjects: dict[tuple[str, int], str] = {}

    def tell(self, event: Event) -> str:
        """Tell what happened."""
        data = event.data
        if event.type == "step_started":
            self._steps[data["branch"]] = data["step"]
        elif event.type == "task_scheduled":
            self._subjects["task", data["task"]] = self._work(data, data["activity"])
        elif event.type == "child_requested":
            name = f"child {data['workflow']}"
            self._subjects["child", data["child"]] = self._work(data, name)
        elif event.type == "follow_up_requested":
            self._subjects["child", data["child"]] = f"follow-up {data['workflow']}"
        elif event.type == "tasks_withdrawn":
            for task in data["tasks"]:
                self._subjects.pop(("task", task), None)
        return event_sentence(event, self._subject(event))

    def _work(self, data: Mapping[str, Any], name: str) -> str:
        place = place_text(data["branch"], self._steps.get(data["branch"], ""), data["item"])
        again = f" (attempt {data['attempt']})" if data["attempt"] > 1 else ""
        return f"{place}: {name}{again}"

    def _subject(self, event: Event) -> str:
        kind = "task" if "task" in event.data else "child"
        key = kind, event.data.get(kind, 0)
        ended = event.type in _ENDS
        return self._subjects.pop(key, "") if ended else self._subjects.get(key, "")
