"""The methods of the API, found in its descriptors: a new one is fuzzed without a word."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import branchline.v1

_SUFFIX = "_service_pb2"


@dataclass(frozen=True)
class Method:
    """One method, as the wire has it."""

    path: str
    request: Descriptor
    response: type[Message]
    client_streams: bool
    server_streams: bool

    def __repr__(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def may_wait(self) -> bool:
        """Whether a call may take its time in good order."""
        return self.server_streams or "wait" in self.request.fields_by_name

    @property
    def ends_when_done(self) -> bool:
        """Whether a call ends soon after its caller has said everything.

        One that waits for executions ends when they have closed.
        """
        return self.client_streams and "execution_ids" not in self.request.fields_by_name


def _methods() -> Iterator[Method]:
    for module in pkgutil.iter_modules(branchline.v1.__path__):
        if module.name.endswith(_SUFFIX):
            file = importlib.import_module(f"branchline.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from map(_method, service.methods)


def _method(method: MethodDescriptor) -> Method:
    return Method(
        f"/{method.containing_service.full_name}/{method.name}",
        method.input_type,
        GetMessageClass(method.output_type),
        method.client_streaming,
        method.server_streaming,
    )


METHODS = tuple(_methods())
"""All of them."""
