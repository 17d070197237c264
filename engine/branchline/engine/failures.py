"""Errors that events leave unsaid, so that all who tell them say the same."""

from __future__ import annotations

from branchline.engine.events import Failure

NO_SIGNAL = Failure("timeout", "no signal came in time")
"""Of a wait_signal step (semantics 10.2)."""

CHILD_TOO_LATE = Failure("timeout", "the child did not close within the step's timeout")
"""Of a child step (semantics 11.1)."""
