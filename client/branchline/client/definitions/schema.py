"""The JSON Schema (draft 2020-12) of definition files.

``python -m branchline.client.definitions.schema [FILE]`` writes it, by default to
``docs/branchline.schema.json``. It describes sound files: fields that the server asks for are
required, and what is left out may be null.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from branchline.client.definitions._kinds import Kind
from branchline.client.definitions._parts import Field, Items, Part, Spec
from branchline.client.definitions._table import WORKFLOW

DEFAULT_FILE = Path("docs/branchline.schema.json")


def definition_schema() -> dict[str, Any]:
    """The schema as a JSON document."""
    parts: dict[str, Any] = {}
    _collect(WORKFLOW, parts)
    root = parts.pop(WORKFLOW.title)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Branchline workflow definition",
        **root,
        "$defs": dict(sorted(parts.items())),
    }


def schema_text() -> str:
    """The schema as the text of its file."""
    return json.dumps(definition_schema(), indent=2, ensure_ascii=False) + "\n"


def _collect(spec: Spec, parts: dict[str, Any]) -> None:
    """Describes a part and, once each, the parts inside of it."""
    if spec.title in parts:
        return
    parts[spec.title] = _part_schema(spec)
    for field in spec.fields:
        inner = _innermost(field.kind)
        if isinstance(inner, Part):
            _collect(inner.spec, parts)


def _innermost(kind: Kind) -> Kind:
    return kind.item if isinstance(kind, Items) else kind


def _part_schema(spec: Spec) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "description": spec.about,
        "type": "object",
        "properties": {field.name: _field_schema(field) for field in spec.fields},
        "additionalProperties": False,
    }
    if required := [field.name for field in spec.fields if field.required]:
        schema["required"] = required
    if spec.kinds:
        schema["oneOf"] = [_has(kind) for kind in spec.kinds]
    return schema


def _has(kind: str) -> dict[str, Any]:
    return {"required": [kind], "properties": {kind: {"not": {"type": "null"}}}}


def _field_schema(field: Field) -> dict[str, Any]:
    schema = field.kind.schema()
    if not field.required and not field.keeps_null:
        schema = _or_null(schema)
    return {"description": field.about, **schema}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]} if schema else schema
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable = {**schema, "type": [*types, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def main(arguments: list[str]) -> None:
    """Writes the schema to the file that is named, or to the documentation."""
    path = Path(arguments[0]) if arguments else DEFAULT_FILE
    path.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
