"""Shows what happens in an example."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Show it on standard error; standard output is for the outputs alone."""
    print(text, file=sys.stderr, flush=True)
