"""run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.cli.calling import CommandLine
from tests.client.cli.flows import (
    ASK,
    BROKEN,
    DOUBLE,
    FAIL,
    GREET,
    OWN,
    PARENT,
    SLEEP,
    TOOLS,
    write,
)


def test_the_outputs_are_all_that_is_on_standard_output(
    branchline: CommandLine, tmp_path: Path
) -> None:
    result = branchline("run", write(tmp_path, "greet.yaml", GREET), "-i", "who=you")
    assert result.code == 0
    assert result.document == {"said": "hello you", "times": "1"}
    assert "hello you\n" in result.err
    assert "[main] step say" in result.err
    assert "execution completed" in result.err


def test_the_whole_execution_as_json(branchline: CommandLine, tmp_path: Path) -> None:
    document = branchline("run", write(tmp_path, "greet.yaml", GREET), "--json").document
    assert document["status"] == "COMPLETED"
    assert document["outputs"]["said"] == "hello world"


def test_a_failed_execution_ends_with_3(branchline: CommandLine, tmp_path: Path) -> None:
    result = branchline("run", write(tmp_path, "fail.yaml", FAIL))
    assert (result.code, result.out) == (3, "")
    assert result.err.endswith("failed (broken): it broke\n")


def test_a_failed_execution_is_a_document_too(branchline: CommandLine, tmp_path: Path) -> None:
    result = branchline("run", write(tmp_path, "fail.yaml", FAIL), "--json")
    assert result.code == 3
    assert result.document["error"]["type"] == "broken"


def test_activities_beside_the_file_are_offered(branchline: CommandLine, tmp_path: Path) -> None:
    write(tmp_path, "activities.py", DOUBLE)
    result = branchline("run", write(tmp_path, "own.yaml", OWN))
    assert result.document == {"result": 42}
    assert "doubling" in result.err


def test_a_module_may_be_named_instead(branchline: CommandLine, tmp_path: Path) -> None:
    write(tmp_path, "cli_doubling.py", DOUBLE)
    result = branchline("run", write(tmp_path, "own.yaml", OWN), "--worker", "cli_doubling:both")
    assert result.document == {"result": 42}


def test_every_task_queue_is_served(branchline: CommandLine, tmp_path: Path) -> None:
    text = GREET.replace("activity: json", "activity: json\n    task_queue: elsewhere")
    assert branchline("run", write(tmp_path, "greet.yaml", text)).code == 0


def test_an_activity_that_nobody_offers_is_named_at_once(
    branchline: CommandLine, tmp_path: Path
) -> None:
    result = branchline("run", write(tmp_path, "own.yaml", OWN))
    assert (result.code, result.out) == (1, "")
    assert "  double (step double)\n" in result.err
    assert "--worker" in result.err


def test_what_is_offered_on_request_is_named_with_its_flag(
    branchline: CommandLine, tmp_path: Path
) -> None:
    result = branchline("run", write(tmp_path, "tools.yaml", TOOLS))
    assert result.code == 1
    assert "\nshell is offered with --builtin shell\n" in result.err
    assert "\nfile is offered with --builtin file\n" in result.err


def test_what_is_asked_for_is_offered_besides(branchline: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "tools.yaml", TOOLS)
    (tmp_path / "kept").mkdir()
    result = branchline("run", path, "--builtin", "shell", "file", "--file-root", "kept")
    assert result.document == {"said": "hello"}
    assert (tmp_path / "kept" / "memo").read_text() == "hello"
    greet = write(tmp_path, "greet.yaml", GREET)
    assert branchline("run", greet, "--builtin", "shell").code == 0


def test_problems_are_listed(branchline: CommandLine, tmp_path: Path) -> None:
    result = branchline("run", write(tmp_path, "broken.yaml", BROKEN))
    assert result.code == 1
    assert "UNKNOWN_EDGE_TARGET" in result.err
    assert "INVALID_FIELD" in result.err


def test_a_workflow_without_activities_needs_no_worker(
    branchline: CommandLine, tmp_path: Path
) -> None:
    path = write(tmp_path, "nap.yaml", SLEEP.replace("1h", "1ms"))
    assert branchline("run", path).document == {}


def test_it_gives_up_in_time(branchline: CommandLine, tmp_path: Path) -> None:
    result = branchline("run", write(tmp_path, "ask.yaml", ASK), "--timeout", "200ms")
    assert result.code == 1
    assert "has not closed after 0.2 s" in result.err


def test_a_given_database_keeps_everything(branchline: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "greet.yaml", GREET)
    assert branchline("run", path, "--database", "kept.db").code == 0
    assert (tmp_path / "kept.db").is_file()
    assert branchline("run", path, "--database", "kept.db").code == 0


def test_a_database_that_cannot_be_used_is_an_error_without_traceback(
    branchline: CommandLine, tmp_path: Path
) -> None:
    write(tmp_path, "text.db", "no database at all, but long enough to be read as one" * 10)
    result = branchline("run", write(tmp_path, "greet.yaml", GREET), "--database", "text.db")
    assert result.code == 1
    assert result.err.startswith("branchline: the server cannot start: ")


@pytest.mark.parametrize("command", [["run", "greet.yaml"], ["server"], ["dev"]])
def test_a_server_that_is_not_installed_is_told_with_the_remedy(
    tmp_path: Path, command: list[str]
) -> None:
    """In a process of its own, where nothing of the server is imported yet."""
    write(tmp_path, "greet.yaml", GREET)
    code = "import sys; sys.modules['sqlalchemy'] = None; from branchline.client.cli import main"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit(main({command!r}))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "the server needs sqlalchemy, which is not installed" in process.stderr
    assert 'pip install "branchline[server]"' in process.stderr


def test_a_fault_inside_of_the_server_is_no_missing_server(
    branchline: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "branchline.server.app", None)
    with pytest.raises(ImportError, match=r"branchline\.server\.app"):
        branchline("server")


def test_several_files_are_registered_and_the_first_is_started(
    branchline: CommandLine, tmp_path: Path
) -> None:
    parent = write(tmp_path, "parent.yaml", PARENT)
    own = tmp_path / "own"
    own.mkdir()
    write(own, "activities.py", DOUBLE)
    result = branchline("run", parent, write(own, "own.yaml", OWN), "--json")
    assert (result.document["workflow"], result.document["outputs"]) == ("parent", {"result": 42})
    assert "[main] delegate, item 0: child own started as exec_" in result.err
    assert "[main] delegate, item 0: child own completed" in result.err


def test_an_activity_that_only_a_child_needs_is_named_too(
    branchline: CommandLine, tmp_path: Path
) -> None:
    result = branchline("run", write(tmp_path, "p.yaml", PARENT), write(tmp_path, "o.yaml", OWN))
    assert result.code == 1
    assert "  double (step double)\n" in result.err


def test_a_failed_attempt_is_told_with_step_item_and_activity(
    branchline: CommandLine, tmp_path: Path
) -> None:
    text = FAIL.replace("activity: fail", "activity: fail, each: {items: [1]}, retry: [RETRY]")
    text = text.replace("RETRY", "{max_retries: 1, base_delay: 1ms, error_equals: [all]}")
    result = branchline("run", write(tmp_path, "fail.yaml", text))
    assert "[main] break, item 0: fail failed: broken: it broke\n" in result.err
    assert "[main] break, item 0: fail (attempt 2) failed: broken: it broke\n" in result.err
    assert re.search(
        r"\[main\] attempt 2, item 0 follows at .* \d\d:\d\d:\d\d\.\d{3}\n", result.err
    )


def test_activities_beside_the_file_may_import_from_the_current_folder(
    branchline: CommandLine, tmp_path: Path
) -> None:
    package = tmp_path / "cli_package"
    package.mkdir()
    write(package, "cli_doubling.py", DOUBLE)
    write(package, "activities.py", "from cli_package.cli_doubling import double\n")
    assert branchline("run", write(package, "own.yaml", OWN)).document == {"result": 42}
