from __future__ import annotations

import json
from typing import Any

import pytest

from branchline.client.errors import ActivityError
from tests.client.builtin.calling import run

BIG = 123456789012345678901234567890
DOCUMENT = {"a": {"b": [10, {"c.d": "x"}], "": 1}, "n": BIG}


def test_parse_keeps_the_digits_of_integers() -> None:
    assert run("json", operation="parse", data=json.dumps(DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize("text", ["not json", "", "[1", "[NaN]", "1e999", "[" * 100_000])
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ActivityError, match="the data is no JSON") as caught:
        run("json", operation="parse", data=text)
    assert caught.value.type == "activity_failed"


def test_a_value_is_parsed_already() -> None:
    assert run("json", operation="parse", data=[1]) == [1]


@pytest.mark.parametrize(
    ("data", "text"),
    [({"b": [1, 2.0], "a": "é"}, '{"b":[1,2.0],"a":"é"}'), ("x", '"x"'), (None, "null")],
)
def test_stringify_writes_compact_text(data: object, text: str) -> None:
    assert run("json", operation="stringify", data=data) == text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a.b.0", 10),
        ("a.b[0]", 10),
        ('a.b[1]["c.d"]', "x"),
        ('a[""]', 1),
        ("n", BIG),
        ("", DOCUMENT),
    ],
)
@pytest.mark.parametrize("data", [DOCUMENT, json.dumps(DOCUMENT)], ids=["value", "text"])
def test_query_follows_a_path(query: str, found: object, data: object) -> None:
    assert run("json", operation="query", data=data, query=query) == found


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("a.x", "finds nothing at 'x'"),
        ("a.b.2", "finds nothing at '2'"),
        ("a.b.-1", "finds nothing at '-1'"),
        ("a.b.01", "finds nothing at '01'"),
        ("a.b.x", "finds nothing at 'x'"),
        ("n.x", "finds nothing at 'x'"),
        (".a", "can't be read at '.a'"),
        ("a..b", "can't be read at '..b'"),
        ("a[b]", "can't be read at '[b]'"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_error(query: str, problem: str) -> None:
    with pytest.raises(ActivityError) as caught:
        run("json", operation="query", data=DOCUMENT, query=query)
    assert problem in caught.value.message


@pytest.mark.parametrize("as_text", [False, True])
def test_merge_goes_into_objects_and_replaces_all_else(*, as_text: bool) -> None:
    base = {"n": {"x": 1, "z": {"p": 1}}, "k": [1, 2], "s": {}}
    over = {"n": {"z": {"q": BIG}}, "k": [3], "s": None}
    parameters: dict[str, Any] = {"data": base, "merge_with": over}
    if as_text:
        parameters = {name: json.dumps(value) for name, value in parameters.items()}
    assert run("json", operation="merge", **parameters) == {
        "n": {"x": 1, "z": {"p": 1, "q": BIG}},
        "k": [3],
        "s": None,
    }


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"data": [1], "merge_with": {}}, "data"), ({"data": {}}, "merge_with")],
)
def test_only_objects_are_merged(parameters: dict[str, object], name: str) -> None:
    with pytest.raises(ActivityError, match=f"^{name} must be an object"):
        run("json", operation="merge", **parameters)


@pytest.mark.parametrize(("data", "is_valid"), [("[1]", True), ("[1", False), ({"a": 1}, True)])
def test_validate_tells_whether_it_is_json(data: object, *, is_valid: bool) -> None:
    assert run("json", operation="validate", data=data) is is_valid


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ActivityError, match="operation") as caught:
        run("json", operation="prase", data="1")
    assert caught.value.type == "invalid_parameters"
