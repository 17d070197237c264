"""From a task's parameters to a function's arguments, by name, checked against annotations."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from branchline.client.errors import ActivityError

Binder: TypeAlias = Callable[[str], dict[str, Any]]
"""Takes the text of a JSON object, gives keyword arguments."""

INVALID_PARAMETERS: Final = "invalid_parameters"

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_PLACE: Final = re.compile(r" - at `\$\.?(?P<parameter>\w*)(?P<within>[^`]*)`$")
_MISSING: Final = re.compile(r"Object missing required field `(?P<parameter>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<parameter>[^`]*)`$")


def binder_of(function: Callable[..., Any]) -> Binder:
    """The binder of a function, made once so that each call is quick.

    Raises:
        TypeError: an annotation cannot be read, or is of no use for checking JSON.

    """
    parameters = inspect.signature(function).parameters.values()
    named = [parameter for parameter in parameters if parameter.kind in _NAMED]
    others = next((p for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    annotations = _annotations(function)
    shape = msgspec.defstruct(
        "Parameters",
        [_field(function, parameter, annotations) for parameter in named],
        kw_only=True,
        forbid_unknown_fields=others is None,
    )
    _must_be_checkable(function, shape)
    if others is None:
        return _strict_binder(shape)
    return _open_binder(shape, dict[str, annotations.get(others.name, Any)])  # type: ignore[misc] # the annotation is a value here


def _strict_binder(shape: type[msgspec.Struct]) -> Binder:
    decode = msgspec.json.Decoder(shape).decode
    as_dict = msgspec.structs.asdict

    def bind(text: str) -> dict[str, Any]:
        try:
            return as_dict(decode(text or "{}"))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _invalid(error) from None

    return bind


def _open_binder(shape: type[msgspec.Struct], others: Any) -> Binder:  # noqa: ANN401 - a type
    names = frozenset(shape.__struct_fields__)

    def bind(text: str) -> dict[str, Any]:
        try:
            given = msgspec.json.decode(text or "{}", type=dict[str, Any])
            known = msgspec.convert({key: given[key] for key in names & given.keys()}, shape)
            rest = {key: value for key, value in given.items() if key not in names}
            return {**msgspec.structs.asdict(known), **msgspec.convert(rest, others)}
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _invalid(error) from None

    return bind


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What the parameters' annotations mean; the result's is of no interest."""
    inner = inspect.unwrap(function)
    written = {**getattr(inner, "__annotations__", {})}
    written.pop("return", None)
    holder = types.SimpleNamespace(__annotations__=written)
    try:
        return typing.get_type_hints(holder, getattr(inner, "__globals__", {}))
    except NameError as error:
        raise TypeError(
            f"the annotations of activity {function.__name__} cannot be read: {error}; "
            "import the name at run time too"
        ) from error


def _field(
    function: Callable[..., Any], parameter: inspect.Parameter, annotations: Mapping[str, Any]
) -> tuple[str, Any, Any]:
    annotation = annotations.get(parameter.name, Any)
    if parameter.name.startswith("__"):
        raise TypeError(f"activity {function.__name__}: {parameter.name} is no parameter's name")
    if parameter.default is inspect.Parameter.empty:
        return (parameter.name, annotation, msgspec.field())
    # A default is taken as it is, the very object, as Python itself does.
    return (parameter.name, annotation, msgspec.field(default_factory=lambda: parameter.default))


def _must_be_checkable(function: Callable[..., Any], shape: type[msgspec.Struct]) -> None:
    try:
        msgspec.json.Decoder(shape)
    except TypeError as error:
        raise TypeError(
            f"the annotations of activity {function.__name__} cannot be checked: {error}; "
            "use Any where anything goes"
        ) from error


def _invalid(error: Exception) -> ActivityError:
    return ActivityError(_explained(str(error)), INVALID_PARAMETERS)


def _explained(text: str) -> str:
    """The checker's words in terms of parameters."""
    place = _PLACE.search(text)
    if place is None:
        for pattern, message in ((_MISSING, "is missing"), (_UNKNOWN, "is not expected")):
            if found := pattern.search(text):
                return f"parameter {found['parameter']} {message}"
        return f"the parameters cannot be read: {text}"
    within = f" (at {place['within'].lstrip('.')})" if place["within"] else ""
    problem = text[: place.start()].replace("`", "")
    return f"parameter {place['parameter']}: {problem[:1].lower()}{problem[1:]}{within}"
