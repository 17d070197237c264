"""The activity ``http``."""

from __future__ import annotations

import http.client
import re
from typing import Any
from urllib.error import URLError

from branchline.client.activities import activity
from branchline.client.builtin._documents import parse, write
from branchline.client.builtin._exchange import Exchange, Request, Response
from branchline.client.builtin._timeouts import seconds_of
from branchline.client.context import context
from branchline.client.errors import ActivityError

_METHOD = re.compile("[A-Za-z-]+")


@activity(name="http")
def http_activity(
    url: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    json_payload: Any = None,  # noqa: ANN401 - JSON is of any type
    timeout: float | str = 30,
    follow_redirects: bool = True,  # noqa: FBT001, FBT002 - given by name
    idempotency_key: bool = False,  # noqa: FBT001, FBT002 - given by name
) -> dict[str, Any]:
    """Send a request and give the response, whatever its status.

    The timeout, a duration or seconds, holds for the whole exchange. With ``idempotency_key``
    the request names the effect that it is to have in a header ``Idempotency-Key``.

    Raises:
        ActivityError: no response came, it is too large, or a parameter is wrong; of type
            ``timeout`` when it did not come in time.

    """
    if not _METHOD.fullmatch(method):
        raise ActivityError(f"{method!r} is no method of HTTP: write it like GET or POST")
    request = Request(method.upper(), url, dict(headers or {}))
    _fill(request, body, json_payload)
    if idempotency_key:
        request.set_default("Idempotency-Key", context().idempotency_key)
    try:
        return _result(
            Exchange(seconds_of(timeout), follow_redirects=follow_redirects).run(request)
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failure(error, f"{request.method} {url}", timeout) from None


def _fill(request: Request, body: str | None, json_payload: object) -> None:
    """Put the body into the request, with its type unless the headers have one."""
    if body is not None and json_payload is not None:
        raise ActivityError("give body or json_payload, not both")
    if json_payload is not None:
        request.body = write(json_payload).encode()
        request.set_default("Content-Type", "application/json")
    elif body is not None:
        request.body = body.encode()
        request.set_default("Content-Type", "text/plain; charset=utf-8")


def _result(response: Response) -> dict[str, Any]:
    text = response.text
    return {
        "status_code": response.status,
        "headers": response.headers,
        "body": text,
        "json_response": _json_of(text) if response.is_json else None,
        "success": 200 <= response.status < 300,  # noqa: PLR2004 - what HTTP calls successful
    }


def _json_of(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    try:
        return parse(text)
    except ActivityError:
        return None


def _failure(error: Exception, request: str, timeout: float | str) -> ActivityError:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return ActivityError(f"{request}: no response within {timeout}", type="timeout")
    return ActivityError(f"{request}: {cause}")
