"""The workflows of a rehearsal: definitions, read and checked as a server does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from branchline.client.definitions import (
    DefinitionFileError,
    LoadedDefinition,
    load_definition,
    parse_definition,
)
from branchline.client.types import Problem, RegisteredWorkflow
from branchline.engine import Plan
from branchline.engine.definition import Workflow
from branchline.engine.validation import find_problems
from branchline.server.rpc.definitions import DefinitionReader
from branchline.testing.refusals import invalid_definition, workflow_not_found
from branchline.v1 import workflow_pb2

Definition: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | workflow_pb2.Workflow
"""A definition file's path, its text (a string of several lines, or a JSON object), what it
says as a mapping, or the message of the API."""


class Library:
    """The versions of every workflow."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Plan]] = {}

    def register(self, definition: Definition) -> RegisteredWorkflow:
        """Keep a definition as the next version of its name (semantics 2.7).

        Raises:
            InvalidDefinition: it has problems; all of them are listed.
            OSError: the file cannot be read.

        """
        workflow = _read(definition)
        versions = self._versions.setdefault(workflow.name, [])
        created = not versions or _content(versions[-1].workflow) != _content(workflow)
        if created:
            versions.append(Plan(workflow, len(versions) + 1))
        return RegisteredWorkflow(workflow.name, len(versions), created)

    def plan(self, name: str, version: int = 0) -> Plan:
        """A version of a workflow, 0 for the latest. Raises ``WorkflowNotFound``."""
        versions = self._versions.get(name, [])
        if not versions or not 0 <= version <= len(versions):
            raise workflow_not_found(name, version)
        return versions[version - 1]


def _content(workflow: Workflow) -> bytes:
    """What makes two definitions the same; 1 and 1.0 are not."""
    return msgspec.json.encode(workflow, order="sorted")


def _read(definition: Definition) -> Workflow:
    """The engine's form of a definition. Raises ``InvalidDefinition``."""
    if isinstance(definition, workflow_pb2.Workflow):
        loaded = LoadedDefinition(workflow=definition, problems=[])
    else:
        loaded = _load(definition)
    reader = DefinitionReader()
    workflow = reader.workflow(loaded.workflow)
    found = [Problem(p.code, p.step, p.message) for p in loaded.problems]
    found += [
        Problem(p.code, p.step, p.message) for p in (*reader.problems, *find_problems(workflow))
    ]
    if found:
        raise invalid_definition(found)
    return workflow


def _load(definition: str | os.PathLike[str] | Mapping[str, Any]) -> LoadedDefinition:
    try:
        if isinstance(definition, str) and _is_text(definition):
            return parse_definition(definition)
        return load_definition(definition)
    except DefinitionFileError as error:
        raise invalid_definition([Problem("INVALID_FIELD", "", str(error))]) from error


def _is_text(definition: str) -> bool:
    return "\n" in definition or definition.lstrip().startswith("{")
