"""How functions become activities, and how parameters become arguments."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from branchline.client import ActivityError, activity
from branchline.client.activities import activity_of

BIG = 12345678901234567890123


@dataclass
class Address:
    street: str
    number: int = 1


@activity
def charge(order_id: str, amount: float, *, retry: bool = False, note: str | None = None) -> None:
    """Has parameters of most kinds."""


@activity
def count(n: int, items: list[int], options: dict[str, Any], anything: Any) -> None:  # noqa: ANN401 - what is tested
    """Has the other kinds."""


@activity
def gather(first: int, **others: Any) -> None:  # noqa: ANN401 - what is tested
    """Takes whatever comes."""


@activity
def numbers(**others: int) -> None:
    """Takes whatever integers come."""


@activity
def send(address: Address) -> None:
    """Takes an object of a known form."""


def test_a_marked_function_stays_itself() -> None:
    @activity
    def double(n: int) -> int:
        return 2 * n

    assert double(4) == 8
    assert activity.name_of(double) == "double"


def test_an_activity_may_have_another_name() -> None:
    @activity(name="orders.pack")
    async def pack() -> None: ...

    assert activity.name_of(pack) == "orders.pack"
    assert activity_of(pack).is_async


def test_a_method_is_offered_bound_to_its_object() -> None:
    class Shop:
        def __init__(self, price: int) -> None:
            self.price = price

        @activity
        def cost(self, pieces: int) -> int:
            return self.price * pieces

    offered = activity_of(Shop(3).cost)
    assert offered.function(**offered.bind('{"pieces":2}')) == 6


def test_a_wrapped_function_is_bound_by_its_own_parameters() -> None:
    def traced(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def call(*args: int, **kwargs: int) -> int:
            return function(*args, **kwargs)

        return call

    @activity
    @traced
    def double(n: int) -> int:
        return 2 * n

    offered = activity_of(double)
    assert offered.function(**offered.bind('{"n":2}')) == 4
    with pytest.raises(ActivityError, match="parameter m is not expected"):
        offered.bind('{"n":2,"m":3}')


def test_what_is_not_marked_is_no_activity() -> None:
    with pytest.raises(TypeError, match="mark the function with @activity"):
        activity_of(print)
    assert activity.name_of(print) is None


def test_generators_and_positional_parameters_are_refused() -> None:
    def generate() -> Iterator[int]:
        yield 1

    async def generate_async() -> AsyncIterator[int]:
        yield 1

    def positional(n: int, /) -> None: ...

    for function in (generate, generate_async):
        with pytest.raises(TypeError, match="no single result"):
            activity(function)
    with pytest.raises(TypeError, match="its parameter n is positional-only"):
        activity(positional)
    with pytest.raises(TypeError, match="only functions and methods"):
        activity(Address)


def test_annotations_that_cannot_be_read_are_told_when_the_activity_is_offered() -> None:
    @activity
    def lost(n: Missing) -> None: ...  # type: ignore[name-defined] # noqa: F821 - what is tested

    with pytest.raises(TypeError, match=r"activity lost cannot be read: name 'Missing'"):
        activity_of(lost)


def test_the_annotation_of_the_result_need_not_be_there_at_run_time() -> None:
    @activity
    def found(n: int) -> Missing: ...  # type: ignore[name-defined] # noqa: F821 - what is tested

    assert activity_of(found).bind('{"n":1}') == {"n": 1}


@pytest.mark.parametrize(
    ("function", "text", "arguments"),
    [
        (
            charge,
            '{"order_id":"o","amount":2}',
            {"order_id": "o", "amount": 2.0, "retry": False, "note": None},
        ),
        (
            charge,
            '{"order_id":"o","amount":0.5,"retry":true,"note":"x"}',
            {"order_id": "o", "amount": 0.5, "retry": True, "note": "x"},
        ),
        (
            count,
            f'{{"n":{BIG},"items":[1],"options":{{"a":{BIG}}},"anything":[null]}}',
            {"n": BIG, "items": [1], "options": {"a": BIG}, "anything": [None]},
        ),
        (gather, '{"first":1,"x":"a","y":null}', {"first": 1, "x": "a", "y": None}),
        (numbers, '{"a":1}', {"a": 1}),
        (numbers, "", {}),
        (
            send,
            '{"address":{"street":"s"}}',
            {"address": Address("s")},
        ),
    ],
)
def test_parameters_are_given_by_name(
    function: Callable[..., Any], text: str, arguments: dict[str, Any]
) -> None:
    bound = activity_of(function).bind(text)
    assert bound == arguments
    assert {name: type(value) for name, value in bound.items()} == {
        name: type(value) for name, value in arguments.items()
    }


@pytest.mark.parametrize(
    ("function", "text", "message"),
    [
        (charge, '{"order_id":"o"}', "parameter amount is missing"),
        (charge, '{"order_id":"o","amount":1,"x":1}', "parameter x is not expected"),
        (charge, '{"order_id":7,"amount":1}', "parameter order_id: expected str, got int"),
        (charge, '{"order_id":"o","amount":"1"}', "parameter amount: expected float, got str"),
        (
            charge,
            '{"order_id":"o","amount":1,"retry":1}',
            "parameter retry: expected bool, got int",
        ),
        (
            charge,
            '{"order_id":"o","amount":1,"note":1}',
            "parameter note: expected str | null, got int",
        ),
        (
            count,
            '{"n":1.5,"items":[],"options":{},"anything":1}',
            "parameter n: expected int, got float",
        ),
        (
            count,
            '{"n":true,"items":[],"options":{},"anything":1}',
            "parameter n: expected int, got bool",
        ),
        (
            count,
            '{"n":1,"items":[1,"x"],"options":{},"anything":1}',
            "parameter items: expected int, got str (at [1])",
        ),
        (gather, '{"x":1}', "parameter first is missing"),
        (gather, '{"first":"1"}', "parameter first: expected int, got str"),
        (
            send,
            '{"address":{"number":"2"}}',
            "parameter address: expected int, got str (at number)",
        ),
        (send, '{"address":{}}', "parameter address: object missing required field street"),
    ],
)
def test_parameters_that_do_not_fit_are_named(
    function: Callable[..., Any], text: str, message: str
) -> None:
    with pytest.raises(ActivityError) as caught:
        activity_of(function).bind(text)
    assert caught.value.type == "invalid_parameters"
    assert caught.value.message == message


def test_there_is_no_context_outside_of_a_worker() -> None:
    with pytest.raises(RuntimeError, match="no activity runs here"):
        activity.context()
