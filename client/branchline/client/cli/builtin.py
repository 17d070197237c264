"""Which built-in activities a command offers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

from branchline.client.cli.exits import CommandError, Exit
from branchline.client.cli.offering import Function

ON_REQUEST = ("shell", "file")
"""Those that are offered only when they are named: they reach further than the others."""

MORE_BUILTIN = "built-in activities to offer besides the usual ones: `shell`, `file`"
"""The help of ``--builtin`` where the others are offered anyway."""

_ALL = "all"


def add_builtin(parser: ArgumentParser, help: str) -> None:  # noqa: A002 - as argparse has it
    """Add the flags that choose built-in activities."""
    parser.add_argument(
        "--builtin", metavar="NAME", nargs="+", action="extend", default=[], help=help
    )
    parser.add_argument(
        "--file-root",
        metavar="DIR",
        help="the folder that `--builtin file` works in, and never outside of it",
    )


def builtin_activities(arguments: Namespace, always: Sequence[str] = ()) -> list[Function]:
    """The built-in activities that the flags name, and those that a command offers anyway.

    ``all`` stands for all but those on request.

    Raises:
        CommandError: there is none of a name, or a root is missing or makes no sense.

    """
    from branchline.client.builtin import builtin

    names = list(dict.fromkeys([*always, *arguments.builtin]))
    if arguments.file_root is not None and "file" not in names:
        raise CommandError("--file-root is for --builtin file: name that, too", Exit.USAGE)
    usual = [name for name in names if name not in {_ALL, *ON_REQUEST}]
    try:
        named = builtin(*usual) if usual else []
        offered = builtin() if _ALL in names else named
        return [*offered, *(make(arguments) for name, make in _MADE.items() if name in names)]
    except ValueError as error:
        raise CommandError(str(error), Exit.USAGE) from error


def _shell(_: Namespace) -> Function:
    from branchline.client.builtin import shell

    return shell()


def _file(arguments: Namespace) -> Function:
    from branchline.client.builtin import file

    if arguments.file_root is None:
        raise CommandError(
            "--builtin file needs --file-root DIR, the folder to work in", Exit.USAGE
        )
    return file(arguments.file_root)


_MADE: dict[str, Callable[[Namespace], Function]] = {"shell": _shell, "file": _file}
