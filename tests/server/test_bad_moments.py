"""What comes too late, too often, too large, or against something else at the same moment."""

from __future__ import annotations

import asyncio
import json

import grpc
import pytest

from branchline.v1 import execution_pb2
from tests.server.flows import flow, hold, listen, work
from tests.server.refusals import refusal_of, refused
from tests.server.serving import Served
from tests.server.worker import completed, failed, recorded

CLOSED = (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_CLOSED")
MANY = 10_000
BATCH = 500


async def test_a_signal_of_a_megabyte_arrives_as_it_was_sent(served: Served) -> None:
    await served.register(flow(listen(), outputs=["heard"]))
    execution_id = await served.start()
    payload = json.dumps("x" * 1_000_000)
    await served.signal(execution_id, payload=payload)
    outputs = json.loads((await served.closed(execution_id)).outputs_json)
    assert outputs == {"heard": json.loads(payload)}


async def test_ten_thousand_signals_to_one_topic_are_taken_in_their_order(served: Served) -> None:
    await served.register(flow(hold("hold", "listen"), listen("listen", "listen")))
    execution_id = await served.start()
    for first in range(0, MANY, BATCH):
        numbers = range(first, first + BATCH)
        await asyncio.gather(*(served.signal(execution_id, payload=str(n)) for n in numbers))
    await served.unpause(execution_id, "main")
    last = (await served.get(execution_id)).last_sequence
    taken: list[int] = []
    after = 0
    while after < last:
        events = await served.events(execution_id, after)
        taken += [
            event.signal_consumed.signal for event in events if event.HasField("signal_consumed")
        ]
        after = events[-1].sequence
    assert taken == list(range(1, MANY + 1))


async def test_what_has_just_ended_is_neither_paused_nor_unpaused(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.signal(execution_id)
    assert (await refused(served.pause(execution_id))).what == CLOSED
    assert (await refused(served.unpause(execution_id))).what == CLOSED


async def test_an_execution_that_is_being_retried_is_not_retried_again(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    await served.report(failed(task))
    calls = await asyncio.gather(
        *(served.retry(execution_id) for _ in range(3)), return_exceptions=True
    )
    refusals = [refusal_of(call) for call in calls if isinstance(call, grpc.aio.AioRpcError)]
    assert [refusal.reason for refusal in refusals] == ["NOT_RETRYABLE"] * 2


async def test_a_value_too_large_to_record_is_refused_and_the_task_goes_on(served: Served) -> None:
    await served.register(flow(work(store="n"), outputs=["n"]))
    execution_id = await served.start()
    [task] = await served.poll(20)
    [ack] = await served.record(recorded(task, "big", "x" * 5_000_000))
    assert (ack.accepted, ack.reason) == (False, "PAYLOAD_TOO_LARGE")
    [end] = await served.report(completed(task, 1))
    assert end.accepted
    assert (await served.closed(execution_id)).outputs_json == '{"n":1}'


async def test_whoever_has_the_token_of_a_delivery_may_report_it(served: Served) -> None:
    """A token stands for the delivery: a worker may be several processes."""
    await served.register(flow(work(store="n"), outputs=["n"]))
    execution_id = await served.start()
    worker = await served.worker(worker_id="first")
    task = await worker.task()
    [ack] = await served.report(completed(task, 7))
    assert ack.accepted
    assert (await served.closed(execution_id)).outputs_json == '{"n":7}'


@pytest.mark.parametrize("round_", range(5))
async def test_of_opposite_wishes_one_is_granted_and_the_other_told_so(
    served: Served, round_: int
) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    wishes = [served.cancel(execution_id), served.signal(execution_id)]
    if round_ % 2:
        wishes.reverse()
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    [error] = [answer for answer in answers if answer is not None]
    assert isinstance(error, grpc.aio.AioRpcError)
    assert refusal_of(error).what == CLOSED
    canceled = answers[round_ % 2] is None
    status = (await served.closed(execution_id)).status
    expected = (
        execution_pb2.EXECUTION_STATUS_CANCELED
        if canceled
        else execution_pb2.EXECUTION_STATUS_COMPLETED
    )
    assert status == expected
