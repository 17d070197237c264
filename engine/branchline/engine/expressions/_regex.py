"""Regular expressions that run in linear time (semantics 3.6)."""

from functools import lru_cache
from typing import Protocol

import re2

from ._calls import Function, Functions, take
from ._errors import ExpressionError
from ._frame import Budget
from ._limits import MAX_PATTERN_LENGTH, MAX_PATTERN_MEMORY, PATTERN_STEPS
from ._values import Value


class _Pattern(Protocol):
    def search(self, text: bytes) -> object: ...


@lru_cache(maxsize=128)
def compile_pattern(pattern: str) -> _Pattern:
    """Compile a pattern in RE2's syntax; what can't be is an `ExpressionError`."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ExpressionError(f"the pattern is longer than {MAX_PATTERN_LENGTH:,} characters")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MAX_PATTERN_MEMORY
    try:
        compiled: _Pattern = re2.compile(pattern.encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ExpressionError(f"{pattern!r} is no regular expression: {_reason(error)}") from None
    return compiled


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _matches(budget: Budget, text: Value, pattern: Value) -> bool:
    text = take(text, str, "matches")
    pattern = take(pattern, str, "matches")
    if pattern not in budget.patterns:
        budget.spend(PATTERN_STEPS)
        budget.patterns.add(pattern)
    return search(budget, text, compile_pattern(pattern))


def search(budget: Budget, text: str, pattern: _Pattern) -> bool:
    """Tell whether a pattern matches somewhere in a text."""
    budget.spend_text(4 * len(text))
    try:
        return pattern.search(text.encode()) is not None
    except UnicodeEncodeError:
        raise ExpressionError("matches can't take a text with half a character") from None


FUNCTIONS: Functions = {"matches": Function(_matches, 2, 2)}
