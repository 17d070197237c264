"""``run``: everything that an execution needs, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from branchline.client.cli.builtin import (
    MORE_BUILTIN,
    ON_REQUEST,
    add_builtin,
    builtin_activities,
)
from branchline.client.cli.commands import Commands
from branchline.client.cli.embedding import embedded_for_now
from branchline.client.cli.exits import CommandError, Exit
from branchline.client.cli.offering import (
    Function,
    activities_in_file,
    activities_named,
    by_name,
)
from branchline.client.cli.starting import followed, print_end
from branchline.client.cli.values import add_inputs, inputs_of, seconds
from branchline.client.cli.working import at_work, on_stop_signals, unless_ended
from branchline.client.types import ExecutionInfo

if TYPE_CHECKING:
    from branchline.client.execution import Execution

_BESIDE = "activities.py"
_GRACE = 2.0
"""Seconds that activities have to stop, once the execution has closed."""
_DEFAULT_QUEUE = "default"


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "run",
        _run,
        "run a definition file and print its outputs as JSON",
        details="Server, worker and execution live in this process. Offered are the built-in "
        f"activities and those of --worker; without --worker those of a file {_BESIDE} beside "
        "each FILE, if there is one. What the activities print goes to standard error, and so does "
        "the progress. --json prints the whole execution instead of its outputs.",
        address=False,
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="YAML, or JSON in a file named *.json; the first is started, the others are there "
        "for its children and follow-ups",
    )
    add_inputs(parser)
    parser.add_argument(
        "--worker",
        metavar="MODULE[:ATTRIBUTE]",
        nargs="+",
        action="extend",
        default=[],
        help="activities to offer, as for `branchline worker`",
    )
    add_builtin(parser, MORE_BUILTIN)
    parser.add_argument(
        "--database",
        metavar="FILE",
        help="the SQLite file to keep everything in (default: a temporary one)",
    )
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds,
        help="give up after so long, such as 90s or 1h30m (default: never)",
    )


async def _run(arguments: Namespace) -> int:
    running = asyncio.current_task()
    assert running is not None  # noqa: S101 - commands run as tasks
    # Standard output is for the outputs alone.
    with on_stop_signals(running.cancel), contextlib.redirect_stdout(sys.stderr):
        try:
            info = await _executed(arguments)
        except asyncio.CancelledError:
            raise _interrupted(arguments.database) from None
    print_end(info, whole=arguments.json)
    return 0


def _interrupted(database: str | None) -> CommandError:
    kept = f"; what was started goes on when a server runs on {database}" if database else ""
    return CommandError(f"interrupted{kept}", Exit.INTERRUPTED)


async def _executed(arguments: Namespace) -> ExecutionInfo:
    from branchline.client.client import Client
    from branchline.client.worker import Worker

    paths = list(map(Path, arguments.files))
    offered = _offered(paths, arguments)
    async with (
        embedded_for_now(arguments.database) as address,
        Client(address) as client,
    ):
        started, *_ = [await client.register(path) for path in paths]
        needed = _needed(paths)
        _refuse_missing(needed, offered)
        workers = (
            Worker(address, offered.values(), task_queue=queue, grace=_GRACE) for queue in needed
        )
        async with at_work(workers) as tasks:
            execution = await client.start(
                started.name, inputs_of(arguments), version=started.version
            )
            sys.stderr.write(f"branchline: execution {execution.id} at {address}\n")
            return await unless_ended(_closed(execution, arguments.timeout), tasks)


async def _closed(execution: Execution, timeout: float | None) -> ExecutionInfo:
    try:
        async with asyncio.timeout(timeout):
            return await followed(execution)
    except TimeoutError:
        message = f"execution {execution.id} has not closed after {timeout:g} s"
        raise CommandError(message) from None


def _offered(paths: Iterable[Path], arguments: Namespace) -> Mapping[str, Function]:
    """The built-in activities and the user's, which win."""
    if arguments.worker:
        own = activities_named(arguments.worker)
    else:
        beside = dict.fromkeys(path.with_name(_BESIDE).resolve() for path in paths)
        own = [each for file in beside if file.is_file() for each in activities_in_file(file)]
    return {**by_name(builtin_activities(arguments, always=["all"])), **by_name(own)}


def _needed(paths: Iterable[Path]) -> dict[str, dict[str, str]]:
    """The activities that definitions use, and a step that uses each, by task queue."""
    from branchline.client.definitions import load_definition

    needed: dict[str, dict[str, str]] = {}
    steps = (step for path in paths for step in load_definition(path).workflow.steps)
    for step in steps:
        if step.activity:
            queue = needed.setdefault(step.task_queue or _DEFAULT_QUEUE, {})
            queue.setdefault(step.activity, step.name)
    return needed


def _refuse_missing(
    needed: Mapping[str, Mapping[str, str]], offered: Mapping[str, Function]
) -> None:
    missing = [
        (activity, step)
        for steps in needed.values()
        for activity, step in steps.items()
        if activity not in offered
    ]
    if missing:
        lines = [f"  {activity} (step {step})" for activity, step in missing]
        known = f"offered are {', '.join(sorted(offered))}; name a module with --worker to add its"
        hints = [
            f"{name} is offered with --builtin {name}"
            for name in ON_REQUEST
            if name in dict(missing)
        ]
        raise CommandError("\n".join(["nobody offers these activities:", *lines, known, *hints]))
