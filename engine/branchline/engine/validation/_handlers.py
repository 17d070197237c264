"""Repetition and errors: each, retry policies and catch handlers (semantics 8.3, 8.4, 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite

import msgspec

from branchline.engine.definition import CatchHandler, Each, RetryPolicy
from branchline.engine.quoting import quoted

from ._fault import Fault, Faults, in_seconds, store_faults
from ._graph import Graph
from ._texts import items_faults

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERALS_AND_OPERATORS = ("true", "false", "null", "in")


def each_faults(each: Each) -> Faults:
    """An ``each`` needs items, and a name for them that an expression can hold."""
    if each.items is msgspec.UNSET:
        yield Fault("INVALID_EACH", "each.items is missing: give a list, or an expression for one")
    else:
        yield from items_faults("each.items", each.items)
    if each.as_ and not _is_identifier(each.as_):
        message = f"each.as is {quoted(each.as_)}, which is no identifier: take letters, digits"
        yield Fault("INVALID_EACH", f"{message} and _, without a digit in front")
    if each.max_concurrency is not None and each.max_concurrency < 0:
        message = f"each.max_concurrency is {each.max_concurrency}: take 0 for no limit, or more"
        yield Fault("INVALID_EACH", message)


def retry_faults(field: str, policy: RetryPolicy) -> Faults:
    """One problem a policy, whatever is wrong with it."""
    reasons = "; ".join(_reasons_against(policy))
    if reasons:
        yield Fault("INVALID_RETRY", f"{field}: {reasons}")


def catch_faults(field: str, handler: CatchHandler, graph: Graph) -> Faults:
    """A handler without error types or target is told as that, and as nothing else."""
    missing = [name for name in ("error_equals", "next") if not getattr(handler, name)]
    if missing:
        message = f"{field} has no {' and no '.join(missing)}: say which errors lead to which step"
        yield Fault("INVALID_CATCH", message)
        return
    if handler.next not in graph.named:
        message = f"{field}.next names the unknown step {quoted(handler.next)}"
        yield Fault("UNKNOWN_CATCH_TARGET", f"{message}: name a step of this workflow")
    yield from store_faults(f"{field}.store", handler.store)


def _is_identifier(name: str) -> bool:
    return bool(_IDENTIFIER.fullmatch(name)) and name not in _LITERALS_AND_OPERATORS


def _reasons_against(policy: RetryPolicy) -> Iterator[str]:
    retries, rate, timeout = policy.max_retries, policy.backoff_rate, policy.timeout
    base, longest = policy.base_delay, policy.max_delay
    if retries is not None and retries < 0:
        yield f"max_retries is {retries}, take 0 or more"
    if base is not None and base < 0:
        yield f"base_delay is {in_seconds(base)}, take 0 or more"
    if longest is not None and longest < 0:
        yield f"max_delay is {in_seconds(longest)}, take 0 or more"
    if base is not None and longest is not None and base > longest:
        yield f"base_delay {in_seconds(base)} is above max_delay {in_seconds(longest)}, lower it"
    if rate is not None and not (isfinite(rate) and rate >= 0):
        yield f"backoff_rate is {rate}, take a finite number of 0 or more"
    if timeout is not None and timeout <= 0:
        yield f"timeout is {in_seconds(timeout)}, make it longer than 0 or leave it out"
