"""Registers definitions, and judges the refusal of those with problems (semantics 2.6)."""

from __future__ import annotations

import re
from typing import NamedTuple

import grpc
from grpc import aio

from branchline.client.definitions import (
    DefinitionFileError,
    LoadedDefinition,
    dump_definition,
    load_definition,
)
from branchline.v1 import workflow_pb2
from tests.scenarios.api import Api
from tests.scenarios.compare import show
from tests.scenarios.refusals import FieldViolation, text_of, violations
from tests.scenarios.scenario import Definition, ExpectedProblem


class Refused(Exception):
    """A definition has problems that are found without the server."""


class Told(NamedTuple):
    """A problem as it was told."""

    code: str
    step: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} at {self.step!r}: {self.message}"


async def register(api: Api, definition: Definition) -> int:
    """The version that a definition gets.

    Raises ``Refused``, or what the server says, when the definition has problems.
    """
    loaded = load(definition)
    if loaded.problems:
        raise Refused("; ".join(problem.message for problem in loaded.problems))
    return await api.register(loaded.workflow)


async def judge_problems(
    api: Api, definition: Definition, expected: list[ExpectedProblem]
) -> list[str]:
    """How the problems of a definition differ from the expected ones."""
    loaded = load(definition)
    of_file = [Told(problem.code, problem.step, problem.message) for problem in loaded.problems]
    validated = await api.validate(loaded.workflow)
    of_server = [Told(problem.code, problem.step, problem.message) for problem in validated]
    differences = unmatched(expected, [*of_file, *of_server])
    if of_server:
        differences += await _judge_refusal(api, loaded.workflow, of_server)
    return differences


def round_trip_difference(definition: Definition, stored: workflow_pb2.Workflow) -> str:
    """How a definition differs from what was registered, as it is stored and written again."""
    sent = load(definition).workflow
    if stored != sent:
        return f"sent {sent!s}, stored is {stored!s}".replace("\n", " ")
    written = dump_definition(stored)
    again = load(written)
    if again.problems or again.workflow != sent:
        return f"the written file says something else: {show(written)}"
    return ""


def load(definition: Definition) -> LoadedDefinition:
    """What a definition file says. Raises ``Refused`` when it cannot be read at all."""
    try:
        return load_definition(definition)
    except DefinitionFileError as error:
        raise Refused(str(error)) from error


def unmatched(expected: list[ExpectedProblem], told: list[Told]) -> list[str]:
    """Which expected problems were not told, and which were told unexpectedly."""
    rest = list(told)
    differences = []
    # The pickiest first, so that none takes away what only another fits.
    for problem in sorted(expected, key=lambda problem: -len("".join(problem.mentions))):
        match = next((one for one in rest if _fits(problem, one)), None)
        if match is None:
            wanted = f"{problem.code} at {problem.step!r} mentioning {problem.mentions}"
            differences.append(f"problems: expected {wanted}, not told")
        else:
            rest.remove(match)
    return differences + [f"problems: unexpected {one}" for one in rest]


def _fits(problem: ExpectedProblem, told: Told) -> bool:
    mentioned = all(text in told.message for text in problem.mentions)
    return (problem.code, problem.step) == (told.code, told.step) and mentioned


async def _judge_refusal(
    api: Api, workflow: workflow_pb2.Workflow, problems: list[Told]
) -> list[str]:
    """Registering must be refused with the very problems that validation told.

    An error travels in headers, which are bounded: details may be cut, their number is not.
    """
    try:
        await api.register(workflow)
    except aio.AioRpcError as error:
        return _judge_error(error, problems)
    return ["problems: registering was not refused"]


def _judge_error(error: aio.AioRpcError, problems: list[Told]) -> list[str]:
    if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
        return [f"problems: registering was refused with {error.code().name}: {text_of(error)}"]
    rest = list(problems)
    for violation in violations(error):
        match = next((one for one in rest if _is_told_by(one, violation)), None)
        if match is None:
            return [f"problems: the registration's refusal tells of {violation!s}"]
        rest.remove(match)
    all_counted = re.search(rf"\b{len(problems)} problems\b", error.details() or "")
    if rest and (len(rest) == len(problems) or not all_counted):
        return [f"problems: the registration's refusal does not tell all: {text_of(error)}"]
    return []


def _is_told_by(problem: Told, violation: FieldViolation) -> bool:
    field = f"steps[{problem.step}]" if problem.step else "workflow"
    same_place = (problem.code, field) == (violation.reason, violation.field)
    return same_place and problem.message.startswith(violation.description)
