"""The registered workflows: versions in the database, plans of the recent ones in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from branchline.engine import Plan
from branchline.engine.definition import Problem, Workflow
from branchline.server.clock import Clock
from branchline.server.coalescing import Coalesced
from branchline.server.errors import Reason, ServiceError, Violation
from branchline.server.reading import guarded
from branchline.server.storage import Store, WorkflowRow

_PLANS_KEPT = 1_000
_PROBLEMS_SHOWN = 5
"""How many problems the message of an error names; all are in its details."""

_encoder = msgspec.json.Encoder()
_sorting_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Workflow)


class Registered(NamedTuple):
    """A registration's answer."""

    version: int
    created: bool


class Catalog:
    """Knows every version of every workflow."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._latest_versions = Coalesced(lambda names: guarded(store.latest_versions(names)))
        # In one question, so that those who ask at the same time go on in their order.
        self._rows = Coalesced(self._read)
        self._clock = clock
        self._plans: OrderedDict[tuple[str, int], Plan] = OrderedDict()
        self._latest: dict[str, int] = {}

    async def register(self, workflow: Workflow) -> Registered:
        """Store a sound definition as the next version, or find the latest the same (2.7)."""
        content_hash = hashlib.sha256(_sorting_encoder.encode(workflow)).hexdigest()
        definition = _encoder.encode(workflow).decode()
        version, created = await guarded(
            self._store.add_workflow(workflow.name, content_hash, definition, self._clock.now())
        )
        self._latest[workflow.name] = max(version, self._latest.get(workflow.name, 0))
        return Registered(version, created)

    async def plan(self, name: str, version: int = 0) -> Plan:
        """The plan of a version, 0 for the latest. Raises ``ServiceError`` when unknown."""
        if version == 0 and self._store.peers is not None:
            # Another server may have registered a version a moment ago.
            version = (await self._latest_versions.get(name)) or 0
        plan = self.known_plan(name, version)
        if plan is not None:
            return plan
        row = await self._row(name, version)
        plan = self._plans[name, row.version] = Plan(_decoder.decode(row.definition), row.version)
        if version == 0:
            self._latest[name] = max(row.version, self._latest.get(name, 0))
        while len(self._plans) > _PLANS_KEPT:
            self._plans.popitem(last=False)
        return plan

    def known_plan(self, name: str, version: int = 0) -> Plan | None:
        """The plan of a version when it is in memory and sure to be the one."""
        if version == 0 and self._store.peers is not None:
            return None
        found = (name, version or self._latest.get(name, 0))
        plan = self._plans.get(found)
        if plan is not None:
            self._plans.move_to_end(found)
        return plan

    async def get(self, name: str, version: int = 0) -> tuple[WorkflowRow, Workflow]:
        """A version with its definition, 0 for the latest. Raises ``ServiceError``."""
        row = await self._row(name, version)
        return row, _decoder.decode(row.definition)

    async def latest(self, after: str, limit: int) -> list[WorkflowRow]:
        """The latest version of each workflow, by name."""
        return await guarded(self._store.workflows(after, limit))

    async def _read(
        self, wanted: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], WorkflowRow]:
        rows = await asyncio.gather(
            *(guarded(self._store.workflow(name, version or None)) for name, version in wanted)
        )
        found = zip(wanted, rows, strict=True)
        return {asked: row for asked, row in found if row is not None}

    async def _row(self, name: str, version: int) -> WorkflowRow:
        row = await self._rows.get((name, version))
        if row is None:
            what = f'no version {version} of the workflow "{name}"'
            message = what if version else f'no workflow "{name}"'
            raise ServiceError(Reason.WORKFLOW_NOT_FOUND, f"there is {message}; register it first")
        return row


def refuse_problems(problems: list[Problem]) -> None:
    """Raise ``ServiceError`` with all problems, if there are any."""
    if not problems:
        return
    shown = "; ".join(problem.message for problem in problems[:_PROBLEMS_SHOWN])
    more = len(problems) - _PROBLEMS_SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ServiceError(
        Reason.INVALID_DEFINITION,
        f"the definition has {count}: {shown}{rest}",
        violations=[_violation(problem) for problem in problems],
    )


def _violation(problem: Problem) -> Violation:
    field = f"steps[{problem.step}]" if problem.step else "workflow"
    return Violation(field, problem.message, problem.code)
