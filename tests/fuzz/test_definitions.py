"""Any definition is judged, and whatever is sound runs and keeps its meaning on every way."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st

from branchline.client.definitions import dump_definition, dump_yaml, parse_definition
from branchline.engine.definition import Workflow
from branchline.engine.validation import find_problems
from branchline.server.rpc.definition_messages import workflow_message
from branchline.v1 import execution_service_pb2 as executions_pb
from branchline.v1 import task_pb2, workflow_pb2
from branchline.v1 import workflow_service_pb2 as workflows_pb
from tests.fuzz.effort import effort
from tests.fuzz.ground import Ground
from tests.fuzz.pool import FIXED, filled
from tests.fuzz.sound import ANY_MESSAGES, SOUND, SOUND_MESSAGES, read
from tests.fuzz.verdicts import judge_answer
from tests.server.refusals import Refusal, attempt
from tests.server.serving import Served
from tests.server.worker import completed, failed, recorded, waits

_ACTIVITIES = tuple(f"s{number}" for number in range(8))
_OUTCOMES: dict[str, Callable[[task_pb2.Task], task_pb2.TaskOutcome]] = {
    "completes": completed,
    "fails": failed,
    "is busy": lambda task: failed(task, "busy"),
    "waits": lambda task: waits(task, "bell"),
}


@effort(60)
@given(ANY_MESSAGES)
def test_any_definition_has_problems_or_comes_back(message: workflow_pb2.Workflow) -> None:
    message = filled(message, FIXED)
    workflow, problems = read(message)
    assert problems == read(message)[1]
    if problems:
        assert all(problem.code and problem.message for problem in problems)
        return
    assert read(workflow_message(workflow)) == (workflow, [])
    written = parse_definition(dump_yaml(message))
    assert written.problems == []
    assert read(written.workflow) == (workflow, [])


@effort(25)
@given(SOUND)
def test_a_sound_definition_is_the_same_as_message_and_as_file(workflow: Workflow) -> None:
    assume(not find_problems(workflow))
    message = workflow_message(workflow)
    assert read(message) == (workflow, [])
    for text, name in (
        (dump_yaml(message), "w.yaml"),
        (json.dumps(dump_definition(message)), "w.json"),
    ):
        loaded = parse_definition(text, name=name)
        assert loaded.problems == []
        assert loaded.workflow == message


@effort(15)
@given(st.lists(ANY_MESSAGES, min_size=1, max_size=4))
def test_any_definition_is_told_its_problems(
    ground: Ground, messages: list[workflow_pb2.Workflow]
) -> None:
    async def validate(served: Served) -> None:
        for message in (filled(drawn, FIXED) for drawn in messages):
            request = workflows_pb.ValidateWorkflowRequest(workflow=message)
            validated = await attempt(served.workflows.ValidateWorkflow(request))
            registered = await attempt(served.register(message))
            if isinstance(validated, Refusal):
                assert validated.reason == "PAYLOAD_TOO_LARGE"
                assert isinstance(registered, Refusal)
                assert registered.what == validated.what
                continue
            judge_answer("ValidateWorkflow", validated)
            refused = isinstance(registered, Refusal)
            assert refused == bool(validated.problems), (validated, registered)
            if isinstance(registered, Refusal):
                assert registered.reason == "INVALID_DEFINITION"

    ground.do(validate)


@effort(15)
@given(SOUND_MESSAGES, st.lists(st.sampled_from(sorted(_OUTCOMES)), max_size=12), st.data())
def test_what_is_sound_starts_and_runs(
    ground: Ground, message: workflow_pb2.Workflow, happening: list[str], data: st.DataObject
) -> None:
    assume(not read(message)[1])
    inputs = data.draw(st.sampled_from(["", "{}", '{"n":1}', "[]", "null", '{"n":"\\u0000"}']))

    async def run(served: Served) -> None:
        await served.register(message)
        request = executions_pb.StartExecutionRequest(workflow="random", inputs_json=inputs)
        started = await attempt(served.executions.StartExecution(request))
        if isinstance(started, Refusal):
            assert started.reason in {"INVALID_INPUTS", "INVALID_FIELD"}
            return
        execution_id = started.execution_id
        left = list(happening)
        while left and (tasks := await served.poll(0.01, *_ACTIVITIES, most=3)):
            outcomes = [_OUTCOMES[left.pop() if left else "completes"](task) for task in tasks]
            await _report(served, tasks, outcomes)
            await attempt(served.signal(execution_id, "bell", '{"a":1}'))
        await _look(served, execution_id)

    ground.do(run)


async def _report(
    served: Served, tasks: list[task_pb2.Task], outcomes: list[task_pb2.TaskOutcome]
) -> None:
    await served.record(*(recorded(task, "k", {"n": 1}) for task in tasks))
    for ack in await served.report(*outcomes):
        assert ack.accepted or ack.reason in {"LEASE_LOST", "INVALID_FIELD"}, ack


async def _look(served: Served, execution_id: str) -> None:
    """Whatever can be told of an execution is told, of one that is gone by then as well."""
    execution = await served.get(execution_id)
    assert execution.id == execution_id
    events = await served.events(execution_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    visits = executions_pb.ListStepVisitsRequest(execution_id=execution_id)
    await served.executions.ListStepVisits(visits)
