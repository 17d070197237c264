"""The workflow itself: name, start, inputs, outputs, follow-ups (semantics 2.1-2.3, 11.5)."""

from __future__ import annotations

import msgspec

from branchline.engine.definition import FollowUp, Input, Output, Workflow
from branchline.engine.inputs import INPUT_TYPES, is_of_type, json_type
from branchline.engine.quoting import quoted

from ._fault import Fault, Faults, name_faults, object_faults, store_faults, timeout_faults
from ._graph import Graph
from ._texts import condition_faults, template_object_faults


def workflow_faults(workflow: Workflow, graph: Graph) -> Faults:
    """What is wrong outside of steps and groups."""
    if not workflow.name:
        yield Fault("NAME_REQUIRED", "the workflow has no name: give it one")
    yield from name_faults("name", workflow.name)
    if not workflow.steps:
        yield Fault("NO_STEPS", "the workflow has no steps: it needs at least one")
    if not graph.start_known:
        message = (
            f"start_at names the unknown step {quoted(workflow.start_at)}: name a step of this"
        )
        yield Fault("UNKNOWN_START_STEP", f"{message} workflow, or leave it out for the first")
    yield from timeout_faults("timeout", workflow.timeout)
    yield from object_faults("state", workflow.state)
    yield from _inputs_faults(workflow.inputs)
    for number, output in enumerate(workflow.outputs):
        yield from _output_faults(f"outputs[{number}]", output)
    for number, follow_up in enumerate(workflow.follow_ups):
        yield from _follow_up_faults(f"follow_ups[{number}]", follow_up)


def _inputs_faults(inputs: tuple[Input, ...]) -> Faults:
    names: set[str] = set()
    for number, declared in enumerate(inputs):
        if not declared.name:
            yield Fault("INVALID_INPUT", f"inputs[{number}] has no name: give it one")
        elif declared.name in names:
            message = f"another input has the name {quoted(declared.name)} already: rename one"
            yield Fault("INVALID_INPUT", message)
        names.add(declared.name)
        yield from _type_faults(declared)


def _type_faults(declared: Input) -> Faults:
    name, wanted, default = quoted(declared.name), declared.type, declared.default
    if wanted and wanted not in INPUT_TYPES:
        types = ", ".join(INPUT_TYPES)
        message = f"input {name} has the unknown type {quoted(wanted)}: take one of {types}"
        yield Fault("INVALID_INPUT", message)
    elif default is not msgspec.UNSET and not is_of_type(default, wanted):
        message = f"the default of input {name} must be of type {wanted}, but is"
        yield Fault("INVALID_INPUT", f"{message} {json_type(default)}")


def _output_faults(field: str, output: Output) -> Faults:
    if not output.name:
        yield Fault("INVALID_FIELD", f"{field}.name is missing: an output needs one")
    yield from store_faults(f"{field}.variable", output.path)


def _follow_up_faults(field: str, follow_up: FollowUp) -> Faults:
    if not follow_up.workflow:
        message = f"{field}.workflow is missing: name the workflow to start"
        yield Fault("INVALID_FIELD", message)
    yield from name_faults(f"{field}.workflow", follow_up.workflow)
    yield from condition_faults(f"{field}.condition", follow_up.condition)
    yield from template_object_faults(f"{field}.inputs", follow_up.inputs)
