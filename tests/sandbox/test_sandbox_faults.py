"""Faults: the exact bytes on the wire, and whether the request took effect."""

import json
import select
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from polyai_data.sandbox import Fault, Received, serve

NOW = datetime(2026, 6, 3, tzinfo=UTC)

CONVERSATIONS = "/v1/agents/PROJECT-DEMO/conversations"
HEADERS = {"X-API-KEY": "sandbox"}
LONG = 60.0
"""Seconds, longer than any test waits."""


class RawRequest:
    """One request on its own connection, and the raw response."""

    def __init__(self, base_url: str, path: str = CONVERSATIONS, **fault: Any) -> None:
        url = urlsplit(base_url)
        self.socket = socket.create_connection((url.hostname, url.port), timeout=LONG)
        lines = [f"GET {path} HTTP/1.1", f"Host: {url.netloc}", "X-API-KEY: sandbox"]
        if fault:
            lines.append(f"X-Sandbox-Fault: {json.dumps(fault)}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def read(self) -> tuple[bytes, dict[str, str], bytes, str]:
        """Return the status line, the headers, the body, and how the connection ended."""
        received, end = b"", "closed"
        try:
            while chunk := self.socket.recv(65536):
                received += chunk
        except ConnectionResetError:
            end = "reset"
        self.socket.close()
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        fields = (line.decode().partition(": ") for line in lines)
        return status, {name.lower(): value for name, _, value in fields}, body, end


@contextmanager
def failing(**fault: Any) -> Iterator[tuple[str, bytes]]:
    """Serve a sandbox with a fault; yield its base URL and the real body."""
    with serve(now=NOW) as base_url:
        body = httpx.get(base_url + CONVERSATIONS, headers=HEADERS).content
    with serve(faults=[Fault(**fault)], now=NOW) as base_url:
        yield base_url, body


@pytest.mark.parametrize("source", ["option", "header"])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_connection_that_ends(end: str, source: str) -> None:
    """The connection ends before the headers, or halfway through the headers or body."""
    bodies = {}
    for position in ("before-headers", "in-headers", "in-body"):
        fault: dict[str, Any] = {"kind": f"{end}-{position}"}
        option = fault if source == "option" else {"path": "never"}
        with failing(**option) as (base_url, body):
            request = RawRequest(base_url, **({} if source == "option" else fault))
            status, headers, bodies[position], actual_end = request.read()
        assert actual_end == ("closed" if end == "close" else "reset")
        if position == "before-headers":
            assert status == b""
        elif position == "in-body":
            assert (status, headers["content-length"]) == (b"HTTP/1.1 200 OK", str(len(body)))
        else:
            assert status == b"HTTP/1.1 200 OK"
            assert "x-polyai-correlation-id" not in headers  # the last header
    assert bodies == {"before-headers": b"", "in-headers": b"", "in-body": body[: len(body) // 2]}


def test_wrong_lengths() -> None:
    """The Content-Length is too small or not a number. The body is complete."""
    with failing(kind="over-long") as (base_url, body):
        _, headers, received, _ = RawRequest(base_url).read()
    assert (headers["content-length"], received) == (str(len(body) // 2), body)
    with failing(kind="wrong-length") as (base_url, body):
        _, headers, received, _ = RawRequest(base_url).read()
    assert (headers["content-length"], received) == ("many", body)


def test_broken_chunking() -> None:
    """Half of the body is a valid chunk; the rest is invalid."""
    with failing(kind="broken-chunking") as (base_url, body):
        _, headers, received, _ = RawRequest(base_url).read()
    assert "content-length" not in headers
    assert headers["transfer-encoding"] == "chunked"
    half = len(body) // 2
    assert received == f"{half:x}\r\n".encode() + body[:half] + b"\r\nmany\r\n"


def test_broken_gzip() -> None:
    """The first half can be decompressed, the rest cannot."""
    with failing(kind="broken-gzip") as (base_url, body):
        _, headers, received, _ = RawRequest(base_url).read()
    assert headers["content-encoding"] == "gzip"
    decompressor = zlib.decompressobj(wbits=31)
    assert decompressor.decompress(received[:-16]) == body[: len(body) // 2]
    with pytest.raises(zlib.error, match="invalid block type"):
        decompressor.decompress(received[-16:])


@pytest.mark.parametrize("kind", ["close-in-body", "close-in-headers", "broken-gzip"])
def test_recording_that_fails(kind: str) -> None:
    """A body in many chunks fails halfway through, too."""
    with serve(recording_bytes=100_000, faults=[Fault(kind=kind, path="*/audio")]) as base_url:  # type: ignore[arg-type]
        found = httpx.get(base_url + CONVERSATIONS, headers=HEADERS).json()["conversations"][1]
        path = f"{CONVERSATIONS}/{found['conversationId']}/audio"
        _, headers, body, _ = RawRequest(base_url, path).read()
    if kind == "close-in-body":
        assert (headers["content-length"], len(body)) == ("100000", 50_000)
    elif kind == "close-in-headers":
        assert body == b""
    else:
        assert headers["content-type"] == "audio/wav"
        assert body.startswith(b"\x1f\x8b")


def test_slow_reader() -> None:
    """The server does not buffer a large response for a client that does not read yet."""
    size = 2**24
    with serve(recording_bytes=size, faults=[Fault(kind="over-long", path="*/audio")]) as base_url:
        found = httpx.get(base_url + CONVERSATIONS, headers=HEADERS).json()["conversations"][1]
        request = RawRequest(base_url, f"{CONVERSATIONS}/{found['conversationId']}/audio")
        time.sleep(0.1)
        _, headers, body, _ = request.read()
    assert (int(headers["content-length"]), len(body)) == (size // 2, size)


def test_late() -> None:
    """The real response is delayed, and nothing is sent before it."""
    with failing(kind="late", delay=0.2) as (base_url, body):
        request = RawRequest(base_url)
        assert request.socket not in select.select([request.socket], [], [], 0)[0]
        request.socket.close()
        started = time.monotonic()
        assert httpx.get(base_url + CONVERSATIONS, headers=HEADERS).content == body
        assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("path", ["", "/audio"])
def test_stall_in_body(path: str) -> None:
    """The second half of the body is delayed."""
    with serve(recording_bytes=100_000) as base_url:
        found = httpx.get(base_url + CONVERSATIONS, headers=HEADERS).json()["conversations"][1]
        url = f"{base_url}{CONVERSATIONS}/{found['conversationId']}{path}"
        body = httpx.get(url, headers=HEADERS).content
        fault = {"X-Sandbox-Fault": json.dumps({"kind": "stall-in-body", "delay": 0.2})}
        with httpx.stream("GET", url, headers=HEADERS | fault) as response:
            chunks = [(len(chunk), time.monotonic()) for chunk in response.iter_raw()]
        assert sum(size for size, _ in chunks) == len(body)
        assert max(later - earlier for (_, earlier), (_, later) in pairwise(chunks)) >= 0.15


@pytest.mark.parametrize("kind", ["late", "stall-in-body"])
def test_delays_are_cut_short(kind: Any) -> None:
    """A delay ends when the client disconnects or the server stops."""
    with serve(faults=[Fault(kind=kind, delay=1e6)]) as base_url:
        RawRequest(base_url).socket.close()
        waiting = RawRequest(base_url)
    waiting.socket.close()


def test_huge() -> None:
    """The body is 1 GiB of JSON, generated while it is sent."""
    with (
        failing(kind="huge") as (base_url, _),
        httpx.stream("GET", base_url + CONVERSATIONS) as response,
    ):
        assert response.headers["content-type"] == "application/json"
        assert int(response.headers["content-length"]) == 2**30 + 2
        chunks = response.iter_raw(1000)
        assert next(chunks) == b'"' + b"x" * 999


def test_huge_is_valid(connect: Callable[..., httpx.Client], monkeypatch: Any) -> None:
    """The huge body is valid JSON and matches its Content-Length."""
    monkeypatch.setattr("polyai_data.sandbox._fault_injection._HUGE_SIZE", 2**17)
    response = connect(faults=[Fault(kind="huge")]).get("/")
    assert response.json() == "x" * 2**17
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize(
    ("fault", "performed"),
    [
        ({"status": 503}, False),
        ({"status": 503, "performed": True}, True),
        ({"kind": "close-before-headers"}, False),
        ({"kind": "reset-before-headers", "performed": True}, True),
        ({"kind": "huge"}, False),
        ({"kind": "late", "delay": 0.01}, True),
        ({"kind": "close-in-headers"}, True),
        ({"kind": "broken-gzip"}, True),
    ],
    ids=str,
)
def test_requests_that_take_effect(fault: dict[str, Any], performed: bool) -> None:
    """A write takes effect if its real response is damaged, or if the fault says so."""
    with serve() as base_url, httpx.Client(base_url=base_url, headers=HEADERS) as client:
        found = client.get(CONVERSATIONS).json()["conversations"][1]["conversationId"]
        url = f"{CONVERSATIONS}/{found}/note"
        named = {"X-Sandbox-Fault": json.dumps(fault)}
        try:
            with client.stream(
                "POST", url, json={"note": "Listened to."}, headers=named
            ) as response:
                assert response.status_code in (503, 200, 201)
        except httpx.TransportError:
            assert "kind" in fault
        note = client.get(f"{CONVERSATIONS}/{found}").json()["note"]
    assert (note == "Listened to.") is performed


def test_rate(connect: Callable[..., httpx.Client]) -> None:
    """This fraction of the requests fails, and the same ones each time."""
    runs = []
    for _ in range(2):
        client = connect(faults=[Fault(rate=0.2)])
        responses = [client.get(CONVERSATIONS, params={"limit": 1}) for _ in range(300)]
        runs.append([response.status_code for response in responses])
    assert runs[0] == runs[1]
    assert 40 <= runs[0].count(502) <= 80
    assert runs[0].count(200) == 300 - runs[0].count(502)


def test_invalid_fault_headers(connect: Callable[..., httpx.Client]) -> None:
    """An invalid header is an error that says why. It is never ignored."""
    client = connect(api_key="k", key="k")
    for header, message in (
        ("{", "Expecting property name"),
        ("[]", "not a JSON object"),
        ('{"status": 1}', "status must be from 200 to 599, not 1"),
        ('{"nth": 2}', "nth selects requests, so it cannot be set for a single one"),
        ('{"colour": "red"}', "unexpected keyword argument 'colour'"),
        ('{"kind": "rude"}', "kind must be one of response, late"),
    ):
        response = client.get(CONVERSATIONS, headers={"X-Sandbox-Fault": header})
        assert response.status_code == 400
        assert message in response.json()["error_message"]
    assert client.get(CONVERSATIONS).status_code == 200
    fault = json.dumps({"status": 503, "body": {"error": "no"}, "headers": {"Retry-After": "1"}})
    response = client.get(CONVERSATIONS, headers={"X-Sandbox-Fault": fault})
    assert (response.status_code, response.json()) == (503, {"error": "no"})
    assert response.headers["retry-after"] == "1"


def test_header_before_option(connect: Callable[..., httpx.Client]) -> None:
    """The fault in a header takes precedence over those of the server, which still count it."""
    client = connect(faults=[Fault(nth=2, status=504)])
    header = {"X-Sandbox-Fault": '{"status": 503}'}
    assert client.get(CONVERSATIONS, headers=header).status_code == 503
    assert client.get(CONVERSATIONS).status_code == 504


def test_faults_that_need_a_server(connect: Callable[..., httpx.Client]) -> None:
    """In process, there is no connection to break."""
    response = connect(faults=[Fault(kind="close-in-body")]).get(CONVERSATIONS)
    assert (response.status_code, response.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert response.json()["error_message"] == "Faults of the kind close-in-body need serve()."


@pytest.mark.parametrize(
    ("options", "named"),
    [
        *(({"rate": rate}, "rate must be from 0 to 1") for rate in (-0.1, 1.1, float("nan"))),
        *(({"delay": delay}, "delay") for delay in (-1, float("inf"), float("nan"))),
        ({"kind": "rude"}, "kind must be one of response, late"),
        ({"kind": "late", "status": 500}, 'are for kind "response"'),
        ({"kind": "late", "body": "x"}, 'are for kind "response"'),
    ],
)
def test_invalid_options(options: dict[str, Any], named: str) -> None:
    """Invalid options raise `ValueError`."""
    with pytest.raises(ValueError, match=named):
        Fault(**options)


def test_received(connect: Callable[..., httpx.Client]) -> None:
    """`received` lists all requests, including those that failed."""
    received: list[Received] = []
    client = connect(received=received, faults=[Fault(path="*/a b")])
    client.get(f"{CONVERSATIONS}?limit=1")
    client.post(f"{CONVERSATIONS}/a%20b")
    assert [(one.method, one.path) for one in received] == [
        ("GET", CONVERSATIONS),
        ("POST", f"{CONVERSATIONS}/a b"),
    ]
    assert received[0].headers["x-api-key"] == "sandbox"
