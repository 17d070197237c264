"""How an execution ends (semantics 4.5)."""

from __future__ import annotations

from branchline.engine import follow_ups, paths
from branchline.engine.definition import MAIN, Output
from branchline.engine.events import ExecutionCompleted, ExecutionFailed, Failure
from branchline.engine.transition import Transition
from branchline.engine.values import Json, Variables


def settle(t: Transition) -> None:
    """Complete the execution when no branch is live; its outputs must be there.

    Follow-ups come first, so that the execution completes together with their start.
    """
    if t.state.end is not None or t.state.live or t.state.requests:
        return
    outputs: Variables = {}
    missing = []
    for output in t.plan.workflow.outputs:
        document = _read(t, output)
        if document is None:
            missing.append(f'"{output.name}" (variable "{output.path}" of "{_branch(output)}")')
        else:
            outputs[output.name] = document
    if missing:
        message = f"these outputs are missing: {', '.join(missing)}"
        t.emit(ExecutionFailed(error=Failure("output_error", message)))
        return
    if t.plan.follow_ups and not t.state.follow_ups:
        follow_ups.ask(t, outputs)
    if not t.state.requests:
        t.emit(ExecutionCompleted(outputs=outputs))


def _branch(output: Output) -> str:
    return output.branch or MAIN


def _read(t: Transition, output: Output) -> Json | None:
    branch_id = t.state.latest.get(_branch(output))
    if branch_id is None:
        return None
    return paths.read(t.state.branches[branch_id].variables, output.path)
