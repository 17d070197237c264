"""What a join copies into the branch that goes on, and how large that may become (6.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate

from branchline.engine import paths
from branchline.engine.events import Merge
from branchline.engine.limits import DEEPEST_DOCUMENT, LARGEST_STATE
from branchline.engine.state import Branch, Execution
from branchline.engine.values import Json, Variables, encode, size

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LEVELS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class TooLarge(Exception):
    """A merge would make a state that is too large or nested too deeply."""


def merged(state: Execution, branch: Branch, merges: Iterable[Merge]) -> Variables:
    """The variables of a branch with what a join copies into them (semantics 6.4)."""
    # All is read before anything is written: a branch may take from its own variables.
    copies = [(merge, _source(state.branches[merge.branch], merge)) for merge in merges]
    variables = dict(branch.variables)
    paths.write_all(
        variables,
        [(merge.destination, document) for merge, document in copies if document is not None],
    )
    return variables


def check_size(variables: Variables) -> int:
    """The bytes of a state. Raises ``TooLarge``, naming the largest variable."""
    sizes = {name: size(document) for name, document in variables.items()}
    total = sum(sizes.values())
    if total > LARGEST_STATE:
        largest = max(sizes, key=sizes.__getitem__)
        message = (
            f"the join would make a state of {total:,} bytes, and {LARGEST_STATE:,} are allowed;"
            f' the largest variable is "{largest}": map single variables with branch_mappings'
        )
        raise TooLarge(message)
    return total


def check_depth(variables: Variables, names: Iterable[str]) -> None:
    """Raises ``TooLarge`` for the first of these variables that is nested too deeply."""
    for name in names:
        if name in variables and _depth(bytes(variables[name])) > DEEPEST_DOCUMENT:
            message = (
                f'the join would nest the variable "{name}" deeper than {DEEPEST_DOCUMENT} levels:'
                " map single variables with branch_mappings"
            )
            raise TooLarge(message)


def _source(source: Branch, merge: Merge) -> Json | None:
    if merge.variable:
        return paths.read(source.variables, merge.variable)
    return encode(source.variables)


def _depth(document: bytes) -> int:
    """The levels of a document; where they can't be too many, no more than their number."""
    most = document.count(b"[") + document.count(b"{")
    if most <= DEEPEST_DOCUMENT:
        return most
    brackets = _STRING.sub(b"", document).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0)
