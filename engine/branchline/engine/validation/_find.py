"""The order in which problems are told: the workflow's own, then step by step."""

from __future__ import annotations

from branchline.engine.definition import Problem, Workflow

from ._graph import Graph
from ._groups import group_faults
from ._steps import step_faults
from ._workflow import workflow_faults


def find_problems(workflow: Workflow) -> list[Problem]:
    """All problems of a definition; none for a sound one (semantics 2.6).

    Each code is judged by itself: what one problem says does not hide another, except where
    2.6 says so.
    """
    graph = Graph(workflow)
    faults = [*workflow_faults(workflow, graph), *group_faults(workflow.groups)]
    problems = [Problem(fault.code, "", fault.message) for fault in faults]
    for position, step in enumerate(workflow.steps):
        problems += [
            Problem(fault.code, step.name, fault.message)
            for fault in step_faults(step, position, graph)
        ]
    return problems
