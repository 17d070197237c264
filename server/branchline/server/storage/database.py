"""What the store asks of a dialect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from branchline.server.storage.lookups import Lookups
from branchline.server.storage.peers import Peers
from branchline.server.storage.rows import Batch, TaskRow

T = TypeVar("T")


class Database(Protocol):
    """An open database of one dialect, upgraded to the present schema.

    A transaction that was handed in is carried out even if its caller is cancelled. All methods
    raise StoreUnavailable; what writes raises CommitUnknown, its subclass, when it may have been
    stored all the same.
    """

    database_id: str
    """Made with the database, different for every one."""
    peers: Peers | None
    """None where no other server can be."""
    lookups: Lookups | None
    """None where they are as quick as all reads."""

    def read(self, query: Callable[[Connection], T]) -> Awaitable[T]:
        """Run a query in a transaction of its own, which sees one state of the database."""
        ...

    def write(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """Run a change in a transaction of its own, one after the other with all writes.

        Raises Conflict when a unique key is in use.
        """
        ...

    def commit(self, batch: Batch) -> Awaitable[list[TaskRow]]:
        """Store a batch in one transaction; gives the tasks that it has pulled.

        Raises Conflict when a unique key is in use, and TasksLost.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...
