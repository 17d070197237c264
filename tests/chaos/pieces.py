"""The pieces that workflows are drawn from: what each adds to a definition, and what it gives.

A piece goes on from the value so far and leaves the variable ``v`` behind. All names in a piece
begin with its number, so that pieces never meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.arithmetic import advanced, combined
from tests.chaos.draft import RETRY, Draft, Step, advance, combine

Told = Mapping[str, Sequence[int]]
"""The numbers that signals bring, by topic, in the order in which they are sent."""

_SOURCE = "state.v.x"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece; those below say what it is."""

    number: int

    @property
    def topics(self) -> dict[str, int]:
        """How many signals of each topic it takes."""
        return {}

    def draw(self, draft: Draft) -> None:
        """Put it behind what is there."""
        raise NotImplementedError

    def value(self, x: int, told: Told) -> int:
        """What comes out of a value."""
        raise NotImplementedError

    def name(self, what: str) -> str:
        """A name of its own."""
        return f"{self.number} {what}"


@dataclass(frozen=True, slots=True)
class Advance(Piece):
    """One activity."""

    by: int
    mood: str = "calm"

    def draw(self, draft: Draft) -> None:
        draft.then(advance(self.name(self.mood), draft.source, self.by, self.mood))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        return advanced(x, self.by)


@dataclass(frozen=True, slots=True)
class Spread(Piece):
    """An activity for each item of a list, and one for all of them."""

    items: tuple[int, ...]
    most: int
    mood: str

    def draw(self, draft: Draft) -> None:
        step = advance(self.name("each"), draft.source, "${state.item}", self.mood, "parts")
        step["each"] = {"items": list(self.items), "as": "item", "max_concurrency": self.most}
        draft.then(step)
        draft.then(combine(self.name("all"), draft.source, "state.parts.map(part, part.x)"))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        return combined(x, (advanced(x, item) for item in self.items))


@dataclass(frozen=True, slots=True)
class Fork(Piece):
    """Two branches, and a third that waits for both of them, or for the first."""

    moods: tuple[str, str]
    first_only: bool

    def draw(self, draft: Draft) -> None:
        draft.then(advance(self.name("split"), draft.source, 1))
        left, right, meeting = (f"{side}-{self.number}" for side in ("left", "right", "meeting"))
        ways = {
            left: advance(self.name("left"), _SOURCE, 2, self.moods[0]),
            right: advance(self.name("right"), _SOURCE, 2 if self.first_only else 3, self.moods[1]),
        }
        there = ("one", "one") if self.first_only else ("one", "two")
        join = {
            "branches": [left, right],
            "count": 1 if self.first_only else 0,
            "branch_mappings": {f"{left}.v": there[0], f"{right}.v": there[1]},
        }
        draft.fork(ways, {"name": self.name("meet"), "join": join}, meeting)
        parts = "[state.one.x]" if self.first_only else "[state.one.x, state.two.x]"
        draft.then(combine(self.name("both"), _SOURCE, parts))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        x = advanced(x, 1)
        ways = [advanced(x, 2)] if self.first_only else [advanced(x, 2), advanced(x, 3)]
        return combined(x, ways)


@dataclass(frozen=True, slots=True)
class Hear(Piece):
    """Wait for signals of one topic, one after the other."""

    times: int

    @property
    def topics(self) -> dict[str, int]:
        return {self.name("hear"): self.times}

    def draw(self, draft: Draft) -> None:
        for time in range(self.times):
            wait = {"topic": self.name("hear"), "timeout": "1h", "store": "heard"}
            draft.then({"name": self.name(f"hear {time}"), "wait_signal": wait})
            draft.then(advance(self.name(f"heard {time}"), draft.source, "${state.heard.v}"))
            draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        return combined(x, told[self.name("hear")])


@dataclass(frozen=True, slots=True)
class Ask(Piece):
    """Activities that record values and wait for a signal each."""

    items: int

    @property
    def topics(self) -> dict[str, int]:
        return {self._topic(item): 1 for item in range(self.items)}

    def draw(self, draft: Draft) -> None:
        step = {
            "name": self.name("ask"),
            "activity": "ask",
            "parameters": {"x": f"${{{draft.source}}}", "topic": self._topic("${state.item}")},
            "each": {"items": list(range(self.items)), "as": "item"},
            "store": "parts",
        }
        draft.then(step)
        draft.then(combine(self.name("asked"), draft.source, "state.parts.map(part, part.x)"))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        heard = (told[self._topic(item)][0] for item in range(self.items))
        return combined(x, [advanced(x, v) for v in heard])

    def _topic(self, item: int | str) -> str:
        return self.name(f"ask {item}")


@dataclass(frozen=True, slots=True)
class Nap(Piece):
    """Sleep, or wait in vain until time runs out."""

    milliseconds: int
    in_vain: bool

    def draw(self, draft: Draft) -> None:
        length = f"{self.milliseconds}ms"
        rise = advance(self.name("rise"), draft.source, 5)
        if self.in_vain:
            wait = {"topic": self.name("nobody"), "timeout": length}
            draft.then({"name": self.name("wait"), "wait_signal": wait})
            draft.late(rise)
        else:
            draft.then({"name": self.name("nap"), "sleep": {"duration": length}})
            draft.then(rise)
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        return advanced(x, 5)


@dataclass(frozen=True, slots=True)
class Hold(Piece):
    """A pause, until somebody lets it go on."""

    def draw(self, draft: Draft) -> None:
        draft.then({"name": self.name("hold"), "pause": {"reason": "wait for the user"}})
        draft.then(advance(self.name("held"), draft.source, 6))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        return advanced(x, 6)


@dataclass(frozen=True, slots=True)
class Catch(Piece):
    """An activity that always fails, and one that takes over."""

    def draw(self, draft: Draft) -> None:
        draft.then(advance(self.name("fail"), draft.source, 0, "broken"))
        draft.caught(advance(self.name("take over"), draft.source, 7))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        return advanced(x, 7)


@dataclass(frozen=True, slots=True)
class Children(Piece):
    """Executions of a small workflow that the branch waits for; or one that it does not."""

    workflow: str
    bys: tuple[int, ...]
    """The small workflow's own sums."""
    inputs: tuple[int, ...]
    wait: bool = True

    def draw(self, draft: Draft) -> None:
        step: Step = {
            "name": self.name("child"),
            "child": {
                "workflow": self.workflow,
                "inputs": {"n": "${state.item}"},
                "wait": self.wait,
            },
            "each": {"items": list(self.inputs), "as": "item"},
            "store": "children",
        }
        if self.wait:
            step["retry"] = RETRY
        draft.then(step)
        parts = "state.children.map(child, child.outputs.x)" if self.wait else "[]"
        draft.then(combine(self.name("children"), draft.source, parts))
        draft.source = _SOURCE

    def value(self, x: int, told: Told) -> int:
        if not self.wait:
            return x
        return combined(x, [combined(n, self.bys) for n in self.inputs])
