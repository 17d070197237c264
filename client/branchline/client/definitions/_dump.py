"""Writes a workflow as a definition file."""

from __future__ import annotations

from branchline.client.definitions._parts import Part
from branchline.client.definitions._table import WORKFLOW
from branchline.v1.workflow_pb2 import Workflow


def dump_definition(workflow: Workflow) -> dict[str, object]:
    """The workflow as a plain mapping, as a definition file has it (semantics 2.5).

    It has what is set and no more, in the documented order; durations are compact (``1h30m``),
    edges are written out. Read again, it gives an equal workflow.

    Raises:
        ValueError: a JSON field holds no JSON, or a strategy is newer than this version.

    """
    return Part(WORKFLOW).write(workflow)


def dump_yaml(workflow: Workflow) -> str:
    """The workflow as the YAML text of a definition file; see ``dump_definition``.

    Raises:
        ValueError: a JSON field holds no JSON, or a strategy is newer than this version.

    """
    # YAML costs time to import, and most programs never write a definition.
    from branchline.client.definitions._yaml_writer import write_yaml  # noqa: PLC0415

    return write_yaml(dump_definition(workflow))
