"""The bounds that keep one execution from harming the server and all others.

Those of a single expression are in ``expressions``; those of what comes from outside, such as
results, belong to the server.
"""

from __future__ import annotations

STEPS_AT_ONCE = 10_000
"""How many steps may be entered at once: a loop of steps that take no time ends there."""

EVALUATION_STEPS = 2_000_000
"""Steps of evaluation that one command may cause, all expressions together: about a second."""

CHARACTERS_PER_STEP = 100
"""Text of this length is decoded or merged in the time of one step of evaluation."""

DEEPEST_CHILD = 32
"""An execution at this depth starts no other (semantics 11.4)."""

MOST_ITEMS = 100_000
"""Items of one ``each`` (semantics 9.1)."""

ENOUGH_TASKS = 1_000
"""With so many tasks a transition is large enough: the other items begin in the next."""

ENOUGH_PARAMETERS = 8 * 1024 * 1024
"""The same for the bytes of the tasks' parameters."""

ENOUGH_EVALUATION = EVALUATION_STEPS // 2
"""The same for steps of evaluation."""

ENOUGH_STEPS = 1_000
"""With so many steps entered a transition wakes nobody else: the others are woken by the next."""

LARGEST_STATE = 32 * 1024 * 1024
"""Bytes of a branch's variables, their names aside, after a join has merged others into them."""

DEEPEST_DOCUMENT = 200
"""Levels of lists and objects in a variable that a join has written."""
