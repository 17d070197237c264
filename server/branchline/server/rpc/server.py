"""The gRPC server: services, health, reflection, and an orderly end."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from branchline.server.rpc.executions import Executions
from branchline.server.rpc.garbled import GarbledRequests
from branchline.server.rpc.tasks import Tasks
from branchline.server.rpc.workflows import Workflows
from branchline.v1 import (
    execution_service_pb2,
    execution_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)

_SERVICES = (
    workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"].full_name,
    execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"].full_name,
    task_service_pb2.DESCRIPTOR.services_by_name["TaskService"].full_name,
)

_LONGEST_PENDING = 600
"""Seconds after which gRPC cancels a call that it could not hand over; callers give up before."""


class CannotListen(Exception):
    """The address cannot be served at; the message names it."""


class RpcServer:
    """Serves the API at an address."""

    def __init__(
        self, workflows: Workflows, executions: Executions, tasks: Tasks, max_message: int
    ) -> None:
        self._server = grpc.aio.server(
            interceptors=[GarbledRequests()], options=_options(max_message)
        )
        self._health = health.aio.HealthServicer()
        workflow_service_pb2_grpc.add_WorkflowServiceServicer_to_server(workflows, self._server)
        execution_service_pb2_grpc.add_ExecutionServiceServicer_to_server(executions, self._server)
        task_service_pb2_grpc.add_TaskServiceServicer_to_server(tasks, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self, address: str) -> int:
        """Serve at an address. Returns the port. Raises ``CannotListen``."""
        try:
            port: int = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise CannotListen(f"cannot listen at {address}: is the port in use?") from error
        await self._server.start()
        for name in ("", *_SERVICES):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop_serving(self) -> None:
        """Tell health checks that the server is going down."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Take no new calls and end after those under way, at most so many seconds later."""
        await self._server.stop(grace)


def _options(max_message: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_message),
        ("grpc.max_send_message_length", -1),
        # Beyond its own default of 1,000 gRPC cancels calls; overload is ours to refuse.
        ("grpc.server.max_pending_requests", 100_000),
        ("grpc.server.max_pending_requests_hard_limit", 100_000),
        ("grpc.server_max_unrequested_time_in_server", _LONGEST_PENDING),
        ("grpc.max_concurrent_streams", 100_000),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
    ]
