"""What each kind of step holds inside (semantics 6, 10, 11.1)."""

from __future__ import annotations

from branchline.engine.definition import MAIN, Child, Join, Sleep, Step, WaitSignal
from branchline.engine.quoting import quoted

from ._fault import Fault, Faults, in_seconds, store_faults, timeout_faults
from ._graph import Graph
from ._texts import template_faults, template_object_faults


def kind_faults(step: Step, graph: Graph) -> Faults:
    """What is wrong inside of the kinds that the step has."""
    if step.join is not None:
        yield from _join_faults(step.join, graph)
    if step.wait_signal is not None:
        yield from _wait_faults(step.wait_signal, graph)
    if step.sleep is not None:
        yield from _sleep_faults(step.sleep)
    if step.pause is not None:
        yield from _pause_faults(step)
    if step.child is not None:
        yield from _child_faults(step.child)


def _join_faults(join: Join, graph: Graph) -> Faults:
    for branch in join.branches:
        if branch != MAIN and branch not in graph.branches:
            message = f"join.branches lists {quoted(branch)}, but no edge names such a branch"
            yield Fault("UNKNOWN_JOIN_BRANCH", f"{message}: name it on an edge, or remove it")
    listed = set(join.branches)
    yield from _mapping_faults(join, listed, graph)
    yield from _count_faults(join.count or 0, len(listed))


def _count_faults(count: int, listed: int) -> Faults:
    if count < 0:
        yield Fault("INVALID_JOIN", f"join.count is {count}: take 0 for all, or a positive number")
    elif listed and count > listed:
        message = f"join.count is {count}, but only {listed} branches are listed"
        yield Fault("INVALID_JOIN", f"{message}: lower it, or list more")


def _mapping_faults(join: Join, listed: set[str], graph: Graph) -> Faults:
    for source, destination in join.branch_mappings.items():
        branch = source.partition(".")[0]
        if listed and branch not in listed:
            message = f"{quoted(branch)}, which join.branches does not list: list it there"
            yield _mapping_fault(source, message)
        elif not listed and branch != MAIN and branch not in graph.branches:
            message = f"{quoted(branch)}, but no edge names such a branch: name it on an edge"
            yield _mapping_fault(source, message)
        if not destination:
            message = f"join.branch_mappings gives {quoted(source)} no destination: name a variable"
            yield Fault("INVALID_FIELD", message)


def _mapping_fault(source: str, message: str) -> Fault:
    return Fault(
        "UNKNOWN_JOIN_BRANCH",
        f"join.branch_mappings maps {quoted(source)} from the branch {message}, or remove it",
    )


def _wait_faults(wait: WaitSignal, graph: Graph) -> Faults:
    if not wait.topic:
        yield Fault("INVALID_WAIT", "wait_signal.topic is missing: name the topic to wait for")
    if wait.timeout is None:
        yield Fault("INVALID_WAIT", "wait_signal.timeout is missing: say how long to wait")
    elif wait.timeout <= 0:
        message = f"wait_signal.timeout is {in_seconds(wait.timeout)}: make it longer than 0"
        yield Fault("INVALID_WAIT", message)
    if wait.on_timeout and wait.on_timeout not in graph.named:
        message = f"wait_signal.on_timeout names the unknown step {quoted(wait.on_timeout)}"
        yield Fault("UNKNOWN_TIMEOUT_TARGET", f"{message}: name a step, or leave it out")
    yield from template_faults("wait_signal.topic", wait.topic)
    yield from store_faults("wait_signal.store", wait.store)


def _sleep_faults(sleep: Sleep) -> Faults:
    if sleep.duration is None:
        yield Fault("INVALID_SLEEP", "sleep.duration is missing: say how long to sleep")
    elif sleep.duration <= 0:
        message = f"sleep.duration is {in_seconds(sleep.duration)}: make it longer than 0"
        yield Fault("INVALID_SLEEP", message)


def _pause_faults(step: Step) -> Faults:
    if not step.next:
        yield Fault("INVALID_PAUSE", "a pause step needs an edge: say where the branch goes on")
    for edge in step.next:
        if edge.branch:
            message = f"an edge of a pause step starts no branch: take {quoted(edge.branch)} off"
            yield Fault("INVALID_PAUSE", f"{message} the edge to {quoted(edge.step)}")


def _child_faults(child: Child) -> Faults:
    if not child.workflow:
        yield Fault("INVALID_FIELD", "child.workflow is missing: name the workflow to start")
    if child.version is not None and child.version < 1:
        message = f"child.version is {child.version}: versions count from 1; leave it out for"
        yield Fault("INVALID_FIELD", f"{message} the latest")
    yield from timeout_faults("child.timeout", child.timeout)
    yield from template_object_faults("child.inputs", child.inputs)
