"""Structured logs: sentences for people on a terminal, JSON lines for programs."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import Final, TextIO

import structlog

_FRAMES: Final = 12
"""How many of an error's innermost frames are told."""


def configure_logs(log_format: str, level: str) -> None:
    """Write logs to standard error, in a format (`text` or `json`) from a level up."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if log_format == "text":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_write_traceback
        )
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        # Local variables may hold what is secret, and are long.
        transformer = structlog.tracebacks.ExceptionDictTransformer(
            show_locals=False, max_frames=_FRAMES
        )
        processors.append(structlog.processors.ExceptionRenderer(transformer))
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: _Printer(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Printer:
    """Prints lines; where they cannot be written, the server goes on without them.

    A disk that is full of logs, or a terminal that was closed, must not end anything else.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, message: str) -> None:
        """Print a line."""
        # ValueError: the stream is closed.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{message}\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = log = fatal = failure = msg


def _write_traceback(stream: TextIO, error: structlog.typing.ExcInfo) -> None:
    """Write an error plainly, with the innermost frames alone."""
    lines = traceback.format_exception(*error, limit=-_FRAMES)
    stream.write("\n" + "".join(lines).rstrip("\n"))
