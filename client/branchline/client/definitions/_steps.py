"""The short forms of a step: bare edges, and a child that is written as an activity."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from branchline.client.definitions._kinds import Place
from branchline.client.definitions._nodes import Node
from branchline.client.definitions._parts import Items, Part, Spec
from branchline.v1.workflow_pb2 import Child, Step

CHILD_ACTIVITY = "workflow.child"


@dataclass(frozen=True)
class EdgePart(Part):
    """An edge; a bare step name is an edge to it (semantics 2.5)."""

    def read(self, node: Node, place: Place) -> Message | None:
        if isinstance(node.value, dict):
            return super().read(node, place)
        if node.value is None or isinstance(node.value, list):
            place.report(node, f"must be a step's name or a mapping, not {node.kind}")
            return None
        return super().read(Node({"step": node}, node.line), place)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, super().schema()]}


@dataclass(frozen=True)
class EdgeItems(Items):
    """The edges of a step; a bare step name is a list of one."""

    def read(self, node: Node, place: Place) -> list[Any]:
        if isinstance(node.value, list | dict):
            return super().read(node, place)
        return self._read_all([node], place)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, super().schema()]}


@dataclass(frozen=True, kw_only=True)
class StepPart(Part):
    """A step; problems inside of it carry its name."""

    child_parameters: Spec
    """The parameters of a child that is written as an activity (semantics 2.4)."""

    def read(self, node: Node, place: Place) -> Message | None:
        if not isinstance(node.value, dict):
            return super().read(node, place)
        place = place.inside(_name(node.value))
        if not _is_child_activity(node.value):
            return super().read(node, place)
        rest = {k: v for k, v in node.value.items() if k not in {"activity", "parameters"}}
        step = super().read(Node(rest, node.line), place)
        parameters = node.value.get("parameters") or Node(None)
        if isinstance(step, Step):
            step.child.CopyFrom(self._child(parameters, place.at("parameters")))
        return step

    def _child(self, parameters: Node, place: Place) -> Child:
        if parameters.value is None:
            return Child()
        child = Part(self.child_parameters).read(parameters, place)
        return child if isinstance(child, Child) else Child(workflow=place.path)


def _name(step: dict[str, Node]) -> str:
    name = step.get("name")
    if name is None or name.value is None or isinstance(name.value, list | dict):
        return ""
    return name.value if isinstance(name.value, str) else json.dumps(name.value)


def _is_child_activity(step: dict[str, Node]) -> bool:
    """A step that has a child besides is left as it is: it has two kinds."""
    activity, child = step.get("activity"), step.get("child")
    has_child = child is not None and child.value is not None
    return activity is not None and activity.value == CHILD_ACTIVITY and not has_child
