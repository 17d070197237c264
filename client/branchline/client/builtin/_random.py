"""The activity ``random``."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from branchline.client.activities import activity
from branchline.client.errors import ActivityError

Type = Literal["uuid", "number", "float", "string", "choice", "boolean", "alphanumeric", "hex"]

MAX_LENGTH = 100_000
"""The most characters, and the most values, that one run makes."""

_LENGTH = 16
_HEX = "0123456789abcdef"


@activity(name="random")
def random_activity(
    type: Type = "uuid",  # noqa: A002 - the parameter's documented name
    min: int | float | None = None,  # noqa: A002, PYI041
    max: int | float | None = None,  # noqa: A002, PYI041
    length: int = _LENGTH,
    charset: str = string.ascii_letters,
    choices: list[Any] | None = None,
    seed: int | str | None = None,
    count: int | None = None,
) -> Any:  # noqa: ANN401 - JSON is of any type
    """Make a random value, or with ``count`` a list of so many; the same ones for the same seed.

    Raises:
        ActivityError: a parameter is out of its range.

    """
    # Without a seed the system's own source is used: its values can't be guessed.
    dice = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311
    maker = _Maker(dice, min, max, length, charset, choices or [])
    make = maker.of(type)
    if count is None:
        return make()
    size = length if type in {"string", "alphanumeric", "hex"} else 1
    _check(0 <= count * size <= MAX_LENGTH, f"count must be from 0, for {MAX_LENGTH} in all")
    return [make() for _ in range(count)]


@dataclass(frozen=True, slots=True)
class _Maker:
    dice: random.Random
    min: int | float | None
    max: int | float | None
    length: int
    charset: str
    choices: list[Any]

    def of(self, type: Type) -> Callable[[], Any]:  # noqa: A002
        """What makes a value of the type."""
        makers: dict[Type, Callable[[], Any]] = {
            "uuid": self.uuid,
            "number": self.number,
            "float": self.fraction,
            "string": lambda: self.text(self.charset),
            "choice": self.choice,
            "boolean": lambda: self.dice.random() < 0.5,  # noqa: PLR2004 - one half
            "alphanumeric": lambda: self.text(string.ascii_letters + string.digits),
            "hex": lambda: self.text(_HEX),
        }
        return makers[type]

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def number(self) -> int:
        low, high = self.min or 0, 100 if self.max is None else self.max
        _check(low == int(low) and high == int(high), "min and max must be whole numbers")
        _check(low <= high, "min must not be above max")
        return self.dice.randint(int(low), int(high))

    def fraction(self) -> float:
        low, high = self.min or 0.0, 1.0 if self.max is None else self.max
        _check(low <= high, "min must not be above max")
        return self.dice.uniform(low, high)

    def text(self, charset: str) -> str:
        _check(0 <= self.length <= MAX_LENGTH, f"length must be from 0 to {MAX_LENGTH}")
        _check(bool(charset), "charset must not be empty")
        return "".join(self.dice.choice(charset) for _ in range(self.length))

    def choice(self) -> Any:  # noqa: ANN401 - JSON is of any type
        _check(bool(self.choices), "choices must not be empty")
        return self.dice.choice(self.choices)


def _check(condition: bool, message: str) -> None:  # noqa: FBT001 - what is checked
    if not condition:
        raise ActivityError(message)
