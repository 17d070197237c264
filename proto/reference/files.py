"""The .proto files with what they declare, each part with its comment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    OneofDescriptorProto,
    ServiceDescriptorProto,
)

Place = tuple[int, ...]
D = TypeVar(
    "D",
    ServiceDescriptorProto,
    MethodDescriptorProto,
    DescriptorProto,
    FieldDescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
)

# The numbers that descriptor.proto gives to the lists of parts; they make up places.
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED_MESSAGES, _NESTED_ENUMS, _ONEOFS = 2, 3, 4, 8
_VALUES = 2
_METHODS = 2


class Part(NamedTuple, Generic[D]):
    """Something that a file declares."""

    name: str
    """With the messages around it, without the package: `Outer.Inner`."""
    descriptor: D
    place: Place
    comment: str


class Oneof(NamedTuple):
    """A oneof of a message."""

    name: str
    comment: str


def read_files(root: Path) -> list[File]:
    """Compile all protos below ``root``; exit with the compiler's status when it fails."""
    protos = sorted(root.rglob("*.proto"))
    if not protos:
        return []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "protos.binpb")
        options = [f"--proto_path={root}", f"--descriptor_set_out={out}", "--include_source_info"]
        command = [sys.executable, "-m", "grpc_tools.protoc", *options, *map(str, protos)]
        status = subprocess.run(command, check=False).returncode
        if status:
            sys.exit(status)
        descriptors = FileDescriptorSet.FromString(out.read_bytes()).file
    return [File(descriptor) for descriptor in sorted(descriptors, key=lambda file: file.name)]


class File:
    """A .proto file."""

    def __init__(self, descriptor: FileDescriptorProto) -> None:
        """Find everything that it declares."""
        self._comments = {
            tuple(location.path): location.leading_comments + location.trailing_comments
            for location in descriptor.source_code_info.location
        }
        self.path = descriptor.name
        self.package = descriptor.package
        self.services = list(self._parts(descriptor.service, (_SERVICES,)))
        self.messages = list(self._messages(descriptor.message_type, (_MESSAGES,), ""))
        self.enums = list(self._parts(descriptor.enum_type, (_ENUMS,)))
        for message in self.messages:
            nested = message.descriptor.enum_type
            place = (*message.place, _NESTED_ENUMS)
            self.enums.extend(self._parts(nested, place, f"{message.name}."))

    @property
    def types(self) -> list[str]:
        """The names of the messages and the enums."""
        return [
            *(message.name for message in self.messages),
            *(enum.name for enum in self.enums),
        ]

    def methods(self, service: Part[ServiceDescriptorProto]) -> list[Part[MethodDescriptorProto]]:
        """The calls of a service."""
        return list(self._parts(service.descriptor.method, (*service.place, _METHODS)))

    def fields(self, message: Part[DescriptorProto]) -> list[Part[FieldDescriptorProto]]:
        """The fields of a message."""
        return list(self._parts(message.descriptor.field, (*message.place, _FIELDS)))

    def values(self, enum: Part[EnumDescriptorProto]) -> list[Part[EnumValueDescriptorProto]]:
        """The values of an enum."""
        return list(self._parts(enum.descriptor.value, (*enum.place, _VALUES)))

    def oneofs(self, message: Part[DescriptorProto]) -> dict[int, Oneof]:
        """The oneofs of a message by their index, without those that stand for `optional`."""
        fields = message.descriptor.field
        written = {
            field.oneof_index
            for field in fields
            if field.HasField("oneof_index") and not field.proto3_optional
        }
        return {index: self._oneof(message, index) for index in sorted(written)}

    def _oneof(self, message: Part[DescriptorProto], index: int) -> Oneof:
        oneof: OneofDescriptorProto = message.descriptor.oneof_decl[index]
        return Oneof(oneof.name, self._comments.get((*message.place, _ONEOFS, index), ""))

    def _parts(self, descriptors: Iterable[D], place: Place, scope: str = "") -> Iterator[Part[D]]:
        for number, descriptor in enumerate(descriptors):
            own = (*place, number)
            comment = self._comments.get(own, "")
            if descriptor.options.deprecated:
                comment = f"Deprecated.\n\n{comment}"
            yield Part(scope + descriptor.name, descriptor, own, comment)

    def _messages(
        self, descriptors: Iterable[DescriptorProto], place: Place, scope: str
    ) -> Iterator[Part[DescriptorProto]]:
        """Messages and those inside of them, but not the entries of maps."""
        for message in self._parts(descriptors, place, scope):
            if not message.descriptor.options.map_entry:
                yield message
                nested = message.descriptor.nested_type
                place_of_nested = (*message.place, _NESTED_MESSAGES)
                yield from self._messages(nested, place_of_nested, f"{message.name}.")
