"""The activities of the travel agent: its model and its tools."""

from __future__ import annotations

import os
from uuid import uuid4

from branchline.client import activity
from examples.agent_loop.model import Move, fake_model

_A_WEEK = 7 * 24 * 3600.0


@activity
async def ask_model(goal: str, messages: list[str], observation: object, *, crash: bool) -> Move:
    """Ask for the next move, once in each round: what is recorded is not asked for again."""
    context = activity.context()
    move: Move = await context.record("move", lambda: fake_model(goal, observation))
    if crash and context.task.delivery == 1:
        os._exit(1)  # as if somebody pulled the plug, after the call and before its outcome
    context.set("messages", [*messages, move["tool"]])
    return move


@activity
def find_trains(to: str) -> list[str]:
    return [f"09:14 to {to}", f"22:40 sleeper to {to}"]


@activity
async def ask_traveller(question: str) -> str:
    """Ask a human; the answer may take days, during which nothing runs."""
    context = activity.context()
    # The activity runs again from its start when the answer is there; the mail is sent once.
    await context.record("mail", lambda: send_mail(question))
    return str(context.wait("answer", timeout=_A_WEEK))


def send_mail(question: str) -> str:
    return f"to the traveller: {question}"


@activity
async def book_train(train: str) -> dict[str, str]:
    """Book under a key that is the same in every attempt, so that the railway can book once."""
    key = await activity.context().record("key", lambda: str(uuid4()))
    return book_at_railway(train, key)


def book_at_railway(train: str, _key: str) -> dict[str, str]:
    return {"ticket": f"a seat on the {train}"}
