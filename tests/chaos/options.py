"""What the chaos test is told on its command line."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One run. Times are seconds."""

    seconds: float = 180.0
    """How long there is new work, and how long things break."""
    seed: int = 1
    database: str = "sqlite"
    servers: int = 1
    workers: int = 2
    users: int = 20
    """How many look after an execution each, one after the other."""
    drain: float = 60.0
    """How long everything may take to come to an end once nothing breaks any more."""
    folder: Path | None = None
    """Where to keep logs and data; None makes a folder."""
    keep: bool = False
    """Whether to keep the folder of a run without violations."""


def read_options(arguments: Sequence[str]) -> Options:
    """The options of a command line; wrong ones end the process."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    if given["seed"] is None:
        given["seed"] = secrets.randbelow(1_000_000)
    options = Options(**given)
    if options.database == "sqlite" and options.servers != 1:
        parser.error("one server at a time can use a SQLite file: --servers needs postgresql")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Random workflows run on real servers and workers that are killed, stopped, "
        "cut off and starved. Afterwards every promise is checked. The exit code is 1 when one "
        "was broken.",
        epilog="A seed draws the same workflows, users and faults again. When each of them "
        "happens depends on the machine, so a violation may need several runs of its seed.",
    )
    default = Options()
    parser.add_argument("--seconds", type=_positive, default=default.seconds, help=_help("seconds"))
    parser.add_argument("--seed", type=int, help="play a run again (default: a new one)")
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgresql"),
        default=default.database,
        help="sqlite, or postgresql, which several servers may share",
    )
    parser.add_argument("--servers", type=_count, default=default.servers, help=_help("servers"))
    parser.add_argument("--workers", type=_count, default=default.workers, help=_help("workers"))
    parser.add_argument("--users", type=_count, default=default.users, help=_help("users"))
    parser.add_argument("--drain", type=_positive, default=default.drain, help=_help("drain"))
    parser.add_argument("--folder", type=Path, help="where to keep logs and data")
    parser.add_argument("--keep", action="store_true", help="keep them without violations, too")
    return parser


def _help(name: str) -> str:
    texts = {
        "seconds": "how long things break",
        "servers": "server processes; several need postgresql",
        "workers": "worker processes",
        "users": "users that each look after one execution at a time",
        "drain": "seconds in which everything must end afterwards",
    }
    return f"{texts[name]} (default: %(default)s)"


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
