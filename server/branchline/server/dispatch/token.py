"""Task tokens: what a worker calls a delivery by, checked but not secret."""

from __future__ import annotations

from typing import NamedTuple

from branchline.server.errors import Reason, ServiceError


class TaskToken(NamedTuple):
    """One delivery of one task."""

    execution_key: int
    task: int
    delivery: int


class TokenMaker:
    """Writes and reads the tokens of one database; those of another are refused."""

    def __init__(self, database_id: str) -> None:
        self._prefix = database_id[:8]

    def write(self, token: TaskToken) -> str:
        """The token as text."""
        return f"{self._prefix}.{token.execution_key:x}.{token.task:x}.{token.delivery:x}"

    def read(self, text: str) -> TaskToken:
        """The token of a text. Raises ``ServiceError`` when it is not one of ours."""
        prefix, *numbers = text.split(".")
        try:
            if prefix == self._prefix:
                key, task, delivery = (int(number, 16) for number in numbers)
                return TaskToken(key, task, delivery)
        except ValueError:
            pass
        message = "the task token is not of this server's database; report the token of a task"
        raise ServiceError(Reason.INVALID_TASK_TOKEN, f"{message}, not {text[:100]!r}")
