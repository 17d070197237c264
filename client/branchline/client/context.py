"""What an activity can ask and tell while it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import msgspec

from branchline.client import _convert, _json
from branchline.client.asking import awaited, blocked_for, must_be_in_thread
from branchline.client.durations import Length, in_seconds_if_given
from branchline.client.hosting import Host
from branchline.client.recording import Records
from branchline.client.types import BranchState, TaskInfo
from branchline.client.waits import Waits

if TYPE_CHECKING:
    from branchline.v1 import task_pb2

current: Final[ContextVar[ActivityContext]] = ContextVar("branchline_activity")
"""The context of the activity that runs here."""

_guard: Final = threading.Lock()
"""Guards the making of thread events: rare enough for one lock for all."""


class Cancellation:
    """Whether an activity is to stop; it can be checked, awaited and, in a thread, waited for.

    An async activity is also cancelled as any asyncio task is. A plain function cannot be, so
    one that runs for long looks here now and then.
    """

    __slots__ = ("_is_set", "_thread_event", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._thread_event: threading.Event | None = None
        self._waiters: list[asyncio.Event] = []

    def __bool__(self) -> bool:
        return self._is_set

    def is_set(self) -> bool:
        """Whether the activity is to stop."""
        return self._is_set

    def wait(self, timeout: Length | None = None) -> bool:
        """Block this thread until the activity is to stop, at most for ``timeout``.

        For plain functions, in place of ``time.sleep``. ``timeout`` is in seconds, or a
        ``timedelta``. Returns whether it is to stop.
        """
        with _guard:
            if self._thread_event is None:
                self._thread_event = threading.Event()
            if self._is_set:
                self._thread_event.set()
        return self._thread_event.wait(in_seconds_if_given(timeout))

    def __await__(self) -> Generator[object, None, None]:
        event = asyncio.Event()
        if self._is_set:
            event.set()
        self._waiters.append(event)
        yield from event.wait().__await__()

    def set(self) -> None:
        """Tell the activity to stop. Called by the worker, on its loop."""
        with _guard:
            self._is_set = True
            if self._thread_event is not None:
                self._thread_event.set()
        for event in self._waiters:
            event.set()


class ActivityContext:
    """The running activity's task, and its ways to the server.

    Got by ``activity.context()``. It may be used from the activity's own task or thread, and
    from those that it starts.
    """

    __slots__ = ("_host", "_message", "_records", "_removed", "_set", "_waits", "cancelled")

    def __init__(self, message: task_pb2.Task, host: Host) -> None:
        self.cancelled: Final = Cancellation()
        """Whether the activity is to stop: nobody wants its outcome any more."""
        self._message = message
        self._host = host
        self._waits = Waits(message)
        self._records = Records(message, host)
        self._set: dict[str, msgspec.Raw] | None = None
        self._removed: dict[str, None] | None = None

    @property
    def task(self) -> TaskInfo:
        """What the activity works on (semantics 7.2)."""
        message = self._message
        return TaskInfo(
            execution_id=message.execution_id,
            workflow=message.workflow,
            version=message.version,
            branch=message.branch,
            step=message.step,
            activity=message.activity,
            attempt=message.attempt,
            delivery=message.delivery,
            item=message.item if message.HasField("item") else None,
            deadline=_convert.time_of(message, "deadline"),
        )

    @property
    def idempotency_key(self) -> str:
        """Names the effect that the activity is to have: 36 characters, a UUID.

        It is the same in every run for this item of this step visit: in each delivery and
        attempt, after a wait, after a server's restart and when a failed execution is retried.
        No other item, visit or execution has it. Send it along to a system that ignores a
        request which it has seen before.
        """
        return self._message.idempotency_key

    def progress(self, message: str = "", data: object = None) -> None:
        """Tell whoever watches how far the work is (semantics 7.6); also a sign of life.

        When the activity tells more than the connection takes, only the latest is sent.

        Raises:
            ValueError: ``data`` cannot be written as JSON.

        """
        text = "" if data is None else _json.encode(data, "the progress")
        self._host.report(self._message.token, (message, text))

    def heartbeat(self) -> None:
        """Give a sign of life, for a step with ``heartbeat_timeout`` (semantics 8.5)."""
        self._host.report(self._message.token, None)

    def set(self, name: str, value: object) -> None:
        """Set a variable of the branch when the activity has completed (semantics 7.4, 7.5).

        Raises:
            ValueError: the value cannot be written as JSON.

        """
        text = _json.encode(value, f"the variable {name}")
        if self._set is None:
            self._set = {}
        self._set[name] = msgspec.Raw(text)
        if self._removed is not None:
            self._removed.pop(name, None)

    def remove(self, name: str) -> None:
        """Remove a variable of the branch when the activity has completed (semantics 7.4)."""
        if self._removed is None:
            self._removed = {}
        self._removed[name] = None
        if self._set is not None:
            self._set.pop(name, None)

    def wait(self, topic: str, *, timeout: Length, key: str | None = None) -> Any:  # noqa: ANN401 - JSON is of any type
        """Wait for a signal, without holding this process (semantics 7.7).

        When the signal has not come, the call does not return: the activity stops here and its
        branch is suspended. Once the signal is there, or ``timeout`` (seconds, or a
        ``timedelta``) is over, the activity **runs again from its start**, perhaps in another
        process, and this same call returns the signal's payload, or raises. So the code before
        a wait runs again; ``record`` what must not. Variables that were set are set anew.

        The waits of an activity are told apart by the order of their calls, which must then be
        the same in every run, or by ``key``. What stops the activity is no ``Exception``:
        ``finally`` blocks run, handlers of errors do not.

        Raises:
            WaitTimedOut: no signal came in time. It counts for this attempt only: in a later
                one the call waits again.
            ValueError: no topic, a timeout that is not above 0, or a key that is used twice.

        """
        return self._waits.wait(topic, timeout, key)

    async def record(self, key: str, value: object) -> Any:  # noqa: ANN401 - JSON is of any type
        """Give what is recorded under the key, or record the value first (semantics 7.8).

        ``value`` is a value, or a function, async or not, that gives it and is called only when
        nothing is recorded. When this returns, the value is durable: each later run of the
        activity for the same step visit and item gets it, after a wait, an error or the loss of
        the worker. An error of the function is not recorded.

        The value comes back as JSON has it, so that it is the same in every run.

        Raises:
            ActivityError: the value is no JSON or its key cannot be used (``invalid_record``),
                or it is larger than the server takes (``payload_too_large``).
            ValueError: no key, or the value of this key is being computed by another call.
            TypeError: a coroutine in place of the function.

        """
        return await self._records.record(key, value)

    def record_blocking(self, key: str, value: object) -> Any:  # noqa: ANN401 - JSON is of any type
        """Do as ``record`` does, for plain functions; the function must be a plain one too.

        Raises:
            ActivityError: as for ``record``.
            RuntimeError: called on the worker's event loop.

        """
        return self._records.record_blocking(key, value)

    async def branch_state(self) -> BranchState:
        """Ask for the branch's variables and the inputs, as they are now (semantics 7.9).

        What ``set`` and ``remove`` have changed in this run is not in it yet.

        Raises:
            LeaseLost: the task is no longer this worker's.
            RpcError: the server could not be reached within 30 s, or refused.

        """
        return _convert.branch_state(await awaited(self._host.branch_state(self._message.token)))

    def branch_state_blocking(self) -> BranchState:
        """Do as ``branch_state`` does, for plain functions.

        Raises:
            RpcError: as for ``branch_state``.
            RuntimeError: called on the worker's event loop.

        """
        must_be_in_thread(self._host)
        return _convert.branch_state(blocked_for(self._host.branch_state(self._message.token)))

    @property
    def pending_wait(self) -> task_pb2.TaskWait | None:
        """The wait that has stopped the activity. For the worker."""
        return self._waits.pending

    def write_patch(self, result: task_pb2.TaskResult) -> None:
        """Put the variables that were set and removed into the outcome. For the worker."""
        if self._set:
            result.set_json = _json.encode(self._set, "the variables")
        if self._removed:
            result.remove.extend(self._removed)


def context() -> ActivityContext:
    """The context of the activity that calls this.

    Raises:
        RuntimeError: no activity runs here.

    """
    try:
        return current.get()
    except LookupError:
        raise RuntimeError("no activity runs here: only a worker makes a context") from None
