"""validate, register, workflows and definition."""

from __future__ import annotations

from pathlib import Path

from tests.client.cli.calling import CommandLine
from tests.client.cli.flows import BROKEN, GREET, write


def test_validate_needs_no_running_server(branchline: CommandLine, tmp_path: Path) -> None:
    result = branchline("validate", write(tmp_path, "greet.yaml", GREET))
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("greet.yaml is valid\n")


def test_validate_lists_problems_of_the_file_and_of_the_graph(
    branchline: CommandLine, tmp_path: Path
) -> None:
    result = branchline("validate", write(tmp_path, "broken.yaml", BROKEN), "--json")
    assert result.code == 1
    assert result.document["valid"] is False
    found = {(problem["code"], problem["step"]) for problem in result.document["problems"]}
    assert {("INVALID_FIELD", "b"), ("UNKNOWN_EDGE_TARGET", "a")} <= found


def test_problems_are_a_table_of_code_step_and_message(
    branchline: CommandLine, tmp_path: Path
) -> None:
    result = branchline("validate", write(tmp_path, "broken.yaml", BROKEN))
    header, *rows = result.out.splitlines()
    assert header.split() == ["CODE", "STEP", "MESSAGE"]
    [row] = [row for row in rows if row.startswith("UNKNOWN_EDGE_TARGET")]
    assert row.split()[1] == "a"
    assert "nowhere" in row


def test_a_file_that_is_not_there_is_named(branchline: CommandLine) -> None:
    result = branchline("validate", "absent.yaml")
    assert result.code == 1
    assert result.err == "branchline: absent.yaml: No such file or directory\n"


def test_register_tells_versions_and_goes_on_behind_a_broken_file(
    on_server: CommandLine, tmp_path: Path, execution_id: str
) -> None:
    fresh = write(tmp_path, "fresh.yaml", GREET.replace("name: greet", f"name: {execution_id}"))
    broken = write(tmp_path, "broken.yaml", BROKEN)
    result = on_server("register", broken, fresh, fresh, "--json")
    assert result.code == 1
    assert result.document == [
        {"name": execution_id, "version": 1, "created": True},
        {"name": execution_id, "version": 1, "created": False},
    ]
    assert "broken.yaml: the definition has problems" in result.err
    assert "UNKNOWN_EDGE_TARGET" in result.err


def test_workflows_are_listed(on_server: CommandLine) -> None:
    listed = on_server("workflows", "--json").document
    assert {"ask", "fail", "greet"} <= {workflow["name"] for workflow in listed}
    assert set(listed[0]) == {"name", "version", "create_time"}
    header, *rows = on_server("workflows").out.splitlines()
    assert header.split() == ["WORKFLOW", "VERSION", "REGISTERED"]
    assert len(rows) == len(listed)


def test_a_printed_definition_registers_as_the_same_version(
    on_server: CommandLine, tmp_path: Path
) -> None:
    printed = on_server("definition", "greet")
    assert printed.code == 0
    again = on_server("register", write(tmp_path, "again.yaml", printed.out), "--json")
    assert again.document[0]["created"] is False


def test_a_definition_as_json_is_a_definition_file_too(
    on_server: CommandLine, tmp_path: Path
) -> None:
    printed = on_server("definition", "greet", "--version", "1", "--json")
    assert printed.document["name"] == "greet"
    again = on_server("register", write(tmp_path, "again.json", printed.out), "--json")
    assert again.document[0]["created"] is False


def test_an_unknown_workflow_is_refused(on_server: CommandLine) -> None:
    result = on_server("definition", "nothing")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("branchline: ")
    assert "nothing" in result.err
