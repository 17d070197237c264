"""Whether an answer is one that the documentation knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from tests.server.refusals import refusal_of

_DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
_ROW = re.compile(r"^\| `([A-Z_]+)` \| ([A-Z_]+) \|", re.MULTILINE)
_DOCUMENTED = dict(_ROW.findall(_DOCUMENT.read_text(encoding="utf-8")))
"""The status of each reason."""

# A sound server has no fault, a database that works, and does not go down.
_NEVER = {"INTERNAL", "STORE_UNAVAILABLE", "SHUTTING_DOWN"}
_GIVEN_AWAY = re.compile(
    r"Traceback|File \"|\.py\b|/branchline/|site-packages|<class |object at 0x|sqlite3?\.|SELECT "
)


def judge_error(what: str, error: grpc.aio.AioRpcError) -> None:
    """Fail for an error that should not be."""
    refusal = refusal_of(error)
    assert refusal.reason in _DOCUMENTED, f"{what}: no reason that is documented: {refusal}"
    assert refusal.reason not in _NEVER, f"{what}: {refusal}"
    documented = _DOCUMENTED[refusal.reason]
    assert refusal.code.name == documented, f"{what}: {refusal}, documented is {documented}"
    assert refusal.message, f"{what}: without a message"
    for text in (refusal.message, *refusal.violations.values()):
        _judge_text(what, text)


def judge_answer(what: str, answer: Message) -> None:
    """Fail for an answer with an error within that should not be."""
    for message in _all(answer):
        named = message.DESCRIPTOR.fields_by_name
        if "reason" in named and "accepted" in named and not _told(message, "accepted"):
            _judge_reason(what, message)
        elif message.DESCRIPTOR.name == "RequestError":
            _judge_reason(what, message)
            code = grpc.StatusCode[_DOCUMENTED[_told(message, "reason")]]
            assert _told(message, "code") == code.value[0], f"{what}: {message}"
        elif message.DESCRIPTOR.name == "Problem":
            _judge_text(what, _told(message, "message"))


def _judge_reason(what: str, message: Message) -> None:
    reason = _told(message, "reason")
    assert reason in _DOCUMENTED, f"{what}: {message}"
    assert reason not in _NEVER, f"{what}: {message}"
    _judge_text(what, _told(message, "message"))


def _told(message: Message, field: str) -> Any:  # noqa: ANN401 - of any type
    return getattr(message, field)


def _judge_text(what: str, text: str) -> None:
    assert not _GIVEN_AWAY.search(text), f"{what} tells how it is made: {text}"


def _all(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for inner in value if field.is_repeated else [value]:
            yield from _all(inner)
