"""``worker``."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace

from branchline.client.cli.builtin import add_builtin, builtin_activities
from branchline.client.cli.commands import Commands
from branchline.client.cli.exits import CommandError, Exit
from branchline.client.cli.offering import activities_named, by_name
from branchline.client.cli.values import positive, seconds
from branchline.client.cli.working import work_until_signalled


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "worker",
        _worker,
        "work on the tasks of a server",
        details="SIGINT and SIGTERM drain: no more tasks are taken, those at work may end.",
        json=False,
    )
    parser.add_argument(
        "activities",
        metavar="MODULE[:ATTRIBUTE]",
        nargs="*",
        help="an activity, a list of activities, or without ATTRIBUTE all of the module; "
        "modules are found in the current folder, too",
    )
    add_builtin(
        parser,
        "built-in activities to offer, too; `all` offers all but `shell` and `file`, which are "
        "offered only when named",
    )
    parser.add_argument(
        "--task-queue",
        metavar="NAME",
        default="default",
        help="the task queue (default: %(default)s)",
    )
    parser.add_argument(
        "--max-tasks",
        metavar="NUMBER",
        type=positive,
        default=100,
        help="how many tasks to have in hand at the same time (default: %(default)s)",
    )
    parser.add_argument(
        "--grace",
        metavar="TIME",
        type=seconds,
        default=10.0,
        help="how long tasks at work may take to end, such as 30s or 2m (default: 10s)",
    )


async def _worker(arguments: Namespace) -> int:
    from branchline.client.worker import Worker

    offered = by_name([*activities_named(arguments.activities), *builtin_activities(arguments)])
    if not offered:
        raise CommandError("no activities: name a MODULE[:ATTRIBUTE] or --builtin", Exit.USAGE)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        worker = Worker(
            arguments.address,
            offered.values(),
            task_queue=arguments.task_queue,
            max_tasks=arguments.max_tasks,
            grace=arguments.grace,
        )
    except (TypeError, ValueError) as error:
        raise CommandError(str(error), Exit.USAGE) from error
    names = ", ".join(sorted(offered))
    sys.stderr.write(f"branchline: offering {names} to {worker.address}\n")
    sys.stderr.flush()
    await work_until_signalled(worker)
    return 0
