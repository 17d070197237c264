"""The activity ``file``, for workers that ask for it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from branchline.client.activities import activity
from branchline.client.builtin import _contents
from branchline.client.builtin._folders import (
    Place,
    Refused,
    components,
    make_folders,
    open_folder,
    refuse_link,
    sync,
    walked,
)
from branchline.client.errors import ActivityError

Operation = Literal["read", "write", "append", "delete", "exists", "mkdir", "list"]

MAX_ENTRIES: Final = 10_000
"""The most entries of a folder that are listed."""


def file(root: str | os.PathLike[str]) -> Callable[..., Any]:
    """The activity ``file``, which works in a root folder and below it, and nowhere else.

    No path leads out of the root, and no symbolic link in it is followed.

    Raises:
        ValueError: the root is no folder, or the system cannot open files relative to folders.

    """
    if os.open not in os.supports_dir_fd:
        raise ValueError("the activity file needs a POSIX system, such as Linux or macOS")
    folder = Path(root)
    if not folder.is_dir():
        raise ValueError(f"the root of the activity file is no folder: {folder}")
    # Not resolved: whoever offers it may let a link to another folder take its place.
    return _Files(str(folder.absolute())).run


class _Files:
    def __init__(self, root: str) -> None:
        self._root = root

    @activity(name="file")
    def run(self, operation: Operation, path: str, content: str | None = None) -> Any:  # noqa: ANN401 - it depends on the operation
        """Work with a text file or a folder; the path is relative to the root.

        Raises:
            ActivityError: the path leads out of the root or through a link, what is there does
                not fit the operation, or something is too large.

        """
        _check_content(operation, content)
        try:
            names = components(path)
            if operation == "mkdir":
                return make_folders(self._root, names)
            if operation == "exists":
                return self._exists(names)
            with walked(self._root, names) as place:
                return _OPERATIONS[operation](place, content or "")
        except Refused as error:
            raise ActivityError(f"path: {error}") from None
        except OSError as error:
            raise ActivityError(f"path: {_explained(error, path)}") from None

    def _exists(self, names: list[str]) -> bool:
        try:
            with walked(self._root, names) as place:
                return place.look() is not None
        except (FileNotFoundError, NotADirectoryError):
            return False


def _check_content(operation: Operation, content: str | None) -> None:
    takes_content = operation in {"write", "append"}
    if takes_content and content is None:
        raise ActivityError(f"content is missing: {operation} needs a text, which may be empty")
    if not takes_content and content is not None:
        raise ActivityError(f"content is not for {operation}: leave it out")


def _delete(place: Place, _: str) -> bool:
    if place.name == ".":
        raise Refused("the root itself cannot be deleted")
    found = place.look()
    if found is None:
        return False
    if stat.S_ISDIR(found.st_mode):
        os.rmdir(place.name, dir_fd=place.folder)
    else:
        os.unlink(place.name, dir_fd=place.folder)
    sync(place.folder)
    return True


def _list(place: Place, _: str) -> list[str]:
    folder = open_folder(place)
    try:
        names: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(names) == MAX_ENTRIES:
                    raise Refused(f"the folder has more than {MAX_ENTRIES} entries")
                if not _contents.is_unfinished(entry.name):
                    slash = "/" if entry.is_dir(follow_symlinks=False) else ""
                    names.append(_text(entry.name) + slash)
        return sorted(names)
    finally:
        os.close(folder)


def _text(name: str) -> str:
    """A name as JSON can hold it: what is no UTF-8 is replaced."""
    return os.fsencode(name).decode(errors="replace")


def _in_a_file(operation: Callable[[Place, str], Any]) -> Callable[[Place, str], Any]:
    """An operation on a file, with the reasons why what is there is none."""

    def run(place: Place, content: str) -> Any:  # noqa: ANN401 - as the operation's
        refuse_link(place)
        found = place.look()
        if found is not None and not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
            raise Refused(f"{place.name!r} is {kind}: name a file")
        return operation(place, content)

    return run


def _explained(error: OSError, path: str) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"there is no {path!r}, or no folder for it: make folders with mkdir"
        case errno.ENOTDIR:
            return f"a part of {path!r} is no folder"
        case errno.EEXIST:
            return f"there is something at {path!r} already"
        case errno.ENOTEMPTY:
            return f"the folder {path!r} is not empty: delete what is in it first"
        case errno.ELOOP:
            return f"a part of {path!r} is a symbolic link, and links are not followed"
        case _:
            return f"{path!r}: {error.strerror or error}"


_OPERATIONS: Final[dict[Operation, Callable[[Place, str], Any]]] = {
    "read": _in_a_file(lambda place, _: _contents.read(place)),
    "write": _in_a_file(_contents.write),
    "append": _in_a_file(_contents.append),
    "delete": _delete,
    "list": _list,
}
