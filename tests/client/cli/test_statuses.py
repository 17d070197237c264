"""watch without an id."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

from tests.client.cli.calling import CommandLine, Process

Start = Callable[..., Process]


def started(on_server: CommandLine, execution_id: str, name: str) -> str:
    """Start an execution that can be found by a label; its id."""
    chosen = f"{execution_id}-{name}"
    label = ("--label", f"run={execution_id}")
    assert on_server("start", "ask", "--id", chosen, *label).code == 0
    return chosen


def test_a_watch_of_many_tells_how_they_stand_and_what_changes(
    process: Start, on_server: CommandLine, address: str, execution_id: str
) -> None:
    old = started(on_server, execution_id, "old")
    watch = process("watch", "--label", f"run={execution_id}", "--address", address)
    assert watch.next_line().split() == ["SUSPENDED", old, "ask"]
    new = started(on_server, execution_id, "new")
    lines = [watch.next_line().split() for _ in range(2)]
    assert [line[2:] for line in lines] == [["RUNNING", new, "ask"], ["SUSPENDED", new, "ask"]]
    on_server("cancel", old)
    assert watch.next_line().split()[2:] == ["CANCELED", old, "ask"]
    watch.signal(signal.SIGINT)
    assert watch.end().code == 130


def test_a_watch_of_many_as_json_tells_the_position_to_go_on_from(
    process: Start, on_server: CommandLine, address: str, execution_id: str
) -> None:
    flags = ("watch", "--label", f"run={execution_id}", "--json", "--address", address)
    old = started(on_server, execution_id, "old")

    def next_of(watch: Process) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(watch.next_line())
        return found

    first = process(*flags)
    present = next_of(first)
    assert present == {
        "execution_id": old,
        "workflow": "ask",
        "version": 1,
        "status": "SUSPENDED",
        "time": None,
        "labels": {"run": execution_id},
        "parent": "",
        "position": 0,
    }
    on_server("cancel", old)
    change = next_of(first)
    assert (change["status"], change["position"] > 0) == ("CANCELED", True)
    assert change["time"] is not None
    new = started(on_server, execution_id, "new")
    second = process(*flags, "--after", str(change["position"]))
    told = [next_of(second) for _ in range(2)]
    assert [(each["execution_id"], each["status"]) for each in told] == [
        (new, "RUNNING"),
        (new, "SUSPENDED"),
    ]


def test_a_position_ahead_is_refused(on_server: CommandLine) -> None:
    result = on_server("watch", "--after", "1000000000")
    assert result.code == 1
    assert "1000000000" in result.err


def test_an_id_and_a_filter_make_no_sense_together(on_server: CommandLine) -> None:
    result = on_server("watch", "some", "--workflow", "ask")
    assert result.code == 2
    assert "not both" in result.err
