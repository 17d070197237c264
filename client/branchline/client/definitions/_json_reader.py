"""Reads JSON text into a tree that knows its lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from branchline.client.definitions._nodes import MAX_DEPTH, Node, Scalar, whole_text
from branchline.client.definitions._problems import DefinitionFileError

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+')
_END = {"}", "]"}


def read_json(text: str) -> Node:
    """The tree of a JSON text; integers keep all their digits.

    Raises:
        json.JSONDecodeError: the text is not JSON.
        DefinitionFileError: it is JSON, but has a key twice, nests too deep, or holds a number
            or text that can't be kept.

    """
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise DefinitionFileError(f"nests deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise DefinitionFileError(f"unreadable number: {error}") from None
    # The text is known to be sound: what follows only finds the places of its values.
    tokens = _tokens(text)
    return _value(next(tokens), tokens, 0)


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int
    column: int

    def error(self, problem: str) -> DefinitionFileError:
        return DefinitionFileError(problem, line=self.line, column=self.column)

    def scalar(self) -> Scalar:
        value: Scalar = json.loads(self.text)
        return self.key() if isinstance(value, str) else value

    def key(self) -> str:
        try:
            return whole_text(json.loads(self.text))
        except DefinitionFileError as error:
            raise self.error(error.problem) from None


def _tokens(text: str) -> Iterator[_Token]:
    line, line_start, seen = 1, 0, 0
    for match in _TOKEN.finditer(text):
        start = match.start()
        if newlines := text.count("\n", seen, start):
            line += newlines
            line_start = text.rindex("\n", seen, start) + 1
        seen = start
        yield _Token(match.group(), line, start - line_start + 1)


def _value(token: _Token, tokens: Iterator[_Token], depth: int) -> Node:
    if token.text not in {"{", "["}:
        return Node(token.scalar(), token.line)
    if depth == MAX_DEPTH:
        raise token.error(f"nests deeper than {MAX_DEPTH} levels")
    read = _object if token.text == "{" else _list
    return Node(read(tokens, depth), token.line)


def _list(tokens: Iterator[_Token], depth: int) -> list[Node]:
    found: list[Node] = []
    while (token := next(tokens)).text not in _END:
        found.append(_value(token, tokens, depth + 1))
    return found


def _object(tokens: Iterator[_Token], depth: int) -> dict[str, Node]:
    found: dict[str, Node] = {}
    while (token := next(tokens)).text not in _END:
        key = token.key()
        if key in found:
            raise token.error(f"the key {key!r} is there twice")
        found[key] = _value(next(tokens), tokens, depth + 1).at(token.line)
    return found
