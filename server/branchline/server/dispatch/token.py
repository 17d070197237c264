"""Task tokens: what a worker calls a delivery by, checked but not secret."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from branchline.server.errors import Reason, ServiceError

_NUMBERS = re.compile(r"([0-7]?[0-9a-f]{1,15})\.([0-7]?[0-9a-f]{1,15})\.([0-7]?[0-9a-f]{1,15})")
"""Three numbers of at most 63 bits: more the database cannot hold."""


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The hex digit of a UUID whose first two bits are those of its variant."""


class TaskToken(NamedTuple):
    """One delivery of one task."""

    execution_key: int
    task: int
    delivery: int


class TokenMaker:
    """Writes and reads the tokens of one database; those of another are refused."""

    def __init__(self, database_id: str) -> None:
        self._prefix = database_id[:8]
        namespace = uuid5(NAMESPACE_URL, database_id)
        self._hash = hashlib.sha1(namespace.bytes, usedforsecurity=False)

    def write(self, token: TaskToken) -> str:
        """The token as text."""
        return f"{self._prefix}.{token.execution_key:x}.{token.task:x}.{token.delivery:x}"

    def idempotency_key(self, execution_key: int, visit: int, item: int) -> str:
        """The name of the effect that an item of a step visit is to have.

        It is the same for all deliveries and attempts, and no other effect has it, of whatever
        execution or server. Many systems take a UUID for such a key, and nothing longer.
        """
        # What ``uuid5`` gives, for a fifth of the time: every delivery needs one.
        hashed = self._hash.copy()
        hashed.update(f"{execution_key:x}.{visit:x}.{item:x}".encode())
        text = hashed.hexdigest()
        variant = _VARIANT[text[16]]
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"

    def read(self, text: str) -> TaskToken:
        """The token of a text. Raises ``ServiceError`` when it is not one of ours."""
        prefix, _, numbers = text.partition(".")
        match = _NUMBERS.fullmatch(numbers)
        if match is not None and prefix == self._prefix:
            key, task, delivery = match.groups()
            return TaskToken(int(key, 16), int(task, 16), int(delivery, 16))
        message = "the task token is not of this server's database; report the token of a task"
        raise ServiceError(Reason.INVALID_TASK_TOKEN, f"{message}, not {text[:100]!r}")
