"""Which errors a list of types takes, and how long a retry waits (semantics 8.2, 8.3)."""

from __future__ import annotations

from collections.abc import Sequence

from branchline.engine.definition import SECOND, CatchHandler, Jitter, RetryPolicy

ALL = "all"
ACTIVITY_FAILED = "activity_failed"
TIMEOUT = "timeout"
FATAL = "fatal_error"

_DEFAULT_RETRIES = 3
_DEFAULT_RATE = 2.0
_LONGEST_DELAY = 10 * 365 * 24 * 3600 * SECOND
"""Ten years: what a back-off without a limit is cut at, so that it stays a date."""


def takes(error_equals: Sequence[str], error_type: str) -> bool:
    """Whether a list of error types takes an error (semantics 8.2)."""
    if error_type in error_equals:
        return True
    if error_type == FATAL:
        return False
    return ALL in error_equals or (ACTIVITY_FAILED in error_equals and error_type != TIMEOUT)


def pick_policy(policies: Sequence[RetryPolicy], error_type: str) -> int | None:
    """The index of the policy that the first error of a visit picks, None without any."""
    for index, policy in enumerate(policies):
        if takes(policy.error_equals or (ALL,), error_type):
            return index
    return None


def allows_retry(policy: RetryPolicy, retries_made: int, error_type: str) -> bool:
    """Whether the governing policy has another attempt for this error (semantics 8.3)."""
    if error_type == FATAL and FATAL not in policy.error_equals:
        return False
    most = _DEFAULT_RETRIES if policy.max_retries is None else policy.max_retries
    return retries_made < most


def retry_delay(policy: RetryPolicy, retry: int, chance: float) -> int:
    """Microseconds before a retry, counted from 1; ``chance`` from 0 to 1 spreads it."""
    base = SECOND if policy.base_delay is None else policy.base_delay
    rate = _DEFAULT_RATE if policy.backoff_rate is None else policy.backoff_rate
    limit = _LONGEST_DELAY if policy.max_delay is None else policy.max_delay
    try:
        delay = min(base * rate ** (retry - 1), limit)
    except OverflowError:
        delay = limit
    return int(delay * chance) if policy.jitter_strategy is Jitter.FULL else int(delay)


def pick_handler(handlers: Sequence[CatchHandler], error_type: str) -> CatchHandler | None:
    """The first handler that takes an error (semantics 8.4)."""
    return next((h for h in handlers if takes(h.error_equals, error_type)), None)
