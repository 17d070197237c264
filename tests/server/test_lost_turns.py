"""A turn that is lost takes everything back: also refusals that rested on it (semantics 7.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from branchline.engine import FailTask
from branchline.server.runtime import decisions
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1 import workflow_pb2
from tests.server.door import Door
from tests.server.flows import flow, listen, work
from tests.server.serving import Served
from tests.server.worker import completed, failed


@pytest.fixture
def commits(door: Callable[[str], Door]) -> Door:
    """The door before every commit."""
    return door("commit")


async def test_an_outcome_that_a_lost_turn_did_not_want_is_wanted_again(
    served: Served, commits: Door
) -> None:
    fork = work("fork")
    fork.next.extend(
        [workflow_pb2.Edge(step=name, branch=name.upper()) for name in ("left", "right")]
    )
    await served.register(flow(fork, work("left"), work("right")))
    execution_id = await served.start()
    worker = await served.worker("fork", "left", "right")
    await worker.complete(await worker.task())
    assert (await worker.ack()).accepted
    tasks = {task.activity: task for task in await worker.tasks(2)}
    commits.fail(1)
    await worker.send(outcomes=(failed(tasks["left"]), completed(tasks["right"])))
    assert {(await worker.ack()).reason for _ in range(2)} == {"STORE_UNAVAILABLE"}
    await worker.complete(tasks["left"], tasks["right"])
    assert all([(await worker.ack()).accepted for _ in range(2)])
    await served.closed(execution_id)


async def test_an_outcome_repeated_within_a_lost_turn_is_not_forgotten(
    served: Served, commits: Door
) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    worker = await served.worker()
    task = await worker.task()
    commits.fail(1)
    await worker.send(outcomes=(completed(task), completed(task)))
    assert {(await worker.ack()).reason for _ in range(2)} == {"STORE_UNAVAILABLE"}
    await worker.complete(task)
    assert (await worker.ack()).accepted
    await served.closed(execution_id)


async def test_a_task_over_whose_outcome_the_server_falls_is_delivered_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decisions.decide  # type: ignore[attr-defined]  # its own name of it
    faults = [ZeroDivisionError]

    def decide(plan: object, state: object, command: object, *rest: object) -> object:
        if isinstance(command, FailTask) and faults:
            raise faults.pop()
        return real(plan, state, command, *rest)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(decisions, "decide", decide)
    await served.register(flow(work()))
    execution_id = await served.start()
    worker = await served.worker()
    await worker.send(outcomes=(failed(await worker.task()),))
    assert (await worker.ack()).reason == "INTERNAL"
    again = await worker.task()
    assert again.delivery == 2
    await worker.complete(again)
    await served.closed(execution_id)


async def test_a_signal_sent_again_after_it_has_ended_the_execution_changes_nothing(
    served: Served,
) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    request = pb.SignalExecutionRequest(execution_id=execution_id, topic="go", signal_id="once")
    await served.executions.SignalExecution(request)
    before = await served.closed(execution_id)
    await served.executions.SignalExecution(request)
    assert await served.get(execution_id) == before
