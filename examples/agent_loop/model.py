"""Stands for a language model: slow and dear in earnest, a script here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypedDict


class Move(TypedDict):
    """What the model wants to be done next."""

    tool: str
    arguments: dict[str, Any]


def fake_model(goal: str, observation: object) -> Move:
    """Pick a tool for what was seen last. Every call costs money."""
    _charge()
    match observation:
        case None:
            return Move(tool="find_trains", arguments={"to": goal.rsplit(maxsplit=1)[-1]})
        case [*trains]:
            question = f"Which one: {' or '.join(map(str, trains))}?"
            return Move(tool="ask_traveller", arguments={"question": question})
        case {"ticket": ticket}:
            return Move(tool="finish", arguments={"text": f"You have {ticket}."})
        case train:
            return Move(tool="book_train", arguments={"train": train})


def _charge() -> None:
    """Note on the bill that the model was called."""
    if bill := os.environ.get("AGENT_BILL"):
        with Path(bill).open("a", encoding="utf-8") as file:
            file.write("1 call\n")
