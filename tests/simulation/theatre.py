"""What runs share, and how a run of a seed is made."""

from __future__ import annotations

import asyncio
import random as global_random
import traceback
from random import Random
from typing import Any, Final

from branchline.client.definitions import load_definition
from branchline.v1 import workflow_service_pb2
from tests.chaos.checks import check
from tests.chaos.report import Report
from tests.simulation.database import Disk, Faults
from tests.simulation.host import Host, Site
from tests.simulation.loop import SimulatedClock, SimulatedLoop, Stuck
from tests.simulation.narrow import narrowed
from tests.simulation.odds import draw_odds
from tests.simulation.play import Play
from tests.simulation.trace import Ear, Trace
from tests.simulation.wire import Wire
from tests.simulation.workflows import draw_workflows

_PAUSE: Final = 0.25


class Outcome:
    """What came of a run."""

    def __init__(self, seed: int, report: Report, trace: Trace) -> None:
        self.seed = seed
        self.report = report
        self.trace = trace


class Theatre:
    """What runs share: a database with the workflows, and the ear for the logs."""

    def __init__(self, lies: float = 0.0, servers: int = 0) -> None:
        """``servers``: how many play; their number is drawn as well when it is 0."""
        self.lies = lies
        self.servers = servers
        self.ear = Ear()
        self.disk = Disk()
        self.leaves, self.shapes = draw_workflows()
        self._register()

    def play(self, seed: int) -> Outcome:
        """Make the run of a seed."""
        self.disk.reset()
        loop = SimulatedLoop()
        trace = self.ear.trace = Trace(loop)
        report = Report()
        loop.set_exception_handler(lambda _, context: _fault(report, context))
        global_random.seed(seed)
        play = Play(self, seed, loop, trace, report)
        with narrowed(Random(f"{seed} sizes")) as sizes:
            trace.note("sizes", ", ".join(sizes))
            try:
                evidence = loop.run_until_complete(play.run())
                check(evidence, report)
            except Stuck as error:
                report.violation("a run comes to its end", str(error))
            except Exception as error:  # noqa: BLE001 - whatever stops the run is what it has found
                trace.note("error", "".join(traceback.format_exception(error)))
                report.violation("a run comes to its end", repr(error))
            finally:
                _close(loop, report)
                self.ear.trace = None
        for fault in trace.faults:
            report.violation("logs tell of no fault", fault)
        return Outcome(seed, report, trace)

    def _register(self) -> None:
        loop = SimulatedLoop()
        trace = Trace(loop)
        random = Random(0)
        faults = Faults(random, draw_odds(random, servers=1))
        faults.over = True

        async def register() -> None:
            host = Host("host", Site(self.disk, faults, trace, loop, SimulatedClock(loop)), random)
            running = asyncio.create_task(host.run())
            wire = Wire("author", [host], faults, random, trace)
            while host.server is None or not host.server.serves:  # noqa: ASYNC110 - simulated time
                await asyncio.sleep(_PAUSE)
            for shape in (*self.leaves, *self.shapes):
                workflow = load_definition(shape.definition).workflow
                request = workflow_service_pb2.RegisterWorkflowRequest(workflow=workflow)
                await wire.call(lambda s: s.workflows.RegisterWorkflow, request)
            await host.server.stop()
            running.cancel()

        loop.run_until_complete(register())
        loop.close()
        self.disk.keep()


def _fault(report: Report, context: dict[str, Any]) -> None:
    """The loop has met an error that nobody has taken."""
    report.violation("no error is lost", f"{context}")


def _close(loop: SimulatedLoop, report: Report) -> None:
    """End what is left of a run."""
    loop.grant_more()
    try:
        for _ in range(3):  # what ends may begin something
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except Stuck as error:
        report.violation("everything can be cancelled", str(error))
    loop.close()
