"""Tokens of tasks: read as they are written, and nothing else is one."""

from __future__ import annotations

import pytest

from branchline.server.dispatch import TaskToken, TokenMaker
from branchline.server.errors import Reason, ServiceError
from tests.server.pending import TOKENS


def test_a_token_is_read_as_it_was_written() -> None:
    token = TaskToken(2**62, 17, 3)
    assert TOKENS.read(TOKENS.write(token)) == token


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "01234567", "01234567.1.2", "01234567.1.2.x", "01234567.1.2.3.4", "." * 50],
)
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as refused:
        TOKENS.read(text)
    assert refused.value.reason is Reason.INVALID_TASK_TOKEN


@pytest.mark.parametrize("number", ["-1", "0x1", "1_0", " 1", "f" * 40])
def test_only_what_a_token_maker_writes_is_a_token(number: str) -> None:
    with pytest.raises(ServiceError) as refused:
        TOKENS.read(f"01234567.{number}.2.3")
    assert refused.value.reason is Reason.INVALID_TASK_TOKEN


def test_a_token_of_another_database_is_refused() -> None:
    foreign = TokenMaker("fedcba9876543210").write(TaskToken(1, 2, 3))
    with pytest.raises(ServiceError, match="not of this server's database"):
        TOKENS.read(foreign)
