"""Rehearsals: workflows run in tests, in virtual time, without a server or waiting.

::

    rehearsal = Rehearsal("order.yaml", activities={"charge": [fails("busy"), returns(7)]})
    run = rehearsal.start("order", {"order_id": "o-1"})
    rehearsal.run()
    assert run.expect_completed() == {"receipt": 7}
"""

import branchline.testing.installed  # noqa: F401 - before all that needs the server's packages
from branchline.testing.attempts import Attempt
from branchline.testing.behaviours import (
    Behaviour,
    Performance,
    crash,
    crashes,
    does,
    fails,
    hangs,
    heartbeat,
    progress,
    records,
    removes,
    returns,
    sets,
    takes,
    waits,
)
from branchline.testing.library import Definition
from branchline.testing.offers import Activities
from branchline.testing.rehearsal import Rehearsal
from branchline.testing.run import Run

__all__ = [
    "Activities",
    "Attempt",
    "Behaviour",
    "Definition",
    "Performance",
    "Rehearsal",
    "Run",
    "crash",
    "crashes",
    "does",
    "fails",
    "hangs",
    "heartbeat",
    "progress",
    "records",
    "removes",
    "returns",
    "sets",
    "takes",
    "waits",
]
