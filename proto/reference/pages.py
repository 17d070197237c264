"""The pages of the reference: one for each .proto file, and an index."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    ServiceDescriptorProto,
)
from proto.reference.files import D, File, Part
from proto.reference.markdown import anchor, cell, first_sentence, link, prose, table

INDEX = "README.md"
_NOTICE = "<!-- Written by `make proto`: change the protos' comments instead. -->\n\n"
_WELL_KNOWN = "google.protobuf."
_WELL_KNOWN_PAGE = "https://protobuf.dev/reference/protobuf/google.protobuf/"


class Reference:
    """All pages, which link to one another."""

    def __init__(self, files: list[File], protos: Path, out: Path) -> None:
        """Prepare the pages of ``files`` from below ``protos``, to be put into ``out``."""
        self._files = files
        self._protos = protos
        self._out = out
        self._targets = {
            f"{file.package}.{name}": (name, f"{_page_name(file)}#{anchor(name)}")
            for file in files
            for name in file.types
        }
        self._exchanged = {
            name
            for file in files
            for service in file.services
            for call in service.descriptor.method
            for name in (call.input_type, call.output_type)
        }

    def pages(self, introduction: str) -> dict[str, str]:
        """The text of each page by its name; the index begins with the introduction.

        ValueError: two files would have the same page, or two headings the same anchor.
        """
        _require_distinct([_page_name(file) for file in self._files])
        pages = {_page_name(file): _NOTICE + _joined(self._page(file)) for file in self._files}
        return {INDEX: f"{introduction}\n{_joined(self._index())}", **pages}

    def _index(self) -> Iterator[str]:
        yield "## Services"
        for file in self._files:
            for service in file.services:
                yield from _service_in_index(file, service)
        yield "## Messages and enums"
        yield table(
            ("page", "messages", "enums"),
            (
                (
                    link(_title(file), _page_name(file)),
                    _contents(self._shared(file), _page_name(file)),
                    _contents(_names(file.enums), _page_name(file)),
                )
                for file in self._files
            ),
        )

    def _shared(self, file: File) -> list[str]:
        """The messages that are not found at a call, as its request or response."""
        return [
            name
            for name in _names(file.messages)
            if f".{file.package}.{name}" not in self._exchanged
        ]

    def _page(self, file: File) -> Iterator[str]:
        calls = [call.name for service in file.services for call in file.methods(service)]
        headings = ["Calls", "Messages", "Enums", *_names(file.services), *calls, *file.types]
        _require_distinct([anchor(heading) for heading in headings])
        source = os.path.relpath(self._protos / file.path, self._out)
        yield f"# {_title(file)}"
        yield (
            f"Package `{file.package}`, file {link(Path(source).name, Path(source).as_posix())}. "
            f"What all calls have in common is told in [the index]({INDEX})."
        )
        lists = {"Calls": calls, "Messages": self._shared(file), "Enums": _names(file.enums)}
        for name, listed in lists.items():
            if listed:
                yield f"{name}: {_contents(listed)}"
        for service in file.services:
            yield from self._service(file, service)
        if file.messages:
            yield "## Messages"
        for message in file.messages:
            yield from self._message(file, message)
        if file.enums:
            yield "## Enums"
        for enum in file.enums:
            yield from _enum(file, enum)

    def _service(self, file: File, service: Part[ServiceDescriptorProto]) -> Iterator[str]:
        if service.name == _title(file):
            yield prose(service.comment)
            yield "## Calls"
        else:
            yield f"## {service.name}"
            yield prose(service.comment)
        for call in file.methods(service):
            asked = self._type(file, call.descriptor.input_type)
            given = self._type(file, call.descriptor.output_type)
            if call.descriptor.client_streaming:
                asked = f"a stream of {asked}"
            if call.descriptor.server_streaming:
                given = f"a stream of {given}"
            yield f"### {call.name}"
            yield f"{asked} → {given}"
            yield prose(call.comment)

    def _message(self, file: File, message: Part[DescriptorProto]) -> Iterator[str]:
        yield f"### {message.name}"
        yield prose(message.comment)
        oneofs = file.oneofs(message)
        for oneof in oneofs.values():
            meaning = prose(oneof.comment)
            yield f"`{oneof.name}`: {meaning} At most one of its fields is set."
        rows = []
        for field in file.fields(message):
            shown = self._field_type(file, message, field.descriptor)
            if not field.descriptor.proto3_optional and field.descriptor.HasField("oneof_index"):
                shown += f", of `{oneofs[field.descriptor.oneof_index].name}`"
            name, number = field.descriptor.name, field.descriptor.number
            rows.append((f"`{name}`", shown, str(number), cell(field.comment)))
        yield table(("field", "type", "number", "meaning"), rows) if rows else "It has no fields."

    def _field_type(
        self, file: File, message: Part[DescriptorProto], field: FieldDescriptorProto
    ) -> str:
        """The type as a field has it: repeated, optional, a map."""
        for entry in message.descriptor.nested_type:
            scope = f".{file.package}.{message.name}"
            if entry.options.map_entry and field.type_name == f"{scope}.{entry.name}":
                key, value = (self._plain_type(file, part) for part in entry.field)
                return f"map of {key} to {value}"
        shown = self._plain_type(file, field)
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            return f"repeated {shown}"
        return f"optional {shown}" if field.proto3_optional else shown

    def _plain_type(self, file: File, field: FieldDescriptorProto) -> str:
        if field.type_name:
            return self._type(file, field.type_name)
        name = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
        return f"`{name}`"

    def _type(self, file: File, type_name: str) -> str:
        """A link to a message or an enum, as short as it can be on the page of ``file``."""
        full_name = type_name.removeprefix(".")
        if full_name in self._targets:
            name, target = self._targets[full_name]
            return link(name, target.removeprefix(_page_name(file)))
        if full_name.startswith(_WELL_KNOWN):
            name = full_name.removeprefix(_WELL_KNOWN)
            return link(name, f"{_WELL_KNOWN_PAGE}#{anchor(name)}")
        return f"`{full_name}`"


def _service_in_index(file: File, service: Part[ServiceDescriptorProto]) -> Iterator[str]:
    page = _page_name(file)
    yield f"### {service.name}"
    yield f"{first_sentence(service.comment)} {link('Its page', page)} has everything on it."
    yield table(
        ("call", "what it does"),
        (
            (link(call.name, f"{page}#{anchor(call.name)}"), first_sentence(call.comment))
            for call in file.methods(service)
        ),
    )


def _enum(file: File, enum: Part[EnumDescriptorProto]) -> Iterator[str]:
    yield f"### {enum.name}"
    yield prose(enum.comment)
    yield table(
        ("value", "number", "meaning"),
        (
            (f"`{value.name}`", str(value.descriptor.number), cell(value.comment))
            for value in file.values(enum)
        ),
    )


def _names(parts: list[Part[D]]) -> list[str]:
    return [part.name for part in parts]


def _contents(names: list[str], page: str = "") -> str:
    return ", ".join(link(name, f"{page}#{anchor(name)}") for name in names)


def _page_name(file: File) -> str:
    return Path(file.path).stem.replace("_", "-") + ".md"


def _title(file: File) -> str:
    """The service that the file is about, or else the file's name."""
    return file.services[0].name if file.services else Path(file.path).name


def _joined(blocks: Iterator[str]) -> str:
    return "\n\n".join(block for block in blocks if block) + "\n"


def _require_distinct(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"two pages or headings would be called {', '.join(twice)}")
