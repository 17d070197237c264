"""What the groups of commands share when they describe their flags."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    # Only the type checker knows the parameter.
    Subparsers: TypeAlias = argparse._SubParsersAction[ArgumentParser]  # noqa: SLF001

Handler: TypeAlias = Callable[[Namespace], int | Coroutine[Any, Any, int]]
"""A command: takes what was parsed, gives the exit code."""


class Commands:
    """The commands, as the groups add them."""

    def __init__(self, subparsers: Subparsers) -> None:
        self._subparsers = subparsers

    def add(
        self,
        name: str,
        handler: Handler,
        summary: str,
        *,
        details: str = "",
        address: bool = True,
        json: bool = True,
    ) -> ArgumentParser:
        """Add a command; ``address`` and ``json`` tell which common flags it takes."""
        parser = self._subparsers.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}. {details}".strip(),
            allow_abbrev=False,
        )
        parser.set_defaults(handler=handler, lacks=_lacks(address=address, json=json))
        # Suppressed defaults: what was given before the command stays.
        if address:
            add_address(parser, argparse.SUPPRESS)
        if json:
            add_json(parser, argparse.SUPPRESS)
        return parser


def add_address(parser: ArgumentParser, default: str | None) -> None:
    """Add ``--address``."""
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        default=default,
        help="the server (default: $BRANCHLINE_ADDRESS or localhost:7717)",
    )


def add_json(parser: ArgumentParser, default: str | bool) -> None:  # noqa: FBT001 - argparse's
    """Add ``--json``."""
    parser.add_argument(
        "--json", action="store_true", default=default, help="print JSON instead of text"
    )


def add_execution_id(parser: ArgumentParser) -> None:
    """Add the execution that a command is about."""
    parser.add_argument("id", metavar="ID", help="the execution's id")


def _lacks(*, address: bool, json: bool) -> list[str]:
    return [name for name, has in (("address", address), ("json", json)) if not has]
