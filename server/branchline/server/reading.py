"""Reads of the database on behalf of a caller."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from branchline.server.errors import store_unavailable
from branchline.server.storage import StoreError

T = TypeVar("T")


async def guarded(access: Awaitable[T]) -> T:
    """What the database answers. Raises ``ServiceError`` when it does not."""
    try:
        return await access
    except StoreError as error:
        raise store_unavailable(error) from error
