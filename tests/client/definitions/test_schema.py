from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from branchline.client.definitions.schema import definition_schema, schema_text
from branchline.client.definitions.yaml_reader import read_yaml
from tests.client.definitions.samples import EVERYTHING, scenario_workflows

FILE = Path(__file__).parents[3] / "docs" / "branchline.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = definition_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def is_valid(validator: Draft202012Validator, text: str) -> bool:
    document: Any = read_yaml(text).plain
    return bool(validator.is_valid(document))


def test_the_published_schema_is_up_to_date() -> None:
    """If not: python -m branchline.client.definitions.schema."""
    assert FILE.read_text(encoding="utf-8") == schema_text()
    json.loads(schema_text())


def test_a_definition_with_every_field_is_valid(validator: Draft202012Validator) -> None:
    assert is_valid(validator, EVERYTHING)


def test_sound_definitions_of_scenarios_are_valid(validator: Draft202012Validator) -> None:
    for workflow, sound in scenario_workflows():
        if sound:
            validator.validate(workflow)


@pytest.mark.parametrize(
    "step",
    [
        "{name: a, activity: a, next: b}",
        "{name: a, activity: a, next: [b, {step: c, condition: true}]}",
        "{name: a, activity: a, next: null, retry: null, sleep: null, edge_matching_strategy: }",
        "{name: a, sleep: {duration: 1.5h}}",
        "{name: a, pause: {}}",
    ],
)
def test_short_forms_and_nulls_are_valid(validator: Draft202012Validator, step: str) -> None:
    assert is_valid(validator, f"name: w\nsteps: [{step}]")


@pytest.mark.parametrize(
    "step",
    [
        "{name: a, activity: a, retires: 3}",
        "{name: a}",
        "{name: a, activity: a, sleep: {duration: 1s}}",
        "{activity: a}",
        "{name: a, sleep: {duration: 5}}",
        "{name: a, sleep: {duration: 5 s}}",
        "{name: a, activity: a, edge_matching_strategy: some}",
        "{name: a, activity: a, next: {step: b}}",
        "{name: a, activity: a, retry: [{max_retries: 1.5}]}",
        "{name: a, child: {workflow: w, inputs: []}}",
    ],
)
def test_broken_steps_are_not_valid(validator: Draft202012Validator, step: str) -> None:
    assert not is_valid(validator, f"name: w\nsteps: [{step}]")
