"""Activities that record values, and count how often they compute them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from branchline.client import activity
from tests.client.scripted import WorkerStream
from tests.client.working import task


class Shop:
    """Activities that count how often they compute."""

    def __init__(self) -> None:
        self.computed = 0

    @activity
    async def pick(self) -> object:
        return await activity.context().record("n", self.compute)

    @activity
    def pick_in_thread(self) -> object:
        return activity.context().record_blocking("n", self.count)

    async def compute(self) -> int:
        await asyncio.sleep(0)
        return self.count()

    def count(self) -> int:
        self.computed += 1
        return self.computed


def either(shop: Shop, how: str) -> Callable[..., Any]:
    return shop.pick if how == "pick" else shop.pick_in_thread


def begin(stream: WorkerStream, function: Callable[..., Any], token: str = "t") -> None:
    stream.send(tasks=[task(token, activity.name_of(function) or "", "{}")])


HOW = pytest.mark.parametrize("how", ["pick", "pick_in_thread"])
