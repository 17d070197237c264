"""What can be wrong with an expression or a template.

Exception
├── InvalidText           the text does not compile (never raised itself)
│   ├── InvalidExpression
│   └── InvalidTemplate
└── ExpressionError       the text compiles, but gives no value for this scope
    └── LimitReached      the evaluation was stopped; no operator recovers from it
"""

from typing import Self

_SHOWN = 200


def shorten(text: str) -> str:
    """Cut a text to a length that fits an error message."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def shown(value: object) -> str:
    """Write a value as an error message shows it; a long text costs no more than a short one."""
    return shorten(repr(shorten(value) if isinstance(value, str) else value))


class InvalidText(Exception):
    """A text that does not compile.

    `message` says what is wrong, `text` is the whole text, `position` the offset in
    characters, from 0, at which it is wrong.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        """Name the fault and its place."""
        super().__init__(message, text, position)
        self.message = message
        self.text = text
        self.position = position

    def __str__(self) -> str:
        """Give the message with the position and the text."""
        return f"{self.message} at position {self.position} of {shorten(self.text)!r}"


class InvalidExpression(InvalidText):
    """An expression or a condition does not compile (semantics 3.1, 3.6)."""


class InvalidTemplate(InvalidText):
    """A string of a template does not compile (semantics 3.3, 3.6).

    `path` leads to the string inside of the document: names and list indexes, as in
    `("days", 0, "title")`; it is empty for the document itself.
    """

    def __init__(
        self, message: str, text: str, position: int, path: tuple[str | int, ...] = ()
    ) -> None:
        """Name the fault, its place in the string, and the string's place in the document."""
        super().__init__(message, text, position)
        self.path = path

    def __str__(self) -> str:
        """Give the message with its place and the text."""
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        shown = f"{where.removeprefix('.')}: " if where else ""
        return shown + super().__str__()


class ExpressionError(Exception):
    """An evaluation that gives no value (semantics 3.2, 3.5, 3.6).

    `message` says why, `text` is the expression ('' until it is known).
    """

    def __init__(self, message: str, text: str = "") -> None:
        """Say why there is no value."""
        super().__init__(message, text)
        self.message = message
        self.text = text

    def within(self, text: str) -> Self:
        """Name the expression that was evaluated."""
        self.text = text
        return self

    def __str__(self) -> str:
        """Give the message and the expression."""
        return f"{self.message} in {shorten(self.text)!r}" if self.text else self.message


class LimitReached(ExpressionError):
    """An evaluation that would take too many steps or give too much (semantics 3.6)."""
