"""What happens from outside: waits for what an entry waits for, then does what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import grpc
from grpc import aio
from msgspec import UNSET

from tests.scenarios.api import is_closed
from tests.scenarios.durations import seconds
from tests.scenarios.readings import seen_of
from tests.scenarios.registering import Refused, register
from tests.scenarios.results import ScenarioFailed
from tests.scenarios.scenario import Entry, Start, When
from tests.scenarios.stage import Stage
from tests.scenarios.whens import NOT_THERE, is_about_execution, unmet_by, unmet_calls

_LONGEST_WAIT = 10.0
_PAUSE = 0.015


async def happen(stage: Stage) -> None:
    """Take the entries of ``do`` one after the other. Raises ``ScenarioFailed``."""
    before = time.monotonic()
    for number, entry in enumerate(stage.scenario.do, 1):
        try:
            await _wait(stage, entry, before)
            await _act(stage, entry)
        except ScenarioFailed as error:
            raise ScenarioFailed(f"entry {number} of do: {error}") from error
        before = time.monotonic()


async def _wait(stage: Stage, entry: Entry, before: float) -> None:
    if entry.when is UNSET:
        return
    begin = before if entry.when.after is UNSET else before + seconds(entry.when.after)
    end = max(begin, time.monotonic()) + _LONGEST_WAIT
    while True:
        unmet = await _unmet(stage, entry, entry.when)
        now = time.monotonic()
        if not unmet and now >= begin:
            return
        stage.check_processes()
        if now > end:
            raise ScenarioFailed(f"waited {_LONGEST_WAIT:g} s in vain: {'; '.join(unmet)}")
        await asyncio.sleep(_PAUSE)


async def _unmet(stage: Stage, entry: Entry, when: When) -> list[str]:
    """What does not hold yet."""
    unmet = unmet_calls(when, stage.book)
    if not is_about_execution(when):
        return unmet
    execution = await stage.look(entry.of)
    if execution is None:
        return [*unmet, NOT_THERE]
    messages = set() if when.progress is UNSET else stage.listen(execution.id).messages
    return unmet + unmet_by(when, seen_of(execution), messages)


async def _act(stage: Stage, entry: Entry) -> None:
    if not entry.action:
        return
    code = await _code(stage, entry)
    expected = "OK" if entry.refused is UNSET else entry.refused
    if code != expected:
        raise ScenarioFailed(f"{entry.action}: expected {expected}, got {code}")


async def _code(stage: Stage, entry: Entry) -> str:
    """The gRPC status code that the entry's call ends with, and why."""
    try:
        await _ACTIONS[entry.action](stage, entry)
    except aio.AioRpcError as error:
        if entry.refused is not UNSET and error.code().name == entry.refused:
            return error.code().name
        return f"{error.code().name} ({error.details()})"
    except Refused:
        return grpc.StatusCode.INVALID_ARGUMENT.name
    return "OK"


async def _the_execution(stage: Stage, entry: Entry) -> str:
    """The id of the execution that an entry is about."""
    end = time.monotonic() + _LONGEST_WAIT
    while not (execution_id := await stage.find(entry.of)):
        if time.monotonic() > end:
            raise ScenarioFailed(f"there is no execution of {entry.of!r}")
        await asyncio.sleep(_PAUSE)
    return execution_id


async def _signal(stage: Stage, entry: Entry) -> None:
    assert entry.signal is not UNSET
    await stage.api.signal(await _the_execution(stage, entry), entry.signal)


async def _pause(stage: Stage, entry: Entry) -> None:
    assert entry.pause is not UNSET
    pause = entry.pause
    await stage.api.pause(await _the_execution(stage, entry), pause.branch, pause.reason)


async def _unpause(stage: Stage, entry: Entry) -> None:
    assert entry.unpause is not UNSET
    await stage.api.unpause(await _the_execution(stage, entry), entry.unpause.branch)


async def _retry(stage: Stage, entry: Entry) -> None:
    """The watcher has come to its end before, and goes on."""
    execution_id = await _the_execution(stage, entry)
    own = entry.of is UNSET and stage.watcher is not None
    if own and entry.refused is UNSET:
        difference = await stage.judge_watcher(closed=True, limit=_LONGEST_WAIT)
        if difference:
            raise ScenarioFailed(difference)
    await stage.api.retry(execution_id)
    if own and stage.watcher is not None:
        stage.watcher.resume()
        stage.watched = False


async def _cancel(stage: Stage, entry: Entry) -> None:
    assert entry.cancel is not UNSET
    await stage.api.cancel(await _the_execution(stage, entry), entry.cancel.reason)


async def _delete(stage: Stage, entry: Entry) -> None:
    """Before the scenario's own execution goes, its watcher is judged."""
    execution = await stage.look() if entry.of is UNSET else None
    if execution is not None and is_closed(execution):
        difference = await stage.judge_watcher(closed=True, limit=_LONGEST_WAIT)
        if difference:
            raise ScenarioFailed(difference)
    await stage.api.delete(await _the_execution(stage, entry))


async def _restart_server(stage: Stage, entry: Entry) -> None:
    if entry.restart_server:
        await stage.server.kill()
        await stage.server.start()


async def _restart_worker(stage: Stage, entry: Entry) -> None:
    if entry.restart_worker:
        await stage.worker.kill()
        await stage.worker.start()


async def _start_again(stage: Stage, entry: Entry) -> None:
    assert entry.start_again is not UNSET
    execution_id = await _the_execution(stage, entry)
    execution = await stage.look(entry.of)  # None when it was deleted
    workflow = stage.workflow if execution is None else execution.workflow
    again = Start(
        id=execution_id,
        request_id=entry.start_again.request_id,
        inputs=entry.start_again.inputs,
    )
    answer = await stage.api.start(workflow, again)
    if answer != execution_id:
        raise ScenarioFailed(f"start_again: answered with {answer}, not {execution_id}")


async def _start_other(stage: Stage, entry: Entry) -> None:
    other = entry.start_other
    assert other is not UNSET
    workflow = other.workflow or stage.workflow
    stage.started(other.name, await stage.api.start(workflow, other))


async def _register(stage: Stage, entry: Entry) -> None:
    assert entry.register is not UNSET
    version = await register(stage.api, entry.register)
    if entry.version is not UNSET and version != entry.version:
        raise ScenarioFailed(f"register: expected version {entry.version}, got {version}")


_ACTIONS: dict[str, Callable[[Stage, Entry], Awaitable[None]]] = {
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
