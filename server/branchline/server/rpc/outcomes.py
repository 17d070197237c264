"""Reads what workers report: each report is judged by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from branchline.engine import CompleteTask, FailTask, RecordValue, WaitInTask
from branchline.engine.events import Failure
from branchline.engine.values import NULL
from branchline.server.dispatch import CancellationReason, TaskToken, TokenMaker
from branchline.server.errors import ServiceError, invalid_field
from branchline.server.rpc.checks import Limits, required, to_micros
from branchline.server.runtime import ReportOutcome, ReportRecord
from branchline.server.workers import Workers
from branchline.v1 import execution_pb2
from branchline.v1 import task_pb2 as pb

log = structlog.get_logger(__name__)

_DEFAULT_TYPE = "activity_failed"
_MOST_MESSAGE = 10_000
"""How many characters of an error's message are kept."""

_LONGEST_KEY = 200
_Command = CompleteTask | FailTask | WaitInTask

Answer = Callable[[ServiceError | None], None]
Stop = tuple[str, CancellationReason]


class OutcomeReader:
    """Hands outcomes and signs of life on to the server."""

    def __init__(self, workers: Workers, tokens: TokenMaker, limits: Limits) -> None:
        self._workers = workers
        self._tokens = tokens
        self._limits = limits

    def tokens(self, texts: Iterable[str]) -> list[TaskToken]:
        """The tokens of texts. Raises ``ServiceError``."""
        return [self._tokens.read(text) for text in texts]

    def report(self, outcome: pb.TaskOutcome, answer: Answer) -> None:
        """Hand an outcome on; the answer comes when it is durable, or is refused."""
        try:
            token = self._tokens.read(outcome.token)
            command = self._command(token, outcome)
            self._workers.report(ReportOutcome(token, command, answer))
        except ServiceError as error:
            answer(error)

    async def take_up(self, heartbeats: Iterable[pb.TaskHeartbeat]) -> None:
        """Before signs of life: take the tasks that other servers have. Raises ``ServiceError``."""
        tokens = []
        for heartbeat in heartbeats:
            with suppress(ServiceError):  # its answer is to stop
                tokens.append(self._tokens.read(heartbeat.token))
        if tokens:
            await self._workers.take_up(tokens)

    def heartbeat(self, heartbeat: pb.TaskHeartbeat) -> Stop | None:
        """Take a sign of life; the task is to be stopped when its lease has ended.

        It counts even when its data cannot be read, which only its watchers will miss.
        """
        try:
            token = self._tokens.read(heartbeat.token)
        except ServiceError:
            return heartbeat.token, CancellationReason.LEASE_LOST
        try:
            data = self._limits.document("data_json", heartbeat.data_json)
        except ServiceError as error:
            log.warning("progress without its data", error=error.message)
            data = NULL
        if self._workers.heartbeat(token, heartbeat.message[:_MOST_MESSAGE], data):
            return None
        return heartbeat.token, CancellationReason.LEASE_LOST

    def record(self, record: pb.TaskRecord, answer: Answer) -> None:
        """Hand a value on; the answer comes when it is durable, or is refused."""
        try:
            token = self._tokens.read(record.token)
            command = RecordValue(
                task=token.task,
                key=required("key", record.key, _LONGEST_KEY),
                value=self._limits.document("value_json", record.value_json),
            )
            self._workers.report(ReportRecord(token, command, answer))
        except ServiceError as error:
            answer(error)

    def _command(self, token: TaskToken, outcome: pb.TaskOutcome) -> _Command | None:
        task = token.task
        kind = outcome.WhichOneof("outcome")
        if kind == "completed":
            result = outcome.completed
            return CompleteTask(
                task=task,
                result=self._limits.document("result_json", result.result_json),
                set=self._limits.object("set_json", result.set_json),
                remove=tuple(result.remove),
            )
        if kind == "failed":
            return FailTask(task=task, error=self._failure(outcome.failed))
        if kind == "waiting":
            return _wait(token, outcome.waiting)
        if kind == "released":
            return None
        raise invalid_field("outcome", "must be completed, failed, waiting or released")

    def _failure(self, failure: execution_pb2.Failure) -> Failure:
        return Failure(
            failure.type[:1_000] or _DEFAULT_TYPE,
            failure.message[:_MOST_MESSAGE],
            self._limits.document("details_json", failure.details_json),
        )


def _wait(token: TaskToken, wait: pb.TaskWait) -> WaitInTask:
    timeout = to_micros(wait.timeout)
    if timeout <= 0:
        raise invalid_field("waiting.timeout", "must be more than 0")
    return WaitInTask(
        task=token.task,
        key=required("waiting.key", wait.key, _LONGEST_KEY),
        topic=required("waiting.topic", wait.topic),
        timeout=timeout,
        deliveries=token.delivery,
    )
