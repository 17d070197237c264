"""Lists of executions, events and workflows: filters and pages (semantics 12.5)."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from branchline.v1 import event_pb2, execution_pb2, workflow_pb2
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1 import workflow_service_pb2 as workflows_pb
from tests.server.flows import flow, listen, work
from tests.server.refusals import refused
from tests.server.serving import Served

SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED
CANCELED = execution_pb2.EXECUTION_STATUS_CANCELED


async def listed(served: Served, **fields: object) -> list[str]:
    """The ids of the executions that pass a filter, in the order of the list."""
    request = pb.ListExecutionsRequest(filter=pb.ExecutionFilter(**fields))  # type: ignore[arg-type]  # each is of its field's type
    response = await served.executions.ListExecutions(request)
    return [execution.id for execution in response.executions]


async def page(
    served: Served, size: int, token: str = "", workflow: str = ""
) -> pb.ListExecutionsResponse:
    """A page of executions."""
    chosen = pb.ExecutionFilter(workflow=workflow)
    return await served.executions.ListExecutions(
        pb.ListExecutionsRequest(page_size=size, page_token=token, filter=chosen)
    )


async def test_executions_are_listed_newest_first_by_workflow_and_status(served: Served) -> None:
    await served.register(flow(listen()))
    await served.register(flow(listen(), name="other"))
    for name in ("a", "b", "c"):
        await served.start(id=name)
    await served.start(id="o", workflow="other")
    await served.cancel("b")
    assert await listed(served) == ["o", "c", "b", "a"]
    assert await listed(served, workflow="flow") == ["c", "b", "a"]
    assert await listed(served, statuses=[CANCELED]) == ["b"]
    assert await listed(served, workflow="flow", statuses=[SUSPENDED]) == ["c", "a"]
    assert await listed(served, workflow="flow", statuses=[SUSPENDED, CANCELED]) == [
        "c",
        "b",
        "a",
    ]
    assert await listed(served, workflow="nobody") == []


async def test_executions_are_listed_by_their_start(served: Served) -> None:
    await served.register(flow(listen()))
    times = []
    for name in ("a", "b", "c"):
        await served.start(id=name)
        times.append((await served.get(name)).start_time)
    assert await listed(served, started_after=times[0]) == ["c", "b"]
    assert await listed(served, started_before=times[2]) == ["b", "a"]
    assert await listed(served, started_after=times[0], started_before=times[2]) == ["b"]


async def test_times_beyond_all_reason_are_just_very_early_or_late(served: Served) -> None:
    await served.register(flow(listen()))
    await served.start(id="a")
    early, late = Timestamp(seconds=-(2**62)), Timestamp(seconds=2**62)
    assert await listed(served, started_after=early, started_before=late) == ["a"]
    assert await listed(served, started_after=late) == []


async def test_pages_hold_each_execution_once_while_others_are_started(served: Served) -> None:
    await served.register(flow(listen()))
    ids = [await served.start() for _ in range(5)]
    first = await page(served, 2)
    await served.start()
    second = await page(served, 2, first.next_page_token)
    third = await page(served, 2, second.next_page_token)
    found = [item.id for part in (first, second, third) for item in part.executions]
    assert found == ids[::-1]
    assert third.next_page_token == ""


async def test_a_token_of_a_list_with_another_filter_is_refused(served: Served) -> None:
    await served.register(flow(listen()))
    for _ in range(2):
        await served.start()
    token = (await page(served, 1)).next_page_token
    for call in (page(served, 1, token, workflow="flow"), page(served, 1, "bm9uZQ")):
        refusal = await refused(call)
        assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
        assert "same filter" in refusal.message


async def test_an_unknown_status_is_refused_with_those_that_are_known(served: Served) -> None:
    refusal = await refused(listed(served, statuses=[99]))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "3 (PAUSED)" in refusal.violations["filter.statuses"]


async def test_a_page_of_less_than_nothing_is_refused(served: Served) -> None:
    refusal = await refused(page(served, -1))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(refusal.violations) == {"page_size"}


async def test_events_come_in_pages_without_gaps(served: Served) -> None:
    await served.register(flow(work("work", items=list(range(30)))))
    execution_id = await served.start()
    await served.cancel(execution_id)
    every = await served.events(execution_id)
    assert [event.sequence for event in every] == list(range(1, len(every) + 1))
    found: list[event_pb2.Event] = []
    after = 0
    while True:
        response = await served.executions.ListEvents(
            pb.ListEventsRequest(execution_id=execution_id, after_sequence=after, page_size=7)
        )
        assert len(response.events) <= 7
        found += response.events
        after = response.next_after_sequence
        if not after:
            break
    assert found == every
    assert await served.events(execution_id, after=len(every)) == []
    assert await served.events(execution_id, after=2**62) == []


async def test_a_negative_number_of_an_event_is_refused(served: Served) -> None:
    refusal = await refused(served.events("a", after=-1))
    assert set(refusal.violations) == {"after_sequence"}


async def test_workflows_are_listed_by_name_with_their_latest_version(served: Served) -> None:
    for name in ("c", "a", "b"):
        await served.register(flow(listen(), name=name))
    assert await served.register(flow(listen(topic="other"), name="b")) == 2
    first = await served.workflows.ListWorkflows(workflows_pb.ListWorkflowsRequest(page_size=2))
    rest = await served.workflows.ListWorkflows(
        workflows_pb.ListWorkflowsRequest(page_size=2, page_token=first.next_page_token)
    )
    found = [(item.name, item.version) for item in (*first.workflows, *rest.workflows)]
    assert found == [("a", 1), ("b", 2), ("c", 1)]
    assert rest.next_page_token == ""


async def test_a_version_is_given_as_it_was_registered(served: Served) -> None:
    definitions = [flow(listen()), flow(listen(topic="other"), state={"n": 2**70})]
    for definition in (*definitions, definitions[1]):
        await served.register(definition)
    stored: list[workflow_pb2.Workflow] = []
    for version in (1, 0):
        request = workflows_pb.GetWorkflowRequest(name="flow", version=version)
        answer = await served.workflows.GetWorkflow(request)
        stored.append(answer.workflow_version.workflow)
    assert stored[0] == definitions[0]
    assert stored[1].state_json == f'{{"n":{2**70}}}'
    refusal = await refused(
        served.workflows.GetWorkflow(workflows_pb.GetWorkflowRequest(name="flow", version=3))
    )
    assert refusal.what == (StatusCode.NOT_FOUND, "WORKFLOW_NOT_FOUND")
