"""Any text is a definition file or refused, in bounded time (2.5, 2.6)."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branchline.client.definitions import (
    DefinitionFileError,
    dump_definition,
    dump_yaml,
    load_definition,
    parse_definition,
)
from branchline.v1 import workflow_pb2
from tests.fuzz.effort import effort
from tests.fuzz.sound import SOUND_MESSAGES, read

_WORD_LIST = """
name: inputs: outputs: steps: state: next: each: retry: timeout: default: step: activity: store:
join: wait_signal: sleep: child: - ? : , { } [ ] & &a *a *b !tag !!str !!python/object % @ ` | > '
" # --- ... << ~ null true yes 1 -1 1.5 1e400 .inf .nan 0x1F 0o7 1_000 1h30m ${state.n} 2024-01-31
"\\ud800" "\\x00" \\ud83d \ufeff \x85 \u2028 \t \x00 \ud800 work
"""
_SPACES = ["", " ", " ", "\n", "\n  ", "\n    ", "\n- ", ": "]
_WORDS = st.sampled_from(_WORD_LIST.split())
_SECONDS = 2.0
"""For texts of some 20 KB, by the clock of this thread; usual is a fiftieth of it."""

_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.binary(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.dictionaries(st.text(max_size=4) | st.integers() | st.none(), inner, max_size=3),
    ),
    max_leaves=8,
)


def _soup(parts: list[tuple[str, str]]) -> str:
    return "".join(space + word for space, word in parts)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """The text of a sound definition with some of it removed, repeated or replaced."""
    message = draw(SOUND_MESSAGES)
    as_yaml = draw(st.booleans())
    text = dump_yaml(message) if as_yaml else json.dumps(dump_definition(message), indent=1)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        times = draw(st.sampled_from([0, 1, 2, 200]))
        text = text[:start] + text[start:end] * times + draw(_WORDS | st.just("")) + text[end:]
    return text


TEXTS = st.one_of(
    _damaged(),
    _damaged(),
    st.lists(st.tuples(st.sampled_from(_SPACES), _WORDS), max_size=40).map(_soup),
    st.text(max_size=60),
    st.builds(lambda text, times: text * times, st.text(max_size=8), st.integers(1, 2_000)),
)


def taken_up(text: str, name: str) -> workflow_pb2.Workflow | None:
    """What a text says, None when it is refused; it takes no longer than it may."""
    begun = time.thread_time()
    try:
        loaded = parse_definition(text, name=name)
    except DefinitionFileError as error:
        assert error.problem
        assert str(error).startswith(name)
        return None
    finally:
        assert time.thread_time() - begun < _SECONDS
    assert all(problem.message for problem in loaded.problems)
    return loaded.workflow


@effort(60)
@given(TEXTS, st.sampled_from(["w.yaml", "w.json"]))
def test_any_text_is_read_or_refused(text: str, name: str) -> None:
    workflow = taken_up(text, name)
    if workflow is None:
        return
    # What was read can be sent, is judged by the server, and reads back as the same.
    assert workflow_pb2.Workflow.FromString(workflow.SerializeToString()) == workflow
    read(workflow)
    assert parse_definition(dump_yaml(workflow)).workflow == workflow


@effort(25)
@given(st.binary(max_size=80) | TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass")))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(data)
    try:
        load_definition(path)
    except DefinitionFileError as error:
        assert error.name == str(path)


@effort(40)
@given(st.dictionaries(st.sampled_from(["name", "steps", "state", "inputs", "x"]), _PLAIN))
def test_any_mapping_is_read_or_refused(mapping: dict[str, object]) -> None:
    try:
        workflow = load_definition(mapping).workflow
    except DefinitionFileError as error:
        assert error.problem
    else:
        assert load_definition(dump_definition(workflow)).workflow == workflow


def _doubling(first: str, wrap: str, levels: int) -> str:
    """Aliases of aliases: each level is so many times as large as the one before."""
    lines = [f"a0: &a0 {first}"]
    for level in range(levels):
        parts = ", ".join([f"*a{level}"] * 8)
        lines.append(f"a{level + 1}: &a{level + 1} {wrap.format(parts)}")
    return "\n".join(lines)


BOMBS = {
    "lists": _doubling("[x, x]", "[{}]", 30),
    "mappings": _doubling("{a: ~}", "{{k: [{}]}}", 30),
    "small enough": _doubling("[~, ~, ~, ~]", "[{}]", 5),
    "steps": "steps: &s [~" + ", ~" * 1_000 + "]\nname: *s\nstate: {a: [*s, *s, *s, *s]}",
    "steps of aliases": "x: &x {name: ~, retry: [{}, {}]}\nsteps: [*x" + ", *x" * 20_000 + "]",
    "long anchor": f"a: &{'a' * 100_000} 1\nb: [" + f"*{'a' * 100_000}, " * 20 + "]",
    "deep aliases": _doubling("[[[[[[[[[[x]]]]]]]]]]", "[[[[[[[[[[{}]]]]]]]]]]", 20),
    "keys": "? " * 50_000,
    "dashes": "- " * 50_000,
    "open": "{a: " * 50_000,
    "open lists": "[" * 1_000_000,
    "quotes": '"' + "\\\n" * 100_000,
    "block": "a: |\n" + "  x\n" * 200_000,
    "folded": "a: >\n" + "\n  x\n" * 100_000,
    "comments": "#\n" * 500_000,
    "wide": "state:\n" + "".join(f"  k{n}: {n}\n" for n in range(20_000)),
    "wide json": json.dumps({"state": {f"k{n}": n for n in range(60_000)}}),
    "numbers": "state: [" + "9" * 4_000 + (", " + "9" * 4_000) * 200 + "]",
    "tags": "a: " + "!<tag:yaml.org,2002:str> " * 20_000,
    "documents": "---\n" * 100_000,
    "directives": "%TAG ! tag:x:\n" * 10_000 + "--- a",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_read_or_refused_in_bounded_time(bomb: str) -> None:
    """The longest file is 4 Mi characters, aliases written out: that bounds all of these."""
    begun = time.thread_time()
    try:
        parse_definition(BOMBS[bomb])
    except DefinitionFileError as error:
        assert len(str(error)) < 1_000
    assert time.thread_time() - begun < 20
