"""Decisions leave nothing behind that only the garbage collector could find."""

from __future__ import annotations

import gc

from branchline.engine import CompleteTask, Plan, Signal, decide, start
from branchline.engine.values import encode

from .playing import documents, listen, step, workflow


def test_a_transition_is_gone_when_it_is_decided() -> None:
    """A cycle would keep it and its execution's state for seconds, thousands on a busy server."""
    steps = [
        step("pack", "bell", parameters={"n": "${inputs.n}", "s": "${state.s}"}, store="s"),
        listen("bell", store="ring"),
    ]
    fields = {"inputs": [{"name": "n"}], "state": {"s": encode(1)}, "outputs": [{"name": "s"}]}
    plan = Plan(workflow(*steps, **fields), 1)
    gc.collect()
    gc.disable()
    try:
        state, _ = start(plan, "exec_1", documents({"n": 1}), 0)
        decide(plan, state, CompleteTask(task=1, result=encode(2)), 1, 0.0)
        decide(plan, state, Signal(topic="bell", payload=encode(3)), 2, 0.0)
        assert state.status == "COMPLETED"
        del state
        assert gc.collect() == 0
    finally:
        gc.enable()
