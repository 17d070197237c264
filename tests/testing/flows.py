"""Small workflows to rehearse."""

from __future__ import annotations

import itertools
from typing import Any

from branchline.testing import Activities, Rehearsal, Run

Json = Any


def flow(*steps: Json, name: str = "bakery", **fields: Json) -> dict[str, Json]:
    """A workflow of steps that follow each other, unless a step says where it leads."""
    chained = [dict(step) for step in steps]
    for step, following in itertools.pairwise(chained):
        step.setdefault("next", following["name"])
    return {"name": name, "steps": chained, **fields}


def work(name: str = "work", **fields: Json) -> Json:
    """A step of an activity of its own name, whose result is kept under that name."""
    return {"name": name, "activity": name, "store": name, **fields}


def rehearse(
    *steps: Json, activities: Activities, inputs: Json = None, name: str = "bakery", **fields: Json
) -> tuple[Rehearsal, Run]:
    """A rehearsal of a workflow, and its execution, that has just been started."""
    rehearsal = Rehearsal(flow(*steps, name=name, **fields), activities=activities)
    return rehearsal, rehearsal.start(name, inputs)
