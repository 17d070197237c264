"""How a server uses its PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresOptions:
    """How a server uses its PostgreSQL."""

    readers: int = 4
    """Connections for reads; there is one for commits, and another when all these are busy."""
    connect_timeout: float = 10.0
    """Seconds."""
    statement_timeout: float = 30.0
    """Seconds after which a statement is given up, or a read that no connection is free for."""
    idle_after: float = 2.0
    """Seconds after the last commit, before memory is given back."""
