from __future__ import annotations

import datetime as dt
import re

import pytest

from branchline.client.activities import activity_of
from branchline.client.builtin import BUILTINS, builtin
from branchline.client.errors import ActivityError
from tests.client.builtin.calling import run


def test_the_shipped_activities() -> None:
    assert list(BUILTINS) == ["print", "time", "json", "random", "fail", "http"]
    assert [activity_of(function).name for function in BUILTINS.values()] == list(BUILTINS)


@pytest.mark.parametrize(("name", "how"), [("shell", "shell()"), ("file", "file(root)")])
def test_what_reaches_further_is_not_taken_by_name(name: str, how: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is made by {re.escape(how)}"):
        builtin("json", name)


def test_they_are_taken_by_name() -> None:
    assert builtin("json", "print") == [BUILTINS["json"], BUILTINS["print"]]
    assert builtin() == list(BUILTINS.values())
    with pytest.raises(ValueError, match="no built-in activity is named 'prnt'; there are print"):
        builtin("json", "prnt")


@pytest.mark.parametrize(
    ("message", "printed"),
    [("found 20", "found 20\n"), ({"é": [1, None]}, '{"é":[1,null]}\n'), ("", "\n")],
)
def test_print_prints_and_gives_the_message(
    message: object, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("print", message=message) == message
    assert capsys.readouterr().out == printed


def test_time_in_utc_is_rfc_3339_text() -> None:
    before = dt.datetime.now(dt.UTC)
    text = run("time", utc=True)
    assert text.endswith("Z")
    assert before <= dt.datetime.fromisoformat(text) <= dt.datetime.now(dt.UTC)


def test_local_time_has_its_offset() -> None:
    told = dt.datetime.fromisoformat(run("time"))
    assert told.utcoffset() == dt.datetime.now(dt.UTC).astimezone().utcoffset()


def test_time_takes_a_format() -> None:
    before = dt.datetime.now(dt.UTC).year
    assert before <= int(run("time", utc=True, format="%Y")) <= before + 1


def test_fail_fails_as_it_is_told() -> None:
    with pytest.raises(ActivityError) as caught:
        run("fail", message="no more dice", type="dice_error", details={"left": 0})
    error = caught.value
    assert (error.message, error.type, error.details) == (
        "no more dice",
        "dice_error",
        {"left": 0},
    )


def test_fail_is_an_ordinary_failure_when_told_nothing() -> None:
    with pytest.raises(ActivityError) as caught:
        run("fail")
    assert (caught.value.type, caught.value.details) == ("activity_failed", None)
