"""What was asked for and is over leaves nothing behind in memory."""

from __future__ import annotations

import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.effort import effort
from tests.fuzz.ground import Ground, Moment
from tests.fuzz.test_calls import moments

_WARM_UP = 6
_TIMES = 20
_BYTES_A_TIME = 20_000
"""What a repetition may leave: a few objects are kept on purpose, such as versions of a definition
and counts, and the allocator is not exact. A document of an execution would be ten times as
much."""


@effort(1)
@given(st.lists(moments(), min_size=4, max_size=8))
def test_the_same_calls_again_and_again_take_no_more_memory(
    ground: Ground, said: list[Moment]
) -> None:
    """Shows what is left by every repetition, in Python's own memory of server and caller.

    What leaks once in a thousand calls, or in the memory of libraries in C, it does not show.
    """
    tracemalloc.start()
    try:
        for _ in range(_WARM_UP):
            ground.play(*said)
        before = _in_use()
        for _ in range(_TIMES):
            ground.play(*said)
        assert _in_use() - before < _TIMES * _BYTES_A_TIME
    finally:
        tracemalloc.stop()


def _in_use() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
