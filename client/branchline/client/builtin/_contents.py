"""Text in files: read, replaced at once, appended to; all of bounded size."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from branchline.client.builtin._folders import Place, Refused, sync

MAX_SIZE: Final = 1024 * 1024
"""The most bytes of a file that is read, written or appended to."""

_BEGINNING: Final = ".branchline-"
_ENDING: Final = ".unfinished"


def is_unfinished(name: str) -> bool:
    """Whether a name is that of a file that ``write`` has begun, and not finished."""
    return name.startswith(_BEGINNING) and name.endswith(_ENDING)


def read(place: Place) -> str:
    """The text of a file.

    Raises:
        Refused: it is no ordinary file, too large, or no UTF-8.
        OSError: it cannot be read.

    """
    with _opened(place, os.O_RDONLY) as file:
        # Another process may write while this one reads: what counts is what was read.
        data = bytearray()
        while chunk := os.read(file, MAX_SIZE + 1 - len(data)):
            data += chunk
        _check_size(len(data))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"{place.name!r} is no text in UTF-8: byte {error.start} is not") from None


def write(place: Place, content: str) -> dict[str, int]:
    """Put a text in place of whatever the file held; nobody sees a part of it.

    Raises:
        Refused: the text is too large.
        OSError: it cannot be written.

    """
    data = content.encode()
    _check_size(len(data))
    before = place.look()
    temporary = Place(place.folder, f"{_BEGINNING}{secrets.token_hex(8)}{_ENDING}")
    with _made(temporary) as file:
        if before is not None:
            os.fchmod(file, stat.S_IMODE(before.st_mode))
        _write_all(file, data)
        os.fsync(file)
        # Renaming follows no link: it would replace the link itself.
        os.replace(temporary.name, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    sync(place.folder)
    return {"size": len(data)}


def append(place: Place, content: str) -> dict[str, int]:
    """Add a text at the end of a file, which is made if it is not there.

    Raises:
        Refused: it is no ordinary file, or would be too large.
        OSError: it cannot be written.

    """
    data = content.encode()
    with _opened(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
        size = os.fstat(file).st_size + len(data)
        _check_size(size)
        _write_all(file, data)
        os.fsync(file)
    sync(place.folder)
    return {"size": size}


@contextmanager
def _opened(place: Place, flags: int) -> Iterator[int]:
    """An ordinary file, open. Pipes and devices are not: they have no end, or do things."""
    file = place.open(flags)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Refused(f"{place.name!r} is no ordinary file")
        yield file
    finally:
        os.close(file)


@contextmanager
def _made(place: Place) -> Iterator[int]:
    """A new file, open; it is removed unless it is renamed."""
    file = place.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        yield file
    finally:
        os.close(file)
        with suppress(FileNotFoundError):
            os.unlink(place.name, dir_fd=place.folder)


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _check_size(size: int) -> None:
    if size > MAX_SIZE:
        raise Refused(f"a file of more than {MAX_SIZE} bytes is neither read nor made")
