"""Who gets which task, and what becomes of it when workers or commits fail."""

from __future__ import annotations

import pytest

from branchline.server.dispatch import CancellationReason, Dispatcher, Offer, TaskKey, TaskToken
from branchline.server.errors import Reason, ServiceError
from tests.server.clocks import HandClock
from tests.server.pending import (
    LEASE,
    REST,
    SECOND,
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


def test_tasks_of_an_offer_go_out_in_their_order(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 3, [])
    hand_out(dispatcher, *map(pending, range(5)))
    assert numbers(outbox) == [0, 1, 2]
    assert dispatcher.ready_count == 2


def test_workers_take_turns(dispatcher: Dispatcher) -> None:
    outboxes = [dispatcher.connect(f"w{n}", (WORK,), 10, [])[1] for n in range(3)]
    hand_out(dispatcher, *map(pending, range(6)))
    assert [numbers(outbox) for outbox in outboxes] == [[0, 3], [1, 4], [2, 5]]


def test_a_busy_offer_leaves_the_others_their_turn(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK, REST), 4, [])
    many = [pending(number) for number in range(100)]
    few = [pending(100 + number, REST) for number in range(2)]
    hand_out(dispatcher, *many, *few)
    assert sorted(numbers(outbox)) == [0, 1, 100, 101]


def test_a_task_goes_only_to_a_worker_that_offers_it_on_its_queue(
    dispatcher: Dispatcher,
) -> None:
    other: Offer = ("other", "work")
    _, outbox = dispatcher.connect("w", (REST, other), 10, [])
    hand_out(dispatcher, pending(1), pending(2, other))
    assert numbers(outbox) == [2]


def test_an_outcome_makes_room_and_a_task_that_is_gone_is_passed_over(
    dispatcher: Dispatcher,
) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, *map(pending, range(3)))
    [delivery] = deliveries(outbox)
    dispatcher.report(token_of(delivery))
    dispatcher.remove(TaskKey(7, 0))
    dispatcher.remove(TaskKey(7, 1))
    hand_out(dispatcher)
    assert numbers(outbox) == [2]


def test_the_room_of_a_worker_is_never_exceeded(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK, REST), 2, [])
    dispatcher.offer(pending(n, (WORK, REST)[n % 2]) for n in range(10))
    for _ in range(4):
        hand_out(dispatcher)
        assert len(worker.held) == 2
    assert len(deliveries(outbox)) == 2


def test_a_worker_that_comes_again_during_a_commit_gets_no_more_than_its_room(
    dispatcher: Dispatcher,
) -> None:
    dispatcher.connect("w", (WORK,), 1, [])
    dispatcher.offer(map(pending, range(3)))
    assigned = dispatcher.assign()
    worker, _ = dispatcher.connect("w", (WORK,), 1, [])
    dispatcher.deliver(assigned)
    hand_out(dispatcher)
    assert len(worker.held) == 1


def test_a_smaller_worker_that_comes_again_with_a_lost_task_gets_no_more_than_its_room(
    dispatcher: Dispatcher,
) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 3, [])
    hand_out(dispatcher, *map(pending, range(3)))
    held = [token_of(delivery) for delivery in deliveries(outbox)][:2]
    worker, _ = dispatcher.connect("w", (WORK,), 2, held)
    hand_out(dispatcher)
    assert len(worker.held) == 2
    assert dispatcher.ready_count == 1


def test_what_could_not_be_stored_is_taken_back_in_order(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 2, [])
    dispatcher.offer([pending(1), pending(2)])
    dispatcher.unassign(dispatcher.assign())
    assert (dispatcher.ready_count, worker.held, deliveries(outbox)) == (2, {}, [])
    hand_out(dispatcher)
    assert numbers(outbox) == [1, 2]


def test_tasks_that_were_not_stored_are_forgotten(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    tasks = [pending(1), pending(2)]
    dispatcher.offer(tasks)
    assigned = dispatcher.assign()
    dispatcher.retract(tasks)
    dispatcher.unassign(assigned)
    assert (dispatcher.tasks, dispatcher.ready_count) == ({}, 0)
    hand_out(dispatcher, pending(3))
    assert numbers(outbox) == [3]


def test_tasks_that_were_withdrawn_while_they_waited_do_not_count(
    dispatcher: Dispatcher,
) -> None:
    hand_out(dispatcher, pending(1), pending(2))
    dispatcher.remove(TaskKey(7, 1))
    assert dispatcher.ready_count == 1


def test_a_task_that_ends_in_the_turn_that_assigns_it_is_not_delivered(
    dispatcher: Dispatcher,
) -> None:
    dispatcher.offer([pending(1)])
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    assigned = dispatcher.assign()
    dispatcher.remove(TaskKey(7, 1))
    dispatcher.deliver(assigned)
    assert (deliveries(outbox), worker.held) == ([], {})
    hand_out(dispatcher, pending(2))
    assert numbers(outbox) == [2]


def test_a_withdrawn_task_is_called_off_and_leaves_room(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1), pending(2))
    [delivery] = deliveries(outbox)
    dispatcher.remove(TaskKey(7, 1))
    assert outbox.take()[2] == [(delivery.token, CancellationReason.WITHDRAWN)]
    hand_out(dispatcher)
    assert numbers(outbox) == [2]


def test_a_task_with_an_outcome_is_not_called_off(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    [delivery] = deliveries(outbox)
    dispatcher.report(token_of(delivery))
    dispatcher.remove(TaskKey(7, 1))
    assert outbox.take() == ([], [], [], [])


def test_a_second_outcome_is_refused(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    [delivery] = deliveries(outbox)
    dispatcher.report(token_of(delivery))
    with pytest.raises(ServiceError) as refused:
        dispatcher.report(token_of(delivery))
    assert refused.value.reason is Reason.LEASE_LOST


def test_an_outcome_that_was_not_stored_can_be_reported_again(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    token = token_of(deliveries(outbox)[0])
    dispatcher.unreport(dispatcher.report(token))
    assert dispatcher.report(token).key == TaskKey(7, 1)


def test_a_released_task_is_delivered_again_before_the_others(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1), pending(2))
    token = token_of(deliveries(outbox)[0])
    dispatcher.release(dispatcher.report(token))
    hand_out(dispatcher)
    [again] = deliveries(outbox)
    assert (token_of(again), again.number) == (TaskToken(7, 1, 2), 2)
    with pytest.raises(ServiceError, match="lease has ended"):
        dispatcher.report(token)


def test_a_draining_worker_gets_nothing_more_but_keeps_what_it_has(
    dispatcher: Dispatcher,
) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 2, [])
    hand_out(dispatcher, pending(1))
    [delivery] = deliveries(outbox)
    dispatcher.drain(worker, outbox)
    hand_out(dispatcher, pending(2))
    dispatcher.report(token_of(delivery))
    dispatcher.remove(TaskKey(7, 1))
    hand_out(dispatcher)
    assert deliveries(outbox) == []
    assert dispatcher.ready_count == 1


def test_limits_of_tasks_that_have_ended_are_forgotten(dispatcher: Dispatcher) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    for number in range(1_000):
        hand_out(dispatcher, pending(number, timeout=86_400 * SECOND, schedule_timeout=SECOND))
        dispatcher.report(token_of(deliveries(outbox)[0]))
        dispatcher.remove(TaskKey(7, number))
    assert len(dispatcher.limits) < 100


def test_limits_of_a_task_that_is_handed_out_again_and_again_are_kept_once(
    dispatcher: Dispatcher,
) -> None:
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1, timeout=86_400 * SECOND, heartbeat_timeout=3_600 * SECOND))
    for _ in range(1_000):
        dispatcher.release(dispatcher.report(token_of(deliveries(outbox)[0])))
        hand_out(dispatcher)
    assert len(dispatcher.limits) == 2


def test_limits_of_tasks_that_were_not_stored_are_forgotten(dispatcher: Dispatcher) -> None:
    for number in range(1_000):
        task = pending(number, schedule_timeout=86_400 * SECOND)
        dispatcher.offer([task])
        dispatcher.retract([task])
    assert len(dispatcher.limits) < 100


def test_a_worker_without_tasks_is_forgotten_when_it_leaves(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    dispatcher.disconnect(worker, outbox)
    assert dispatcher.workers == {}


def test_a_task_for_a_poll_that_ended_during_the_commit_waits_for_the_next(
    dispatcher: Dispatcher,
) -> None:
    poller, outbox = dispatcher.connect_once("w", (WORK,), 1)
    dispatcher.offer([pending(1)])
    assigned = dispatcher.assign()
    dispatcher.disconnect(poller, outbox)
    dispatcher.deliver(assigned)
    _, outbox = dispatcher.connect_once("w", (WORK,), 1)
    hand_out(dispatcher)
    assert numbers(outbox) == [1]


def test_a_silent_worker_loses_its_tasks_to_others_until_it_speaks(
    dispatcher: Dispatcher, clock: HandClock
) -> None:
    silent, outbox = dispatcher.connect("silent", (WORK,), 2, [])
    hand_out(dispatcher, pending(1))
    clock.move(LEASE)
    for task in dispatcher.lost_leases():
        dispatcher.release(task)
    hand_out(dispatcher)
    assert silent.held == {}
    _, other = dispatcher.connect("other", (WORK,), 2, [])
    hand_out(dispatcher)
    assert numbers(other) == [1]
    deliveries(outbox)
    dispatcher.seen(silent, outbox)
    hand_out(dispatcher, pending(2), pending(3))
    assert len(deliveries(outbox)) == 1


def test_a_heartbeat_of_an_old_delivery_is_none(dispatcher: Dispatcher) -> None:
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    old = token_of(deliveries(outbox)[0])
    assert dispatcher.heartbeat(old) is worker.held[TaskKey(7, 1)]
    dispatcher.release(worker.held[TaskKey(7, 1)])
    assert dispatcher.heartbeat(old) is None
    hand_out(dispatcher)
    assert dispatcher.heartbeat(old) is None
