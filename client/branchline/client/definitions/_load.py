"""Reads definition files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from branchline.client.definitions._json_reader import read_json
from branchline.client.definitions._kinds import Place
from branchline.client.definitions._nodes import MAX_SIZE, Node, node_of
from branchline.client.definitions._parts import Part
from branchline.client.definitions._problems import DefinitionFileError, FieldProblem
from branchline.client.definitions._table import WORKFLOW
from branchline.v1.workflow_pb2 import Workflow

_MAPPING_NAME = "<mapping>"


@dataclass(frozen=True, kw_only=True)
class LoadedDefinition:
    """What a definition file says."""

    workflow: Workflow
    """The definition. Where the file has a problem, it has something harmless instead, so that
    the server finds only problems of other fields."""
    problems: list[FieldProblem]
    """Every field that means nothing, in the order of the file."""


def load_definition(source: str | os.PathLike[str] | Mapping[str, object]) -> LoadedDefinition:
    """Reads a definition from a file, or from a mapping that was parsed elsewhere.

    A file whose name ends in ``.json`` is JSON, any other is YAML. Problems of single fields are
    collected, not raised (semantics 2.6, ``INVALID_FIELD``).

    Raises:
        DefinitionFileError: the source can't be read as YAML or JSON, or is no mapping.
        OSError: the file can't be opened.

    """
    if isinstance(source, Mapping):
        try:
            return _loaded(node_of(source))
        except DefinitionFileError as error:
            raise DefinitionFileError(error.problem, name=_MAPPING_NAME) from None
    path = Path(source)
    with path.open("rb") as file:
        # A character has at most four bytes.
        data = file.read(4 * MAX_SIZE + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DefinitionFileError("not UTF-8", name=str(path), line=line, column=1) from None
    return parse_definition(text, name=str(path))


def parse_definition(text: str, *, name: str = "<text>") -> LoadedDefinition:
    """Reads a definition from its text; ``name`` stands in errors for the file.

    The text is JSON when the name ends in ``.json`` or the text is a JSON object, else YAML.

    Raises:
        DefinitionFileError: the text can't be read as YAML or JSON, or is no mapping.

    """
    try:
        return _loaded(_read(text, is_json=name.lower().endswith(".json")))
    except DefinitionFileError as error:
        raise DefinitionFileError(
            error.problem, name=name, line=error.line, column=error.column
        ) from None


def _read(text: str, *, is_json: bool) -> Node:
    if len(text) > MAX_SIZE:
        raise DefinitionFileError(f"larger than {MAX_SIZE} characters")
    if is_json or text.lstrip().startswith("{"):
        try:
            return read_json(text)
        except json.JSONDecodeError as error:
            # A flow mapping of YAML begins with the same brace.
            if is_json:
                problem = f"not JSON: {error.msg}"
                raise DefinitionFileError(problem, line=error.lineno, column=error.colno) from None
    # YAML costs time to import, and many programs never read a definition.
    from branchline.client.definitions.yaml_reader import read_yaml  # noqa: PLC0415

    return read_yaml(text)


def _loaded(node: Node) -> LoadedDefinition:
    if not isinstance(node.value, dict):
        problem = f"a definition is a mapping, this is {node.kind}"
        raise DefinitionFileError(problem, line=node.line, column=1 if node.line else 0)
    problems: list[FieldProblem] = []
    workflow = Part(WORKFLOW).read(node, Place(problems))
    assert isinstance(workflow, Workflow)  # noqa: S101 - a mapping always gives its message
    _forget_lost_start(node.value.get("steps"), workflow)
    return LoadedDefinition(workflow=workflow, problems=problems)


def _forget_lost_start(steps: Node | None, workflow: Workflow) -> None:
    """Where steps could not be read, the start may be one of them: that is no second problem."""
    written = len(steps.value) if steps is not None and isinstance(steps.value, list) else None
    if steps is None or written == len(workflow.steps):
        return
    if workflow.start_at not in {step.name for step in workflow.steps}:
        workflow.ClearField("start_at")
