"""What would be on a disk if the power failed, as far as system calls tell.

Only what was written before a sync began that has succeeded is sure to be there: a file's content
by a sync of the file, its name, and that it is removed, by a sync of its folder. Everything else
may be there or not.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tests.power.tracing import Call

_VOLATILE: Final = ("-shm", ".lock")
"""Made anew by whoever opens the database after a power cut."""

_SENDS: Final = {"sendmsg", "sendto", "write", "writev", "sendmmsg"}
_UNKNOWN: Final = {"write", "writev", "pwritev", "rename"}
"""Ways to change a file that are not understood here, and not used."""


class Write(NamedTuple):
    """A change of a file's content."""

    offset: int
    data: bytes | None
    """None: the file is cut off at the offset."""

    def on(self, content: bytes) -> bytes:
        """The content afterwards."""
        if self.data is None:
            return content[: self.offset].ljust(self.offset, b"\0")
        end = self.offset + len(self.data)
        return content[: self.offset].ljust(self.offset, b"\0") + self.data + content[end:]


class File(NamedTuple):
    """A file: what is sure, and what is not yet."""

    sure: bytes = b""
    written: tuple[Write, ...] = ()
    is_named: bool = False
    is_removed: bool = False
    """Not surely: until its folder is synced it may come back."""

    def synced(self, count: int) -> File:
        """The file after a sync that began when there were so many writes."""
        content = self.sure
        for write in self.written[:count]:
            content = write.on(content)
        return self._replace(sure=content, written=self.written[count:])

    def after_luck(self, luck: random.Random) -> bytes:
        """A content that it may have after a power cut."""
        content = self.sure
        for write in self.written:
            if luck.random() < 0.5:
                content = write.on(content)
        return content


class Send(NamedTuple):
    """Something that is about to leave the process, and the disk at that moment."""

    data: bytes
    files: Mapping[str, File]

    def left(self, luck: random.Random | None = None) -> dict[str, bytes]:
        """The files after a power cut at that moment: without luck only what is sure."""
        return {
            Path(path).name: file.sure if luck is None else file.after_luck(luck)
            for path, file in self.files.items()
            if file.is_named
        }


class Disk:
    """A folder, empty at first, and what a process sends while it changes files in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._files: dict[str, File] = {}
        self._syncing: dict[int, int] = {}
        """How many writes of its file a thread's sync found."""
        self.sends: list[Send] = []
        self.cut_off = threading.Event()
        """Set once a file was cut off, as the log is when it has been put into the database."""

    def look(self, call: Call) -> None:
        """Take a system call into account."""
        if call.result is None:
            self._begins(call)
        elif call.result >= 0:
            self._has_ended(call)

    def _begins(self, call: Call) -> None:
        if call.name in {"fsync", "fdatasync"}:
            file = self._files.get(call.path())
            self._syncing[call.thread] = 0 if file is None else len(file.written)
        elif call.name in _SENDS and call.path().startswith("socket:"):
            self.sends.append(Send(_sent(call), dict(self._files)))

    def _has_ended(self, call: Call) -> None:
        match call.name:
            case "fsync" | "fdatasync":
                self._synced(call.path(), self._syncing.pop(call.thread))
            case "pwrite64":
                self._wrote(call.path(), call)
            case "ftruncate":
                self._changed(call.path(), Write(call.arguments[1], None))
                self.cut_off.set()
            case "unlink":
                self._removed(call.text(call.arguments[0]))
            case "unlinkat":
                self._removed(call.text(call.arguments[1]))
            case name if name in _UNKNOWN and self._is_inside(call.path()):
                raise AssertionError(f"{call.path()} is changed by {name}")

    def _wrote(self, path: str, call: Call) -> None:
        if self._is_inside(path):
            data = call.memory(call.arguments[1], call.result or 0)
            self._changed(path, Write(call.arguments[3], data))

    def _changed(self, path: str, write: Write) -> None:
        if self._is_inside(path):
            file = self._files.get(path, File())
            file = File() if file.is_removed else file
            self._files[path] = file._replace(written=(*file.written, write))

    def _removed(self, path: str) -> None:
        if path in self._files:
            self._files[path] = self._files[path]._replace(is_removed=True)

    def _synced(self, path: str, count: int) -> None:
        if path == self._folder:
            self._files = {
                name: file._replace(is_named=True)
                for name, file in self._files.items()
                if not file.is_removed
            }
        elif path in self._files:
            self._files[path] = self._files[path].synced(count)

    def _is_inside(self, path: str) -> bool:
        return path.startswith(self._folder + "/") and not path.endswith(_VOLATILE)


def _sent(call: Call) -> bytes:
    """What a call is about to send."""
    _, address, size = call.arguments[:3]
    match call.name:
        case "sendmsg":
            header = _numbers(call.memory(address, 32))
            return _gathered(call, header[2], header[3])
        case "writev":
            return _gathered(call, address, size)
        case "sendmmsg":
            raise AssertionError("sendmmsg is not understood here")
        case _:
            return call.memory(address, size)


def _gathered(call: Call, address: int, count: int) -> bytes:
    """The content of an array of buffers."""
    vector = _numbers(call.memory(address, 16 * count))
    pairs = zip(vector[::2], vector[1::2], strict=True)
    return b"".join(call.memory(start, size) for start, size in pairs if size)


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
