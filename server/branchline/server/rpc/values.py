"""Documents and errors as messages hold them."""

from __future__ import annotations

from branchline.engine.events import Failure
from branchline.engine.values import Json, Variables, encode_text
from branchline.v1 import execution_pb2


def failure_message(failure: Failure) -> execution_pb2.Failure:
    """An error."""
    return execution_pb2.Failure(
        type=failure.type, message=failure.message, details_json=json_text(failure.details)
    )


def json_text(document: Json) -> str:
    """The text of a document; null is left out."""
    raw = bytes(document)
    return "" if raw == b"null" else raw.decode()


def object_text(variables: Variables) -> str:
    """The text of an object; an empty one is left out."""
    return encode_text(variables) if variables else ""
