"""Definitions to register: each helper makes a step as the API takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from branchline.v1 import workflow_pb2 as pb

Json = object
"""A plain JSON value."""


def seconds(number: float) -> Duration:
    """A span of time."""
    span = Duration()
    span.FromNanoseconds(round(number * 1e9))
    return span


def flow(*steps: pb.Step, name: str = "flow", **fields: object) -> pb.Workflow:
    """A workflow; ``inputs`` and ``outputs`` are names, ``state`` a plain object."""
    message = pb.Workflow(name=name, steps=steps)
    for field, value in fields.items():
        if field == "inputs" and isinstance(value, Iterable):
            message.inputs.extend(pb.Input(name=str(item)) for item in value)
        elif field == "outputs" and isinstance(value, Iterable):
            message.outputs.extend(pb.Output(name=str(item)) for item in value)
        elif field == "state":
            message.state_json = json.dumps(value)
        elif field == "timeout" and isinstance(value, float):
            message.timeout.CopyFrom(seconds(value))
    return message


def edges(*targets: str) -> list[pb.Edge]:
    """Unconditional edges within the branch."""
    return [pb.Edge(step=target) for target in targets]


def work(
    name: str = "work",
    *targets: str,
    parameters: Json = None,
    store: str = "",
    items: Json = None,
    queue: str = "",
) -> pb.Step:
    """A step that runs the activity of its own name."""
    message = pb.Step(name=name, activity=name, next=edges(*targets), store=store)
    message.task_queue = queue
    if parameters is not None:
        message.parameters_json = json.dumps(parameters)
    if items is not None:
        message.each.items_json = json.dumps(items)
    return message


def listen(name: str = "listen", *targets: str, topic: str = "go", wait: float = 600) -> pb.Step:
    """A step that waits for a signal and keeps its payload in ``heard``."""
    signal = pb.WaitSignal(topic=topic, timeout=seconds(wait), store="heard")
    return pb.Step(name=name, wait_signal=signal, next=edges(*targets))


def sleep(name: str = "sleep", *targets: str, span: float = 600) -> pb.Step:
    """A step that sleeps."""
    return pb.Step(name=name, sleep=pb.Sleep(duration=seconds(span)), next=edges(*targets))


def hold(name: str, *targets: str, reason: str = "") -> pb.Step:
    """A step that holds its branch until it is unpaused."""
    return pb.Step(name=name, pause=pb.Pause(reason=reason), next=edges(*targets))


def spawn(
    name: str = "spawn",
    *targets: str,
    workflow: str = "child",
    inputs: Json = None,
    items: Json = None,
    most: int = 0,
    wait: bool = True,
    timeout: float | None = None,
    retries: int = 0,
) -> pb.Step:
    """A step that starts a child and keeps its result in ``got``."""
    child = pb.Child(workflow=workflow, wait=wait, inputs_json=json.dumps(inputs or {}))
    if timeout is not None:
        child.timeout.CopyFrom(seconds(timeout))
    message = pb.Step(name=name, child=child, store="got", next=edges(*targets))
    if items is not None:
        message.each.items_json = json.dumps(items)
        message.each.max_concurrency = most
        setattr(message.each, "as", "item")
    if retries:
        message.retry.add(max_retries=retries).base_delay.CopyFrom(seconds(0))
    return message


def followed(workflow: pb.Workflow, *follow_ups: pb.FollowUp) -> pb.Workflow:
    """A workflow with follow-ups."""
    workflow.follow_ups.extend(follow_ups)
    return workflow
