"""What can go wrong in the storage.

::

    StoreError
    ├── CannotOpen          the database can't be used as it is: the message names the remedy
    │   ├── UnsupportedDatabase
    │   ├── DatabaseInUse
    │   └── SchemaTooNew
    ├── CannotCopy          no backup or copy was made; the message names the remedy
    ├── StoreUnavailable    nothing was stored or read; it may go well another time
    │   └── CommitUnknown   or all of it was stored: the answer is lost
    ├── Conflict            nothing was stored; somebody else was there first
    └── TasksLost           nothing was stored; other servers have tasks of the batch
"""

from __future__ import annotations

from enum import Enum


class StoreError(Exception):
    """Base of all errors of the storage."""


class CannotOpen(StoreError):
    """The database can't be opened, and trying again won't help."""


class UnsupportedDatabase(CannotOpen):
    """The URL names a kind of database, or a form of it, that there is no storage for."""


class DatabaseInUse(CannotOpen):
    """Another server has this database file."""


class SchemaTooNew(CannotOpen):
    """A newer program has made or upgraded this database."""


class CannotCopy(StoreError):
    """A backup or a copy into another database was not made; nothing is left of it."""


class StoreUnavailable(StoreError):
    """The database is locked, full, damaged, not readable, or closed."""


class CommitUnknown(StoreUnavailable):
    """The connection broke after the commit was sent: all of it was stored, or nothing."""


class Taken(Enum):
    """What a row of a batch wanted and another row has."""

    HISTORY = "an event's number in a history"
    KEY = "an execution's key"
    ID = "an execution's id"
    REQUEST = "a request id"
    TASK = "a task's number"
    WORKFLOW = "a workflow's version"
    ROW = "a row that another server was changing"


class TasksLost(StoreError):
    """Nothing was stored; these deliveries, by key and task, do not stand any more."""

    def __init__(self, tasks: frozenset[tuple[int, int]]) -> None:
        super().__init__(f"Nothing was stored: {len(tasks)} deliveries do not stand any more.")
        self.tasks = tasks


class Conflict(StoreError):
    """A row of the batch has a key that is in use, so the whole batch was refused."""

    def __init__(self, taken: Taken) -> None:
        super().__init__(f"Nothing was stored: {taken.value} is in use already.")
        self.taken = taken
        """Which key it was."""
