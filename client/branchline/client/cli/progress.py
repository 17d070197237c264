"""Shows an execution while it runs: a live picture on a terminal, plain lines elsewhere.

::

    await follow(execution, progress_view(sys.stderr))
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, Self, TextIO

from branchline.client.cli.board import Board, Row
from branchline.client.cli.output import LineWriter, console_on
from branchline.client.cli.sentences import progress_sentence
from branchline.client.cli.storyteller import Storyteller
from branchline.client.cli.texts import STYLES, clock_time, duration, one_line
from branchline.client.types import Event, Progress

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from branchline.client.execution import Execution

_REFRESH: Final = 0.1
"""Seconds between two pictures."""
_AROUND: Final = 4
"""Lines of a terminal that the picture leaves free."""
_BAR: Final = 20

_MILESTONES: Final = frozenset(
    {
        "execution_started",
        "execution_completed",
        "execution_failed",
        "execution_canceled",
        "execution_retried",
        "branch_failed",
        "branch_paused",
        "branch_unpaused",
        "step_started",
        "step_failed",
        "items_listed",
        "task_failed",
        "task_waiting",
        "retry_scheduled",
        "signal_awaited",
        "signal_received",
        "wait_timed_out",
        "sleep_started",
        "join_passed",
        "child_started",
        "child_completed",
        "child_failed",
        "child_timed_out",
        "follow_up_started",
        "follow_up_failed",
    }
)
"""The events that tell a story without the details."""


class View(Protocol):
    """Shows what a watch gives, for use in ``async with``."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> None: ...

    def show(self, item: Event | Progress) -> None:
        """Show what happened."""


def progress_view(stream: TextIO, *, every_event: bool = False) -> View:
    """Choose the view for a stream: live on a terminal, else lines.

    Lines tell the milestones, or with ``every_event`` all that happens.
    """
    return _Picture(stream) if stream.isatty() else _Lines(stream, every_event=every_event)


async def follow(execution: Execution, view: View, after: int = 0) -> None:
    """Show an execution from the event after a number on, until it has closed.

    Raises:
        RpcError: there is no such execution, or the server was away for too long.

    """
    async with view:
        async for item in execution.watch(after):
            view.show(item)


class _Lines:
    """A line for each item."""

    def __init__(self, stream: TextIO, *, every_event: bool) -> None:
        self._writer = LineWriter(stream)
        self._every_event = every_event
        self._storyteller = Storyteller()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None: ...

    def show(self, item: Event | Progress) -> None:
        if isinstance(item, Progress):
            self._writer.line((f"{clock_time(item.time)}  {progress_sentence(item)}", ""))
            return
        sentence = self._storyteller.tell(item)
        if self._every_event or item.type in _MILESTONES:
            self._writer.line((f"{clock_time(item.time)}  {sentence}", ""))


class _Picture:
    """A table of the branches that is drawn again and again; the last one stays."""

    def __init__(self, stream: TextIO) -> None:
        from rich.live import Live
        from rich.spinner import Spinner

        self._board = Board()
        self._console = console_on(stream)
        self._spinner = Spinner("dots")
        # Drawn by a task: rich's own thread would read the board while it changes.
        self._live = Live(console=self._console, auto_refresh=False)
        self._drawing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._live.start()
        self._drawing = asyncio.create_task(self._draw())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.wait((self._drawing,))
        self._live.update(self._picture(), refresh=True)
        self._live.stop()

    def show(self, item: Event | Progress) -> None:
        self._board.apply(item)

    async def _draw(self) -> None:
        while True:
            self._live.update(self._picture(), refresh=True)
            await asyncio.sleep(_REFRESH)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        rows, hidden = self._board.rows(self._console.height - _AROUND)
        more = [Text(f"  and {hidden} more branches", "dim")] if hidden else []
        return Group(self._headline(), self._table(rows), *more)

    def _headline(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        board = self._board
        status = Text(board.status, f"bold {STYLES[board.status]}")
        open_tasks = f", {board.open_tasks} open" if board.open_tasks else ""
        tasks = Text(f"{board.tasks_done} tasks done{open_tasks}", "dim")
        lead = Text(" ") if board.status.closed else self._spinner
        end = board.updated if board.status.closed else None
        took = Text(_since(board.started, end), "dim")
        grid = Table.grid(padding=(0, 1))
        grid.add_row(lead, Text(one_line(board.title), "bold"), status, took, tasks)
        return grid

    def _table(self, rows: list[Row]) -> Table:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        for ratio in (None, None, None, 1):
            grid.add_column(ratio=ratio, no_wrap=True, overflow="ellipsis")
        for row in rows:
            grid.add_row(*self._cells(row))
        return grid

    def _cells(self, row: Row) -> tuple[RenderableType, ...]:
        from rich.text import Text

        took = _since(row.since) if row.live else row.status.lower()
        name = Text(f"  {one_line(row.branch)}", STYLES.get(row.status, ""))
        return name, Text(one_line(row.step)), Text(took, "dim"), _detail(row)


def _detail(row: Row) -> Text | Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    note = Text(one_line(row.note), "red" if row.status == "FAILED" else "")
    if not row.items or not row.live:
        return note
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_BAR)
    grid.add_row(
        ProgressBar(total=row.items, completed=row.done, width=_BAR),
        Text(f"{row.done}/{row.items}"),
        note,
    )
    return grid


def _since(start: datetime | None, end: datetime | None = None) -> str:
    if start is None:
        return ""
    return duration(max((end or datetime.now(UTC)) - start, timedelta()))
