"""Draws workflows: from the same seed the same ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.arithmetic import combined
from tests.chaos.draft import Draft
from tests.chaos.pieces import (
    Advance,
    Ask,
    Catch,
    Children,
    Fork,
    Hear,
    Hold,
    Nap,
    Piece,
    Spread,
    Told,
)

_MOODS = ("calm", "calm", "calm", "slow", "slow", "flaky", "flaky", "crashing", "hanging")
_MOST_PIECES = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """A workflow, and what it makes of its input."""

    name: str
    definition: dict[str, Any]
    pieces: tuple[Piece, ...]
    fused: bool = False
    """Whether it fails until somebody mends it and retries."""
    follow_ups: tuple[str, ...] = ()
    leaves: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The sums of the small workflows, by name."""

    @property
    def topics(self) -> dict[str, int]:
        """How many signals of each topic it takes."""
        return {topic: n for piece in self.pieces for topic, n in piece.topics.items()}

    @property
    def held(self) -> bool:
        """Whether it stands still until somebody lets it go on."""
        return any(isinstance(piece, Hold) for piece in self.pieces)

    def value(self, n: int, told: Told) -> int:
        """The output for an input and the numbers that signals bring."""
        for piece in self.pieces:
            n = piece.value(n, told)
        return n

    def offspring(self, n: int, told: Told) -> list[tuple[str, int]]:
        """The executions that one of it leaves behind: each workflow with its output."""
        left = [
            (piece.workflow, combined(item, piece.bys))
            for piece in self.pieces
            if isinstance(piece, Children)
            for item in piece.inputs
        ]
        x = self.value(n, told)
        return left + [(name, combined(x, self.leaves[name])) for name in self.follow_ups]


def draw_leaves(random: Random, count: int) -> list[Shape]:
    """Small workflows, for children and follow-ups."""
    shapes = []
    for number in range(count):
        moods = random.choices(_MOODS[:8], k=random.randint(1, 3))
        pieces = tuple(
            Advance(step, random.randrange(100), mood) for step, mood in enumerate(moods)
        )
        shapes.append(_shape(f"leaf-{number}", pieces))
    return shapes


def draw_shape(random: Random, name: str, leaves: list[Shape]) -> Shape:
    """A workflow of some pieces."""
    count = random.randint(1, _MOST_PIECES)
    pieces = [_draw_piece(random, number, leaves) for number in range(count)]
    fused = random.random() < 0.15
    if fused:
        fuse = Advance(count, random.randrange(100), "fused")
        if random.random() < 0.5:
            pieces.append(Fork(count, ("fused", "slow"), first_only=False))
        else:
            pieces.insert(random.randrange(count + 1), fuse)
    follow_ups = (random.choice(leaves).name,) if random.random() < 0.2 else ()
    return _shape(name, tuple(pieces), fused, follow_ups, leaves)


def _shape(
    name: str,
    pieces: tuple[Piece, ...],
    fused: bool = False,  # noqa: FBT001, FBT002 - used right above
    follow_ups: tuple[str, ...] = (),
    leaves: list[Shape] | None = None,
) -> Shape:
    draft = Draft(name)
    for piece in pieces:
        piece.draw(draft)
    sums = {leaf.name: sums_of(leaf) for leaf in leaves or ()}
    return Shape(name, draft.definition(list(follow_ups)), pieces, fused, follow_ups, sums)


def sums_of(leaf: Shape) -> tuple[int, ...]:
    """What a small workflow adds."""
    return tuple(piece.by for piece in leaf.pieces if isinstance(piece, Advance))


def _draw_piece(random: Random, number: int, leaves: list[Shape]) -> Piece:
    kind = random.choices(
        ["advance", "spread", "fork", "hear", "ask", "nap", "hold", "catch", "child", "orphan"],
        [6, 3, 3, 3, 3, 2, 1, 1, 2, 1],
    )[0]
    leaf = random.choice(leaves)
    inputs = tuple(random.randrange(1_000) for _ in range(random.randint(1, 3)))
    choices: dict[str, Piece] = {
        "advance": Advance(number, random.randrange(100), random.choice(_MOODS)),
        "spread": _draw_spread(random, number),
        "fork": Fork(number, _two_moods(random), first_only=random.random() < 0.3),
        "hear": Hear(number, random.randint(1, 3)),
        "ask": Ask(number, random.randint(1, 3)),
        "nap": Nap(number, random.randint(100, 1_500), in_vain=random.random() < 0.4),
        "hold": Hold(number),
        "catch": Catch(number),
        "child": Children(number, leaf.name, sums_of(leaf), inputs),
        "orphan": Children(number, leaf.name, sums_of(leaf), inputs, wait=False),
    }
    return choices[kind]


def _draw_spread(random: Random, number: int) -> Spread:
    items = tuple(random.randrange(1_000) for _ in range(random.randint(0, 12)))
    return Spread(number, items, random.choice((0, 1, 3)), random.choice(_MOODS[:7]))


def _two_moods(random: Random) -> tuple[str, str]:
    return random.choice(_MOODS), random.choice(_MOODS)
