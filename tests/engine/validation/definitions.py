"""Small definitions to break, and what is found in them."""

from __future__ import annotations

from typing import Any

import msgspec

from branchline.engine.definition import SECOND, Problem, Workflow
from branchline.engine.validation import find_problems

Json = dict[str, Any]

WAIT: Json = {"topic": "reply", "timeout": 30 * SECOND}
SLEEP: Json = {"duration": SECOND}


def workflow(*steps: Json, **fields: Any) -> Workflow:  # noqa: ANN401 - any field's value
    """A workflow of steps that are written as in a definition file, with whole durations."""
    return msgspec.convert({"name": "bakery", "steps": steps, **fields}, Workflow)


def work(name: str, *targets: str, **fields: Any) -> Json:  # noqa: ANN401 - any field's value
    """An activity step that leads to some steps."""
    return {"name": name, "activity": "work", "next": [{"step": to} for to in targets], **fields}


def step(kind: str, value: object, **fields: Any) -> Json:  # noqa: ANN401 - any field's value
    """The step `it` of a kind."""
    return {"name": "it", kind: value, **fields}


def codes(*steps: Json, **fields: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as above
    """The problems of such a workflow: code and step."""
    return [(problem.code, problem.step) for problem in find_problems(workflow(*steps, **fields))]


def only(*steps: Json, **fields: Any) -> Problem:  # noqa: ANN401 - as above
    """The problem of a workflow that has just one."""
    [problem] = find_problems(workflow(*steps, **fields))
    return problem
