"""Runs the tasks that a worker has in hand: coroutines on the loop, plain functions in threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from branchline.client import outcomes
from branchline.client.activities import Activity
from branchline.client.context import ActivityContext, current
from branchline.client.errors import ActivityError
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb

_log: Final = logging.getLogger("branchline.worker")

_Answer = TypeVar("_Answer")

_QUIET: Final = (ActivityError, asyncio.CancelledError)
"""What an activity raises on purpose, or is told to."""


class Owner(Protocol):
    """The worker as its runner sees it."""

    def ended(self, outcome: task_pb2.TaskOutcome) -> None:
        """A task has ended."""

    def heartbeat(self, token: str, progress: tuple[str, str] | None) -> None:
        """An activity has given a sign of life, with progress (message, JSON text) or without."""

    def record(self, record: task_pb2.TaskRecord) -> None:
        """An activity records a value; ``Runner.recorded`` is told the answer."""

    async def branch_state(self, token: str) -> pb.GetBranchStateResponse:
        """An activity asks for its branch. Raises ``RpcError``."""


class _Run:
    """One task in hand."""

    __slots__ = ("activity", "asyncio_task", "context", "message", "questions", "records")

    def __init__(
        self, message: task_pb2.Task, activity: Activity, context: ActivityContext
    ) -> None:
        self.message = message
        self.activity = activity
        self.context = context
        self.asyncio_task: asyncio.Task[None] | None = None
        self.records: dict[str, Future[None]] = {}
        """By key, those that are not answered."""
        self.questions: set[asyncio.Task[pb.GetBranchStateResponse]] = set()

    def let_go(self) -> None:
        """Nobody waits for this run: nothing that it asked is answered any more."""
        for record in self.records.values():
            record.cancel()
        for question in self.questions:
            question.cancel()


class Runner:
    """The tasks in hand. Each ends with an outcome, unless it is stopped before.

    All methods are for the event loop, except those of a ``Host``.
    """

    def __init__(self, activities: Mapping[str, Activity], threads: int, owner: Owner) -> None:
        self._activities = activities
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="branchline-activity")
        self._runs: dict[str, _Run] = {}
        self._stopped: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._from_threads: deque[tuple[_Run, task_pb2.TaskOutcome]] = deque()
        self._collecting = False

    @property
    def tokens(self) -> list[str]:
        """The tasks in hand."""
        return list(self._runs)

    def __contains__(self, token: str) -> bool:
        return token in self._runs

    def start(self, message: task_pb2.Task) -> None:
        """Begin to work on a task."""
        activity = self._activities.get(message.activity)
        if activity is None:
            error = ActivityError(f"this worker does not offer {message.activity}")
            self._owner.ended(outcomes.failed(message.token, error))
            return
        run = _Run(message, activity, ActivityContext(message, self))
        self._runs[message.token] = run
        self._idle.clear()
        if activity.is_async:
            run.asyncio_task = self._loop.create_task(self._run_on_loop(run))
        else:
            self._executor.submit(contextvars.copy_context().run, self._run_in_thread, run)

    def stop(self, token: str) -> None:
        """Stop a task; what it still does has no outcome."""
        run = self._take(token)
        if run is None:
            return
        run.context.cancelled.set()
        task = run.asyncio_task
        if task is not None:
            # The loop itself does not hold on to tasks, and this one may take its time.
            self._stopped.add(task)
            task.add_done_callback(self._stopped.discard)
            task.cancel()

    def stop_all(self) -> list[str]:
        """Stop every task; returns their tokens."""
        tokens = self.tokens
        for token in tokens:
            self.stop(token)
        return tokens

    async def idle(self) -> None:
        """Wait until no task is in hand."""
        await self._idle.wait()

    async def close(self) -> None:
        """Stop everything and let coroutines clean up; threads are left to end by themselves."""
        self.stop_all()
        if self._stopped:
            await asyncio.wait(self._stopped, timeout=1.0)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def is_here(self) -> bool:
        """Whether this thread is the one of the loop."""
        return threading.get_ident() == self._loop_thread

    def report(self, token: str, progress: tuple[str, str] | None) -> None:
        """Take an activity's sign of life, from any thread."""
        self._on_loop(self._report, token, progress)

    def _report(self, token: str, progress: tuple[str, str] | None) -> None:
        if token in self._runs:
            self._owner.heartbeat(token, progress)

    def record(self, record: task_pb2.TaskRecord) -> Future[None]:
        """Take a value that an activity records, from any thread."""
        durable: Future[None] = Future()
        if not self._on_loop(self._record, record, durable):
            durable.cancel()
        return durable

    def _record(self, record: task_pb2.TaskRecord, durable: Future[None]) -> None:
        run = self._runs.get(record.token)
        if run is None:
            durable.cancel()
        else:
            run.records[record.key] = durable
            self._owner.record(record)

    def recorded(self, token: str, key: str, error: ActivityError | None = None) -> None:
        """Tell an activity that its value is durable, or why it is not kept."""
        run = self._runs.get(token)
        durable = None if run is None else run.records.pop(key, None)
        if durable is not None and error is None:
            durable.set_result(None)
        elif durable is not None:
            durable.set_exception(error)

    def branch_state(self, token: str) -> Future[pb.GetBranchStateResponse]:
        """Ask for the branch of a task, from any thread."""
        answer: Future[pb.GetBranchStateResponse] = Future()
        if not self._on_loop(self._ask, token, answer):
            answer.cancel()
        return answer

    def _ask(self, token: str, answer: Future[pb.GetBranchStateResponse]) -> None:
        run = self._runs.get(token)
        if run is None:
            answer.cancel()
            return
        question = self._loop.create_task(self._owner.branch_state(token))
        run.questions.add(question)
        question.add_done_callback(run.questions.discard)
        question.add_done_callback(lambda done: _hand_over(done, answer))

    async def _run_on_loop(self, run: _Run) -> None:
        current.set(run.context)
        try:
            arguments = run.activity.bind(run.message.parameters_json)
            outcome = self._returned(run, await run.activity.function(**arguments))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - any error fails the attempt, no more
            outcome = self._raised(run, error)
        self._end(run, outcome)

    def _run_in_thread(self, run: _Run) -> None:
        if run.context.cancelled:
            return
        current.set(run.context)
        try:
            arguments = run.activity.bind(run.message.parameters_json)
            outcome = self._returned(run, run.activity.function(**arguments))
        except BaseException as error:  # noqa: BLE001 - nobody else would see it
            outcome = self._raised(run, error)
        self._from_threads.append((run, outcome))
        # One wake-up of the loop serves all that end until it comes round.
        if not self._collecting:
            self._collecting = True
            self._on_loop(self._collect)

    def _collect(self) -> None:
        self._collecting = False
        while self._from_threads:
            self._end(*self._from_threads.popleft())

    def _end(self, run: _Run, outcome: task_pb2.TaskOutcome) -> None:
        token = run.message.token
        if self._runs.get(token) is run:
            self._take(token)
            self._owner.ended(outcome)

    def _take(self, token: str) -> _Run | None:
        run = self._runs.pop(token, None)
        if run is not None:
            run.let_go()
        if not self._runs:
            self._idle.set()
        return run

    def _returned(self, run: _Run, result: object) -> task_pb2.TaskOutcome:
        token, wait = run.message.token, run.context.pending_wait
        if wait is not None:  # the activity's code has swallowed what was to stop it
            return outcomes.waiting(token, wait)
        return outcomes.completed(token, result, run.context)

    def _raised(self, run: _Run, error: BaseException) -> task_pb2.TaskOutcome:
        message, wait = run.message, run.context.pending_wait
        if wait is not None:
            return outcomes.waiting(message.token, wait)
        if not isinstance(error, _QUIET):
            _log.warning(
                "activity %s failed in attempt %d of step %s of execution %s",
                message.activity,
                message.attempt,
                message.step,
                message.execution_id,
                exc_info=error,
            )
        return outcomes.failed(message.token, error)

    def _on_loop(self, function: Callable[..., None], *arguments: Any) -> bool:  # noqa: ANN401 - as asyncio has it
        """Call at once on the loop's thread, soon from another; False when the loop has closed."""
        if self.is_here():
            function(*arguments)
            return True
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The worker is gone, and with it whoever wanted to know.
            _log.debug("a thread outlived its worker")
            return False
        return True


def _hand_over(done: asyncio.Task[_Answer], answer: Future[_Answer]) -> None:
    """A task that is cancelled before it has begun runs no code: only its callbacks know."""
    if done.cancelled():
        answer.cancel()
    elif error := done.exception():
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
