"""All functions by name: those written before their arguments, and those written behind a value."""

from typing import Final

from . import _calendar, _conversions, _format, _optionals, _regex, _strings
from ._calls import Function, Functions, refused
from ._frame import Budget
from ._values import Value, is_map


def _size(_: Budget, value: Value) -> int:
    if type(value) is str or type(value) is list or is_map(value):
        return len(value)
    raise refused("size", value)


_BOTH: Final[Functions] = {"size": Function(_size, 1, 1), **_regex.FUNCTIONS}

FUNCTIONS: Final[Functions] = {
    **_BOTH,
    **_conversions.FUNCTIONS,
    **_strings.FUNCTIONS,
    **_optionals.FUNCTIONS,
}
"""Functions such as `size(x)`; some have a first name, as `strings.quote(x)`."""

METHODS: Final[Functions] = {
    **_BOTH,
    **_strings.METHODS,
    **_format.METHODS,
    **_calendar.METHODS,
    **_optionals.METHODS,
}
"""Functions such as `x.size()`."""
