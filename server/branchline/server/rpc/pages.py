"""Page tokens: opaque to callers, and good for one list only."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from branchline.server.errors import Reason, ServiceError
from branchline.server.rpc.checks import not_negative

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 1_000
_KEY = re.compile("[0-9]{1,18}")


def page_size(asked: int) -> int:
    """How many a page holds."""
    return min(not_negative("page_size", asked) or _DEFAULT_SIZE, _LARGEST_SIZE)


def write_token(what: str, position: str) -> str:
    """The token of a position in a list; ``what`` names the list and its filter."""
    text = f"{zlib.crc32(what.encode()):08x}{position}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(what: str, token: str) -> str:
    """The position of a token, empty for none. Raises ``ServiceError`` for a foreign one."""
    if not token:
        return ""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        text = ""
    if text[:8] != f"{zlib.crc32(what.encode()):08x}" or "\0" in text:
        raise _foreign()
    return text[8:]


def read_number(what: str, token: str) -> int | None:
    """The position of a token where positions are keys; None for none."""
    position = read_token(what, token)
    if not position:
        return None
    if not _KEY.fullmatch(position):
        raise _foreign()
    return int(position)


def _foreign() -> ServiceError:
    message = "page_token is not of this list; give the next_page_token of the page before"
    return ServiceError(Reason.INVALID_PAGE_TOKEN, f"{message}, with the same filter")
