"""Ends processes whose test has ended without doing so: ``python -m tests.chaos.guardian``.

It reads lines from its standard input, ``+GROUP`` and ``-GROUP``, and when there is nothing more
to read, because the test has ended in whatever way, it kills the groups that are left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def main(lines: Iterable[str]) -> None:
    """Follow the lines to their end."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    main(iter(sys.stdin.readline, ""))
