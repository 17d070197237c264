"""What time does to tasks: limits of attempts, leases and redeliveries (semantics 7.3, 8.5)."""

from __future__ import annotations

import asyncio

import pytest

from branchline.engine.events import Failure
from branchline.server.dispatch import CancellationReason, Dispatcher, PendingTask, TaskKey
from branchline.server.errors import shutting_down
from branchline.server.runtime import FailLeasedTask
from branchline.server.watchdog import Watchdog
from tests.server.clocks import HandClock
from tests.server.pending import (
    LEASE,
    REST,
    SECOND,
    TOKENS,
    WORK,
    deliveries,
    dispatcher_of,
    hand_out,
    numbers,
    pending,
    token_of,
)

KEY = TaskKey(7, 1)


class Watched:
    """A dispatcher under a watchdog, and what the watchdog has ended."""

    def __init__(self, clock: HandClock, max_deliveries: int = 5) -> None:
        self.clock = clock
        self.dispatcher = dispatcher_of(clock)
        self.failed: list[FailLeasedTask] = []
        self.releases = 0
        self.watchdog = Watchdog(
            self.dispatcher, clock, self.failed.append, self._released, max_deliveries
        )

    def _released(self) -> None:
        self.releases += 1

    def pass_time(self, seconds: float) -> int:
        """Let time pass, and the watchdog look."""
        self.clock.move(seconds)
        return self.watchdog.run_once()

    @property
    def failures(self) -> list[Failure]:
        """The errors that tasks were ended with."""
        return [request.command.error for request in self.failed]


@pytest.fixture
def watched(clock: HandClock) -> Watched:
    """Nothing waits, nobody is there."""
    return Watched(clock)


def keep_alive(watched: Watched, seconds: float) -> None:
    """Let time pass while all workers speak now and then."""
    steps = int(seconds)
    for _ in range(steps):
        watched.pass_time(seconds / steps)
        for worker in watched.dispatcher.workers.values():
            assert worker.outbox is not None
            watched.dispatcher.seen(worker, worker.outbox)


def take(dispatcher: Dispatcher, task: PendingTask) -> None:
    """A worker with a stream takes a task."""
    dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, task)


def test_an_attempt_that_takes_too_long_times_out(watched: Watched) -> None:
    take(watched.dispatcher, pending(1, timeout=30 * SECOND))
    keep_alive(watched, 29)
    assert watched.failures == []
    keep_alive(watched, 2)
    [failure] = watched.failures
    assert failure.type == "timeout"
    assert "timeout" in failure.message


def test_the_time_of_an_attempt_counts_from_its_first_delivery(watched: Watched) -> None:
    task = pending(1, timeout=30 * SECOND)
    take(watched.dispatcher, task)
    keep_alive(watched, 20)
    watched.dispatcher.release(task)
    hand_out(watched.dispatcher)
    assert task.delivery == 2
    keep_alive(watched, 11)
    assert [failure.type for failure in watched.failures] == ["timeout"]


def test_an_attempt_that_waits_for_a_worker_has_no_time_limit(watched: Watched) -> None:
    hand_out(watched.dispatcher, pending(1, timeout=SECOND))
    watched.pass_time(1_000)
    assert watched.failures == []


def test_a_silent_activity_times_out_although_its_worker_lives(watched: Watched) -> None:
    take(watched.dispatcher, pending(1, heartbeat_timeout=5 * SECOND))
    keep_alive(watched, 4)
    assert watched.failures == []
    keep_alive(watched, 2)
    [failure] = watched.failures
    assert failure.type == "timeout"
    assert "heartbeat_timeout" in failure.message


def test_a_heartbeat_puts_the_timeout_off(watched: Watched) -> None:
    _, outbox = watched.dispatcher.connect("w", (WORK,), 1, [])
    hand_out(watched.dispatcher, pending(1, heartbeat_timeout=5 * SECOND))
    [delivery] = deliveries(outbox)
    for _ in range(5):
        keep_alive(watched, 4)
        assert watched.dispatcher.heartbeat(token_of(delivery)) is not None
    assert watched.failures == []


def test_a_task_that_nobody_takes_in_time_fails(watched: Watched) -> None:
    hand_out(watched.dispatcher, pending(1, schedule_timeout=5 * SECOND))
    watched.pass_time(4)
    assert watched.failures == []
    watched.pass_time(1)
    [failure] = watched.failures
    assert failure.type == "timeout"
    assert "schedule_timeout" in failure.message


def test_a_task_that_was_taken_in_time_has_no_schedule_timeout_any_more(
    watched: Watched,
) -> None:
    take(watched.dispatcher, pending(1, schedule_timeout=5 * SECOND))
    keep_alive(watched, 60)
    assert watched.failures == []


def test_a_task_with_an_outcome_on_its_way_does_not_time_out(watched: Watched) -> None:
    _, outbox = watched.dispatcher.connect("w", (WORK,), 1, [])
    hand_out(watched.dispatcher, pending(1, timeout=SECOND))
    watched.dispatcher.report(token_of(deliveries(outbox)[0]))
    keep_alive(watched, 5)
    assert watched.failures == []


def test_a_limit_that_could_not_be_stored_is_told_again(watched: Watched) -> None:
    take(watched.dispatcher, pending(1, timeout=SECOND))
    watched.pass_time(1)
    [request] = watched.failed
    request.lost()
    watched.pass_time(1)
    assert len(watched.failed) == 2


def test_a_worker_that_falls_silent_loses_its_task_to_another(watched: Watched) -> None:
    _, outbox = watched.dispatcher.connect("w", (WORK,), 1, [])
    hand_out(watched.dispatcher, pending(1))
    [delivery] = deliveries(outbox)
    assert watched.pass_time(LEASE - 1) == 0
    assert watched.pass_time(1) == 1
    assert watched.releases == 1
    assert outbox.take()[2] == [(delivery.token, CancellationReason.LEASE_LOST)]
    _, other = watched.dispatcher.connect("other", (WORK,), 1, [])
    hand_out(watched.dispatcher)
    assert [again.number for again in deliveries(other)] == [2]


def test_a_broken_stream_has_a_lease_to_come_back(watched: Watched) -> None:
    worker, outbox = watched.dispatcher.connect("w", (WORK,), 1, [])
    hand_out(watched.dispatcher, pending(1))
    watched.dispatcher.disconnect(worker, outbox)
    assert watched.pass_time(LEASE - 1) == 0
    assert watched.pass_time(1) == 1
    assert watched.dispatcher.ready_count == 1
    assert watched.dispatcher.workers == {}


def test_a_polled_task_has_a_lease_that_heartbeats_keep_up(watched: Watched) -> None:
    poller, outbox = watched.dispatcher.connect_once("w", (WORK,), 1)
    hand_out(watched.dispatcher, pending(1))
    [delivery] = deliveries(outbox)
    watched.dispatcher.disconnect(poller, outbox)
    for _ in range(3):
        assert watched.pass_time(LEASE - 1) == 0
        assert watched.dispatcher.heartbeat(token_of(delivery)) is not None
    assert watched.pass_time(LEASE) == 1
    assert watched.dispatcher.ready_count == 1


def test_a_polled_task_that_was_given_back_and_polled_again_is_lost_once(
    watched: Watched,
) -> None:
    dispatcher = watched.dispatcher
    _, outbox = dispatcher.connect_once("a", (WORK,), 1)
    task = pending(1)
    hand_out(dispatcher, task)
    dispatcher.release(dispatcher.report(token_of(deliveries(outbox)[0])))
    watched.pass_time(1)
    dispatcher.connect_once("b", (WORK,), 1)
    hand_out(dispatcher)
    watched.pass_time(LEASE - 1)
    watched.pass_time(1)
    assert task.losses == 1
    assert dispatcher.ready_count == 1


def test_after_too_many_lost_leases_the_attempt_fails(clock: HandClock) -> None:
    watched = Watched(clock, max_deliveries=3)
    hand_out(watched.dispatcher, pending(1))
    for _ in range(3):
        assert watched.failures == []
        watched.dispatcher.connect_once("w", (WORK,), 1)
        hand_out(watched.dispatcher)
        watched.pass_time(LEASE)
    [failure] = watched.failures
    assert failure.type == "worker_lost"
    assert "delivered 3 times" in failure.message


def test_a_lost_worker_that_could_not_be_stored_gives_the_task_another_chance(
    clock: HandClock,
) -> None:
    watched = Watched(clock, max_deliveries=1)
    take(watched.dispatcher, pending(1))
    watched.pass_time(LEASE)
    [request] = watched.failed
    request.lost()
    _, outbox = watched.dispatcher.connect("other", (WORK,), 1, [])
    hand_out(watched.dispatcher)
    assert numbers(outbox) == [1]


def test_giving_tasks_back_is_no_loss(clock: HandClock) -> None:
    watched = Watched(clock, max_deliveries=1)
    _, outbox = watched.dispatcher.connect("w", (WORK,), 1, [])
    hand_out(watched.dispatcher, pending(1))
    for _ in range(5):
        [delivery] = deliveries(outbox)
        watched.dispatcher.release(watched.dispatcher.report(token_of(delivery)))
        hand_out(watched.dispatcher)
    watched.pass_time(1)
    assert watched.failures == []


def test_nobody_loses_a_lease_because_the_server_was_held_up(watched: Watched) -> None:
    dispatcher = watched.dispatcher
    dispatcher.connect("streaming", (WORK,), 1, [])
    hand_out(dispatcher, pending(1, heartbeat_timeout=5 * SECOND))
    dispatcher.connect_once("polling", (WORK,), 1)
    hand_out(dispatcher, pending(2))
    assert watched.pass_time(LEASE / 4) == 0
    watched.clock.move(5 * LEASE)
    assert watched.watchdog.run_once(late=5 * LEASE) == 0
    assert watched.pass_time(0.5) == 0
    assert watched.pass_time(LEASE) == 3
    assert [failure.type for failure in watched.failures] == ["timeout"]


def test_a_time_of_silence_is_excused_once(watched: Watched) -> None:
    """What was heard while the server was held up is no reason to wait longer."""
    dispatcher = watched.dispatcher
    worker, outbox = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1))
    watched.clock.move(5 * LEASE)
    dispatcher.seen(worker, outbox)
    assert watched.watchdog.run_once(late=5 * LEASE) == 0
    assert watched.pass_time(LEASE) == 1


def test_a_look_that_is_hardly_late_excuses_nobody(watched: Watched) -> None:
    take(watched.dispatcher, pending(1))
    watched.clock.move(LEASE)
    assert watched.watchdog.run_once(late=0.1) == 1


async def test_the_watchdog_notices_that_it_was_held_up(clock: HandClock) -> None:
    dispatcher = Dispatcher(clock, TOKENS, 0.01)
    looked = asyncio.Event()
    watchdog = Watchdog(dispatcher, clock, lambda _: looked.set(), lambda: None, 5)
    worker, _ = dispatcher.connect("w", (WORK,), 1, [])
    hand_out(dispatcher, pending(1), pending(2, REST, schedule_timeout=SECOND))
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    clock.move(60)
    await asyncio.wait_for(looked.wait(), 10)
    assert list(worker.held) == [KEY]
    running.cancel()
    await asyncio.wait([running])


def test_a_restored_task_that_waits_for_another_delivery_keeps_its_timeout(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.dispatch.dispatcher.MOST_READY", 1)
    task = pending(2, timeout=30 * SECOND)
    task.delivery, task.started_at = 1, watched.clock.now() - 25 * SECOND
    for waiting in (pending(1), task, pending(3)):
        watched.dispatcher.restore(waiting, None)
    assert watched.dispatcher.ready_count == 2
    assert watched.pass_time(4) == 0
    assert watched.pass_time(1) == 1
    assert [failure.type for failure in watched.failures] == ["timeout"]


def test_a_restored_lease_counts_anew_and_a_restored_attempt_from_its_beginning(
    watched: Watched,
) -> None:
    task = pending(1, timeout=30 * SECOND)
    task.delivery, task.started_at = 1, watched.clock.now() - 25 * SECOND
    watched.dispatcher.restore(task, "w")
    assert watched.pass_time(4) == 0
    assert watched.pass_time(1) == 1
    assert [failure.type for failure in watched.failures] == ["timeout"]


def test_a_restored_task_that_waits_keeps_its_schedule_timeout(watched: Watched) -> None:
    deadline = watched.clock.now() + 5 * SECOND
    watched.dispatcher.restore(pending(1), None, deadline)
    watched.pass_time(4)
    assert watched.failures == []
    watched.pass_time(1)
    assert [failure.type for failure in watched.failures] == ["timeout"]


def test_a_watchdog_of_a_server_that_goes_down_stays_calm(clock: HandClock) -> None:
    def refuse(_: FailLeasedTask) -> None:
        raise shutting_down()

    dispatcher = dispatcher_of(clock)
    watchdog = Watchdog(dispatcher, clock, refuse, lambda: None, 5)
    take(dispatcher, pending(1, timeout=SECOND))
    clock.move(1)
    assert watchdog.run_once() == 1
