"""What a server asks of a database that it shares with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from branchline.server.storage.rows import LifeSign, TaskHold, TaskKey, TaskRow


class Peers(Protocol):
    """A server among those that share a database. All methods raise StoreUnavailable."""

    @property
    def server(self) -> str:
        """The id under which this server is known now."""
        ...

    async def now(self) -> int:
        """The database's time, microseconds since the epoch."""
        ...

    async def join(self) -> list[TaskRow]:
        """Come under a new id, and take the leased tasks whose server is gone.

        The id from before, if there is one, is given up first.
        """
        ...

    async def leave(self) -> None:
        """Go; the others take what this server has."""
        ...

    async def beat(self) -> int | None:
        """Give a sign of life; the database's time then, microseconds since the epoch.

        None when the others have given this server up.
        """
        ...

    async def signs(self) -> list[LifeSign]:
        """The last sign of life of every server."""
        ...

    async def bury(self, silent: Sequence[LifeSign]) -> list[str]:
        """Give up those servers that have given no later sign of life than these; their ids."""
        ...

    async def roll(self) -> list[str]:
        """The servers that are there, in an order that all of them agree on."""
        ...

    async def adopt_orphans(self) -> list[TaskRow]:
        """Take the leased tasks whose server is gone."""
        ...

    async def adopt(self, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
        """Take deliveries from whichever server has them, as far as they still stand."""
        ...

    async def standing(self, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
        """The tasks of deliveries that stand; they stay where they are."""
        ...

    async def owned(self, keys: Sequence[TaskKey]) -> list[TaskKey]:
        """Those of these tasks that this server has."""
        ...

    async def overdue(self, at: int, limit: int) -> list[TaskRow]:
        """Tasks that nobody has and whose time is over, the longest overdue first."""
        ...

    async def tell(self, notes: Sequence[str]) -> None:
        """Tell the others something."""
        ...

    def listen(self, hear: Callable[[str], None], missed: Callable[[], None]) -> None:
        """Hand over what others tell, until the database is closed.

        ``missed`` is called whenever something may have been told while nobody listened.
        """
        ...
