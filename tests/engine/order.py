"""Who gets a signal, told from a history alone (semantics 10.1)."""

from __future__ import annotations

from branchline.engine.events import (
    BranchPaused,
    BranchUnpaused,
    Event,
    SignalAwaited,
    SignalConsumed,
    SignalReceived,
    StepFailed,
    TaskScheduled,
    TaskWaiting,
    WaitTimedOut,
)


def check_signals(events: list[Event]) -> None:
    """Those of a topic are consumed in their order, each once, by whoever has waited longest."""
    queues = _Queues()
    for event in events:
        queues.take(event)


class _Queues:
    """The signals that nobody has taken, and those who wait, in their order."""

    def __init__(self) -> None:
        self._stored: dict[int, str] = {}
        """The topics of signals."""
        self._waiters: dict[tuple[str, int], str] = {}
        """The topics of those who wait, by branch and item."""
        self._tasks: dict[int, tuple[str, int]] = {}
        self._paused: set[str] = set()

    def take(self, event: Event) -> None:
        match event:
            case SignalReceived():
                self._stored[event.signal] = event.topic
            case SignalConsumed():
                self._consume(event)
            case BranchPaused():
                self._paused.add(event.branch)
            case BranchUnpaused():
                self._paused.discard(event.branch)
            case _:
                self._wait(event)

    def _wait(self, event: Event) -> None:
        match event:
            case TaskScheduled():
                self._tasks[event.task] = (event.branch, event.item or 0)
            case SignalAwaited():
                self._waiters[event.branch, 0] = event.topic
            case TaskWaiting():
                self._waiters[self._tasks[event.task]] = event.topic
            case WaitTimedOut():
                del self._waiters[event.branch, event.item or 0]
            case StepFailed():
                for waiter in [who for who in self._waiters if who[0] == event.branch]:
                    del self._waiters[waiter]
            case _:
                pass

    def _consume(self, event: SignalConsumed) -> None:
        topic = self._stored[event.signal]
        assert event.signal == next(n for n, of in self._stored.items() if of == topic)
        waiting = (who for who, of in self._waiters.items() if of == topic)
        waiter = next(who for who in waiting if who[0] not in self._paused)
        assert waiter == (event.branch, event.item or 0)
        del self._stored[event.signal], self._waiters[waiter]
