"""What a dispatcher does that shares its database, where a moment matters."""

from __future__ import annotations

import pytest

from branchline.server.dispatch import SharedDispatcher, TaskToken
from tests.server.clocks import HandClock
from tests.server.pending import LEASE, TOKENS, WORK, numbers, pending


@pytest.fixture
def dispatcher(clock: HandClock) -> SharedDispatcher:
    """A dispatcher that knows of tasks that wait in the database."""
    dispatcher = SharedDispatcher(clock, TOKENS, LEASE)
    dispatcher.left_out.offers.add(WORK)
    return dispatcher


def test_a_task_that_ends_while_it_is_fetched_reaches_nobody(
    dispatcher: SharedDispatcher,
) -> None:
    """Another server's word of its end may come before the answer that has it."""
    worker, outbox = dispatcher.connect("w", (WORK,), 2, [])
    pulls = dispatcher.pulls()
    gone, there = pending(1), pending(2)
    gone.delivery = there.delivery = 1
    dispatcher.remove(gone.key)
    dispatcher.pulled(pulls, [gone, there])
    assert numbers(outbox) == [2]
    assert list(dispatcher.tasks) == [there.key]
    assert (worker.room, worker.promised) == (1, 0)


def test_what_had_ended_before_it_was_fetched_does_not_count(dispatcher: SharedDispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    task = pending(1)
    dispatcher.remove(task.key)
    dispatcher.pulled(dispatcher.pulls(), [task])
    assert numbers(outbox) == [1]


def test_a_delivery_that_is_fetched_ends_the_one_before(dispatcher: SharedDispatcher) -> None:
    """Another server has given the task back, and nobody has told of that yet."""
    earlier, later = pending(1), pending(1)
    earlier.delivery, later.delivery = 1, 2
    first, outbox = dispatcher.connect("first", (WORK,), 1, [])
    dispatcher.pulled(dispatcher.pulls(), [earlier])
    dispatcher.connect("second", (WORK,), 1, [])
    dispatcher.left_out.offers.add(WORK)
    dispatcher.pulled(dispatcher.pulls(), [later])
    [(stopped, _)] = outbox.take().cancellations
    assert TOKENS.read(stopped) == TaskToken(*earlier.key, 1)
    assert not first.held
    dispatcher.release(earlier)  # as at the end of its lease
    assert dispatcher.tasks == {later.key: later}
    assert dispatcher.take_given_back() == []


def test_workers_with_room_are_served_whatever_was_told(dispatcher: SharedDispatcher) -> None:
    worker, _ = dispatcher.connect("w", (WORK,), 1, [])
    dispatcher.pulled(dispatcher.pulls(), [])
    assert dispatcher.pulls() == []
    dispatcher.look_everywhere()
    [pull] = dispatcher.pulls()
    assert (pull.offer, pull.workers) == (WORK, [worker])


def test_a_released_delivery_is_known_until_the_database_knows_it(
    dispatcher: SharedDispatcher,
) -> None:
    dispatcher.connect("w", (WORK,), 1, [])
    task = pending(1)
    task.delivery = 1
    dispatcher.pulled(dispatcher.pulls(), [task])
    token = TaskToken(*task.key, 1)
    dispatcher.release(task)
    assert dispatcher.is_given_back(token)
    assert not dispatcher.is_given_back(token._replace(delivery=2))
    assert dispatcher.take_given_back() == [task]
    assert not dispatcher.is_given_back(token)
