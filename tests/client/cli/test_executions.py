"""start, list, count, show, signal, cancel, delete, watch and history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.client.cli.calling import CommandLine
from tests.client.cli.flows import HOPELESS, write


@pytest.fixture
def asking(on_server: CommandLine, execution_id: str) -> str:
    """The id of an execution that waits for the signal ``answer``."""
    assert on_server("start", "ask", "--id", execution_id).code == 0
    return execution_id


def test_start_prints_the_id_alone(on_server: CommandLine) -> None:
    result = on_server("start", "ask")
    assert result.out.startswith("exec_")
    assert on_server("show", result.out.strip()).code == 0


def test_start_as_json_tells_the_version(on_server: CommandLine, execution_id: str) -> None:
    result = on_server("start", "ask", "--id", execution_id, "--version", "1", "--json")
    assert result.document == {"id": execution_id, "workflow": "ask", "version": 1}


def test_a_repeated_request_is_one_start(on_server: CommandLine, execution_id: str) -> None:
    first = on_server("start", "ask", "--request-id", execution_id)
    again = on_server("start", "ask", "--request-id", execution_id)
    assert first.out == again.out


def test_an_id_in_use_is_refused(on_server: CommandLine, asking: str) -> None:
    result = on_server("start", "ask", "--id", asking)
    assert (result.code, result.out) == (1, "")
    assert asking in result.err


def test_inputs_are_json_or_else_text(
    on_server: CommandLine, tmp_path: Path, execution_id: str
) -> None:
    inputs = write(tmp_path, "inputs.json", '{"who": "file", "times": 2}')
    started = on_server(
        "start", "greet", "--id", execution_id, "--inputs-json", f"@{inputs}", "-i", "who=a=b c"
    )
    assert started.code == 0
    assert on_server("show", execution_id, "--json").document["inputs"] == {
        "who": "a=b c",
        "times": 2,
    }


def test_all_bad_inputs_are_listed(on_server: CommandLine) -> None:
    result = on_server("start", "greet", "-i", "who=3", "-i", "nobody=1")
    assert result.code == 1
    assert '"who"' in result.err
    assert '"nobody"' in result.err


def test_list_filters_and_limits(on_server: CommandLine, asking: str) -> None:
    on_server("cancel", asking)
    canceled = on_server("list", "--workflow", "ask", "--status", "canceled", "--json").document
    assert asking in {found["id"] for found in canceled}
    assert {found["status"] for found in canceled} == {"CANCELED"}
    assert on_server("list", "--workflow", "nothing", "--json").document == []
    assert len(on_server("list", "--limit", "1", "--json").document) == 1


def test_labels_lead_to_their_executions(on_server: CommandLine, execution_id: str) -> None:
    flags = ("--label", f"run={execution_id}", "--label", "colour=a=b")
    assert on_server("start", "ask", "--id", execution_id, *flags).code == 0
    on_server("start", "ask", "--label", f"run={execution_id}")
    [found] = on_server("list", *flags, "--json").document
    assert (found["id"], found["labels"]["colour"]) == (execution_id, "a=b")
    assert on_server("list", *flags, "--parent", execution_id, "--json").document == []
    shown = on_server("show", execution_id).out
    assert f"run={execution_id}\n" in shown
    assert "colour=a=b\n" in shown


def test_count_tells_how_many_there_are_of_each_status(
    on_server: CommandLine, execution_id: str
) -> None:
    label = ("--label", f"run={execution_id}")
    for _ in range(2):
        on_server("start", "ask", *label)
    on_server("start", "ask", "--id", execution_id, *label)
    on_server("cancel", execution_id)
    rows = [line.split() for line in on_server("count", *label).out.splitlines()]
    assert rows == [["STATUS", "COUNT"], ["SUSPENDED", "2"], ["CANCELED", "1"], ["all", "3"]]
    assert on_server("count", *label, "--status", "canceled", "--json").document == {
        "total": 1,
        "by_status": {"CANCELED": 1},
    }


def test_a_start_has_a_time_of_its_own(on_server: CommandLine) -> None:
    result = on_server("start", "ask", "--timeout", "50ms", "--wait")
    assert result.code == 3
    assert "timeout" in result.err


def test_a_label_that_is_none_is_refused(on_server: CommandLine) -> None:
    result = on_server("start", "ask", "--label", "a b=c")
    assert result.code == 1
    assert 'labels["a b"]' in result.err


def test_a_list_is_a_table(on_server: CommandLine, asking: str) -> None:
    header, *rows = on_server("list", "--workflow", "ask", "--status", "suspended").out.splitlines()
    assert header.split() == ["ID", "WORKFLOW", "VERSION", "STATUS", "STARTED", "TOOK"]
    [row] = [row for row in rows if row.startswith(asking)]
    assert row.split()[1:4] == ["ask", "1", "SUSPENDED"]


def test_show_tells_why_nothing_moves(on_server: CommandLine, asking: str) -> None:
    shown = on_server("show", asking).out
    assert "SUSPENDED" in shown
    assert "waits for signal answer until 2" in shown
    document = on_server("show", asking, "--json").document
    assert document["suspension"]["topics"] == ["answer"]
    assert document["branches"][0]["id"] == "main"


def test_show_tells_that_no_worker_is_there(on_server: CommandLine, execution_id: str) -> None:
    on_server("start", "greet", "--id", execution_id)
    assert "print (task queue default)" in on_server("show", execution_id).out


def test_a_signal_carries_json_and_ends_the_wait(on_server: CommandLine, asking: str) -> None:
    sent = on_server("signal", asking, "answer", '{"yes": 12345678901234567890}')
    assert sent.out == f"signal answer sent to {asking}\n"
    watched = on_server("watch", asking)
    assert watched.code == 0
    assert "signal answer received" in watched.out
    shown = on_server("show", asking, "--json").document
    assert shown["outputs"] == {"answer": {"yes": 12345678901234567890}}


def test_a_signal_for_nobody_is_refused(on_server: CommandLine, execution_id: str) -> None:
    result = on_server("signal", execution_id, "answer")
    assert result.code == 1
    assert execution_id in result.err


def test_a_cancelled_execution_ends_a_watch_with_4(on_server: CommandLine, asking: str) -> None:
    assert on_server("cancel", asking, "--reason", "enough", "--json").document == {"id": asking}
    watched = on_server("watch", asking)
    assert watched.code == 4
    assert "execution cancelled: enough" in watched.out
    assert watched.err == f"branchline: execution {asking} was cancelled\n"


def test_a_paused_execution_goes_on_when_it_is_told_to(on_server: CommandLine, asking: str) -> None:
    assert on_server("pause", asking, "--reason", "lunch").out == f"{asking} pauses\n"
    shown = on_server("show", asking).out
    assert "PAUSED" in shown
    assert "paused: lunch" in shown
    assert on_server("unpause", asking, "--branch", "main").out == f"{asking} goes on\n"
    assert on_server("show", asking, "--json").document["status"] == "SUSPENDED"


def test_pausing_a_branch_that_is_not_there_is_refused(on_server: CommandLine, asking: str) -> None:
    result = on_server("pause", asking, "--branch", "nobody")
    assert result.code == 1
    assert "nobody" in result.err


def test_only_a_failed_execution_is_taken_up_again(on_server: CommandLine, asking: str) -> None:
    assert on_server("retry", asking).code == 1
    assert on_server("retry", asking).err.startswith("branchline: ")


def test_a_failed_execution_is_taken_up_again(
    on_server: CommandLine, tmp_path: Path, execution_id: str
) -> None:
    """It fails again, for the same reason: both failures are in the history."""
    broken = write(tmp_path, "broken.yaml", HOPELESS)
    assert on_server("register", broken).code == 0
    on_server("start", "hopeless", "--id", execution_id)
    assert on_server("retry", execution_id, "--json").document == {"id": execution_id}
    told = on_server("history", execution_id).out
    assert "execution taken up again" in told
    assert told.count("execution failed: expression_error") == 2


def test_only_a_closed_execution_is_deleted(on_server: CommandLine, asking: str) -> None:
    assert on_server("delete", asking).code == 1
    on_server("cancel", asking)
    assert on_server("delete", asking).out == f"{asking} deleted\n"
    assert on_server("show", asking).code == 1


def test_history_is_numbered_lines_or_json_lines(on_server: CommandLine, asking: str) -> None:
    lines = on_server("history", asking).out.splitlines()
    assert "execution of ask version 1 started" in lines[1]
    events = on_server("history", asking, "--json").documents
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len(lines) == 1 + len(events)
    rest = on_server("history", asking, "--after", "1", "--json").documents
    assert rest == events[1:]


def test_a_watch_as_json_is_the_history_of_a_closed_execution(
    on_server: CommandLine, asking: str
) -> None:
    on_server("cancel", asking)
    watched = on_server("watch", asking, "--json")
    assert watched.documents == on_server("history", asking, "--json").documents
    later = on_server("watch", asking, "--json", "--after", "2")
    assert later.documents == watched.documents[2:]


def test_a_watch_behind_the_end_is_refused(on_server: CommandLine, asking: str) -> None:
    assert on_server("watch", asking, "--after", "1000").code == 1


def test_health(on_server: CommandLine, address: str) -> None:
    assert on_server("health").out == "SERVING\n"
    document = on_server("--json", "health").document
    assert document == {"address": address, "status": "SERVING"}


def test_steps_are_a_table_or_json_lines(
    on_server: CommandLine, asking: str, tmp_path: Path, execution_id: str
) -> None:
    header, row = on_server("steps", asking).out.splitlines()
    assert header.split()[:3] == ["BRANCH", "STEP", "STATUS"]
    assert row.split()[:3] == ["main", "wait", "SUSPENDED"]
    [line] = on_server("steps", asking, "--json").out.splitlines()
    visit = json.loads(line)
    assert (visit["number"], visit["step"], visit["status"]) == (2, "wait", "SUSPENDED")
    assert on_server("steps", asking, "--after", "2", "--json").out == ""
    on_server("register", write(tmp_path, "hopeless.yaml", HOPELESS))
    on_server("start", "hopeless", "--id", f"{execution_id}-2")
    assert "expression_error: " in on_server("steps", f"{execution_id}-2").out
    assert on_server("steps", "nobody").code == 1
