"""Faults that the server keeps to itself: what it logs as an error."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

_GRAVE = {"error", "exception", "critical"}


class Faults(logging.Handler):
    """Collects grave log entries of the server and of its libraries."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an entry of a library."""
        self.seen.append(logging.Formatter().format(record))

    def process(
        self, _logger: object, level: str, entry: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Keep an entry of the server, when it is grave, as a processor of structlog."""
        entry = structlog.processors.format_exc_info(_logger, level, entry)
        if level in _GRAVE:
            self.seen.append("\n".join(f"{key}: {value}" for key, value in entry.items()))
        return entry

    def taken(self) -> list[str]:
        """All since the last time."""
        seen, self.seen = self.seen, []
        return seen

    def none(self) -> None:
        """Fail when there were any since the last time."""
        seen = self.taken()
        assert not seen, "the server has logged a fault:\n" + "\n\n".join(seen)


@contextmanager
def faults_collected() -> Iterator[Faults]:
    """Everything grave that is logged within."""
    faults = Faults()
    before = structlog.get_config()
    structlog.configure(
        processors=[faults.process, structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    logging.getLogger().addHandler(faults)
    try:
        yield faults
    finally:
        logging.getLogger().removeHandler(faults)
        structlog.configure(**before)
