"""What the pages show as code is sound."""

from __future__ import annotations

import json
import re

import pytest
from google.protobuf import json_format

from branchline.client.definitions import parse_definition
from branchline.engine.validation import find_problems
from branchline.server.rpc.definitions import DefinitionReader
from branchline.v1 import task_service_pb2 as pb
from tests.docs.pages import DOCS, Block, blocks, pages

_TOP_LEVEL_FIELDS = (re.compile(r"^name:", re.MULTILINE), re.compile(r"^steps:", re.MULTILINE))

DEFINITIONS = [
    block
    for page in pages()
    for block in blocks(page, "yaml")
    if all(field.search(block.text) for field in _TOP_LEVEL_FIELDS)
]
JSON = [block for page in pages() for block in blocks(page, "json")]
MESSAGES = blocks(DOCS / "workers-in-any-language.md", "json")


def place(block: Block) -> str:
    """Where a block stands, for the name of its test."""
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", DEFINITIONS, ids=place)
def test_every_definition_is_sound(block: Block) -> None:
    """A whole definition in a page has no problem, in the file or for the engine."""
    loaded = parse_definition(block.text, name=place(block))
    reader = DefinitionReader()
    workflow = reader.workflow(loaded.workflow)
    assert [*loaded.problems, *reader.problems, *find_problems(workflow)] == []


def test_the_pages_have_definitions() -> None:
    """They are found at all: most pages about workflows show one."""
    assert len({block.page for block in DEFINITIONS}) > 5


@pytest.mark.parametrize("block", JSON, ids=place)
def test_every_json_block_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", MESSAGES, ids=place)
def test_messages_of_the_task_protocol_fit(block: Block) -> None:
    """Each is what a worker or the server may say on a stream."""
    fitting = []
    for message in (pb.StreamTasksRequest(), pb.StreamTasksResponse()):
        try:
            fitting.append(json_format.Parse(block.text, message))
        except json_format.ParseError:
            continue
    assert fitting, block.text
