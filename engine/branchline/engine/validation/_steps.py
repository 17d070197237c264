"""One step: its name and place, and the order of the checks of its parts (semantics 2.4)."""

from __future__ import annotations

from branchline.engine.definition import Step
from branchline.engine.quoting import quoted

from ._edges import edge_faults
from ._fault import Fault, Faults, name_faults, store_faults, timeout_faults
from ._graph import Graph
from ._handlers import catch_faults, each_faults, retry_faults
from ._kinds import kind_faults
from ._modifiers import modifier_faults
from ._texts import template_object_faults


def step_faults(step: Step, position: int, graph: Graph) -> Faults:
    """What is wrong with a step at its place in the definition."""
    yield from _place_faults(step, position, graph)
    yield from modifier_faults(step)
    yield from kind_faults(step, graph)
    yield from _field_faults(step)
    if step.each is not None:
        yield from each_faults(step.each)
    for number, policy in enumerate(step.retry):
        yield from retry_faults(f"retry[{number}]", policy)
    for number, handler in enumerate(step.catch):
        yield from catch_faults(f"catch[{number}]", handler, graph)
    for number, edge in enumerate(step.next):
        yield from edge_faults(f"next[{number}]", edge, (position, number), graph)


def _place_faults(step: Step, position: int, graph: Graph) -> Faults:
    name = quoted(step.name)
    if not step.name:
        yield Fault("EMPTY_STEP_NAME", f"steps[{position}] has no name: give it one")
    elif graph.is_repeated(step.name, position):
        message = f"another step has the name {name} already: rename one of them"
        yield Fault("DUPLICATE_STEP_NAME", message)
    # A step without a name is beyond reach anyway until it has got one.
    if step.name and not graph.is_reachable(position):
        message = f"no path leads from the start {quoted(graph.start)} to {name}"
        yield Fault("UNREACHABLE_STEP", f"{message}: add an edge to it, or remove it")
    if step.group_id and step.group_id not in graph.groups:
        message = f"group_id names the unknown group {quoted(step.group_id)}"
        yield Fault("UNKNOWN_GROUP", f"{message}: name one of the groups, or leave it out")


def _field_faults(step: Step) -> Faults:
    yield from name_faults("activity", step.activity)
    yield from name_faults("task_queue", step.task_queue)
    if step.child is not None:
        yield from name_faults("child.workflow", step.child.workflow)
    yield from template_object_faults("parameters", step.parameters)
    yield from store_faults("store", step.store)
    yield from timeout_faults("timeout", step.timeout)
    yield from timeout_faults("heartbeat_timeout", step.heartbeat_timeout)
    yield from timeout_faults("schedule_timeout", step.schedule_timeout)
