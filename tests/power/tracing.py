"""Watches the system calls of a process with ptrace, in the order in which they happen.

Every thread of the process stands still at each beginning and end of a system call until it has
been looked at. So what has been seen when a call begins is all that the kernel has done for the
calls that it waited for.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

_NUMBERS: Final = {
    "x86_64": {
        1: "write", 18: "pwrite64", 20: "writev", 44: "sendto", 46: "sendmsg", 74: "fsync",
        75: "fdatasync", 77: "ftruncate", 82: "rename", 87: "unlink", 257: "openat",
        263: "unlinkat", 296: "pwritev", 307: "sendmmsg",
    },
    "aarch64": {
        35: "unlinkat", 46: "ftruncate", 56: "openat", 64: "write", 66: "writev", 68: "pwrite64",
        70: "pwritev", 82: "fsync", 83: "fdatasync", 206: "sendto", 211: "sendmsg",
        269: "sendmmsg",
    },
}  # fmt: skip
_GO_ON_TO_THE_NEXT_CALL: Final = 24
_SEIZE: Final = 0x4206
_INTERRUPT: Final = 0x4207
_GET_SYSCALL_INFO: Final = 0x420E
_OPTIONS: Final = 0x1 | 0x8 | 0x100000
"""Mark stops at system calls, follow new threads, kill the process when its watcher dies."""
_AT_CALL: Final = 0x80
_ENTRY: Final = 1
_EXIT: Final = 2
_WALL: Final = 0x40000000


class _Info(ctypes.Structure):
    """``struct ptrace_syscall_info``; its union as plain numbers."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("padding", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("pointers", ctypes.c_uint64 * 2),
        ("numbers", ctypes.c_uint64 * 8),
    )


_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class CannotTrace(Exception):
    """This machine does not let one process watch another."""


class Call(NamedTuple):
    """A system call of a thread."""

    thread: int
    name: str
    arguments: tuple[int, ...]
    result: int | None = None
    """None: it only begins; nothing of it has happened yet."""

    def path(self) -> str:
        """The file of its first argument, a descriptor; empty when there is none."""
        with contextlib.suppress(OSError):
            return str(Path(f"/proc/{self.thread}/fd/{self.arguments[0]}").readlink())
        return ""

    def memory(self, address: int, size: int) -> bytes:
        """What the process has in its memory."""
        with Path(f"/proc/{self.thread}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)

    def text(self, address: int) -> str:
        """A text in its memory that a zero ends, as far as it is in one page."""
        size = 4096 - address % 4096
        return os.fsdecode(self.memory(address, size).partition(b"\0")[0])


Look = Callable[[Call], None]


def trace(process: int, look: Look, begun: Callable[[], None]) -> None:
    """Watch a process until it ends: ``look`` is given each call as it begins and as it ends.

    The process must be a child with a process group of its own and one thread; ``begun`` is
    called once nothing that it does is missed. Raises CannotTrace.
    """
    names = _NUMBERS.get(platform.machine())
    if names is None:
        raise CannotTrace(f"the system calls of {platform.machine()} are not known here")
    _ask(_SEIZE, process, _OPTIONS)
    _ask(_INTERRUPT, process)
    begun()
    watched = _Watched(names, look)
    while True:
        try:
            thread, status = os.waitpid(-process, _WALL)
        except ChildProcessError:
            return
        if os.WIFSTOPPED(status):
            watched.stopped(thread, status)


class _Watched:
    """The threads of a process."""

    def __init__(self, names: Mapping[int, str], look: Look) -> None:
        self._names = names
        self._look = look
        self._running: dict[int, Call] = {}

    def stopped(self, thread: int, status: int) -> None:
        """A thread stands still: look at it, and let it go on."""
        number, event = os.WSTOPSIG(status), status >> 16
        handed_on = 0
        if number == signal.SIGTRAP | _AT_CALL:
            self._at_call(thread)
        elif not event:
            handed_on = number
        # It may have been killed meanwhile.
        with contextlib.suppress(ProcessLookupError):
            _ask(_GO_ON_TO_THE_NEXT_CALL, thread, handed_on)

    def _at_call(self, thread: int) -> None:
        info = _Info()
        try:
            _ask(_GET_SYSCALL_INFO, thread, ctypes.addressof(info), ctypes.sizeof(info))
        except ProcessLookupError:
            return
        if info.op == _ENTRY:
            name = self._names.get(info.numbers[0])
            if name is not None:
                call = Call(thread, name, tuple(info.numbers[1:7]))
                self._running[thread] = call
                self._look(call)
        elif info.op == _EXIT and thread in self._running:
            result = ctypes.c_int64(info.numbers[0]).value
            self._look(self._running.pop(thread)._replace(result=result))


def _ask(request: int, thread: int, data: int = 0, address: int = 0) -> None:
    if _libc.ptrace(request, thread, address, data) != -1:
        return
    number = ctypes.get_errno()
    if number == errno.ESRCH:
        raise ProcessLookupError(number, os.strerror(number))
    raise CannotTrace(f"ptrace does not work here: {os.strerror(number)}")
