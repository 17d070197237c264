"""One server a database file, seen to by a lock of the operating system."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from branchline.server.storage.errors import CannotOpen, DatabaseInUse


class FileLock:
    """The lock of a database file: an flock on ``<file>.lock``.

    The operating system lets go of it when the process ends, however it ends. The lock file
    stays: to remove it would let two servers lock two files of the same name.
    """

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises DatabaseInUse when somebody has it, CannotOpen when the file can't be written.
        """
        self._path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CannotOpen(
                f"The lock file {self._path} of the database can't be written: {error.strerror}."
                " The server needs to write to this directory."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            who = f"the process {holder}" if holder else "another process"
            raise DatabaseInUse(
                f"The database {database} is in use by {who}. Only one server can use a SQLite"
                " file: stop the other one, or give this one a file of its own."
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let go of the lock."""
        os.ftruncate(self._file, 0)
        os.close(self._file)
