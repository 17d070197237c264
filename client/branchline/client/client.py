"""The client: registers workflows, starts executions and finds them again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeAlias

from branchline.client import _convert
from branchline.client._filters import filter_message
from branchline.client._starts import start_all, start_message
from branchline.client.connection import Connection, server_address
from branchline.client.definitions import (
    DefinitionFileError,
    LoadedDefinition,
    dump_definition,
    load_definition,
    parse_definition,
)
from branchline.client.durations import Length, in_seconds
from branchline.client.errors import InvalidDefinition, RpcError
from branchline.client.execution import Execution
from branchline.client.types import (
    ExecutionCount,
    ExecutionInfo,
    ExecutionStatus,
    Problem,
    RegisteredWorkflow,
    StartRequest,
    WorkflowVersion,
)
from branchline.client.watches import StatusWatch
from branchline.v1 import execution_service_pb2, workflow_service_pb2

Definition: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""A definition file's path, its text (a string of several lines, or a JSON object), or what it
says as a mapping."""


class Client:
    """A connection to a server, for use in ``async with``.

    ``address`` is ``host:port`` or ``unix:path``; without one it is taken from the environment
    variable ``BRANCHLINE_ADDRESS``, else it is ``localhost:7717``.

    All calls can be repeated safely: starts and signals carry an id. So while the server cannot
    be reached, or is overloaded, a call is made again until ``timeout`` (seconds, or a
    ``timedelta``) is over. Every method raises ``RpcError``, or what it says itself.
    """

    def __init__(self, address: str | None = None, *, timeout: Length = 30) -> None:
        self.address = server_address(address)
        self.timeout = in_seconds(timeout)
        self._open: Connection | None = None

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise RuntimeError("this client is open already: make another one")
        self._open = Connection(self.address, self.timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; what is under way ends. Closing again changes nothing."""
        connection, self._open = self._open, None
        if connection is not None:
            await connection.close()

    @property
    def _connection(self) -> Connection:
        if self._open is None:
            raise RuntimeError("the client is not open: use `async with Client(...) as client:`")
        return self._open

    async def register(self, definition: Definition) -> RegisteredWorkflow:
        """Register a definition as the next version of its name (semantics 2.7).

        The same content as the latest version gives that version back.

        Raises:
            InvalidDefinition: it has problems; all of them are listed, those of the file too.
            OSError: the file cannot be read.

        """
        loaded = _load(definition)
        if loaded.problems:
            raise InvalidDefinition(await self._problems(loaded))
        request = workflow_service_pb2.RegisterWorkflowRequest(workflow=loaded.workflow)
        connection = self._connection
        answer = await connection.call(connection.workflows.RegisterWorkflow, request)
        return RegisteredWorkflow(answer.name, answer.version, answer.created)

    async def validate(self, definition: Definition) -> list[Problem]:
        """Everything that is wrong with a definition; an empty list when it is sound.

        Raises:
            OSError: the file cannot be read.

        """
        try:
            return await self._problems(_load(definition))
        except InvalidDefinition as error:
            return list(error.problems)

    async def _problems(self, loaded: LoadedDefinition) -> list[Problem]:
        """Those of the file, then those that the server finds."""
        request = workflow_service_pb2.ValidateWorkflowRequest(workflow=loaded.workflow)
        connection = self._connection
        answer = await connection.call(connection.workflows.ValidateWorkflow, request)
        of_the_file = [Problem(found.code, found.step, found.message) for found in loaded.problems]
        return [*of_the_file, *map(_convert.problem, answer.problems)]

    async def get_workflow(self, name: str, version: int = 0) -> WorkflowVersion:
        """A version of a workflow with its definition; 0 is the latest.

        Raises:
            WorkflowNotFound: there is none.

        """
        request = workflow_service_pb2.GetWorkflowRequest(name=name, version=version)
        connection = self._connection
        answer = await connection.call(connection.workflows.GetWorkflow, request)
        found = answer.workflow_version
        return _convert.workflow_version(found, dump_definition(found.workflow))

    async def list_workflows(self) -> AsyncIterator[WorkflowVersion]:
        """The latest version of each workflow, by name, without the definitions."""
        request = workflow_service_pb2.ListWorkflowsRequest()
        connection = self._connection
        more = True
        while more:
            answer = await connection.call(connection.workflows.ListWorkflows, request)
            for found in answer.workflows:
                yield _convert.workflow_version(found)
            request.page_token = answer.next_page_token
            more = bool(answer.next_page_token)

    async def start(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        id: str | None = None,  # noqa: A002 - as the API calls it
        request_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: Length | None = None,
    ) -> Execution:
        """Start an execution of a workflow (semantics 4.1 to 4.3).

        ``id`` names the execution; None: the server makes an id. Two starts of a workflow with
        the same ``request_id`` are one start; None: the client makes one, so that it can repeat
        the call. ``version`` None is the latest. By ``labels`` the execution can be listed and
        counted. After ``timeout`` (seconds, or a ``timedelta``) it fails if it is still live; None:
        the workflow's own timeout (semantics 4.12).

        Raises:
            WorkflowNotFound: no such workflow or version.
            InvalidInputs: inputs are unknown, missing or of the wrong type; all are listed.
            InvalidRequest: a label is none, or the timeout is not positive.
            AlreadyExists: the id is in use.
            PayloadTooLarge: the server does not take so large inputs.
            ValueError: the inputs cannot be written as JSON.

        """
        message = start_message(
            StartRequest(
                workflow=workflow,
                inputs=inputs,
                id=id,
                request_id=request_id,
                version=version,
                labels=labels,
                timeout=timeout,
            )
        )
        connection = self._connection
        answer = await connection.starts.ask(message)
        return Execution(connection, answer.execution_id, answer.version)

    async def start_many(self, requests: Iterable[StartRequest]) -> list[Execution | RpcError]:
        """Start many executions in few calls; much cheaper than one by one.

        Each request is answered by itself, in order: by a handle, or by the error that ``start``
        would have raised.

        Raises:
            ValueError: inputs cannot be written as JSON; nothing is started then.

        """
        return await start_all(self._connection, requests)

    def execution(self, id: str) -> Execution:  # noqa: A002 - as the API calls it
        """A handle on an execution; the server is not asked."""
        return Execution(self._connection, id)

    async def list_executions(
        self,
        workflow: str | None = None,
        statuses: Sequence[ExecutionStatus] = (),
        *,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[ExecutionInfo]:
        """The executions of which all that is given holds, newest first (semantics 12.5).

        They have all of the ``labels``, and were started by the execution with the id ``parent``.
        ``page_size`` is how many are asked for at once.

        Raises:
            ValueError: a time without time zone.

        """
        request = execution_service_pb2.ListExecutionsRequest(
            filter=filter_message(
                workflow=workflow,
                statuses=statuses,
                labels=labels,
                parent=parent,
                started_after=started_after,
                started_before=started_before,
            ),
            page_size=page_size,
        )
        connection = self._connection
        more = True
        while more:
            answer = await connection.call(connection.executions.ListExecutions, request)
            for found in answer.executions:
                yield _convert.execution_info(found)
            request.page_token = answer.next_page_token
            more = bool(answer.next_page_token)

    async def count_executions(
        self,
        workflow: str | None = None,
        statuses: Sequence[ExecutionStatus] = (),
        *,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
    ) -> ExecutionCount:
        """How many executions ``list_executions`` would give, and of each status.

        Raises:
            ValueError: a time without time zone.

        """
        request = execution_service_pb2.CountExecutionsRequest(
            filter=filter_message(
                workflow=workflow,
                statuses=statuses,
                labels=labels,
                parent=parent,
                started_after=started_after,
                started_before=started_before,
            )
        )
        connection = self._connection
        answer = await connection.call(connection.executions.CountExecutions, request)
        return _convert.execution_count(answer)

    def watch_executions(
        self,
        workflow: str | None = None,
        statuses: Sequence[ExecutionStatus] = (),
        *,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        after: int = 0,
    ) -> StatusWatch:
        """How executions stand, newest first, and then every change, in order (semantics 12.3).

        The filter is that of ``list_executions``; with ``statuses`` changes to any other status
        are left out. The iteration does not end by itself. When the connection breaks it goes on
        where it was; while the present statuses are being told, it begins anew. ``after`` is the
        ``position`` of an earlier watch to go on from.

        Raises while it is iterated over:
            PositionOutOfRange: changes after the position are not kept (any more).
            Unavailable: the server was away for longer than the client's timeout.

        Raises:
            ValueError: a time without time zone.

        """
        wanted = filter_message(
            workflow=workflow,
            statuses=statuses,
            labels=labels,
            parent=parent,
            started_after=started_after,
            started_before=started_before,
        )
        return StatusWatch(self._connection, wanted, after)


def _load(definition: Definition) -> LoadedDefinition:
    try:
        if isinstance(definition, str) and _is_text(definition):
            return parse_definition(definition)
        return load_definition(definition)
    except DefinitionFileError as error:
        raise InvalidDefinition([Problem("INVALID_FIELD", "", str(error))]) from error


def _is_text(definition: str) -> bool:
    return "\n" in definition or definition.lstrip().startswith("{")
