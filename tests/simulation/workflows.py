"""The workflows of all runs: small ones of those that the chaos test draws, and a few more."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.chaos.arithmetic import advanced
from tests.chaos.draft import RETRY, Draft, advance
from tests.chaos.pieces import Advance, Ask, Nap, Piece, Spread, Told
from tests.chaos.shapes import Shape, draw_leaves, draw_shape

_LEAVES: Final = 4
_SHAPES: Final = 40
_LIMITED: Final = 10
_MOST_PIECES: Final = 3
_MOST_ITEMS: Final = 5


def draw_workflows() -> tuple[list[Shape], list[Shape]]:
    """The leaves, which start no others, and the others."""
    random = Random("workflows")
    leaves = draw_leaves(random, _LEAVES)
    shapes = [_limited(random, f"limited-{number}") for number in range(_LIMITED)]
    while len(shapes) < _LIMITED + _SHAPES:
        shape = draw_shape(random, f"shape-{len(shapes)}", leaves)
        if _is_small(shape):
            shapes.append(shape)
    return leaves, shapes


def _is_small(shape: Shape) -> bool:
    items = sum(len(piece.items) for piece in shape.pieces if isinstance(piece, Spread))
    return len(shape.pieces) <= _MOST_PIECES and items <= _MOST_ITEMS


@dataclass(frozen=True, slots=True)
class Mute(Piece):
    """An activity that gives no sign of life at first, until its time is over."""

    def draw(self, draft: Draft) -> None:
        step = advance(self.name("mute"), draft.source, 8, "mute")
        draft.then(step | {"retry": RETRY, "heartbeat_timeout": "700ms"})
        draft.source = "state.v.x"

    def value(self, x: int, told: Told) -> int:
        return advanced(x, 8)


@dataclass(frozen=True, slots=True)
class Unwanted(Piece):
    """An activity that no worker offers, and one that takes over."""

    def draw(self, draft: Draft) -> None:
        step = advance(self.name("unwanted"), draft.source, 0)
        draft.then(step | {"activity": "nobody", "schedule_timeout": "600ms"})
        draft.caught(advance(self.name("wanted"), draft.source, 9))
        draft.source = "state.v.x"

    def value(self, x: int, told: Told) -> int:
        return advanced(x, 9)


def _limited(random: Random, name: str) -> Shape:
    """A workflow in which time limits end some of the work."""
    draft = Draft(name)
    pieces: list[Piece] = []
    for number in range(random.randint(1, _MOST_PIECES)):
        choices: list[Piece] = [
            Mute(number),
            Mute(number),
            Unwanted(number),
            Advance(number, 4, "hanging"),
            Nap(number, 300, in_vain=True),
            Ask(number, 1),
        ]
        pieces.append(random.choice(choices))
        pieces[-1].draw(draft)
    return Shape(name, draft.definition([]), tuple(pieces))
