"""Fields that mean nothing are all told, with their place, and do no further harm."""

from __future__ import annotations

import re

import pytest

from branchline.client.definitions import (
    FieldProblem,
    LoadedDefinition,
    load_definition,
    parse_definition,
)
from branchline.engine.validation import find_problems
from branchline.server.rpc.definitions import DefinitionReader


def problem_of(text: str) -> FieldProblem:
    [problem] = parse_definition(text).problems
    assert problem.code == "INVALID_FIELD"
    return problem


def codes_of_the_server(loaded: LoadedDefinition) -> list[tuple[str, str]]:
    reader = DefinitionReader()
    workflow = reader.workflow(loaded.workflow)
    return [(problem.code, problem.step) for problem in reader.problems + find_problems(workflow)]


def test_an_unknown_key_is_told_with_its_line_its_step_and_the_nearest_known_one() -> None:
    problem = problem_of("name: w\nsteps:\n- name: fetch\n  retires:\n    - {}\n")
    assert problem.step == "fetch"
    assert problem.message == "line 4: steps[0].retires: unknown field; did you mean 'retry'?"


def test_an_unknown_key_like_no_other_is_told_with_the_known_ones() -> None:
    problem = problem_of("steps: [{sleep: {zzz: 1}}]")
    assert problem.message == "line 1: steps[0].sleep.zzz: unknown field; known are duration"


def test_json_has_lines_too() -> None:
    problem = problem_of('{\n "name": "w",\n "steps": [{"name": "a",\n  "tmeout":\n "5s"}]\n}')
    assert problem.message == "line 4: steps[0].tmeout: unknown field; did you mean 'timeout'?"


def test_a_mapping_has_no_lines() -> None:
    [problem] = load_definition({"name": "w", "step": []}).problems
    assert problem.message == "step: unknown field; did you mean 'steps'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: 5", "name: must be text, not a number: put it in quotes"),
        ("name: [a]", "name: must be text, not a list"),
        ("timeout: 90", "a duration needs a unit: write 90s for seconds, or 90ns for nanoseconds"),
        ("timeout: 1.5", "timeout: a duration needs a unit: write 1.5s for seconds"),
        ("timeout: true", "must be a duration like 90s, 1h30m or 250ms, not true or false"),
        ("timeout: 1d", "timeout: '1d' is no duration: write it like 90s, 1h30m or 250ms"),
        ("state: []", "state: must be a mapping, not a list"),
        ("state: {a: [.inf]}", "state: holds a number that JSON can't write"),
        ("inputs: [{default: 1e999}]", "inputs[0].default: holds a number that JSON can't write"),
        ("steps: [{join: {count: 1.5}}]", "count: must be a whole number"),
        ("steps: [{join: {count: true}}]", "count: must be a whole number"),
        ("steps: [{join: {count: 2147483648}}]", "count: must be between"),
        ("steps: [{join: {branches: a}}]", "branches: must be a list, not text: put it in [ ]"),
        ("steps: [{join: {branch_mappings: {a: 1}}}]", "branch_mappings.a: must be text"),
        ("steps: [{child: {wait: 'yes'}}]", "wait: must be true or false, not text"),
        ("steps: [{retry: [{backoff_rate: x}]}]", "backoff_rate: must be a number, not text"),
        ("groups: [{x: 1e999}]", "x: is too large"),
        ("steps: [{retry: [{jitter_strategy: full}]}]", "no jitter strategy: use NONE or FULL"),
        ("steps: [{edge_matching_strategy: 1}]", "no edge matching strategy: use all or first"),
        ("steps: [{next: [[a]]}]", "next[0]: must be a step's name or a mapping, not a list"),
        ("steps: [{next: [null]}]", "next[0]: must be a step's name or a mapping, not nothing"),
        ("steps: [{next: {step: a}}]", "next: must be a list, not a mapping: put it in [ ]"),
        ("steps: [{next: [{condition: [1]}]}]", "must be the text of an expression, not a list"),
        ("steps: [fetch]", "steps[0]: must be a mapping, not text"),
    ],
)
def test_what_is_wrong_and_how_to_mend_it_is_told(text: str, message: str) -> None:
    problem = problem_of(text)
    assert problem.message.startswith("line 1: ")
    assert message in problem.message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("{workflow_name: w, sinc: true}", "parameters.sinc: unknown field; did you mean 'sync'?"),
        ("{workflow_name: w, inputs: 3}", "parameters.inputs: must be a mapping, not a number"),
        ("{workflow_name: w, timeout: 5}", "parameters.timeout: a duration needs a unit"),
        ("text", "parameters: must be a mapping, not text"),
    ],
)
def test_parameters_of_a_child_activity_are_checked(parameters: str, message: str) -> None:
    text = f"name: w\nsteps: [{{name: a, activity: workflow.child, parameters: {parameters}}}]"
    assert message in problem_of(text).message
    assert codes_of_the_server(parse_definition(text)) == []


def test_every_problem_is_told_in_the_order_of_the_file() -> None:
    loaded = parse_definition("""
name: 1
colour: red
steps:
- {name: a, activity: a, timeout: soon, next: b}
- {name: b, sleep: {duration: 5, until: 6}}
""")
    places = [(p.step, p.message.partition(": ")[0]) for p in loaded.problems]
    assert places == [("", "line 2"), ("", "line 3"), ("a", "line 5")] + 2 * [("b", "line 6")]


BROKEN_STEPS = [
    "activity: 7",
    "activity: [a]",
    "activity: a, retires: 3",
    "activity: a, timeout: soon",
    "activity: a, heartbeat_timeout: 5",
    "activity: a, parameters: text",
    "activity: a, store: {a: b}",
    "activity: a, edge_matching_strategy: some",
    "activity: a, retry: {max_retries: 2}",
    "activity: a, retry: [{base_delay: 5, max_delay: 1ms}]",
    "activity: a, retry: [{base_delay: 5s, max_delay: 1}]",
    "activity: a, retry: [{max_retries: -x}]",
    "activity: a, retry: 3",
    "activity: a, catch: [{error_equals: all, next: end}]",
    "activity: a, catch: [{error_equals: [[x]], next: end}]",
    "activity: a, catch: [{error_equals: [all], next: [end]}]",
    "activity: a, each: [1, 2]",
    "activity: a, each: {items: [.nan]}",
    "join: all",
    "join: {branches: 7}",
    "wait_signal: go",
    "wait_signal: {topic: {a: b}, timeout: 1s}",
    "wait_signal: {topic: go, timeout: 30}",
    "sleep: 5s",
    "sleep: {duration: 5}",
    "sleep: {duration: {s: 5}}",
    "pause: true",
    "pause: {reason: [x]}",
    "child: w",
    "child: {workflow: [w]}",
    "child: {workflow: w, version: latest}",
    "child: {workflow: w, timeout: never}",
    "activity: a, 3: x",
]


@pytest.mark.parametrize("broken", BROKEN_STEPS)
def test_a_broken_field_of_a_step_is_one_problem(broken: str) -> None:
    """What takes its place passes the server's check."""
    loaded = parse_definition(f"""
name: w
steps:
- {{name: start, {broken}, next: end}}
- {{name: end, activity: end}}
""")
    assert [problem.step for problem in loaded.problems] == ["start"]
    assert codes_of_the_server(loaded) == []


@pytest.mark.parametrize(
    "broken",
    [
        "name: [w]",
        "name: 1",
        "timeout: never",
        "state: text",
        "inputs: [{name: 5}]",
        "inputs: [{name: a, type: 5}]",
        "inputs: [{name: a, type: integer, default: .inf}]",
        "inputs: [a, b]",
        "outputs: [{name: {a: b}}]",
        "groups: [{id: 1, x: left}]",
        "groups: [{id: [1]}, {id: '2', parent_id: [1]}]",
        "follow_ups: [{workflow: 1}, {workflow: [1]}]",
        "follow_ups: [{workflow: w, condition: {a: b}}]",
        "colour: red",
        "steps: {a: {activity: a}}",
        "start_at: a\nsteps: text",
    ],
)
def test_a_broken_field_of_the_workflow_does_no_further_harm(broken: str) -> None:
    others = {"name": "w", "steps": "[{name: a, activity: a}]"}
    rest = "\n".join(
        f"{k}: {v}" for k, v in others.items() if k not in re.findall(r"^\w+", broken, re.MULTILINE)
    )
    loaded = parse_definition(f"{broken}\n{rest}")
    assert loaded.problems
    assert codes_of_the_server(loaded) == []
