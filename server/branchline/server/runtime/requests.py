"""What the runtime is asked to do. Each request is answered once, when all of it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from branchline.engine import AnyCommand, Plan
from branchline.engine.commands import CompleteTask, FailTask, RecordValue, WaitInTask
from branchline.engine.values import Variables
from branchline.server.dispatch import PendingTask, TaskToken
from branchline.server.errors import ServiceError
from branchline.server.runtime.live import Live

T = TypeVar("T")


class Reply(Generic[T]):
    """Where the answer goes: to whoever awaits it, if anybody still does."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def succeed(self, value: T) -> None:
        """Answer."""
        if not self.future.done():
            self.future.set_result(value)

    def fail(self, error: ServiceError) -> None:
        """Refuse."""
        if not self.future.done():
            self.future.set_exception(error)


class Started(NamedTuple):
    """What became of a start."""

    execution_id: str
    version: int
    created: bool


class Start:
    """Start an execution. ``inputs`` are checked and complete."""

    __slots__ = ("execution_id", "inputs", "labels", "plan", "reply", "request_id", "timeout")

    def __init__(
        self,
        plan: Plan,
        inputs: Variables,
        execution_id: str = "",
        request_id: str = "",
        *,
        labels: dict[str, str] | None = None,
        timeout: int | None = None,
    ) -> None:
        self.plan = plan
        self.inputs = inputs
        self.execution_id = execution_id
        self.request_id = request_id
        self.labels = labels
        self.timeout = timeout
        """Microseconds, None for the workflow's own."""
        self.reply: Reply[Started] = Reply()


class Command:
    """Let the engine decide on a command to an execution."""

    __slots__ = ("command", "execution_id", "reply")

    def __init__(self, execution_id: str, command: AnyCommand) -> None:
        self.execution_id = execution_id
        self.command = command
        self.reply: Reply[None] = Reply()


class Delete:
    """Remove a closed execution."""

    __slots__ = ("closed_before", "execution_id", "reply")

    def __init__(self, execution_id: str, closed_before: int | None = None) -> None:
        self.execution_id = execution_id
        self.closed_before = closed_before
        """Only if it has closed before this time; None: whenever it has closed."""
        self.reply: Reply[None] = Reply()

    def takes(self, close_time: int | None) -> bool:
        """Whether it wants an execution removed that has closed at a time; None: a live one."""
        if close_time is None:
            return False
        return self.closed_before is None or close_time < self.closed_before


class CancelChild:
    """Cancel an execution for which its parent no longer waits, unless it has closed."""

    __slots__ = ("execution_id", "reason", "reply")

    def __init__(self, execution_id: str, reason: str) -> None:
        self.execution_id = execution_id
        self.reason = reason
        self.reply: Reply[None] = Reply()


class View(Generic[T]):
    """Look at an execution's state as it is stored."""

    __slots__ = ("execution_id", "look", "reply")

    def __init__(self, execution_id: str, look: Callable[[Live], T]) -> None:
        self.execution_id = execution_id
        self.look = look
        self.reply: Reply[T] = Reply()


class ReportOutcome:
    """A worker reports how a task ended; None gives it back unfinished."""

    __slots__ = ("answer", "command", "token")

    def __init__(
        self,
        token: TaskToken,
        command: CompleteTask | FailTask | WaitInTask | None,
        answer: Callable[[ServiceError | None], None],
    ) -> None:
        self.token = token
        self.command = command
        self.answer = answer


class ReportRecord:
    """An activity at work records a value (semantics 7.8)."""

    __slots__ = ("answer", "command", "token")

    def __init__(
        self, token: TaskToken, command: RecordValue, answer: Callable[[ServiceError | None], None]
    ) -> None:
        self.token = token
        self.command = command
        self.answer = answer


class FailLeasedTask:
    """The server itself ends a task: its time is over or its worker is lost."""

    __slots__ = ("command", "lost", "task")

    def __init__(self, task: PendingTask, command: FailTask, lost: Callable[[], None]) -> None:
        self.task = task
        self.command = command
        self.lost = lost
        """Called when it could not be done, to ask again later."""


class Wake:
    """Something is due in an execution."""

    __slots__ = ("execution_id", "lost")

    def __init__(self, execution_id: str, lost: Callable[[], None]) -> None:
        self.execution_id = execution_id
        self.lost = lost
        """Called when it could not be done, to ask again later."""


class Order:
    """What the end or the wish of one execution asks of another, within the same turn."""

    __slots__ = ("command", "execution_id", "origin")

    def __init__(self, execution_id: str, command: AnyCommand, origin: AnyRequest) -> None:
        self.execution_id = execution_id
        self.command = command
        self.origin = origin
        """The request of the turn from which it follows."""


AnyRequest = (
    Start
    | Command
    | CancelChild
    | Delete
    | View[Any]
    | ReportOutcome
    | ReportRecord
    | FailLeasedTask
    | Wake
)


def refuse(request: AnyRequest, error: ServiceError) -> None:
    """Tell whoever made a request that nothing came of it."""
    match request:
        case ReportOutcome() | ReportRecord():
            request.answer(error)
        case FailLeasedTask() | Wake():
            request.lost()
        case _:
            request.reply.fail(error)
