"""The activities of the expense claim."""

from __future__ import annotations

from typing import TypedDict

from branchline.client import activity


class Answer(TypedDict):
    """What whoever decides sends as the signal's payload."""

    approved: bool
    by: str


@activity
def note_decision(answer: Answer) -> str:
    return f"{'approved' if answer['approved'] else 'refused'} by {answer['by']}"


@activity
def pay_claim(employee: str, amount: float, note: str) -> str:
    return f"{employee} gets {amount:.2f}, {note}"


@activity
def refuse_claim(employee: str, note: str) -> str:
    return f"{employee} gets nothing: {note}"
