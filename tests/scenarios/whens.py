"""What an entry of ``do`` waits for: tells what does not hold yet."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import UNSET

from tests.scenarios.compare import show
from tests.scenarios.facts import Runs, Seen
from tests.scenarios.scenario import When

NOT_THERE = "the execution does not exist"


def unmet_calls(when: When, runs: Runs) -> list[str]:
    """The activities that have not begun often enough."""
    return [
        f"{show(name)} has begun {runs.calls(name)} of {count} runs"
        for name, count in when.calls.items()
        if runs.calls(name) < count
    ]


def is_about_execution(when: When) -> bool:
    """Whether anything must hold of an execution."""
    return when.status is not UNSET or when.progress is not UNSET or bool(when.branch)


def unmet_by(when: When, seen: Seen, messages: Collection[str]) -> list[str]:
    """What does not hold of an execution, which has told these messages of progress."""
    unmet = []
    if when.status is not UNSET and seen.status != when.status:
        unmet.append(f"the status is {seen.status}, not {when.status}")
    unmet += [
        f"the branch {name} is {seen.branches.get(name, 'not there')}, not {status}"
        for name, status in when.branch.items()
        if seen.branches.get(name) != status
    ]
    if when.progress is not UNSET and when.progress not in messages:
        unmet.append(f"progress seen: {sorted(messages)}, not {when.progress!r}")
    return unmet
