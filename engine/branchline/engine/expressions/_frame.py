"""What one evaluation carries with it: the scope, the local variables and the steps left."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ._errors import LimitReached
from ._limits import CHARACTERS_PER_STEP, ELEMENTS_PER_STEP, MAX_STEPS
from ._values import Value


class Allowance:
    """Steps that many evaluations share, beside the bound that each has for itself."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        """Start with that many steps."""
        self.left = steps

    @property
    def is_spent(self) -> bool:
        """Whether an evaluation wanted more than there was."""
        return self.left < 0

    def spend(self, steps: int) -> None:
        """Use up steps for other work; the next evaluation finds out when it was too much."""
        self.left -= steps


class Budget:
    """The steps that are left to an evaluation, or to all of one template."""

    __slots__ = ("_allowance", "_given", "left", "patterns")

    def __init__(self, allowance: Allowance | None = None) -> None:
        """Start with all steps, or with what is left of an allowance."""
        self._allowance = allowance
        self._given = MAX_STEPS if allowance is None else min(MAX_STEPS, allowance.left)
        self.left = self._given
        self.patterns: set[str] = set()
        if self.left < 0:
            self.spend(0)

    def settle(self) -> None:
        """Take what was used from the allowance."""
        if self._allowance is not None:
            self._allowance.spend(self._given - self.left)

    def spend(self, steps: int) -> None:
        """Use up steps; too many are an error that no operator recovers from."""
        self.left -= steps
        if self.left < 0:
            raise LimitReached(f"the evaluation takes more than {MAX_STEPS:,} steps")

    def spend_text(self, length: int) -> None:
        """Use up the steps for reading or writing that many characters."""
        if length >= CHARACTERS_PER_STEP:
            self.spend(length // CHARACTERS_PER_STEP)

    def spend_elements(self, count: int) -> None:
        """Use up the steps for copying that many elements."""
        if count >= ELEMENTS_PER_STEP:
            self.spend(count // ELEMENTS_PER_STEP)


class Frame:
    """One evaluation of one expression."""

    __slots__ = ("budget", "locals", "scope")

    def __init__(self, scope: Mapping[str, Value], slots: int, budget: Budget) -> None:
        """Make room for the variables that macros bring in."""
        self.scope = scope
        self.locals: list[Value] = [None] * slots
        self.budget = budget


Evaluator: TypeAlias = Callable[[Frame], Value]
"""A compiled part of an expression."""
