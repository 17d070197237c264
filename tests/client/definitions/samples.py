"""Definitions for the tests: every field at least once, and those of the scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from branchline.client.definitions.yaml_reader import read_yaml

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "data"

EVERYTHING = """\
name: harbour
description: What happens to a ship.
inputs:
- name: ship
  type: string
  description: its name
- name: note
  type: any
  default: null
- name: tonnage
  type: integer
  default: 123456789012345678901234567890
outputs:
- name: berth
  variable: mooring.berth
  branch: main
  description: where it lies
timeout: 168h
state:
  berths:
  - 1
  - 2.0
  - '3'
  tide: null
  'on': 'yes'
start_at: arrive
steps:
- name: arrive
  description: within sight
  group_id: outside
  activity: pilot
  parameters:
    ship: ${inputs.ship}
    at: '2024-01-31'
    code: '0123'
  each:
    items:
    - 1
    - two
    - k: null
    as: tug
    max_concurrency: 2
  store: pilots
  task_queue: sea
  timeout: 1h30m
  heartbeat_timeout: 10s
  schedule_timeout: 250ms
  retry:
  - error_equals:
    - fog
    max_retries: 0
    base_delay: 0s
    max_delay: 1m
    backoff_rate: 1.5
    jitter_strategy: FULL
    timeout: 5m30s
  catch:
  - error_equals:
    - all
    next: anchor
    store: why
  edge_matching_strategy: first
  next:
  - step: anchor
    condition: state.tide == null
    branch: deep
  - step: meet
- name: anchor
  sleep:
    duration: 1ms500us
  next:
  - step: ask
- name: ask
  wait_signal:
    topic: berth-${inputs.ship}
    timeout: 2h
    store: berth
    on_timeout: hold
  next:
  - step: tow
- name: hold
  pause:
    reason: no berth
  next:
  - step: meet
- name: tow
  child:
    workflow: towing
    version: 3
    inputs:
      ship: ${inputs.ship}
    wait: false
    timeout: 1h
- name: meet
  join:
    branches:
    - deep
    count: 0
    branch_mappings:
      deep.berth: mooring.berth
groups:
- id: outside
  name: Outside
  description: before the mole
  parent_id: sea
  collapsed: false
  x: 0
  y: -20.5
  width: 300
  height: 1
- id: sea
follow_ups:
- workflow: bill
  condition: outputs.berth > 0
  inputs:
    berth: ${outputs.berth}
"""
"""A definition as ``dump_yaml`` writes it."""


def scenario_workflows() -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Every definition of the scenarios, and whether it is sound."""
    for path in sorted(SCENARIOS.glob("*.yaml")):
        scenario: Any = read_yaml(path.read_text(encoding="utf-8")).plain
        registered = [entry["register"] for entry in scenario.get("do", []) if "register" in entry]
        yield scenario["workflow"], "problems" not in scenario["expect"]
        for workflow in (*scenario.get("also", []), *registered):
            yield workflow, True
