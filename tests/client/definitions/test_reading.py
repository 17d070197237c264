"""What the forms of a definition file mean (semantics 2)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from branchline.client.definitions import load_definition, parse_definition
from branchline.v1 import workflow_pb2 as v1


def read(text: str) -> v1.Workflow:
    loaded = parse_definition(text)
    assert loaded.problems == []
    return loaded.workflow


def step(text: str) -> v1.Step:
    [found] = read(f"steps: [{{{text}}}]").steps
    return found


def test_a_bare_step_name_is_an_edge() -> None:
    found = step("next: [a, {step: b, condition: state.n > 1, branch: side}]")
    assert list(found.next) == [
        v1.Edge(step="a"),
        v1.Edge(step="b", condition="state.n > 1", branch="side"),
    ]


def test_next_may_be_one_step_name() -> None:
    assert list(step("next: Finish").next) == [v1.Edge(step="Finish")]


@pytest.mark.parametrize(
    ("written", "text"),
    [("true", "true"), ("FALSE", "false"), ("1", "1"), ("0.5", "0.5"), ("'True'", "True")],
)
def test_a_condition_may_be_a_boolean_or_a_number(written: str, text: str) -> None:
    assert step(f"next: [{{step: a, condition: {written}}}]").next[0].condition == text
    follow_up = read(f"follow_ups: [{{workflow: w, condition: {written}}}]").follow_ups[0]
    assert follow_up.condition == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[1, {b: x, a: null}]", '[1,{"b":"x","a":null}]'),
        ("{k: 2.0}", '{"k":2.0}'),
        ("state.list", '"state.list"'),
        ("7", "7"),
        ("false", "false"),
    ],
)
def test_items_are_any_json_value(written: str, text: str) -> None:
    assert step(f"each: {{items: {written}}}").each.items_json == text


def test_words_of_yaml_1_1_and_dates_are_text() -> None:
    workflow = read("state: {on: yes, y: no, off: 2024-01-31, t: 12:30:45, zip: 0123, n: 1_000}")
    assert json.loads(workflow.state_json) == {
        "on": "yes",
        "y": "no",
        "off": "2024-01-31",
        "t": "12:30:45",
        "zip": "0123",
        "n": "1_000",
    }


def test_words_that_have_a_value() -> None:
    workflow = read("state: {a: True, b: ~, c: +5, d: 0x1F, e: 0o17, f: 1e3, g: .5, h: }")
    assert json.loads(workflow.state_json) == {
        "a": True,
        "b": None,
        "c": 5,
        "d": 31,
        "e": 15,
        "f": 1000.0,
        "g": 0.5,
        "h": None,
    }


def test_keys_are_text_as_they_are_written() -> None:
    assert read("state: {1: a, true: b, 1.50: c}").state_json == '{"1":"a","true":"b","1.50":"c"}'


@pytest.mark.parametrize("form", ["state: {{n: {}}}", '{{"state": {{"n": {}}}}}'])
def test_integers_keep_their_digits_in_yaml_and_json(form: str) -> None:
    number = "-123456789012345678901234567890"
    assert read(form.format(number)).state_json == f'{{"n":{number}}}'


def test_a_fraction_stays_a_fraction() -> None:
    assert read('{"state": {"n": 3.0}}').state_json == '{"n":3.0}'


def test_escaped_pairs_of_json_are_one_character() -> None:
    assert read(r'{"description": "\ud83d\ude00 \/"}').description == "\N{GRINNING FACE} /"


def test_yaml_may_begin_with_a_brace() -> None:
    assert read("{name: w, steps: []}").name == "w"


def test_an_alias_means_what_its_anchor_means() -> None:
    workflow = read("""
steps:
- {name: a, activity: a, retry: &often [{max_retries: 9}]}
- {name: b, activity: b, retry: *often}
""")
    assert workflow.steps[0].retry == workflow.steps[1].retry == [v1.RetryPolicy(max_retries=9)]


def test_null_counts_as_left_out() -> None:
    assert read("description: null\ntimeout: ~\nsteps: [{name: a, sleep: null, next: }]") == (
        v1.Workflow(steps=[v1.Step(name="a")])
    )


def test_a_default_of_null_is_a_default() -> None:
    [absent, null] = read("inputs: [{name: a}, {name: b, default: null}]").inputs
    assert not absent.HasField("default_json")
    assert null.default_json == "null"


def test_an_empty_mapping_is_a_kind() -> None:
    found = step("name: a, sleep: {}, pause: {}")
    assert found.HasField("sleep")
    assert found.HasField("pause")


def test_several_kinds_all_come_through() -> None:
    found = step("activity: workflow.child, child: {workflow: w}, join: {}")
    assert (found.activity, found.child.workflow) == ("workflow.child", "w")
    assert found.HasField("join")


def test_a_child_may_be_written_as_an_activity() -> None:
    found = step(
        "name: cook, activity: workflow.child, store: meal, next: eat, parameters: "
        "{workflow_name: dish, inputs: {n: 1}, sync: false, timeout: 30s, version: 2}"
    )
    plain = step(
        "name: cook, store: meal, next: eat, "
        "child: {workflow: dish, inputs: {n: 1}, wait: false, timeout: 30s, version: 2}"
    )
    assert found == plain


def test_a_child_activity_that_has_another_kind_keeps_both() -> None:
    found = step("activity: workflow.child, sleep: {duration: 1s}")
    assert found.HasField("child")
    assert found.HasField("sleep")


def test_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    yaml, json_file = tmp_path / "a.yaml", tmp_path / "b.json"
    yaml.write_text("\ufeffname: Käse\n", encoding="utf-8")
    json_file.write_text('{"name": "Käse"}', encoding="utf-8")
    assert load_definition(yaml) == load_definition(str(json_file))
    assert load_definition(yaml).workflow.name == "Käse"


def test_a_mapping_is_read_as_it_is() -> None:
    loaded = load_definition({"name": "w", "steps": ({"name": "a", "next": "b"},)})
    assert loaded.problems == []
    assert loaded.workflow.steps[0].next[0].step == "b"


def test_yaml_is_imported_only_when_it_is_read() -> None:
    code = "import branchline.client.definitions as d, sys; assert 'yaml' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
