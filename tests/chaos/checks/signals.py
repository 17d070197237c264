"""An acknowledged signal is stored once and consumed once (semantics 10.1)."""

from __future__ import annotations

from collections import defaultdict

from branchline.engine import events as e
from tests.chaos.evidence import Evidence, Stored
from tests.chaos.report import Report


def check_signals(evidence: Evidence, report: Report) -> None:
    """Check the signals of every execution."""
    for started in evidence.diary.started.values():
        stored = evidence.remains.stored.get(started.execution)
        if stored is None:
            continue
        acknowledged = {signal.signal_id for signal in evidence.diary.signals[started.execution]}
        sent = {
            f"{topic} {number}"
            for topic, values in started.told.items()
            for number in range(len(values))
        }
        all_needed = not evidence.canceled(started.execution)
        _check(stored, acknowledged, sent, report, all_needed=all_needed)


def _check(
    stored: Stored, acknowledged: set[str], sent: set[str], report: Report, *, all_needed: bool
) -> None:
    received: dict[int, e.SignalReceived] = {}
    consumed: defaultdict[int, int] = defaultdict(int)
    order: defaultdict[str, list[int]] = defaultdict(list)
    for _, _, event in stored.events:
        if isinstance(event, e.SignalReceived):
            received[event.signal] = event
        elif isinstance(event, e.SignalConsumed):
            consumed[event.signal] += 1
            order[received[event.signal].topic].append(event.signal)
    ids = [signal.signal_id for signal in received.values()]
    name = stored.row.id
    once = len(set(ids)) == len(ids)
    report.require(once, "a signal is stored once", f"{name}: {ids}")
    for signal_id in acknowledged:
        report.require(signal_id in ids, "an acknowledged signal is stored", f"{name} {signal_id}")
    report.require(set(ids) <= sent, "only what was sent is stored", f"{name}: {ids}")
    for number, signal in received.items():
        times = consumed[number]
        right = times == 1 if all_needed else times <= 1
        what = f"{name} {signal.signal_id}: {times} times"
        report.require(right, "a stored signal is consumed once", what)
    for topic, numbers in order.items():
        ordered = numbers == sorted(numbers)
        report.require(ordered, "signals are consumed in order", f"{name} {topic}: {numbers}")
