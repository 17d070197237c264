"""A definition that pieces are put behind each other in."""

from __future__ import annotations

from typing import Any

Step = dict[str, Any]

RETRY = [{"error_equals": ["all"], "max_retries": 100, "base_delay": "50ms", "max_delay": "400ms"}]


class Draft:
    """A definition in the making: the value so far, and where the next piece begins."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: list[Step] = []
        self.source = "inputs.n"
        """The expression for the value so far."""
        self.branch = "main"
        """The branch that goes on."""

    def then(self, step: Step) -> None:
        """Put a step behind the last one."""
        if self.steps:
            self.steps[-1]["next"] = step["name"]
        self.steps.append(step)

    def fork(self, ways: dict[str, Step], meeting: Step, branch: str) -> None:
        """Start a branch for each way behind the last step, and one that waits for them."""
        edges = [{"step": step["name"], "branch": name} for name, step in ways.items()]
        self.steps[-1]["next"] = [*edges, {"step": meeting["name"], "branch": branch}]
        self.steps += [*ways.values(), meeting]
        self.branch = branch

    def caught(self, handler: Step) -> None:
        """Let the errors of the last step lead to another one, from which it goes on."""
        self.steps[-1]["catch"] = [{"error_equals": ["all"], "next": handler["name"]}]
        self.steps.append(handler)

    def late(self, step: Step) -> None:
        """Let the last step's time limit lead to another one, from which it goes on."""
        self.steps[-1]["wait_signal"]["on_timeout"] = step["name"]
        self.steps.append(step)

    def definition(self, follow_ups: list[str]) -> dict[str, Any]:
        """The finished definition."""
        return {
            "name": self.name,
            "inputs": [{"name": "n", "type": "integer"}],
            "outputs": [{"name": "x", "variable": "v.x", "branch": self.branch}],
            "steps": self.steps,
            "follow_ups": [
                {"workflow": name, "inputs": {"n": "${outputs.x}"}} for name in follow_ups
            ],
        }


def advance(name: str, source: str, by: int | str, mood: str = "calm", store: str = "v") -> Step:
    """A step on from a value; errors, crashes and lost time are made good by attempts."""
    step: Step = {
        "name": name,
        "activity": "advance",
        "parameters": {"x": f"${{{source}}}", "by": by, "mood": mood},
        "store": store,
    }
    if mood in {"flaky", "hanging"}:
        step["retry"] = RETRY
    if mood == "hanging":
        step["timeout"] = "1s"
    return step


def combine(name: str, source: str, parts: str) -> Step:
    """A step on for each of a list of values."""
    return {
        "name": name,
        "activity": "combine",
        "parameters": {"x": f"${{{source}}}", "parts": f"${{{parts}}}"},
        "store": "v",
    }
