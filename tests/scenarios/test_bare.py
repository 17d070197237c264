"""Scenarios on the bare engine: the same outcomes as on a server, without waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.scenarios.__main__ import main
from tests.scenarios.bare.play import play
from tests.scenarios.files import find, read
from tests.scenarios.results import Result
from tests.scenarios.scenario import Scenario

DATA = Path(__file__).parent / "data"
SOUND = [*find(DATA / "sound"), *find(DATA / "clauses")]
STEP = {"name": "dive", "activity": "dive"}


def played(**parts: object) -> Result:
    """What comes of a scenario of one diver."""
    plain: dict[str, Any] = {
        "name": "diver",
        "workflow": {"name": "diver", "steps": [STEP]},
        "activities": {"dive": [{"return": 1}]},
        "expect": {},
        **parts,
    }
    return play(msgspec.convert(plain, Scenario))


@pytest.mark.parametrize("path", SOUND, ids=[path.stem for path in SOUND])
def test_a_sound_scenario_passes(path: Path) -> None:
    assert play(read(path)).differences == []


def test_the_command_tells_results_and_exits_as_with_a_server(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main([str(DATA / "unsound"), "--bare"])
    told = capsys.readouterr().out
    assert "    parameters of add: expected" in told
    assert "cancel: expected NOT_FOUND, got OK" in told
    assert "problems: unexpected UNKNOWN_EDGE_TARGET" in told
    assert told.endswith("\n0 passed, 4 failed, 0 skipped\n")
    assert code == 1
    assert main([str(DATA / "sound"), "--bare", "--only", "lists*"]) == 0
    assert main([str(DATA / "nowhere"), "--bare"]) == 2


def test_what_activities_print_and_raise_is_shown_on_demand_only(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "loud.yaml").write_text(
        "name: loud\n"
        "workflow: {name: loud, steps: [{name: a, activity: print, "
        "parameters: {message: hear me}, next: b}, {name: b, activity: break}]}\n"
        "builtin: [print]\nactivities: {break: [{fail: {message: crack}}]}\n"
        "expect: {status: COMPLETED}\n"
    )
    main([str(tmp_path), "--bare"])
    quiet = capsys.readouterr()
    assert "hear me" not in quiet.out
    assert quiet.err == ""
    main([str(tmp_path), "--bare", "--verbose"])
    loud = capsys.readouterr().out
    assert "hear me" in loud
    assert "Exception: crack" in loud


def test_a_setting_that_needs_a_server_skips_a_scenario(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "kept.yaml").write_text(
        "name: kept\nworkflow: {name: kept, steps: [{name: a, activity: a}]}\n"
        "server: {retention: 1s}\nexpect: {}\n"
    )
    assert main([str(tmp_path), "--bare"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("SKIP kept: the bare engine has no setting retention\n")


def test_a_circle_of_activities_does_not_stop_the_clock() -> None:
    round_and_round = {"name": "diver", "steps": [{**STEP, "next": "dive"}]}
    stopped = played(
        workflow=round_and_round,
        do=[{"when": {"calls": {"dive": 20}}, "cancel": {}}],
        expect={"status": "CANCELED"},
    )
    assert stopped.differences == []


def test_a_crash_takes_the_whole_worker_with_it() -> None:
    steps = [
        {"name": "jump", "activity": "jump", "next": [{"step": "dive", "branch": "a"}, "crash"]},
        {"name": "dive", "activity": "dive", "store": "seen"},
        {"name": "crash", "activity": "crash"},
    ]
    both = played(
        workflow={"name": "diver", "steps": steps},
        activities={
            "jump": [{"return": 1}],
            "dive": [{"sleep": "100ms", "return_task": ["delivery"]}],
            "crash": [{"sleep": "50ms", "crash": True}],
        },
        expect={"status": "COMPLETED", "state": {"a": {"seen": {"delivery": 2}}}},
    )
    assert both.differences == []


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"do": [{"when": {"status": "PAUSED"}}]}, "entry 1 of do: waited 10 s in vain"),
        ({"do": [{"of": "seal", "cancel": {}}]}, "there is no execution of 'seal'"),
        ({"do": [{"signal": {"topic": ""}}]}, "expected OK, got INVALID_ARGUMENT"),
        ({"start": {"labels": {"no name": "x"}}}, "INVALID_ARGUMENT"),
        ({"start": {"version": 2}}, "NOT_FOUND"),
        ({"expect": {"start_refused": {"code": "NOT_FOUND"}}}, "it was not refused"),
        ({"expect": {"children": {"seal": 1}}}, "children seal: expected"),
        ({"expect": {"status_changes": ["COMPLETED"]}}, "status_changes: expected"),
        ({"expect": {"progress": {"main": [{"attempt": 2}]}}}, "progress of main: expected"),
        ({"expect": {"others": {"diver": {"gone": True}}}}, "diver: gone"),
        ({"expect": {"waiting_for": [{"activity": "dive"}]}}, "waiting_for: expected"),
        ({"expect": {"follow_up_errors": ["seal"]}}, "follow_up_errors: expected"),
        ({"expect": {"computed": {"depth": 1}}}, "computed: expected"),
        ({"expect": {"listed": [{"filter": {}, "finds": []}]}}, "listed {}: expected [], got"),
        ({"also": [{"name": "seal"}]}, "NO_STEPS"),
    ],
)
def test_a_difference_is_told(parts: dict[str, Any], told: str) -> None:
    assert told in "\n".join(played(**parts).differences)
