"""Random messages of any type: fields with real, edge and senseless values."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from branchline.v1 import workflow_pb2
from tests.fuzz.pool import Placeholder
from tests.server.flows import flow, listen, sleep, spawn, work

_P = Placeholder
_IDS = [_P.LIVE, _P.LIVE, _P.LISTENING, _P.LISTENING, _P.CLOSED, _P.FAILED, "nobody"]
_TOKENS = [_P.TOKEN, _P.TOKEN, _P.STALE, "ffffffff.1.1.1", "0.0.0.0"]
_LIKELY: dict[str, list[str]] = {
    "execution_id": _IDS,
    "execution_ids": _IDS,
    "forgotten_ids": _IDS,
    "parent": _IDS,
    "id": ["", "mine", "a b", *_IDS],
    "token": _TOKENS,
    "held_tokens": _TOKENS,
    "page_token": [_P.PAGE, "MDAw"],
    "workflow": ["flow", "flow", "nothing"],
    "activities": ["work", "work", "other"],
    "activity": ["work", "other"],
    "worker_id": ["one", "two"],
    "task_queue": ["", "default"],
    "topic": ["go", "${state.n}", "${"],
    "branch": ["", "main", "side"],
    "step": ["work", "listen", "a"],
    "next": ["work", "listen", "a"],
    "name": ["flow", "work", "listen", "a"],
    "condition": ["true", "state.n > 1", "state.", "[1].all(x, x)"],
    "key": ["k", "kk"],
    "store": ["n", "a.b", "state"],
    "type": ["integer", "string", "any"],
    "error_equals": ["all", "timeout", "broken"],
    "request_id": ["r", "rr"],
    "signal_id": ["s", "ss"],
}
"""What a field of that name mostly holds."""

_ODD = [
    *("", "\0", "a\0b", "%s%n{0}", "\N{GRINNING FACE}", "\ud7ff\ue000", "'; DROP TABLE x; --"),
    *("../../etc/passwd", "\r\n\r\n", "\x7f\x1b[31m", "${", "NaN", "-1", "x" * 201, "x" * 1_001),
    *("\u202e\ufeff", _P.HUGE, _P.HUGER),
]
_DOCUMENTS = [
    *("{}", "{}", "null", "[]", '{"n":1}', '{"n":1}', '{"a":{"b":[1,2,3]}}', '"x"', "1e400"),
    *('{"":0}', '{"a":1,"a":2}', "-0", "1" * 5_000, '"\\u0000"', '"\\ud800"', '{"\\udfff":1}'),
    *("NaN", "{", '{"n":', "[1,]", "\ufeff{}", "'a'", " \t", '{"n":"${inputs.n}"}', '"${"'),
    *(_P.DEEP, _P.DEEPEST, _P.LONG_DOCUMENT),
]
_INTEGERS = [0, 0, 1, 1, 2, 3, 10, 1_000, -1, -(2**31), 2**31 - 1]
_LARGE_INTEGERS = [*_INTEGERS, 315_576_000_000, -315_576_000_001, 2**53, 2**63 - 1, -(2**63)]
_FRACTIONS = [0.0, -0.0, 1.0, 2.5, -1.0, 1e300, 5e-324, float("nan"), float("inf"), float("-inf")]
_NANOS = [0, 1_000_000, -1, 999_999_999, 2**31 - 1, -(2**31)]
_FEW = st.sampled_from([0, 1, 1, 2])
_MANY = 1_001

_SOUND = [
    flow(work("work", "listen", store="n"), listen()),
    flow(work(items=[1, 2, 3]), listen(), name="a", outputs=["n"]),
    flow(sleep(span=0.001), name="a", inputs=["n"], state={"n": 1}),
    flow(spawn(workflow="flow"), name="a"),
]


def texts(name: str = "") -> st.SearchStrategy[str]:
    """What a text field of that name may hold."""
    odd = st.sampled_from(_ODD) | st.text(max_size=12)
    if name.endswith("_json"):
        return st.sampled_from(_DOCUMENTS) | odd
    likely = _LIKELY.get(name)
    if likely is None:
        return odd
    often = st.sampled_from(likely)
    return st.one_of(often, often, often, odd)


def messages(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Message]:
    """Messages of a type."""
    garbage = _garbage(descriptor, depth)
    if descriptor.full_name != workflow_pb2.Workflow.DESCRIPTOR.full_name:
        return garbage
    sound = st.sampled_from(_SOUND)
    return st.one_of(sound, st.builds(_merged, sound, garbage), garbage)


def _merged(sound: Message, garbage: Message) -> Message:
    merged = type(sound)()
    merged.CopyFrom(sound)
    merged.MergeFrom(garbage)
    return merged


@st.composite
def _garbage(draw: st.DrawFn, descriptor: Descriptor, depth: int) -> Message:
    """Near the top most fields are set, below few."""
    fields: dict[str, Any] = {}
    rarely = [False] * (1 + 2 * depth)
    for field in descriptor.fields:
        usual = field.name in _LIKELY or field.name in ("seconds", "hello")
        chances = [True, True, True, False] if usual else [True, *rarely]
        if (depth < 5 or usual) and draw(st.sampled_from(chances)):
            fields[field.name] = draw(_values(field, depth))
    # Some are set although they exclude each other: the last one counts.
    return GetMessageClass(descriptor)(**fields)


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        return st.dictionaries(_single(key, depth + 1), _single(value, depth + 1), max_size=3)
    single = _single(field, depth)
    if not field.is_repeated:
        return single
    # More than any list may hold, but small: what is large is drawn alone.
    plain = "x" if field.message_type is None else GetMessageClass(field.message_type)()
    many = st.just([plain] * _MANY)
    few = st.lists(single, min_size=1, max_size=3)
    if field.enum_type is not None or depth > 1:
        return few
    return st.one_of(*[few] * 15, many)


def _single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, depth + 1)
    if field.enum_type is not None:
        return st.sampled_from([*(value.number for value in field.enum_type.values), -1, 2**31 - 1])
    if field.name == "nanos":
        return st.sampled_from(_NANOS)
    # One kind of each that the API has: a field of another kind fails here, and wants a row.
    by_type: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_STRING: texts(field.name),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_INT32: st.sampled_from(_INTEGERS),
        FieldDescriptor.TYPE_INT64: st.sampled_from(_LARGE_INTEGERS),
        FieldDescriptor.TYPE_DOUBLE: st.sampled_from(_FRACTIONS),
    }
    return by_type[field.type]


def mangled(whole: st.SearchStrategy[Message]) -> st.SearchStrategy[bytes]:
    """Bytes that are no message, or hardly one."""
    return st.binary(max_size=60) | st.builds(
        _overwritten,
        whole.map(lambda message: message.SerializeToString()[:5_000]),
        st.lists(st.tuples(st.integers(0, 4_999), st.integers(0, 255)), max_size=4),
        st.integers(0, 5_000),
    )


def _overwritten(data: bytes, changes: list[tuple[int, int]], length: int) -> bytes:
    changed = bytearray(data[: max(length, 1)])
    for place, byte in changes:
        if changed:
            changed[place % len(changed)] = byte
    return bytes(changed)
