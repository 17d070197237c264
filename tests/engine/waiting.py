"""Executions whose activities wait for a signal."""

from __future__ import annotations

from .playing import Json, Play, listen, step, to


def two_items(most: int = 0, **fields: Json) -> Play:
    """`bake` for the items 0 and 1, then `home`."""
    each = {"items": ["red", "blue"], "max_concurrency": most}
    return Play(step("bake", "home", each=each, store="loaves", **fields), step("home"))


def at_work(play: Play) -> list[int | None]:
    """The items that have a pending task."""
    return [task.item for task in play.tasks]


def two_waiters() -> Play:
    """A step and an activity wait for the same signal: the activity, of `b`, waits longer."""
    play = Play(
        step("go", to("slow", "a"), to("bake", "b")),
        step("slow", "bell"),
        listen("bell", store="ring"),
        step("bake"),
    )
    play.complete("go")
    play.wait("bake")
    play.complete("slow")
    return play
