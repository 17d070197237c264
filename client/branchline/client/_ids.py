"""Names that a client gives its requests, so that they can be repeated."""

from __future__ import annotations

import secrets
from typing import Final

_RANDOM_BYTES: Final = 12


def new_id() -> str:
    """A name that nobody else has; short, because the server keeps it."""
    return secrets.token_urlsafe(_RANDOM_BYTES)
