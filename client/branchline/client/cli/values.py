"""Reads the values of arguments; what cannot be read is an error of usage."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any


def add_inputs(parser: ArgumentParser) -> None:
    """Add the flags that give an execution its inputs."""
    parser.add_argument(
        "-i",
        "--input",
        dest="inputs",
        metavar="KEY=VALUE",
        type=assignment,
        action="append",
        default=[],
        help="an input; the value is JSON, or else the text as it is (may be given often)",
    )
    parser.add_argument(
        "--inputs-json",
        metavar="JSON",
        type=json_object,
        default={},
        help="all inputs as a JSON object, or @FILE that holds it; -i is put on top",
    )


def add_labels(parser: ArgumentParser, text: str) -> None:
    """Add the flag that names labels."""
    parser.add_argument(
        "--label",
        dest="labels",
        metavar="NAME=VALUE",
        type=label,
        action="append",
        default=[],
        help=f"{text} (may be given often)",
    )


def label(text: str) -> tuple[str, str]:
    """Read ``name=value``; the value is text as it is, and may be empty."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def inputs_of(arguments: Namespace) -> dict[str, Any]:
    """The inputs that the flags give."""
    return {**arguments.inputs_json, **dict(arguments.inputs)}


def assignment(text: str) -> tuple[str, Any]:
    """Read ``key=value``: the value as JSON if it is JSON, else as text."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, _decode(value)
    except ValueError:
        return key, value


def json_value(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """Read JSON text, or with ``@FILE`` the JSON in a file."""
    source = text
    if text.startswith("@"):
        try:
            source = Path(text[1:]).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ArgumentTypeError(f"{text[1:]} cannot be read: {error}") from error
    try:
        return _decode(source)
    except ValueError as error:
        hint = "" if text.startswith("@") else """ (text needs quotes of its own: '"text"')"""
        raise ArgumentTypeError(f"not JSON: {error}{hint}") from error


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object as ``json_value`` does."""
    value = json_value(text)
    if not isinstance(value, dict):
        raise ArgumentTypeError("not a JSON object")
    return value


def seconds(text: str) -> float:
    """Read a length of time: ``90``, ``90s``, ``1h30m``."""
    from branchline.client.definitions.durations import parse_duration

    try:
        duration = parse_duration(f"{text}s" if text[-1:].isdigit() else text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    length = duration.seconds + duration.nanos / 1e9
    if length < 0:
        raise ArgumentTypeError("a length of time cannot be negative")
    return length


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    return _at_least(1, text)


def natural(text: str) -> int:
    """Read a whole number of at least 0."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
    return number


def _decode(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    import msgspec

    return msgspec.json.decode(text)
