"""The inputs that an execution is started with: checked, and completed by defaults."""

from __future__ import annotations

from typing import Any

import msgspec

from branchline.engine.definition import Input, Workflow
from branchline.engine.errors import EngineError
from branchline.engine.quoting import listed, quoted
from branchline.engine.values import Json, Variables, decode, encode

_ANY = ("", "any")

# Exact types: a bool is no number here, and a float no integer even when it is whole.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}

INPUT_TYPES = (*_PYTHON_TYPES, "any")
"""The types that an input may have; an empty one means ``any`` (semantics 2.2)."""

_JSON_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number with a fraction or exponent",
    bool: "a boolean",
    dict: "an object",
    list: "an array",
}


class InputProblem(msgspec.Struct, frozen=True):
    """One thing that is wrong with the inputs of a start (semantics 4.1)."""

    name: str
    message: str


class InvalidInputs(EngineError):
    """The inputs do not fit the workflow; ``problems`` holds all that is wrong with them."""

    def __init__(self, problems: list[InputProblem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def bind_inputs(workflow: Workflow, given: Variables) -> Variables:
    """The inputs of a start by name, in the order of their declarations (semantics 2.2, 4.1).

    What is given is passed on as the very same text; defaults fill in what is left out. The
    workflow must be free of problems. Raises ``InvalidInputs`` when inputs are unknown, missing
    or of the wrong type.
    """
    if not workflow.inputs and not given:
        return {}
    bound: Variables = {}
    problems: list[InputProblem] = []
    for declared in workflow.inputs:
        name = declared.name
        document = given.get(name)
        if document is not None:
            bound[name] = document
            problems += _problems_of(declared, document)
        elif declared.default is msgspec.UNSET:
            problems.append(_missing(declared))
        else:
            bound[name] = encode(declared.default)
    problems += _unknown(workflow, given)
    if problems:
        raise InvalidInputs(problems)
    return bound


def is_of_type(value: Any, type_name: str) -> bool:  # noqa: ANN401 - a JSON document may be anything
    """True when a decoded value is of one of the ``INPUT_TYPES`` (semantics 2.2)."""
    return type_name in _ANY or type(value) in _PYTHON_TYPES[type_name]


def json_type(value: Any) -> str:  # noqa: ANN401 - a JSON document may be anything
    """What a decoded value is in the words of JSON, with its article."""
    return _JSON_NAMES.get(type(value), "null")


def _problems_of(declared: Input, document: Json) -> list[InputProblem]:
    wanted = declared.type
    if wanted in _ANY:
        return []
    try:
        value = decode(document)
    except ValueError as error:
        message = f"input {quoted(declared.name)} can't be read as {wanted}: {error}"
        return [InputProblem(declared.name, message)]
    if is_of_type(value, wanted):
        return []
    message = f"input {quoted(declared.name)} must be of type {wanted}, but is {json_type(value)}"
    return [InputProblem(declared.name, message)]


def _missing(declared: Input) -> InputProblem:
    wanted = declared.type or "any"
    message = f"input {quoted(declared.name)} of type {wanted} is required, but is not given"
    return InputProblem(declared.name, message)


def _unknown(workflow: Workflow, given: Variables) -> list[InputProblem]:
    if not given:
        return []
    known = dict.fromkeys(declared.name for declared in workflow.inputs)
    takes = listed(known) or "no inputs"
    return [
        InputProblem(name, f"input {quoted(name)} is unknown: the workflow takes {takes}")
        for name in given
        if name not in known
    ]
