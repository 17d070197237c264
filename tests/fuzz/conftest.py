"""What the fuzzers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz import effort
from tests.fuzz.ground import Ground, a_ground

__all__ = ["effort"]  # its profile must be known before the options are read


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A server for all examples of a module."""
    with a_ground(tmp_path_factory.mktemp("fuzz") / "branchline.db") as ground:
        yield ground
