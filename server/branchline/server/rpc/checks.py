"""Checks of what callers send; each error names the field and the remedy."""

from __future__ import annotations

import re
from typing import overload

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from branchline.engine.values import NULL, Json, Variables
from branchline.server.errors import Reason, ServiceError, invalid_field

_ID = re.compile(r"[A-Za-z0-9_.:/@-]{1,200}")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_document = msgspec.json.Decoder(msgspec.Raw).decode

LONGEST_DURATION = 315_576_000_000
"""Seconds of the longest span that a Duration may tell, 10,000 years."""

DEEPEST = 300
"""How many levels of lists and objects a document may have at least."""

_HEADROOM = 500
"""How many levels must remain for what the server puts around a document: a reader that is at
the end of its stack could not read the history again."""

_LAST_POSITION = 2**63 - 2
"""The last place in a history that is looked behind; none comes near."""


class Limits:
    """How large the documents of callers may be."""

    def __init__(self, max_payload: int) -> None:
        self.max_payload = max_payload
        """Bytes."""

    def document(self, field: str, text: str) -> Json:
        """The JSON document of a field; empty text is null."""
        if not text:
            return NULL
        self._check_size(field, text)
        try:
            document = _document(text)
        except msgspec.DecodeError as error:
            raise invalid_field(field, f"must be JSON text: {error}") from None
        except RecursionError:
            raise _too_deep(field) from None
        _check_nesting(field, text)
        return document

    def object(self, field: str, text: str) -> Variables:
        """The members of the JSON object of a field; empty text is {}."""
        if not text or text == "{}":
            return {}
        self._check_size(field, text)
        try:
            members = _object(text)
        except msgspec.DecodeError as error:
            raise invalid_field(field, f"must be the text of a JSON object: {error}") from None
        except RecursionError:
            raise _too_deep(field) from None
        _check_nesting(field, text)
        return members

    def _check_size(self, field: str, text: str) -> None:
        if len(text) > self.max_payload // 4:
            size = len(text.encode())
            if size > self.max_payload:
                message = f"{field} has {size:,} bytes; at most {self.max_payload:,} are taken"
                raise ServiceError(Reason.PAYLOAD_TOO_LARGE, message)


def _check_nesting(field: str, text: str) -> None:
    """Refuse what could be read here, but no longer when it is part of something larger."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    try:
        _document("[" * _HEADROOM + text + "]" * _HEADROOM)
    except RecursionError:
        raise _too_deep(field) from None


def _too_deep(field: str) -> ServiceError:
    return invalid_field(field, f"is nested too deeply; {DEEPEST} levels are always taken")


def required(field: str, text: str, most: int = 1_000) -> str:
    """Text that must be there."""
    if not text:
        raise invalid_field(field, "is required")
    return short(field, text, most)


def short(field: str, text: str, most: int = 1_000) -> str:
    """Text of at most so many characters, none of them U+0000, which not every database can hold.

    Whatever is stored as it is, or looked for, must come through here.
    """
    if len(text) > most:
        raise invalid_field(field, f"may have at most {most} characters, not {len(text)}")
    if "\0" in text:
        raise invalid_field(field, "must not contain the character U+0000")
    return text


def new_id(field: str, text: str) -> str:
    """An id that a caller gives to an execution; empty lets the server make one."""
    if text and not _ID.fullmatch(text):
        raise invalid_field(
            field, f"must be 1 to 200 letters, digits or any of -_.:/@, not {text[:50]!r}"
        )
    return text


def not_negative(field: str, number: int) -> int:
    """A number from 0."""
    if number < 0:
        raise invalid_field(field, f"must not be negative, not {number}")
    return number


def position(field: str, number: int) -> int:
    """A number after which to go on, from 0; one beyond all that there can be is as good as that.

    The largest integer is left out: who counts on from it must find room for the next.
    """
    return min(not_negative(field, number), _LAST_POSITION)


def span(field: str, duration: Duration, most: float) -> float:
    """Seconds, not negative, cut at the most that is allowed."""
    seconds: float = duration.seconds + duration.nanos / 1e9
    if seconds < 0:
        raise invalid_field(field, f"must not be negative, not {seconds:g} s")
    return min(seconds, most)


def lifetime(field: str, duration: Duration) -> int:
    """Microseconds, more than 0."""
    if duration.seconds > LONGEST_DURATION:
        most = f"at most {LONGEST_DURATION} s are taken"
        raise invalid_field(field, f"is {duration.seconds} s, but {most}")
    micros = to_micros(duration)
    if micros <= 0:
        raise invalid_field(field, f"must be more than 0, not {micros / 1e6:g} s")
    return micros


def to_micros(duration: Duration) -> int:
    """A duration in microseconds."""
    return duration.seconds * 1_000_000 + duration.nanos // 1_000


@overload
def timestamp(micros: int) -> Timestamp: ...


@overload
def timestamp(micros: int | None) -> Timestamp | None: ...


def timestamp(micros: int | None) -> Timestamp | None:
    """A time in microseconds since the epoch as a message."""
    if micros is None:
        return None
    seconds, rest = divmod(micros, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000)


@overload
def duration(micros: int) -> Duration: ...


@overload
def duration(micros: int | None) -> Duration | None: ...


def duration(micros: int | None) -> Duration | None:
    """A span in microseconds as a message."""
    if micros is None:
        return None
    seconds, rest = divmod(abs(micros), 1_000_000)
    sign = -1 if micros < 0 else 1
    return Duration(seconds=sign * seconds, nanos=sign * rest * 1_000)
