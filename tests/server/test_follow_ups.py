"""Follow-ups over the API: begun with the end of the execution, and shown on it (11.5)."""

from __future__ import annotations

from collections.abc import Callable

from grpc import StatusCode

from branchline.v1 import execution_pb2, workflow_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.door import Door
from tests.server.flows import flow, followed, listen, sleep
from tests.server.refusals import refused
from tests.server.serving import Served

UNAVAILABLE = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED


def follow_up(
    workflow: str = "next", condition: str = "", inputs: str = ""
) -> workflow_pb2.FollowUp:
    """A workflow to start."""
    return workflow_pb2.FollowUp(workflow=workflow, condition=condition, inputs_json=inputs)


async def test_a_follow_up_begins_with_the_end(served: Served) -> None:
    await served.register(flow(listen(), name="next", inputs=["x"]))
    definition = flow(listen(), inputs=["n"], outputs=["heard"])
    inputs = '{"x": "${outputs.heard + inputs.n}"}'
    await served.register(followed(definition, follow_up(inputs=inputs)))
    execution_id = await served.start({"n": 1})
    await served.signal(execution_id, payload="2")
    execution = await served.get(execution_id)
    assert (execution.status, execution.outputs_json) == (COMPLETED, '{"heard":2}')
    [told] = execution.follow_ups
    assert told.workflow == "next"
    begun = await served.get(told.execution_id)
    assert (begun.parent, begun.depth, begun.inputs_json) == (execution_id, 1, '{"x":3}')
    await served.signal(told.execution_id)
    assert (await served.closed(told.execution_id)).status == COMPLETED
    assert await served.get(execution_id) == execution
    kinds = [event.WhichOneof("event") for event in await served.events(execution_id)]
    assert kinds[-3:] == ["follow_up_requested", "follow_up_started", "execution_completed"]


async def test_what_could_not_be_started_is_shown(served: Served) -> None:
    await served.register(flow(listen(), name="next", inputs=["x"]))
    await served.register(
        followed(
            flow(sleep(span=0.001)),
            follow_up("nobody"),
            follow_up(),
            follow_up(condition="outputs.nothing"),
            follow_up(inputs='{"x": "${1 / 0}"}'),
            follow_up(condition="false"),
            follow_up(inputs='{"x": 1}'),
        )
    )
    execution = await served.closed(await served.start())
    assert execution.status == COMPLETED
    told = {
        (item.workflow, item.error.type, bool(item.execution_id)) for item in execution.follow_ups
    }
    assert told == {
        ("nobody", "child_start_failed", False),
        ("next", "child_start_failed", False),
        ("next", "expression_error", False),
        ("next", "", True),
    }
    assert len(execution.follow_ups) == 5
    messages = [item.error.message for item in execution.follow_ups]
    assert any('"nobody"' in message for message in messages)
    assert any('"x"' in message for message in messages)


async def test_an_end_that_is_not_stored_has_no_follow_up(
    served: Served, door: Callable[[str], Door]
) -> None:
    await served.register(flow(listen(), name="next"))
    await served.register(followed(flow(listen()), follow_up()))
    execution_id = await served.start()
    commits = door("commit")
    commits.fail(1)
    assert (await refused(served.signal(execution_id))).what == UNAVAILABLE
    execution = await served.get(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_SUSPENDED
    listed = await served.executions.ListExecutions(pb.ListExecutionsRequest())
    assert len(listed.executions) == 1
    await served.signal(execution_id)
    assert len((await served.closed(execution_id)).follow_ups) == 1


async def test_a_workflow_that_follows_itself_ends_at_the_depth(served: Served) -> None:
    await served.register(followed(flow(sleep(span=0.001)), follow_up("flow")))
    execution_id, depth = await served.start(), 0
    while (execution := await served.closed(execution_id)).follow_ups[0].execution_id:
        execution_id = execution.follow_ups[0].execution_id
        depth += 1
    assert (execution.depth, depth) == (32, 32)
    assert execution.status == COMPLETED
    assert execution.follow_ups[0].error.type == "child_depth"
