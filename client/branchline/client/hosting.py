"""What runs an activity, as its context sees it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from branchline.v1 import task_pb2
    from branchline.v1 import task_service_pb2 as pb


class Host(Protocol):
    """Passes on what activities tell and ask, from any thread.

    What it gives back is cancelled when nobody wants the activity's outcome any more.
    """

    def report(self, token: str, progress: tuple[str, str] | None) -> None:
        """Pass on progress (message, JSON text), or a bare sign of life."""

    def record(self, record: task_pb2.TaskRecord) -> Future[None]:
        """Pass on a value; done when it is durable. Fails with ``ActivityError``."""

    def branch_state(self, token: str) -> Future[pb.GetBranchStateResponse]:
        """Ask for the branch of a task. Fails with ``RpcError``."""

    def is_here(self) -> bool:
        """Whether this thread is the one of the worker's loop, which must not be blocked."""
