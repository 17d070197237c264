"""What is wrong with a command line, and what is asked about it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from branchline.client.cli.exits import Exit
from branchline.client.cli.values import assignment, seconds
from tests.client.cli.calling import CommandLine
from tests.client.cli.flows import DOUBLE, write

COMMANDS = [
    "server",
    "backup",
    "copy",
    "dev",
    "health",
    "worker",
    "run",
    "validate",
    "register",
    "workflows",
    "definition",
    "start",
    "list",
    "count",
    "show",
    "signal",
    "pause",
    "unpause",
    "cancel",
    "retry",
    "delete",
    "watch",
    "history",
]


def test_help_lists_every_command_and_exit_code(branchline: CommandLine) -> None:
    result = branchline("--help")
    assert result.code == 0
    commands, codes = result.out.split("exit codes:")
    assert [name for name in COMMANDS if f"    {name} " not in commands] == []
    assert [code.value for code in Exit if f"  {code.value} " not in codes] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(branchline: CommandLine, command: str) -> None:
    result = branchline(command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"usage: branchline {command} ")


def test_the_version_is_the_distributions(branchline: CommandLine) -> None:
    assert branchline("--version").out == f"branchline {version('branchline')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["start"],
        ["start", "greet", "-i", "who"],
        ["start", "greet", "-i", "=me"],
        ["start", "greet", "--inputs-json", "[1]"],
        ["start", "greet", "--inputs-json", "{"],
        ["start", "greet", "--inputs-json", "@absent.json"],
        ["signal", "x", "topic", "text"],
        ["list", "--status", "lost"],
        ["list", "--limit", "0"],
        ["start", "greet", "--label", "red"],
        ["start", "greet", "--timeout", "soon"],
        ["count", "--label", "=red"],
        ["watch", "x", "--after", "-1"],
        ["run", "x.yaml", "--timeout", "soon"],
        ["run", "x.yaml", "--address", "localhost:1"],
        ["--json", "worker", "x"],
        ["worker"],
        ["worker", "--builtin", "nothing"],
        ["worker", "--builtin", "file"],
        ["worker", "--builtin", "file", "--file-root", "absent"],
        ["worker", "--builtin", "all", "--file-root", "."],
        ["dev", "--builtin", "file"],
        ["run", "x.yaml", "--builtin", "nothing"],
        ["dev", "--listen", "127.0.0.1:0"],
        ["server", "--listen"],
        ["backup"],
        ["copy", "--from", "sqlite:///x.db"],
    ],
    ids=" ".join,
)
def test_a_senseless_command_line_ends_with_2(
    branchline: CommandLine, arguments: list[str]
) -> None:
    result = branchline(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err


def test_a_server_that_does_not_answer_ends_with_5(branchline: CommandLine) -> None:
    for command in (["list"], ["health"]):
        result = branchline(*command, "--address", "127.0.0.1:1")
        assert (result.code, result.out) == (5, "")
        assert result.err.startswith("branchline: no server answers at 127.0.0.1:1: ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=1", 1),
        ("n=12345678901234567890", 12345678901234567890),
        ("n=true", True),
        ('n={"a": [1]}', {"a": [1]}),
        ('n="1"', "1"),
        ("n=text", "text"),
        ("n=", ""),
        ("n=a=b", "a=b"),
        ("n=NaN", "NaN"),
    ],
)
def test_an_input_is_json_or_else_text(text: str, value: object) -> None:
    assert assignment(text) == ("n", value)


@pytest.mark.parametrize(
    ("text", "length"), [("90", 90), ("1.5", 1.5), ("250ms", 0.25), ("1h1m", 3660)]
)
def test_a_length_of_time_is_seconds_or_has_units(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("absent_module", "cannot import absent_module: ModuleNotFoundError"),
        ("cli_offers:nothing", "cli_offers:nothing: there is no nothing"),
        ("cli_offers:other", "cli_offers:other is neither an activity nor a list of them"),
        ("cli_offers:", "'cli_offers:' is not MODULE or MODULE:ATTRIBUTE"),
        ("cli_breaks", "line 2)"),
        ("cli_empty", "cli_empty has no activities"),
    ],
)
def test_activities_that_cannot_be_loaded_are_explained(
    branchline: CommandLine, tmp_path: Path, target: str, complaint: str
) -> None:
    write(tmp_path, "cli_offers.py", DOUBLE)
    write(tmp_path, "cli_breaks.py", "x = 1\nx.absent\n")
    write(tmp_path, "cli_empty.py", "")
    result = branchline("worker", target, "--address", "127.0.0.1:1")
    assert result.code in {1, 2}
    assert complaint in result.err
    assert "Traceback" not in result.err
