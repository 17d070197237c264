"""Whatever is called, the server answers as it is documented, and goes on."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from branchline.v1 import task_service_pb2 as tasks_pb
from tests.fuzz.apis import METHODS, Method
from tests.fuzz.effort import effort
from tests.fuzz.garbage import mangled, messages
from tests.fuzz.ground import Call, Ground, Moment
from tests.fuzz.lines import Ending

_HELLO = tasks_pb.StreamTasksRequest(
    hello=tasks_pb.WorkerHello(worker_id="one", activities=["work"], max_tasks=2)
)
_WAYS = [Ending.PATIENT, Ending.PATIENT, Ending.HASTY]
_STREAMED = [method for method in METHODS if method.client_streams]


def said(method: Method) -> st.SearchStrategy[tuple[Message | bytes, ...]]:
    """What a caller says in one call."""
    one = messages(method.request)
    if not method.client_streams:
        return st.tuples(one)
    if method.request is not tasks_pb.StreamTasksRequest.DESCRIPTOR:
        return st.lists(one, max_size=4).map(tuple)
    # Without a first message in order the stream ends at once.
    begun = st.lists(one, max_size=4).map(lambda rest: (_HELLO, *rest))
    return st.one_of(begun, begun, st.lists(one, max_size=3).map(tuple))


@st.composite
def calls(draw: st.DrawFn, methods: tuple[Method, ...] = METHODS) -> Call:
    """Calls of any method."""
    method = draw(st.sampled_from(methods))
    ways = [*_WAYS, *[Ending.DONE] * 2] if method.client_streams else _WAYS
    return Call(method, draw(said(method)), draw(st.sampled_from(ways)))


def moments() -> st.SearchStrategy[Moment]:
    """A call, or two at once."""
    return st.lists(calls(), min_size=1, max_size=2)


def test_all_services_of_the_api_are_fuzzed() -> None:
    services = {method.path.split("/")[1].rpartition(".")[2] for method in METHODS}
    assert services >= {"WorkflowService", "ExecutionService", "TaskService"}
    assert {repr(method) for method in _STREAMED} == {"StreamTasks", "AwaitExecutions"}


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_any_request_is_answered(ground: Ground, method: Method) -> None:
    @effort(4)
    @given(st.lists(calls((method,)), min_size=1, max_size=6))
    def answered(made: list[Call]) -> None:
        ground.play(*([call] for call in made))

    answered()


@effort(40)
@given(st.lists(moments(), min_size=1, max_size=8))
def test_any_row_of_calls_is_answered(ground: Ground, said: list[Moment]) -> None:
    ground.play(*said)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_bytes_that_are_no_request_are_answered(ground: Ground, method: Method) -> None:
    @effort(2)
    @given(st.lists(mangled(messages(method.request)), min_size=1, max_size=10))
    def answered(garbage: list[bytes]) -> None:
        if method.client_streams:
            ground.play([Call(method, (_HELLO, *garbage), Ending.DONE)])
        ground.play(*([Call(method, (data,))] for data in garbage))

    answered()
