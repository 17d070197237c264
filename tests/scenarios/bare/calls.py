"""The calls of a scenario: the fields are checked as the server checks them, the rest is played."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from google.rpc import code_pb2
from msgspec import UNSET

from branchline.client.errors import RpcError
from branchline.server.errors import ServiceError
from branchline.server.rpc.checks import Limits, new_id, not_negative, required, short
from branchline.server.rpc.labels import checked_labels
from branchline.server.rpc.status import CODES
from branchline.server.settings import Settings
from branchline.testing import Rehearsal, Run
from tests.scenarios.scenario import Pause, Signal, Start

_LONGEST_ID = 200


class CallRefused(Exception):
    """A call was refused."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"a call failed with {code}: {text}")
        self.code = code
        self.text = text


@contextmanager
def calling() -> Iterator[None]:
    """Make a call. Raises ``CallRefused``."""
    try:
        yield
    except RpcError as error:
        told = [f"{violation.field}: {violation.message}" for violation in error.violations]
        raise CallRefused(error.code, "\n".join([error.message, *told])) from error
    except ServiceError as error:
        raise CallRefused(code_pb2.Code.Name(CODES[error.reason]), error.message) from error


class Caller:
    """Makes calls in a rehearsal; each raises ``CallRefused`` when a server would refuse it."""

    def __init__(self, rehearsal: Rehearsal, settings: Settings) -> None:
        self._rehearsal = rehearsal
        self._limits = Limits(settings.max_payload)

    def start(self, workflow: str, start: Start) -> Run:
        """Start an execution."""
        labels = {} if start.labels is UNSET else start.labels
        with calling():
            self._limits.object("inputs_json", json.dumps(start.inputs))
            return self._rehearsal.start(
                required("workflow", workflow),
                start.inputs,
                id=new_id("id", start.id) or None,
                request_id=short("request_id", start.request_id, _LONGEST_ID) or None,
                version=not_negative("version", start.version) or None,
                labels=checked_labels("labels", labels),
            )

    def signal(self, run: Run, signal: Signal) -> None:
        """Send a signal."""
        with calling():
            self._limits.document("payload_json", json.dumps(signal.payload))
            run.signal(
                required("topic", signal.topic),
                signal.payload,
                signal_id=short("signal_id", signal.id, _LONGEST_ID),
            )

    def pause(self, run: Run, pause: Pause) -> None:
        """Pause a branch, or all."""
        with calling():
            run.pause(pause.branch, reason=short("reason", pause.reason))

    def unpause(self, run: Run, branch: str) -> None:
        """Let a branch, or all, go on."""
        with calling():
            run.unpause(branch)

    def cancel(self, run: Run, reason: str) -> None:
        """Cancel an execution."""
        with calling():
            run.cancel(short("reason", reason))

    def retry(self, run: Run) -> None:
        """Take a failed execution up again."""
        with calling():
            run.retry()

    def delete(self, run: Run) -> None:
        """Delete an execution."""
        with calling():
            run.delete()
