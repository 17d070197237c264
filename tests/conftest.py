"""What every test gets: settings of the tools, and signals as at a terminal."""

from __future__ import annotations

import signal

from hypothesis import settings

# A deadline per example measures the machine, not the code; pytest-timeout bounds each test.
settings.register_profile("branchline", deadline=None)
settings.load_profile("branchline")

# Whoever is started in the background by a shell ignores SIGINT, and so would its children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
