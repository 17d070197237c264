"""Definition files: workflows as YAML or JSON (semantics 2)."""

from branchline.client.definitions._dump import dump_definition, dump_yaml
from branchline.client.definitions._load import (
    LoadedDefinition,
    load_definition,
    parse_definition,
)
from branchline.client.definitions._problems import DefinitionFileError, FieldProblem

__all__ = [
    "DefinitionFileError",
    "FieldProblem",
    "LoadedDefinition",
    "dump_definition",
    "dump_yaml",
    "load_definition",
    "parse_definition",
]
