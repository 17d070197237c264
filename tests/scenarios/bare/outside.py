"""What happens from outside: waits for what an entry waits for, then does what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import UNSET

from branchline.client.errors import NotFound
from tests.scenarios.bare.calls import CallRefused, calling
from tests.scenarios.bare.offers import MOMENT
from tests.scenarios.bare.stage import LONGEST_WAIT, Stage
from tests.scenarios.durations import seconds
from tests.scenarios.results import ScenarioFailed
from tests.scenarios.scenario import Entry, Start, When
from tests.scenarios.whens import NOT_THERE, is_about_execution, unmet_by, unmet_calls


def happen(stage: Stage) -> None:
    """Take the entries of ``do`` one after the other. Raises ``ScenarioFailed``."""
    for number, entry in enumerate(stage.scenario.do, 1):
        before = stage.rehearsal.now
        try:
            _wait(stage, entry, before)
            _act(stage, entry)
        except ScenarioFailed as error:
            raise ScenarioFailed(f"entry {number} of do: {error}") from error
        stage.rehearsal.advance(MOMENT)


def _wait(stage: Stage, entry: Entry, before: datetime) -> None:
    when = entry.when
    if when is UNSET:
        return
    if when.after is not UNSET:
        begin = before + timedelta(seconds=seconds(when.after))
        stage.rehearsal.advance(max(begin - stage.rehearsal.now, timedelta()))
    if not stage.until(lambda: not _unmet(stage, entry, when)):
        told = "; ".join(_unmet(stage, entry, when))
        raise ScenarioFailed(f"waited {LONGEST_WAIT:g} s in vain: {told}")


def _unmet(stage: Stage, entry: Entry, when: When) -> list[str]:
    """What does not hold yet."""
    unmet = unmet_calls(when, stage.runs)
    if not is_about_execution(when):
        return unmet
    seen = stage.look(entry.of)
    if seen is None:
        return [*unmet, NOT_THERE]
    return unmet + unmet_by(when, seen, stage.backstage.messages[seen.id])


def _act(stage: Stage, entry: Entry) -> None:
    if not entry.action:
        return
    expected = "OK" if entry.refused is UNSET else entry.refused
    try:
        _ACTIONS[entry.action](stage, entry)
        code, why = "OK", ""
    except CallRefused as refusal:
        code, why = refusal.code, f" ({refusal.text})"
    if code != expected:
        raise ScenarioFailed(f"{entry.action}: expected {expected}, got {code}{why}")


def _signal(stage: Stage, entry: Entry) -> None:
    assert entry.signal is not UNSET
    stage.caller.signal(stage.wait_for(entry.of), entry.signal)


def _pause(stage: Stage, entry: Entry) -> None:
    assert entry.pause is not UNSET
    stage.caller.pause(stage.wait_for(entry.of), entry.pause)


def _unpause(stage: Stage, entry: Entry) -> None:
    assert entry.unpause is not UNSET
    stage.caller.unpause(stage.wait_for(entry.of), entry.unpause.branch)


def _retry(stage: Stage, entry: Entry) -> None:
    stage.caller.retry(stage.wait_for(entry.of))


def _cancel(stage: Stage, entry: Entry) -> None:
    assert entry.cancel is not UNSET
    stage.caller.cancel(stage.wait_for(entry.of), entry.cancel.reason)


def _delete(stage: Stage, entry: Entry) -> None:
    stage.caller.delete(stage.wait_for(entry.of))


def _restart_server(stage: Stage, entry: Entry) -> None:
    if entry.restart_server:
        stage.rehearsal.restart()


def _restart_worker(stage: Stage, entry: Entry) -> None:
    if entry.restart_worker:
        stage.rehearsal.crash_workers()


def _start_again(stage: Stage, entry: Entry) -> None:
    assert entry.start_again is not UNSET
    run = stage.wait_for(entry.of)
    try:
        workflow = run.describe().workflow
    except NotFound:  # it was deleted
        workflow = stage.workflow
    again = Start(
        id=run.id, request_id=entry.start_again.request_id, inputs=entry.start_again.inputs
    )
    answer = stage.caller.start(workflow, again)
    if answer.id != run.id:
        raise ScenarioFailed(f"start_again: answered with {answer.id}, not {run.id}")


def _start_other(stage: Stage, entry: Entry) -> None:
    other = entry.start_other
    assert other is not UNSET
    stage.ids[other.name] = stage.caller.start(other.workflow or stage.workflow, other).id


def _register(stage: Stage, entry: Entry) -> None:
    assert entry.register is not UNSET
    with calling():
        version = stage.rehearsal.register(entry.register).version
    if entry.version is not UNSET and version != entry.version:
        raise ScenarioFailed(f"register: expected version {entry.version}, got {version}")


_ACTIONS: dict[str, Callable[[Stage, Entry], None]] = {
    "signal": _signal,
    "pause": _pause,
    "unpause": _unpause,
    "retry": _retry,
    "cancel": _cancel,
    "delete": _delete,
    "restart_server": _restart_server,
    "restart_worker": _restart_worker,
    "start_again": _start_again,
    "start_other": _start_other,
    "register": _register,
}

ACTIONS = frozenset(_ACTIONS)
"""What can happen from outside."""
