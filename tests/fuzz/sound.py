"""Random definitions: sound ones, sound ones with something broken, and none at all."""

from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf.message import Message
from hypothesis import strategies as st

from branchline.engine.definition import Problem, Workflow
from branchline.engine.validation import find_problems
from branchline.server.rpc.definition_messages import workflow_message
from branchline.server.rpc.definitions import DefinitionReader
from branchline.v1 import workflow_pb2
from tests.engine.graphs import workflows
from tests.fuzz.garbage import messages


def _engine(fields: dict[str, Any]) -> Workflow:
    return msgspec.convert({"name": "random", **fields}, Workflow)


def read(message: workflow_pb2.Workflow) -> tuple[Workflow, list[Problem]]:
    """The engine's form of a message, and all that is wrong with it."""
    reader = DefinitionReader()
    workflow = reader.workflow(message)
    return workflow, reader.problems + find_problems(workflow)


SOUND = workflows().map(_engine)
"""Sound definitions of the engine."""

SOUND_MESSAGES = SOUND.map(workflow_message)
"""Their messages."""


@st.composite
def _broken(draw: st.DrawFn) -> workflow_pb2.Workflow:
    """A sound definition in which a few messages have something of another."""
    broken = draw(SOUND_MESSAGES)
    for _ in range(draw(st.integers(1, 3))):
        place: Message = broken
        while below := _below(place):
            if place is not broken and draw(st.booleans()):
                break
            place = draw(st.sampled_from(below))
        descriptor: Any = place.DESCRIPTOR  # one of two classes, which are alike
        garbage = draw(messages(descriptor, 1))
        if draw(st.booleans()):
            place.Clear()
        place.MergeFrom(garbage)
    return broken


def _below(message: Message) -> list[Message]:
    found: list[Message] = []
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        found += list(value) if field.is_repeated else [value]
    return found


BROKEN_MESSAGES = _broken()
"""Messages that are nearly sound."""

ANY_MESSAGES = st.one_of(
    SOUND_MESSAGES, BROKEN_MESSAGES, BROKEN_MESSAGES, messages(workflow_pb2.Workflow.DESCRIPTOR)
)
"""Messages of all sorts."""
