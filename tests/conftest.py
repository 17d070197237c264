"""What every test gets: only settings of the tools."""

from __future__ import annotations

from hypothesis import settings

# A deadline per example measures the machine, not the code; pytest-timeout bounds each test.
settings.register_profile("branchline", deadline=None)
settings.load_profile("branchline")
