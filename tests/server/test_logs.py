"""What the server logs of an error."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from branchline.server.logs import configure_logs


@pytest.fixture(autouse=True)
def _configuration() -> Iterator[None]:
    """Leave the process as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def fall(depth: int) -> None:
    """Fail far down."""
    secret = "hidden" * 100  # noqa: F841 - local variables are not to be told
    if depth == 0:
        raise LookupError("lost") from ValueError("first")
    fall(depth - 1)


def logged(log_format: str, depth: int, capture: pytest.CaptureFixture[str]) -> str:
    """What is written of an error that is raised so many calls down."""
    configure_logs(log_format, "info")
    try:
        fall(depth)
    except LookupError as error:
        structlog.get_logger().error("a part failed", exc_info=error)
    return capture.readouterr().err


def test_people_read_a_short_and_plain_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    text = logged("text", 100, capsys)
    assert "Traceback (most recent call last):\n" in text
    assert "ValueError: first\n" in text
    assert text.endswith("LookupError: lost\n")
    assert "hidden" not in text
    assert len(text.splitlines()) < 50


def test_programs_read_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    text = logged("json", 100, capsys)
    error, *_ = json.loads(text)["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("LookupError", "lost")
    assert len(error["frames"]) < 20
    assert "hidden" not in text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("closed")])
def test_a_log_that_cannot_be_written_ends_nothing_else(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stderr", Full())
    configure_logs("json", "info")
    structlog.get_logger().warning("commit failed", executions=1)
    structlog.get_logger().error("and so on")
