"""Runs the tasks that a worker has in hand: coroutines on the loop, plain functions in threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from branchline.client import outcomes
from branchline.client.activities import Activity
from branchline.client.context import ActivityContext, current
from branchline.client.errors import ActivityError
from branchline.v1 import task_pb2

_log: Final = logging.getLogger("branchline.worker")

Ended = Callable[[task_pb2.TaskOutcome], None]
Heartbeat = Callable[[str, tuple[str, str] | None], None]


class _Run:
    """One task in hand."""

    __slots__ = ("activity", "asyncio_task", "context", "message")

    def __init__(
        self, message: task_pb2.Task, activity: Activity, context: ActivityContext
    ) -> None:
        self.message = message
        self.activity = activity
        self.context = context
        self.asyncio_task: asyncio.Task[None] | None = None


class Runner:
    """The tasks in hand. Each ends with an outcome, unless it is stopped before.

    All methods are for the event loop, except ``report``.
    """

    def __init__(
        self, activities: Mapping[str, Activity], threads: int, ended: Ended, heartbeat: Heartbeat
    ) -> None:
        self._activities = activities
        self._ended = ended
        self._heartbeat = heartbeat
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
            self._ended(outcomes.failed(message.token, error))
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

    def report(self, token: str, progress: tuple[str, str] | None) -> None:
        """Take an activity's sign of life, from any thread."""
        if threading.get_ident() == self._loop_thread:
            self._report(token, progress)
        else:
            self._call_on_loop(self._report, token, progress)

    def _report(self, token: str, progress: tuple[str, str] | None) -> None:
        if token in self._runs:
            self._heartbeat(token, progress)

    async def _run_on_loop(self, run: _Run) -> None:
        current.set(run.context)
        token = run.message.token
        try:
            arguments = run.activity.bind(run.message.parameters_json)
            result = await run.activity.function(**arguments)
            outcome = outcomes.completed(token, result, run.context)
        except asyncio.CancelledError as error:
            outcome = outcomes.failed(token, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any error fails the attempt, no more
            outcome = self._failed(run, error)
        self._end(run, outcome)

    def _run_in_thread(self, run: _Run) -> None:
        if run.context.cancelled:
            return
        current.set(run.context)
        token = run.message.token
        try:
            arguments = run.activity.bind(run.message.parameters_json)
            outcome = outcomes.completed(token, run.activity.function(**arguments), run.context)
        except BaseException as error:  # noqa: BLE001 - nobody else would see it
            outcome = self._failed(run, error)
        self._from_threads.append((run, outcome))
        # One wake-up of the loop serves all that end until it comes round.
        if not self._collecting:
            self._collecting = True
            self._call_on_loop(self._collect)

    def _collect(self) -> None:
        self._collecting = False
        while self._from_threads:
            self._end(*self._from_threads.popleft())

    def _end(self, run: _Run, outcome: task_pb2.TaskOutcome) -> None:
        token = run.message.token
        if self._runs.get(token) is run:
            self._take(token)
            self._ended(outcome)

    def _take(self, token: str) -> _Run | None:
        run = self._runs.pop(token, None)
        if not self._runs:
            self._idle.set()
        return run

    def _failed(self, run: _Run, error: BaseException) -> task_pb2.TaskOutcome:
        message = run.message
        if not isinstance(error, ActivityError):
            _log.warning(
                "activity %s failed in attempt %d of step %s of execution %s",
                message.activity,
                message.attempt,
                message.step,
                message.execution_id,
                exc_info=error,
            )
        return outcomes.failed(message.token, error)

    def _call_on_loop(self, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - as asyncio has it
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop has closed: the worker is gone, and with it whoever wanted to know.
            _log.debug("a thread outlived its worker")


def by_name(activities: Iterable[Activity]) -> dict[str, Activity]:
    """The activities by their names.

    Raises:
        ValueError: there are none, or two of one name.

    """
    result: dict[str, Activity] = {}
    for activity in activities:
        if activity.name in result:
            raise ValueError(f"two activities are named {activity.name}: give one another name")
        result[activity.name] = activity
    if not result:
        raise ValueError("a worker needs at least one activity")
    return result
