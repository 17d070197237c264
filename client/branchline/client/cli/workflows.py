"""``validate``, ``register``, ``workflows`` and ``definition``."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from branchline.client.cli.commands import Commands
from branchline.client.cli.connecting import connected
from branchline.client.cli.embedding import embedded_for_now
from branchline.client.cli.exits import Exit
from branchline.client.cli.output import as_document, print_json, print_table, print_text
from branchline.client.cli.texts import local_time
from branchline.client.cli.values import natural
from branchline.client.errors import InvalidDefinition
from branchline.client.types import Problem, RegisteredWorkflow


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add(
        "validate",
        _validate,
        "tell what is wrong with a definition file",
        details="Without --address and $BRANCHLINE_ADDRESS this needs no running server.",
    )
    parser.add_argument("file", metavar="FILE", help="YAML, or JSON in a file named *.json")

    parser = commands.add("register", _register, "register definition files")
    parser.add_argument("files", metavar="FILE", nargs="+", help="as for validate")

    commands.add("workflows", _workflows, "list the registered workflows")

    parser = commands.add("definition", _definition, "print a registered definition as YAML")
    parser.add_argument("name", metavar="NAME", help="the workflow")
    parser.add_argument(
        "--version",
        metavar="NUMBER",
        type=natural,
        default=0,
        help="its version (default: the latest)",
    )


async def _validate(arguments: Namespace) -> int:
    if arguments.address or os.environ.get("BRANCHLINE_ADDRESS"):
        problems = await _problems(arguments)
    else:
        async with embedded_for_now() as address:
            problems = await _problems(Namespace(file=arguments.file, address=address))
    if arguments.json:
        print_json({"valid": not problems, "problems": problems})
    elif problems:
        print_table(("CODE", "STEP", "MESSAGE"), map(_row, problems))
    else:
        print_text(f"{arguments.file} is valid")
    return Exit.REFUSED if problems else Exit.OK


async def _problems(arguments: Namespace) -> Sequence[Problem]:
    async with connected(arguments) as client:
        return await client.validate(Path(arguments.file))


def _row(problem: Problem) -> tuple[str, str, str]:
    return problem.code, problem.step, problem.message


async def _register(arguments: Namespace) -> int:
    registered: list[RegisteredWorkflow] = []
    async with connected(arguments) as client:
        for file in arguments.files:
            try:
                registered.append(await client.register(Path(file)))
            except InvalidDefinition as error:
                sys.stderr.write(f"branchline: {file}: {error}\n")
    if arguments.json:
        print_json(registered)
    elif registered:
        rows = (
            (found.name, str(found.version), "new" if found.created else "unchanged")
            for found in registered
        )
        print_table(("WORKFLOW", "VERSION", "CONTENT"), rows)
    return Exit.OK if len(registered) == len(arguments.files) else Exit.REFUSED


async def _workflows(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        found = [workflow async for workflow in client.list_workflows()]
    if arguments.json:
        print_json([as_document(workflow, "name", "version", "create_time") for workflow in found])
    else:
        rows = ((item.name, str(item.version), local_time(item.create_time)) for item in found)
        print_table(("WORKFLOW", "VERSION", "REGISTERED"), rows)
    return 0


async def _definition(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        found = await client.get_workflow(arguments.name, arguments.version)
    if arguments.json:
        print_json(found.definition)
    else:
        from branchline.client.definitions import dump_yaml, load_definition

        sys.stdout.write(dump_yaml(load_definition(found.definition or {}).workflow))
    return 0
