"""The server's settings: flags of the command line, or BRANCHLINE_* in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from typing import Literal

from branchline.server.retention_rules import NONE, OFF, RetentionRules, read_rules

_PREFIX = "BRANCHLINE_"


class InvalidSetting(Exception):
    """A setting that cannot be used; the message names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server runs. Times are seconds, sizes bytes."""

    database_url: str = "sqlite:///branchline.db"
    """Where everything is kept."""
    listen: str = "127.0.0.1:7717"
    """The address to serve at; port 0 picks a free one."""
    lease: float = 10.0
    """How long a worker may be silent before its tasks are given to others."""
    max_deliveries: int = 5
    """After so many deliveries without an outcome an attempt fails with worker_lost."""
    max_payload: int = 4 * 1024 * 1024
    """The largest JSON document that a caller or worker may send."""
    max_message: int = 32 * 1024 * 1024
    """The largest gRPC message."""
    max_inbox: int = 10_000
    """How many starts and signals may wait to be decided before more are refused."""
    max_inbox_bytes: int = 128 * 1024 * 1024
    """How large their documents may be together."""
    cached_dormant: int = 1_000
    """How many executions that wait are kept in memory."""
    cached_running: int = 20_000
    """How many executions that run are kept in memory."""
    status_changes_kept: float = 86_400.0
    """How long changes of status are kept, for watchers of many executions to go on from."""
    retention: str = OFF
    """How long executions are kept after they have closed, such as 30d; `off`: for ever."""
    retention_workflows: str = NONE
    """The same for some workflows by name, such as order=7d,audit=off; it wins."""
    shutdown_grace: float = 10.0
    """How long calls under way may take when the server goes down."""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """SQLite's `synchronous`: FULL keeps every acknowledged change through a power cut."""
    sqlite_log: int = 16
    """MiB that SQLite's write-ahead log is given at once and keeps; 0: it grows as it is needed."""
    log_format: str = "text"
    """`text` for people or `json` for programs."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if not 0 < getattr(self, name) < inf:
                raise InvalidSetting(f"{name} must be more than 0, not {getattr(self, name)}")
        for name in _NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < inf:
                raise InvalidSetting(f"{name} must be 0 or more, not {getattr(self, name)}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                given = getattr(self, name)
                raise InvalidSetting(f"{name} must be one of {', '.join(choices)}, not {given!r}")
        self.retention_rules()

    def retention_rules(self) -> RetentionRules:
        """How long closed executions are kept. Raises ``InvalidSetting``."""
        try:
            return read_rules(self.retention, self.retention_workflows)
        except ValueError as error:
            raise InvalidSetting(str(error)) from error


HELP = {
    "database_url": "the database, sqlite:///FILE or postgresql://USER@HOST/NAME",
    "listen": "the address to serve at; port 0 picks a free one",
    "lease": "seconds a worker may be silent before its tasks go to others",
    "max_deliveries": "deliveries of a task without an outcome before it fails",
    "max_payload": "bytes of the largest JSON document that is taken",
    "max_message": "bytes of the largest gRPC message",
    "max_inbox": "starts and signals that may wait before more are refused",
    "max_inbox_bytes": "bytes that their documents may have together",
    "cached_dormant": "waiting executions that are kept in memory",
    "cached_running": "running executions that are kept in memory",
    "status_changes_kept": "seconds for which watchers find changes of status that they missed",
    "retention": "how long executions are kept after they have closed, such as 30d, or off",
    "retention_workflows": "the same for workflows of their own, such as order=7d,audit=off",
    "shutdown_grace": "seconds that calls under way may take when the server goes down",
    "synchronous": "SQLite's synchronous: FULL or NORMAL",
    "sqlite_log": "MiB that SQLite's write-ahead log has from the start, or 0",
    "log_format": "text or json",
    "log_level": "debug, info, warning or error",
}
"""What each setting means, for the command line."""

_POSITIVE = (
    "lease",
    "max_deliveries",
    "max_payload",
    "max_message",
    "max_inbox",
    "max_inbox_bytes",
)
_NOT_NEGATIVE = (
    "cached_dormant",
    "cached_running",
    "status_changes_kept",
    "shutdown_grace",
    "sqlite_log",
)
_CHOICES = {
    "synchronous": ("FULL", "NORMAL"),
    "log_format": ("text", "json"),
    "log_level": ("debug", "info", "warning", "error"),
}


def from_environ(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from the environment; what is given, and not None, wins.

    Raises ``InvalidSetting`` for a value that cannot be read.
    """
    values: dict[str, object] = {}
    for field in fields(Settings):
        text = environ.get(_PREFIX + field.name.upper())
        if given.get(field.name) is not None:
            values[field.name] = given[field.name]
        elif text is not None:
            values[field.name] = _read(field.name, text, type(field.default))
    return Settings(**values)  # type: ignore[arg-type]  # each was read by its field's type


def _read(name: str, text: str, kind: type[object]) -> object:
    try:
        return kind(text)  # type: ignore[call-arg]  # int, float and str take text
    except ValueError as error:
        message = f"{_PREFIX}{name.upper()} must be of type {kind.__name__}, not {text!r}"
        raise InvalidSetting(message) from error


def embedded_settings(database_url: str, given: Mapping[str, object]) -> Settings:
    """Settings of a server inside another process, which logs only what is wrong.

    Raises ``InvalidSetting`` for a name that there is not, or a value of another type.
    """
    kinds = {field.name: type(field.default) for field in fields(Settings)}
    for name in ("database_url", "listen"):
        del kinds[name]
    for name, value in given.items():
        if name not in kinds:
            raise InvalidSetting(f"there is no setting {name}: choose from {', '.join(kinds)}")
        if not _fits(value, kinds[name]):
            message = f"{name} must be of type {kinds[name].__name__}, not {value!r}"
            raise InvalidSetting(message)
    values = {"log_level": "warning", "sqlite_log": 0, **given, "database_url": database_url}
    return Settings(listen="127.0.0.1:0", **values)  # type: ignore[arg-type]  # they fit


def _fits(value: object, kind: type[object]) -> bool:
    """Whether a value is of a type; a whole number is a number of seconds, too."""
    return type(value) is kind or (kind is float and type(value) is int)
