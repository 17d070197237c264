"""A workflow that is written as a file and read again is the same (semantics 2.5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from branchline.client.definitions import (
    dump_definition,
    dump_yaml,
    load_definition,
    parse_definition,
)
from branchline.v1 import workflow_pb2 as v1
from tests.client.definitions.samples import EVERYTHING, scenario_workflows

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts | st.sampled_from(["1e3", "0x1F", "on", "null", "<<", "=", "2024-01-31", "0o7", "+.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@st.composite
def durations(draw: st.DrawFn) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(draw(st.integers(-(10**17), 10**17)))
    return duration


def values_of(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values of a field of a message, by its name where it holds JSON, else by its type."""
    if field.name == "default_json":
        return values.map(json_text)
    if field.name == "items_json":
        return values.filter(lambda value: value is not None).map(json_text)
    if field.name.endswith("_json"):
        return st.dictionaries(texts, values, max_size=3).map(json_text)
    if field.message_type is not None and field.message_type.full_name.endswith(".Duration"):
        return durations()
    if field.message_type is not None:
        return messages(field.message_type)
    by_type: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_STRING: texts,
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
        FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
        FieldDescriptor.TYPE_ENUM: st.integers(0, 2),
    }
    return by_type[field.type]


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor) -> Message:
    """A message in which about a third of the fields are set."""
    chosen: dict[str, object] = {}
    for field in descriptor.fields:
        if draw(st.integers(0, 2)):
            continue
        if field.name == "branch_mappings":
            chosen[field.name] = draw(st.dictionaries(texts, texts, max_size=2))
        elif field.is_repeated:
            chosen[field.name] = draw(st.lists(values_of(field), max_size=2))
        else:
            chosen[field.name] = draw(values_of(field))
    message: Message = getattr(v1, descriptor.name)(**chosen)
    return message


@settings(max_examples=60)
@given(messages(v1.Workflow.DESCRIPTOR))
def test_any_workflow_reads_back_from_yaml_json_and_a_mapping(workflow: v1.Workflow) -> None:
    plain = dump_definition(workflow)
    for loaded in (
        parse_definition(dump_yaml(workflow)),
        parse_definition(json.dumps(plain), name="w.json"),
        load_definition(plain),
    ):
        assert loaded.problems == []
        assert loaded.workflow == workflow


AWKWARD = [
    "\x85",
    "\u2028 x",
    "a\n\n b\n",
    "\r",
    "\t",
    "\ufeff",
    "\x00",
    " x ",
    "- a",
    "# a",
    "a: b",
]
AWKWARD += [
    "\N{GRINNING FACE}",
    "'",
    '"',
    "\\",
    "%",
    "---",
    "?",
    "|",
    "&a",
    "*a",
    "!a",
    "{",
    "1e3",
    "<<",
]


@pytest.mark.parametrize("text", AWKWARD, ids=ascii)
def test_awkward_texts_read_back(text: str) -> None:
    workflow = v1.Workflow(description=text, state_json=json.dumps({text: [text, "x" + text]}))
    read = parse_definition(dump_yaml(workflow)).workflow
    assert read.description == text
    assert json.loads(read.state_json) == {text: [text, "x" + text]}


def test_every_field_is_written_in_its_order() -> None:
    loaded = parse_definition(EVERYTHING)
    assert loaded.problems == []
    assert dump_yaml(loaded.workflow) == EVERYTHING


def every_field(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        yield field.full_name
        if field.name == "branch_mappings" or field.message_type is None:
            continue
        for inner in value if field.is_repeated else [value]:
            yield from every_field(inner)


def test_the_sample_has_every_field_of_the_api() -> None:
    """A new field of the API must become one of the file."""
    found = set(every_field(parse_definition(EVERYTHING).workflow))
    parts: list[type[Message]] = [v1.Workflow, v1.Input, v1.Output, v1.Step, v1.Edge, v1.Join]
    parts += [v1.WaitSignal, v1.Sleep, v1.Pause, v1.Child, v1.Each, v1.RetryPolicy]
    parts += [v1.CatchHandler, v1.Group, v1.FollowUp]
    assert {field.full_name for part in parts for field in part.DESCRIPTOR.fields} <= found


def test_definitions_of_scenarios_read_back() -> None:
    for workflow, _ in scenario_workflows():
        loaded = load_definition(workflow)
        assert loaded.problems == []
        assert parse_definition(dump_yaml(loaded.workflow)) == loaded
        assert load_definition(dump_definition(loaded.workflow)) == loaded


def test_what_no_file_can_say_is_refused() -> None:
    with pytest.raises(ValueError, match="9 is no jitter strategy that this version knows"):
        dump_definition(
            v1.Workflow(steps=[v1.Step(retry=[v1.RetryPolicy(jitter_strategy=9)])])  # type: ignore[arg-type] # a newer server may know more
        )
    with pytest.raises(ValueError, match="Expecting value"):
        dump_definition(v1.Workflow(state_json="nonsense"))


def test_a_number_without_fraction_is_written_without_one() -> None:
    group = v1.Group(x=10, y=0.5, width=1e300, height=-0.0)
    plain: Any = dump_definition(v1.Workflow(groups=[group]))["groups"]
    assert json.dumps(plain) == '[{"x": 10, "y": 0.5, "width": 1e+300, "height": -0.0}]'
