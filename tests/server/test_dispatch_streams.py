"""What becomes of tasks when a stream breaks, comes back or is replaced."""

from __future__ import annotations

import pytest

from branchline.server.dispatch import CancellationReason, Dispatcher, TaskKey, TaskToken
from branchline.server.errors import Reason
from tests.server.clocks import HandClock
from tests.server.pending import (
    LEASE,
    REST,
    TOKENS,
    WORK,
    deliveries,
    dispatcher_of,
    hand_out,
    numbers,
    pending,
    token_of,
)


@pytest.fixture
def dispatcher(clock: HandClock) -> Dispatcher:
    """Nothing waits and nobody is there."""
    return dispatcher_of(clock)


def test_a_broken_stream_keeps_its_leases(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 2, [])
    hand_out(dispatcher, pending(1))
    token = token_of(deliveries(outbox)[0])
    dispatcher.disconnect(worker, outbox)
    again, second = dispatcher.connect("w", (WORK,), 2, [token])
    assert second.take() == ([], [], [], [])
    assert list(again.held) == [TaskKey(7, 1)]
    assert dispatcher.report(token).key == TaskKey(7, 1)


def test_a_worker_that_comes_back_gives_back_what_it_no_longer_names(
    dispatcher: Dispatcher,
) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 2, [])
    hand_out(dispatcher, pending(1), pending(2))
    first, second = map(token_of, deliveries(outbox))
    dispatcher.disconnect(worker, outbox)
    _, outbox = dispatcher.connect("w", (WORK,), 2, [second])
    hand_out(dispatcher)
    [again] = deliveries(outbox)
    assert token_of(again) == first._replace(delivery=2)


def test_a_worker_is_told_to_stop_what_is_no_longer_its_own(dispatcher: Dispatcher) -> None:
    foreign = TaskToken(7, 99, 1)
    _, outbox = dispatcher.connect("w", (WORK,), 2, [foreign])
    assert outbox.take()[2] == [(TOKENS.write(foreign), CancellationReason.LEASE_LOST)]


def test_a_worker_with_an_old_delivery_is_told_to_stop_that_one(
    dispatcher: Dispatcher,
) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    old = token_of(deliveries(outbox)[0])
    dispatcher.release(worker.held[TaskKey(7, 1)])
    hand_out(dispatcher)
    _, outbox = dispatcher.connect("w", (WORK,), 1, [old])
    stopped = [token for token, _ in outbox.take()[2]]
    assert TOKENS.write(old) in stopped


def test_an_outcome_on_its_way_survives_a_new_stream(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    token = token_of(deliveries(outbox)[0])
    task = dispatcher.report(token)
    dispatcher.disconnect(worker, outbox)
    _, outbox = dispatcher.connect("w", (WORK,), 1, [token])
    assert task.reported
    assert outbox.take() == ([], [], [], [])


def test_a_place_that_an_outcome_frees_survives_a_new_stream(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1), pending(2), pending(3))
    token = token_of(deliveries(outbox)[0])
    dispatcher.report(token)
    dispatcher.disconnect(worker, outbox)
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [token])
    dispatcher.remove(TaskKey(7, 1))
    hand_out(dispatcher)
    assert numbers(outbox) == [2]
    assert len(worker.held) == 1


def test_a_second_stream_ends_the_first_and_takes_its_place(dispatcher: Dispatcher) -> None:
    worker, first = dispatcher.connect("w", (WORK,), 1, [])
    _, second = dispatcher.connect("w", (REST,), 1, [])
    assert first.closed is not None
    assert first.closed.reason is Reason.WORKER_REPLACED
    dispatcher.disconnect(worker, first)
    hand_out(dispatcher, pending(1), pending(2, REST))
    assert numbers(second) == [2]


def test_the_last_words_of_a_replaced_stream_do_not_count_for_the_new_one(
    dispatcher: Dispatcher, clock: HandClock
) -> None:
    worker, first = dispatcher.connect("w", (WORK,), 1, [])
    _, second = dispatcher.connect("w", (WORK,), 1, [])
    dispatcher.drain(worker, first)
    hand_out(dispatcher, pending(1))
    assert numbers(second) == [1]
    clock.move(LEASE)
    dispatcher.seen(worker, first)
    assert [task.key for task in dispatcher.lost_leases()] == [TaskKey(7, 1)]


def test_the_last_words_of_a_broken_stream_do_not_bring_its_worker_back(
    dispatcher: Dispatcher, clock: HandClock
) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    dispatcher.disconnect(worker, outbox)
    clock.move(LEASE)
    assert not dispatcher.seen(worker, outbox)
    assert [task.key for task in dispatcher.lost_leases()] == [TaskKey(7, 1)]
