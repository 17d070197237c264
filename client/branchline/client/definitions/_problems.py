"""What can be wrong with a definition file, seen from the file."""

from __future__ import annotations

from dataclasses import dataclass

from branchline.client.errors import BranchlineError

INVALID_FIELD = "INVALID_FIELD"


class DefinitionFileError(BranchlineError, ValueError):
    """A text that is no definition file at all: it can't be read as YAML or JSON, or is no mapping.

    The message begins with the file's name, the line and the column, where there are such.
    """

    def __init__(self, problem: str, *, name: str = "", line: int = 0, column: int = 0) -> None:
        self.problem = problem
        """What is wrong, without the place."""
        self.name = name
        """The file's name."""
        self.line = line
        """The line, from 1; 0 when the problem has no place."""
        self.column = column
        """The column, from 1; 0 when the problem has no place."""
        place = f"line {line}, column {column}" if line else ""
        super().__init__(": ".join(part for part in (name, place, problem) if part))


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """A field of a definition file that means nothing (semantics 2.6, ``INVALID_FIELD``)."""

    code: str = INVALID_FIELD
    step: str = ""
    """The name of the step, empty for the workflow."""
    message: str
    """The line (where the source has lines), the field, what is wrong and the remedy."""
