"""A server, a worker and a client in one process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

import branchline
from branchline.client import (
    Client,
    Execution,
    ExecutionClosed,
    ExecutionFailed,
    ServerCannotStart,
    ServerNotInstalled,
    SuspensionReason,
    activity,
    local,
)
from branchline.client.embedding import raise_if_not_installed


@pytest.fixture(autouse=True)
def _quiet_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep embedded servers from binding the process's loggers to a test's standard error."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    monkeypatch.setattr("branchline.server.logs.configure_logs", lambda *_: None)


@activity
async def greet(who: str) -> str:
    return f"hello {who}"


GREET = {
    "name": "greet",
    "steps": [
        {"name": "say", "activity": "greet", "parameters": {"who": "you"}, "store": "said"},
    ],
    "outputs": [{"name": "said"}],
}
ASK = {
    "name": "ask",
    "steps": [{"name": "wait", "wait_signal": {"topic": "answer", "timeout": "1h"}}],
}
FAIL = {
    "name": "fail",
    "steps": [
        {"name": "hold", "pause": {}, "next": [{"step": "hold", "condition": "1/0"}]},
    ],
}
PARENT = {
    "name": "parent",
    "steps": [{"name": "delegate", "child": {"workflow": "ask"}}],
    "follow_ups": [{"workflow": "ask"}, {"workflow": "absent"}],
}


@asynccontextmanager
async def asking() -> AsyncIterator[tuple[Client, Execution]]:
    async with local() as client:
        await client.register(ASK)
        yield client, await client.start("ask")


async def test_it_serves_and_works() -> None:
    async with local([greet]) as client:
        await client.register(GREET)
        assert await (await client.start("greet")).result(timedelta(seconds=10)) == {
            "said": "hello you"
        }


async def test_a_database_outlives_it(tmp_path: Path) -> None:
    database = tmp_path / "kept.db"
    async with local(database=database) as client:
        await client.register(ASK)
    async with local(database=database) as client:
        assert (await client.get_workflow("ask")).version == 1


async def test_settings_are_the_servers() -> None:
    async with local(settings={"max_payload": 100, "lease": timedelta(seconds=1)}) as client:
        await client.register(ASK)
        run = await client.start("ask")
        with pytest.raises(Exception, match="100"):
            await run.signal("answer", "x" * 200)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"leese": 1}, "there is no setting leese: choose from lease, "),
        ({"listen": "127.0.0.1:1"}, "there is no setting listen"),
        ({"lease": "1"}, "lease must be of type float, not '1'"),
        ({"lease": -1}, "lease must be more than 0, not -1"),
        ({"log_level": "loud"}, "log_level must be one of"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named(
    settings: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ServerCannotStart, match=complaint):
        async with local(settings=settings):
            pass


async def test_a_server_that_is_not_there_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("branchline.server")]:
        monkeypatch.delitem(sys.modules, name)
    without = [path for path in branchline.__path__ if Path(path).parent.name != "server"]
    monkeypatch.setattr(branchline, "__path__", without)
    with pytest.raises(ServerNotInstalled, match=r'pip install "branchline\[server\]"'):
        async with local():
            pass


async def test_a_fault_inside_of_the_server_is_shown_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "branchline.server.app", None)
    with pytest.raises(ImportError, match=r"branchline\.server\.app"):
        async with local():
            pass


def test_what_is_missing_is_told_from_what_is_broken() -> None:
    """Without its extra the server is there, but the packages that it needs are not."""
    with pytest.raises(ServerNotInstalled, match="needs sqlalchemy, which is not installed: pip"):
        raise_if_not_installed(ModuleNotFoundError("No module", name="sqlalchemy.orm"))
    raise_if_not_installed(ModuleNotFoundError("No module", name="branchline.server.app"))
    raise_if_not_installed(ImportError("cannot import name x", name="branchline.server.app"))


async def test_until_tells_why_it_is_suspended() -> None:
    async with asking() as (_, run):
        info = await run.until("SUSPENDED", "PAUSED", timeout=timedelta(seconds=10))
        assert info.suspension is not None
        assert info.suspension.topics == ("answer",)
        await run.pause(reason="lunch")
        assert (await run.until("PAUSED", timeout=10)).suspension != info.suspension
        await run.signal("answer")
        await run.unpause()
        assert (await run.until("COMPLETED", timeout=10)).outputs == {}
        with pytest.raises(ExecutionClosed, match="has completed"):
            await run.until("PAUSED")


async def test_until_ends_with_a_timeout() -> None:
    async with asking() as (_, run):
        with pytest.raises(TimeoutError, match=r"is not COMPLETED or PAUSED after 0\.05 s"):
            await run.until("PAUSED", "COMPLETED", timeout=0.05)


async def test_until_ends_when_the_execution_has_failed() -> None:
    async with local() as client:
        await client.register(FAIL)
        run = await client.start("fail")
        with pytest.raises(ExecutionFailed):
            await run.until("PAUSED", timeout=10)


@pytest.mark.parametrize("statuses", [(), ("ASLEEP",), ("UNKNOWN",)])
async def test_until_takes_statuses_that_there_are(statuses: tuple[str, ...]) -> None:
    async with Client("127.0.0.1:1") as client:
        with pytest.raises(ValueError, match=r"status|ASLEEP"):
            await client.execution("e").until(*statuses)


async def test_children_and_follow_ups_are_told() -> None:
    async with local() as client:
        await client.register(ASK)
        await client.register(PARENT)
        run = await client.start("parent")
        info = await run.until("SUSPENDED", timeout=10)
        assert info.suspension is not None
        [dormant] = info.suspension.branches
        assert dormant.reason is SuspensionReason.WAITING_CHILD
        [child] = dormant.children
        await client.execution(child).signal("answer")
        started, refused = (await run.until("COMPLETED", timeout=10)).follow_ups
        assert (started.workflow, started.error) == ("ask", None)
        assert (await client.execution(started.execution_id).describe()).parent == run.id
        assert (refused.workflow, refused.execution_id) == ("absent", "")
        assert refused.error is not None
        assert refused.error.type == "child_start_failed"
