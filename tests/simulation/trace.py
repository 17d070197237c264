"""What has happened in a run, in order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_NOTHING_NEW = frozenset({"event", "level", "exc_info", "timestamp"})


class Trace:
    """Every step of a run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.steps: list[tuple[float, str, str]] = []
        self.faults: list[str] = []
        """What the server has logged as errors."""
        self._loop = loop
        self._began = loop.time()

    @property
    def time(self) -> float:
        """Seconds since the run began."""
        return self._loop.time() - self._began

    def note(self, who: str, what: str) -> None:
        """Something has happened."""
        self.steps.append((self.time, who, what))

    def hear(self, level: str, words: Mapping[str, Any]) -> None:
        """The server has logged something."""
        details = {name: value for name, value in words.items() if name not in _NOTHING_NEW}
        text = f"{words.get('event', '')} {details}"
        if level in {"error", "critical"}:
            error = words.get("exc_info")
            self.faults.append(f"{text}: {error!r}")
        self.note("log", f"{level}: {text}")

    def lines(self, most: int | None = None) -> list[str]:
        """The last steps, for people."""
        steps = self.steps if most is None else self.steps[-most:]
        return [f"{time:10.4f}  {who:<10} {what}" for time, who, what in steps]


class Ear:
    """Where the logs of all runs go: to the run that is on."""

    def __init__(self) -> None:
        self.trace: Trace | None = None
        structlog.configure(
            processors=[self._take],
            wrapper_class=structlog.make_filtering_bound_logger(20),
            logger_factory=structlog.ReturnLoggerFactory(),
        )

    def _take(
        self,
        _logger: object,
        method: str,
        words: MutableMapping[str, Any],
    ) -> str:
        if self.trace is not None:
            if words.get("exc_info") is True:
                words["exc_info"] = sys.exc_info()[1]
            self.trace.hear("error" if method == "exception" else method, words)
        raise structlog.DropEvent
