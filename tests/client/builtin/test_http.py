"""The activity ``http`` against a real server on the loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from branchline.client.builtin._http import http_activity
from branchline.client.errors import ActivityError
from tests.client.builtin.calling import run
from tests.client.working import outcome_of, result


class _Handler(BaseHTTPRequestHandler):
    """``/echo`` tells the request, ``/status/N`` answers N, ``/to/N?URL`` redirects there."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        _, action, *rest = self.path.split("/", 2)
        if action == "echo":
            told = {"method": self.command, "headers": dict(self.headers), "body": body}
            self.answer(200, json.dumps(told).encode(), "application/json")
        elif action == "status":
            self.answer(int(rest[0]), b"so be it", "text/plain")
        elif action == "to":
            status, _, target = rest[0].partition("?")
            self.answer(int(status), b"elsewhere", "text/plain", Location=target)
        elif action == "loop":
            self.answer(302, b"again", "text/plain", Location="/loop")
        elif action == "latin":
            self.answer(200, "Käse".encode("latin-1"), "text/plain; charset=iso-8859-1")
        elif action == "broken":
            self.answer(200, b"{", "application/json")
        elif action == "large":
            self.answer(200, b"x" * (10 * 1024 * 1024 + 1), "text/plain")
        elif action == "slow":
            stopped: threading.Event = self.server.stopped  # type: ignore[attr-defined] # set below
            stopped.wait(10)

    do_POST = do_PUT = do_GET  # noqa: N815 - the server's names

    def answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-twice", "a")
        self.send_header("X-TWICE", "b")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """A client may go before it has read everything."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.stopped = threading.Event()  # type: ignore[attr-defined] # for the slow answer
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.stopped.set()  # type: ignore[attr-defined] # for the slow answer
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def echo(url: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON is of any type
    result = run("http", url=url, **parameters)
    assert result["success"]
    return result["json_response"]


def test_a_response_is_told_with_its_json(server: str) -> None:
    result = run("http", url=f"{server}/echo")
    assert (result["status_code"], result["success"]) == (200, True)
    assert result["json_response"] == json.loads(result["body"])
    assert result["json_response"]["method"] == "GET"
    assert result["headers"]["Content-Type"] == "application/json"
    assert result["headers"]["X-Twice"] == "a, b"
    assert set(result) == {"status_code", "headers", "body", "json_response", "success"}


def test_a_payload_is_sent_as_json(server: str) -> None:
    told = echo(f"{server}/echo", method="post", json_payload={"n": 10**30})
    assert (told["method"], told["body"]) == ("POST", '{"n":1' + "0" * 30 + "}")
    assert told["headers"]["Content-Type"] == "application/json"


def test_a_body_and_headers_are_sent_as_they_are(server: str) -> None:
    headers = {"content-type": "text/csv", "X-Trace": "7"}
    told = echo(f"{server}/echo", method="PUT", headers=headers, body="a,é")
    assert (told["method"], told["body"]) == ("PUT", "a,é")
    assert (told["headers"]["Content-Type"], told["headers"]["X-Trace"]) == ("text/csv", "7")


async def test_the_effect_is_named_when_asked_for(server: str) -> None:
    parameters = {"url": f"{server}/echo", "idempotency_key": True}
    outcome = await outcome_of(http_activity, json.dumps(parameters), idempotency_key="5f0f8a0e")
    told = json.loads(json.loads(result(outcome))["body"])
    assert told["headers"]["Idempotency-Key"] == "5f0f8a0e"
    assert "Idempotency-Key" not in echo(f"{server}/echo")["headers"]


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_status_is_a_result(server: str, status: int) -> None:
    result = run("http", url=f"{server}/status/{status}")
    assert (result["status_code"], result["success"]) == (status, False)
    assert (result["body"], result["json_response"]) == ("so be it", None)


def test_a_body_is_read_in_its_character_set(server: str) -> None:
    assert run("http", url=f"{server}/latin")["body"] == "Käse"


def test_json_that_is_none_is_text(server: str) -> None:
    result = run("http", url=f"{server}/broken")
    assert (result["body"], result["json_response"], result["success"]) == ("{", None, True)


def test_redirects_are_followed(server: str) -> None:
    assert echo(f"{server}/to/302?/echo")["method"] == "GET"
    told = echo(f"{server}/to/307?/echo", method="POST", body="x")
    assert (told["method"], told["body"]) == ("POST", "x")
    told = echo(f"{server}/to/303?/echo", method="POST", body="x")
    assert (told["method"], told["body"]) == ("GET", "")
    assert "Content-Type" not in told["headers"]


def test_redirects_are_a_result_when_they_are_not_to_be_followed(server: str) -> None:
    result = run("http", url=f"{server}/to/302?/echo", follow_redirects=False)
    assert (result["status_code"], result["success"]) == (302, False)
    assert result["headers"]["Location"] == "/echo"


def test_credentials_stay_with_their_host(server: str) -> None:
    headers = {"Authorization": "secret", "cookie": "secret", "X-Trace": "7"}
    here = echo(f"{server}/to/302?/echo", headers=headers)
    assert here["headers"]["Authorization"] == "secret"
    other = server.replace("127.0.0.1", "localhost")
    there = echo(f"{other}/to/302?{server}/echo", headers=headers)
    assert "secret" not in there["headers"].values()
    assert there["headers"]["X-Trace"] == "7"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/to/302?file:///etc/passwd", "is no URL of http or https"),
        ("/large", "the response is larger than 10485760 bytes"),
    ],
)
def test_what_must_not_be_read_is_an_error(server: str, path: str, problem: str) -> None:
    with pytest.raises(ActivityError, match=problem):
        run("http", url=server + path)


def test_redirects_without_end_are_an_error(server: str) -> None:
    with pytest.raises(ActivityError, match="more than 10 redirects"):
        run("http", url=f"{server}/loop")


def test_a_slow_response_is_a_timeout(server: str) -> None:
    with pytest.raises(ActivityError, match="no response within 50ms") as caught:
        run("http", url=f"{server}/slow", timeout="50ms")
    assert caught.value.type == "timeout"


def test_a_refused_connection_is_an_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(ActivityError, match="refused") as caught:
            run("http", url=url, timeout=5)
    assert caught.value.type == "activity_failed"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"url": "file:///etc/passwd"}, "is no URL of http or https"),
        ({"url": "ftp://localhost/x"}, "is no URL of http or https"),
        ({"url": "localhost/x"}, "is no URL of http or https"),
        ({"url": "http://localhost/a b"}, "control characters"),
        ({"url": "http://localhost", "headers": {"X": "a\r\nY: b"}}, "Invalid header value"),
        ({"url": "http://localhost", "method": "GET /x"}, "'GET /x' is no method of HTTP"),
        ({"url": "http://localhost", "timeout": "soon"}, "timeout: 'soon' is no duration"),
        ({"url": "http://localhost", "timeout": 0}, "timeout must be above 0"),
        ({"url": "http://localhost", "body": "a", "json_payload": 1}, "not both"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(
    parameters: dict[str, object], problem: str
) -> None:
    with pytest.raises(ActivityError, match=problem):
        run("http", **parameters)
