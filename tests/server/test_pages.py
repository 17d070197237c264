"""Page tokens: opaque, and good for one list only."""

from __future__ import annotations

import pytest

from branchline.server.errors import Reason, ServiceError
from branchline.server.rpc.pages import page_size, read_number, read_token, write_token


@pytest.mark.parametrize("position", ["a", "order/7", "ä" * 50, "0" * 63])
def test_a_token_gives_its_position_back(position: str) -> None:
    assert read_token("list", write_token("list", position)) == position


def test_no_token_is_the_first_page() -> None:
    assert read_token("list", "") == ""
    assert read_number("list", "") is None


def test_a_number_is_given_back() -> None:
    assert read_number("list", write_token("list", "123")) == 123


@pytest.mark.parametrize("token", ["x", "====", "ÄÖÜ", "a" * 10_000, "\0", write_token("b", "1")])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(ServiceError, match="not of this list") as refused:
        read_token("list", token)
    assert refused.value.reason is Reason.INVALID_PAGE_TOKEN


@pytest.mark.parametrize("position", ["abc", "-5", "9" * 40, "1_0", " 1", "१"])
def test_a_forged_number_is_refused(position: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read_number("list", write_token("list", position))
    assert refused.value.reason is Reason.INVALID_PAGE_TOKEN


def test_a_page_has_a_size_within_bounds() -> None:
    assert [page_size(asked) for asked in (0, 1, 1_000, 5_000)] == [100, 1, 1_000, 1_000]
    with pytest.raises(ServiceError, match="page_size"):
        page_size(-1)
