"""What the server and the SDK do not do yet.

A scenario that uses any of it is skipped, with the reason given here. When a feature arrives, its
rows are removed, and what is missing in the runner (an action of ``outside``, of ``performing``, or
a check of ``expectations``) is added; a test tells which.
"""

from __future__ import annotations

from tests.scenarios.scenario import Scenario
from tests.scenarios.uses import uses_of

MISSING: dict[str, str] = {}
"""By use, as ``uses_of`` tells them: why it does not work yet."""


def reasons_to_skip(scenario: Scenario) -> list[str]:
    """Why a scenario cannot be played yet, each reason once; nothing when it can."""
    return sorted({MISSING[use] for use in uses_of(scenario) if use in MISSING})
