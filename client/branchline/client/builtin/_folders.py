"""Walks below a root folder, where no path leads out.

Every component is opened relative to the folder before it, and no symbolic link is followed. So
there is no moment between a check and its use: whatever is renamed or linked meanwhile, an open
folder is one that was reached from the root.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

MAX_PATH: Final = 4096
"""The longest path, in bytes."""


class Refused(Exception):
    """A path that is not to be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder."""

    folder: int
    """A descriptor, open as long as the walk lasts."""
    name: str
    """One component; ``.`` for the folder itself."""

    def look(self) -> os.stat_result | None:
        """What is there; None when there is nothing. A link is itself, not what it leads to."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, flags: int) -> int:
        """Open what is there; never a link, and never waiting for whoever has a pipe's other end.

        Raises:
            OSError: it cannot be opened.

        """
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(self.name, flags, 0o666, dir_fd=self.folder)


def components(path: str) -> list[str]:
    """The names in a relative path; none for the root itself.

    Raises:
        Refused: the path is absolute, leads upwards, or is no path.

    """
    if path.startswith("/"):
        raise Refused(f"{path!r} is absolute: give it relative to the root folder")
    if not path or "\0" in path or len(os.fsencode(path)) > MAX_PATH:
        raise Refused(f"a path has 1 to {MAX_PATH} bytes, none of them 0")
    names = [name for name in path.split("/") if name not in {"", "."}]
    if ".." in names:
        raise Refused(f"{path!r} leads upwards: write it without '..'")
    return names


@contextmanager
def walked(root: str, names: list[str]) -> Iterator[Place]:
    """The place that a path's components lead to; its own folder must be there.

    Raises:
        Refused: a component on the way is a symbolic link.
        OSError: a component on the way is not there, or is no folder.

    """
    folder = _open_folder(root)
    try:
        for name in names[:-1]:
            folder = _step(folder, name)
        yield Place(folder, names[-1] if names else ".")
    finally:
        os.close(folder)


def make_folders(root: str, names: list[str]) -> bool:
    """Make the folder of a path and those on the way; whether the last one is new.

    Raises:
        Refused: a component is a symbolic link.
        OSError: a component is there and no folder, or cannot be made.

    """
    folder = _open_folder(root)
    made = False
    try:
        for name in names:
            made = _make(folder, name)
            folder = _step(folder, name)
    finally:
        os.close(folder)
    return made


def open_folder(place: Place) -> int:
    """Open the folder that is there.

    Raises:
        Refused: it is a symbolic link.
        OSError: it is not there, or is no folder.

    """
    try:
        return place.open(os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        # Systems differ in what they call a link here; asking again only chooses the words.
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}:
            refuse_link(place)
        raise


def sync(folder: int) -> None:
    """Have the names in an open folder outlive a crash of the machine, where that can be had."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise


def refuse_link(place: Place) -> None:
    """Say so when a symbolic link is there.

    Raises:
        Refused: one is.

    """
    found = place.look()
    if found is not None and stat.S_ISLNK(found.st_mode):
        raise Refused(f"{place.name!r} is a symbolic link, and links are not followed")


def _open_folder(root: str) -> int:
    # The root itself is the offerer's choice: it may be reached through links.
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"the root folder cannot be opened: {error.strerror}") from None


def _step(folder: int, name: str) -> int:
    """The folder of that name in place of the one that it is in."""
    below = open_folder(Place(folder, name))
    os.close(folder)
    return below


def _make(folder: int, name: str) -> bool:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
        sync(folder)
        return True
    return False
