"""Tables of reference hold all that there is, as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest
from google.rpc import code_pb2

from branchline.server.commands import server
from branchline.server.errors import Reason
from branchline.server.rpc.status import CODES
from branchline.server.settings import Settings
from branchline.v1.error_pb2 import ErrorReason
from branchline.v1.event_pb2 import Event
from tests.docs.pages import rows


def reasons_of_the_protocol() -> Iterator[str]:
    """The reasons of error.proto without their prefix."""
    for name in ErrorReason.keys():  # noqa: SIM118 - an enum's wrapper is no mapping
        reason = name.removeprefix("ERROR_REASON_")
        if reason != "UNSPECIFIED":
            yield reason


def test_every_reason_is_documented_with_its_status() -> None:
    documented = {reason: row[1] for reason, row in rows("errors.md", "Reasons").items()}
    assert documented == {reason: code_pb2.Code.Name(CODES[reason]) for reason in Reason}
    assert set(reasons_of_the_protocol()) <= documented.keys()


def test_every_setting_is_documented_with_its_variable_and_default() -> None:
    documented = {tuple(row[1:3]) for row in rows("server.md", "Settings").values()}
    defaults = Settings()
    assert documented == {
        (f"`BRANCHLINE_{field.name.upper()}`", f"`{getattr(defaults, field.name)}`")
        for field in fields(Settings)
    }


def test_every_flag_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        server(["--help"])
    shown = {word.strip("[]") for word in capsys.readouterr().out.split()}
    flags = {word for word in shown if word.startswith("--")} - {"--help"}
    assert rows("server.md", "Settings").keys() == flags


def test_every_event_is_documented_with_its_keys() -> None:
    """What is in brackets explains a key."""
    described = rows("history-and-watching.md", "Events")
    keys = {
        name: re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row[2].rstrip(" |")))
        for name, row in described.items()
    }
    fields = {
        event.name: [field.name.removesuffix("_json") for field in event.message_type.fields]
        for event in Event.DESCRIPTOR.oneofs[0].fields
        if event.message_type is not None
    }
    assert list(keys) == list(fields)
    assert keys == fields
