"""Edges: targets, conditions and the names of the branches that they start (semantics 5)."""

from __future__ import annotations

from branchline.engine.definition import MAIN, Edge
from branchline.engine.quoting import quoted

from ._fault import Fault, Faults
from ._graph import Graph
from ._texts import condition_faults


def edge_faults(field: str, edge: Edge, place: tuple[int, int], graph: Graph) -> Faults:
    """What is wrong with an edge; its place is the positions of its step and of itself."""
    if not edge.step:
        message = f"{field}.step is missing: name the step that the edge leads to"
        yield Fault("UNKNOWN_EDGE_TARGET", message)
    elif edge.step not in graph.named:
        message = f"{field} leads to the unknown step {quoted(edge.step)}: name a step of this"
        yield Fault("UNKNOWN_EDGE_TARGET", f"{message} workflow")
    if edge.branch:
        yield from _branch_faults(f"{field}.branch", edge.branch, place, graph)
    yield from condition_faults(f"{field}.condition", edge.condition)


def _branch_faults(field: str, branch: str, place: tuple[int, int], graph: Graph) -> Faults:
    if branch == MAIN:
        message = f"{field} is {quoted(MAIN)}, the name of the first branch: take another"
        yield Fault("RESERVED_BRANCH_NAME", message)
    if graph.branches[branch] != place:
        message = f"{field}: another edge names the branch {quoted(branch)} already: take another"
        yield Fault("DUPLICATE_BRANCH_NAME", message)
    if "." in branch or "#" in branch or branch != branch.strip():
        message = f"{field} is {quoted(branch)}: a branch name has no dot, no # and no white space"
        yield Fault("INVALID_BRANCH_NAME", f"{message} at its ends")
