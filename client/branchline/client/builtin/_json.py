"""The activity ``json``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from branchline.client.activities import activity
from branchline.client.builtin._documents import parse, write
from branchline.client.errors import ActivityError

Operation = Literal["parse", "stringify", "query", "merge", "validate"]

_PIECE = re.compile(r'\.?(?P<name>[^.\[\]"]+)|\[(?P<index>[0-9]+)\]|\["(?P<quoted>[^"]*)"\]')

_INDEX = re.compile("0|[1-9][0-9]{0,17}")


@activity(name="json")
def json_activity(
    operation: Operation,
    data: Any = None,  # noqa: ANN401 - JSON is of any type
    query: str = "",
    merge_with: Any = None,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Work with JSON; integers keep all their digits.

    ``parse`` reads text, ``stringify`` writes compact text, ``query`` follows a path such as
    ``a.b.1`` or ``a["b.c"][1]`` into the data, ``merge`` puts ``merge_with`` over the data,
    object by object, and ``validate`` tells whether a text is JSON. Where a document is expected,
    text is parsed.

    Raises:
        ActivityError: a text is no JSON, the path leads nowhere, or what is merged is no object.

    """
    match operation:
        case "parse":
            return _document(data, "the data")
        case "stringify":
            return write(data)
        case "query":
            return _follow(_document(data, "the data"), query)
        case "merge":
            base = _object(data, "data")
            return _merged(base, _object(merge_with, "merge_with"))
        case "validate":
            return _is_json(data)


def _document(value: Any, what: str) -> Any:  # noqa: ANN401 - JSON is of any type
    return parse(value, what) if isinstance(value, str) else value


def _object(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - JSON is of any type
    document = _document(value, name)
    if not isinstance(document, dict):
        raise ActivityError(f"{name} must be an object, or the text of one, to be merged")
    return document


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both objects in one: objects inside are merged, of everything else the later one counts."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merged(before, value)
        else:
            result[key] = value
    return result


def _is_json(value: Any) -> bool:  # noqa: ANN401 - JSON is of any type
    try:
        _document(value, "")
    except ActivityError:
        return False
    return True


def _follow(document: Any, path: str) -> Any:  # noqa: ANN401 - JSON is of any type
    found = document
    for piece in _pieces(path):
        if isinstance(found, dict) and piece in found:
            found = found[piece]
        elif isinstance(found, list) and _INDEX.fullmatch(piece) and int(piece) < len(found):
            found = found[int(piece)]
        else:
            raise ActivityError(f"the query {path!r} finds nothing at {piece!r}")
    return found


def _pieces(path: str) -> Iterator[str]:
    """The keys and indexes of a path."""
    position = 0
    while position < len(path):
        match = _PIECE.match(path, position)
        if match is None or (position == 0 and path.startswith(".")):
            raise ActivityError(f"the query {path!r} can't be read at {path[position:]!r}")
        yield next(group for group in match.groups() if group is not None)
        position = match.end()
