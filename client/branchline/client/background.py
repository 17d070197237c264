"""Work that goes on beside the code of a context."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Runs beside the task that makes it; when it fails, that task is interrupted.

    It is made where the context begins, and left where it ends.
    """

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        body = asyncio.current_task()
        if body is None:
            raise RuntimeError("this needs a running task")
        self._body = body
        self._cancelled_before = body.cancelling()
        self._interrupted = False
        self._left = False
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not (self._left or task.cancelled() or task.exception() is None):
            self._interrupted = True
            self._body.cancel()

    async def leave(self, error: BaseException | None) -> None:
        """Wait for the end of the work; ``error`` is what the code of the context has raised.

        Code that was cancelled does not wait: the work is cancelled, too. Raises what the work
        has raised, unless the code has raised something of its own.
        """
        self._left = True
        own = self._is_own(error)
        if isinstance(error, asyncio.CancelledError) and not own:
            self._task.cancel()
        try:
            await asyncio.wait((self._task,))
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait((self._task,))
            raise
        failure = None if self._task.cancelled() else self._task.exception()
        if failure is not None and (error is None or own):
            raise failure from None

    def _is_own(self, error: BaseException | None) -> bool:
        """Whether the code was cancelled by this, and by nobody else."""
        if not self._interrupted:
            return False
        others = self._body.uncancel() > self._cancelled_before
        return isinstance(error, asyncio.CancelledError) and not others
