"""The board of an execution, and the picture of it."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from branchline.client.cli.board import Board
from branchline.client.cli.progress import progress_view
from branchline.client.types import Event, Progress

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ERROR = {"type": "broken", "message": "it broke", "details": None}


class Story:
    """Events with numbers and times."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.add("execution_started", workflow="order", version=2)

    def add(self, kind: str, **data: Any) -> None:  # noqa: ANN401 - an event's
        number = len(self.events) + 1
        self.events.append(Event(number, START + timedelta(seconds=number), kind, data))

    def task(self, number: int, branch: str = "main", item: int | None = None) -> None:
        self.add(
            "task_scheduled",
            task=number,
            branch=branch,
            activity="work",
            task_queue="default",
            item=item,
            attempt=1,
        )


def board_of(story: Story) -> Board:
    board = Board()
    for event in story.events:
        board.apply(event)
    return board


def test_a_step_counts_its_items() -> None:
    story = Story()
    story.add("step_started", branch="main", step="pack")
    story.add("items_listed", branch="main", items=[1, 2, 3])
    for number in (1, 2, 3):
        story.task(number)
    story.add("task_completed", task=2, result=None)
    board = board_of(story)
    [row], hidden = board.rows(10)
    assert (row.step, row.done, row.items, hidden) == ("pack", 1, 3, 0)
    assert (board.tasks_done, board.open_tasks) == (1, 2)


def test_a_wait_suspends_until_the_signal_is_taken() -> None:
    story = Story()
    story.add("step_started", branch="main", step="ask")
    story.add("signal_awaited", branch="main", topic="answer", until=None)
    board = board_of(story)
    assert (board.status, board.rows(1)[0][0].note) == ("SUSPENDED", "waits for signal answer")
    story.add("signal_consumed", branch="main", signal=1)
    assert board_of(story).status == "RUNNING"


def test_a_wait_of_an_activity_suspends_until_it_is_over() -> None:
    for over in ("signal_consumed", "wait_timed_out"):
        story = Story()
        story.add("step_started", branch="main", step="ask")
        story.task(1)
        story.add("value_recorded", task=1, key="n", value=1)
        story.add("task_waiting", task=1, key="1", topic="answer", until=None)
        board = board_of(story)
        assert (board.status, board.rows(1)[0][0].note) == ("SUSPENDED", "waits for signal answer")
        assert board.open_tasks == 0
        story.add(over, branch="main", item=0)
        story.task(2)
        board = board_of(story)
        assert (board.status, board.rows(1)[0][0].note) == ("RUNNING", "")


def test_a_branch_is_suspended_when_all_its_items_at_work_wait() -> None:
    story = Story()
    story.add("step_started", branch="main", step="sing")
    story.add("items_listed", branch="main", items=[1, 2, 3])
    for number in (1, 2, 3):
        story.task(number, item=number - 1)
    story.add("task_waiting", task=1, key="1", topic="downbeat", until=None)
    story.add("task_failed", task=2, error=ERROR)
    story.add("retry_scheduled", branch="main", attempt=2, due=START, item=1)
    statuses = [board_of(story).status]
    story.add("task_completed", task=3, result=None)
    statuses.append(board_of(story).status)
    story.task(4, item=1)
    story.add("task_waiting", task=4, key="1", topic="downbeat", until=None)
    statuses.append(board_of(story).status)
    story.add("signal_consumed", branch="main", signal=1, item=0)
    story.task(5)
    statuses.append(board_of(story).status)
    assert statuses == ["RUNNING", "RUNNING", "SUSPENDED", "RUNNING"]


def test_a_wait_that_is_first_seen_at_its_start_is_no_error() -> None:
    board = Board()
    board.apply(Event(90, START, "task_waiting", {"task": 7, "topic": "t", "until": None}))
    assert board.rows(5) == ([], 0)


def test_a_branch_is_suspended_while_it_waits_for_children() -> None:
    story = Story()
    story.add("step_started", branch="main", step="pack")
    for number in (1, 2):
        story.add("child_requested", child=number, branch="main", item=number, wait=True)
        story.add("child_started", child=number, execution_id=f"e{number}", until=None)
    [row], _ = board_of(story).rows(5)
    assert (row.status, row.note) == ("SUSPENDED", "waits for e1")
    story.add("child_completed", child=1, result={})
    [row], _ = board_of(story).rows(5)
    assert (row.status, row.note, row.done) == ("SUSPENDED", "waits for e2", 1)
    story.add("child_failed", child=2, error=ERROR)
    story.add("step_failed", branch="main", error=ERROR)
    story.add("step_started", branch="main", step="next")
    assert board_of(story).status == "RUNNING"


def test_a_child_that_is_left_to_itself_suspends_nobody() -> None:
    story = Story()
    story.add("child_requested", child=1, branch="main", item=None, wait=False)
    story.add("child_started", child=1, execution_id="e1", until=None)
    assert board_of(story).status == "RUNNING"


def test_an_error_is_shown_until_the_next_step() -> None:
    story = Story()
    story.task(1)
    story.add("task_failed", task=1, error=ERROR)
    assert board_of(story).rows(1)[0][0].note == "broken: it broke"
    story.add("retry_scheduled", branch="main", attempt=2, due=START, item=None)
    assert board_of(story).rows(1)[0][0].note.startswith("attempt 2 at ")
    story.add("step_started", branch="main", step="next")
    assert board_of(story).rows(1)[0][0].note == ""


def test_a_pause_ends_in_what_was_before() -> None:
    story = Story()
    story.add("signal_awaited", branch="main", topic="answer", until=None)
    story.add("branch_paused", branch="main", reason="lunch")
    board = board_of(story)
    assert (board.status, board.rows(1)[0][0].note) == ("PAUSED", "lunch")
    story.add("branch_unpaused", branch="main")
    board = board_of(story)
    assert (board.status, board.rows(1)[0][0].note) == ("SUSPENDED", "waits for signal answer")


def test_a_failed_execution_that_is_taken_up_again_runs() -> None:
    story = Story()
    story.add("step_started", branch="main", step="pack")
    story.add("branch_failed", branch="main", error=ERROR)
    story.add("execution_failed", error=ERROR)
    assert board_of(story).status == "FAILED"
    story.add("execution_retried", deadline=None)
    story.add("branch_resumed", branch="main")
    assert board_of(story).status == "RUNNING"
    assert board_of(story).rows(1)[0][0].live


def test_live_branches_are_shown_before_ended_ones() -> None:
    story = Story()
    for name in "abcd":
        story.add("branch_started", branch=name, parent="main", name=name)
    for name in ("main", "b", "d"):
        story.add("branch_completed", branch=name)
    rows, hidden = board_of(story).rows(3)
    assert ([row.branch for row in rows], hidden) == (["a", "c", "d"], 2)


def test_a_watch_that_begins_late_shows_what_it_sees() -> None:
    board = Board()
    board.apply(Event(90, START, "task_completed", {"task": 7, "result": None}))
    board.apply(Event(91, START, "step_started", {"branch": "main", "step": "late"}))
    assert [row.step for row in board.rows(5)[0]] == ["late"]


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "20")
    return Terminal()


async def test_the_last_picture_on_a_terminal_stays(terminal: Terminal) -> None:
    story = Story()
    story.add("step_started", branch="main", step="[red]pack")
    story.task(1)
    story.add("task_completed", task=1, result=None)
    story.add("branch_completed", branch="main")
    story.add("execution_completed", outputs={})
    async with progress_view(terminal) as view:
        for event in story.events:
            view.show(event)
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).splitlines()[-2:]
    assert last[0].split() == ["order", "version", "2", "COMPLETED", "5.0s", "1", "tasks", "done"]
    assert last[1].split() == ["main", "[red]pack", "completed"]


async def test_a_picture_with_items_and_too_many_branches(terminal: Terminal) -> None:
    story = Story()
    story.add("step_started", branch="main", step="pack")
    story.add("items_listed", branch="main", items=[1, 2, 3])
    for number in range(40):
        story.add("branch_started", branch=f"b{number}", parent="main", name="")
    story.task(1)
    async with progress_view(terminal) as view:
        for event in story.events:
            view.show(event)
        view.show(
            Progress(branch="b39", step="s", activity="a", item=None, attempt=1, message="50 %")
        )
    assert "50 %" in terminal.getvalue()
    assert "1 open" in terminal.getvalue()
    assert "more branches" in terminal.getvalue()


async def test_elsewhere_lines_tell_the_milestones() -> None:
    story = Story()
    story.add("step_started", branch="main", step="pack")
    story.task(1)
    milestones, everything = io.StringIO(), io.StringIO()
    async with (
        progress_view(milestones) as few,
        progress_view(everything, every_event=True) as all_,
    ):
        for event in story.events:
            few.show(event)
            all_.show(event)
    assert [line.split("  ")[1] for line in milestones.getvalue().splitlines()] == [
        "execution of order version 2 started",
        "[main] step pack",
    ]
    assert "task 1: work" in everything.getvalue()
