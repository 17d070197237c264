"""One HTTP exchange: a request, the redirects that it meets, and a response of bounded size.

The standard library's openers follow redirects too, but they read the bodies of redirects without
a bound, hand credentials on to other hosts, and know schemes that reach into the local machine.
"""

from __future__ import annotations

import http.client
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import cast
from urllib import request as urllib
from urllib.parse import urljoin, urlsplit

MAX_RESPONSE = 10 * 1024 * 1024
"""The longest body of a response, in bytes."""

MAX_REDIRECTS = 10

_CHUNK = 64 * 1024
_SCHEMES = {"http", "https"}
_REDIRECTS = {301, 302, 303, 307, 308}
_KEEP_METHOD = {307, 308}
_CREDENTIALS = {"authorization", "cookie", "proxy-authorization"}
_ABOUT_THE_BODY = {"content-type", "content-length", "content-encoding"}


@dataclass(slots=True)
class Request:
    """What is asked of a server."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def set_default(self, name: str, value: str) -> None:
        """Set a header that is not there yet, in whatever case."""
        if name.lower() not in map(str.lower, self.headers):
            self.headers[name] = value

    def without(self, names: set[str]) -> dict[str, str]:
        """The headers but for these."""
        return {name: value for name, value in self.headers.items() if name.lower() not in names}


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    message: Message
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers, named like ``Content-Type``; those of one name are joined by commas."""
        found: dict[str, str] = {}
        for name, value in self.message.items():
            title = "-".join(part.capitalize() for part in name.split("-"))
            found[title] = f"{found[title]}, {value}" if title in found else str(value)
        return found

    @property
    def text(self) -> str:
        """The body in its own character set, or UTF-8; what can't be read is replaced."""
        try:
            return self.body.decode(self.message.get_content_charset() or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON."""
        kind = self.message.get_content_type()
        return kind == "application/json" or kind.endswith("+json")


class Exchange:
    """Sends a request and what follows from it, within a time."""

    def __init__(self, seconds: float, *, follow_redirects: bool) -> None:
        self._deadline = time.monotonic() + seconds
        self._follow_redirects = follow_redirects
        self._opener = urllib.OpenerDirector()
        for handler in (urllib.ProxyHandler(), urllib.HTTPHandler(), urllib.HTTPSHandler()):
            self._opener.add_handler(handler)

    def run(self, request: Request) -> Response:
        """Give the response, of whatever status.

        Raises:
            OSError: no response came; ``TimeoutError`` (perhaps as a ``URLError``'s reason) when
                there was none in time.
            http.client.HTTPException: what came is no HTTP.
            ValueError: the URL or a header can't be used, the response is too large, or there
                are too many redirects.

        """
        for _ in range(MAX_REDIRECTS + 1):
            with closing(self._send(request)) as answer:
                target = answer.headers.get("Location")
                if answer.status not in _REDIRECTS or not target or not self._follow_redirects:
                    return Response(answer.status, answer.headers, self._read(answer))
            request = _redirected(request, answer.status, target)
        raise ValueError(f"more than {MAX_REDIRECTS} redirects")

    def _send(self, request: Request) -> http.client.HTTPResponse:
        if urlsplit(request.url).scheme.lower() not in _SCHEMES:
            raise ValueError(f"{request.url!r} is no URL of http or https")
        request.set_default("User-Agent", "branchline")
        message = urllib.Request(  # noqa: S310 - the scheme is checked above
            request.url, request.body, request.headers, method=request.method
        )
        answer = self._opener.open(message, timeout=self._time_left())
        return cast("http.client.HTTPResponse", answer)

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := answer.read1(_CHUNK):
            body += chunk
            if len(body) > MAX_RESPONSE:
                raise ValueError(f"the response is larger than {MAX_RESPONSE} bytes")
            self._time_left()
        return bytes(body)

    def _time_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _redirected(request: Request, status: int, target: str) -> Request:
    """The request that a redirect asks for; credentials stay with the host that they are for."""
    moved = replace(request, url=urljoin(request.url, target))
    if _origin(moved.url) != _origin(request.url):
        moved.headers = moved.without(_CREDENTIALS)
    if status not in _KEEP_METHOD and request.method not in {"GET", "HEAD"}:
        moved.method, moved.body, moved.headers = "GET", None, moved.without(_ABOUT_THE_BODY)
    return moved


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
