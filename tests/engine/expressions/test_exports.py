"""What the package offers is a list, and nothing else is public."""

from __future__ import annotations

import pytest

from branchline.engine import expressions


def test_the_public_names() -> None:
    assert sorted(expressions.__all__) == expressions.__all__
    public = {name for name in vars(expressions) if not name.startswith("_")}
    assert public == set(expressions.__all__)


@pytest.mark.parametrize("name", expressions.__all__)
def test_every_name_is_there(name: str) -> None:
    assert hasattr(expressions, name)
