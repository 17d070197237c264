"""Texts that are no definition file at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from branchline.client.definitions import (
    DefinitionFileError,
    dump_definition,
    load_definition,
    parse_definition,
)
from branchline.client.errors import BranchlineError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("", 0, 0, "the file is empty"),
        ("# nothing\n", 0, 0, "the file is empty"),
        ("- a\n", 1, 1, "a definition is a mapping, this is a list"),
        ("just text", 1, 1, "a definition is a mapping, this is text"),
        ("name: w\nsteps: [a\nx: }", 3, 2, "not YAML: "),
        ("name: w\n\tsteps: []", 2, 1, "not YAML: "),
        ("name: w\nx: \x07", 2, 1, "U+0007 is not allowed"),
        ("name: w\nname: x", 2, 1, "the key 'name' is there twice"),
        ("state:\n  a: 1\n  'a': 2", 3, 3, "the key 'a' is there twice"),
        ("name: w\n---\nname: x", 2, 1, "a second document begins"),
        ("name: !secret w", 1, 7, "the tag '!secret' has no meaning here"),
        ("name: !!python/name:os.system w", 1, 7, "has no meaning here"),
        ("state: {<<: {a: 1}}", 1, 9, "merge keys are not supported"),
        ("state: {~: 1}", 1, 9, "a key must be text"),
        ("state: {[a]: 1}", 1, 9, "a key must be text"),
        ("state: *a", 1, 8, "nothing before has the anchor 'a'"),
        ("state: &a [*a]", 1, 12, "nothing before has the anchor 'a'"),
        ("state: " + "[" * 100 + "]" * 100, 1, 107, "nests deeper than 100 levels"),
        ("x: " + "[" * 20000, 1, 103, "nests deeper than 100 levels"),
        (BOMB, 7, 4, "larger than 4194304 characters"),
        ("state: " + "9" * 5000, 1, 8, "unreadable number"),
        ('{"a": 1,\n "a": 2}', 2, 2, "the key 'a' is there twice"),
        ('{"a": "\\ud800"}', 1, 7, "half of a surrogate pair"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", 1, 106, "nests deeper than 100 levels"),
    ],
)
def test_a_refusal_names_the_place(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(DefinitionFileError) as caught:
        parse_definition(text, name="w.yaml")
    error = caught.value
    assert problem in error.problem
    assert (error.line, error.column) == (line, column)
    place = f"line {line}, column {column}: " if line else ""
    assert str(error) == f"w.yaml: {place}{error.problem}"


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("{\n'name': 1}", 2, 1, "not JSON: "),
        ("name: w", 1, 1, "not JSON: "),
        ('{"a": NaN}', 0, 0, "NaN is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", 0, 0, "unreadable number"),
        ("[" * 100_000, 0, 0, "nests deeper than 100 levels"),
    ],
)
def test_a_json_file_must_be_json(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(DefinitionFileError) as caught:
        parse_definition(text, name="w.json")
    assert problem in caught.value.problem
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_large_text_is_refused() -> None:
    with pytest.raises(DefinitionFileError, match="larger than 4194304 characters"):
        parse_definition("# " + "x" * 4 * 1024 * 1024)


def test_a_file_must_be_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_bytes(b"name: w\ndescription: K\xe4se\n")
    with pytest.raises(DefinitionFileError, match=r"w\.yaml: line 2, column 1: not UTF-8"):
        load_definition(path)


def test_a_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_definition(tmp_path / "w.yaml")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"state": {True: 1}}, "the key True is not text: put it in quotes"),
        ({"state": {"day": dt.date(2024, 1, 31)}}, "a date is no JSON value"),
    ],
)
def test_a_mapping_must_be_json(value: dict[str, object], problem: str) -> None:
    with pytest.raises(DefinitionFileError, match=f"<mapping>: {problem}"):
        load_definition(value)


@pytest.mark.parametrize("text", ['{"state": {"a": %s}}', "state: {a: %s}"])
def test_the_deepest_nesting_is_read_in_every_form(text: str) -> None:
    nested = text % ("[" * 98 + "]" * 98)
    workflow = parse_definition(nested).workflow
    assert workflow.state_json.count("[") == 98
    assert load_definition(dump_definition(workflow)).workflow == workflow


def test_a_mapping_that_holds_itself_is_refused() -> None:
    value: dict[str, object] = {}
    value["state"] = value
    with pytest.raises(DefinitionFileError, match="nests deeper"):
        load_definition(value)


def test_a_refusal_is_an_error_of_the_sdk() -> None:
    assert issubclass(DefinitionFileError, BranchlineError)
    assert issubclass(DefinitionFileError, ValueError)
