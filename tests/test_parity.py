"""Both clients read the same responses, however odd, and reject the same for the same reason."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import Annotation, AsyncDataClient, DataClient, PolyAIError
from polyai_data._http.aiohttp_protocol import read_plain_head

Listening = Callable[..., AbstractContextManager[str]]

BODY = json.dumps({"conversationId": "CA1", "note": "x" * 50}).encode()
LENGTH = f"Content-Length: {len(BODY)}"
GZIP = gzip.compress(BODY)
MEMBERS = gzip.compress(BODY[:20]) + gzip.compress(BODY[20:])
RAW_DEFLATE = zlib.compressobj(wbits=-15)
RAW = RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()
ERROR = json.dumps({"error_code": "BROKEN", "error_message": "why"}).encode()


def reply(*headers: str, body: bytes = BODY, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers]).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def packed(body: bytes, encoding: str = "gzip") -> bytes:
    length = f"Content-Length: {len(body)}"
    return reply(f"Content-Encoding: {encoding}", length, body=body)


CHUNKED = "Transfer-Encoding: chunked"

READ = {
    "plain": reply(LENGTH),
    "no reason phrase": reply(LENGTH, status="HTTP/1.1 200 "),
    "no reason and no space": reply(LENGTH, status="HTTP/1.1 200"),
    "HTTP/1.0": reply(LENGTH, status="HTTP/1.0 200 OK"),
    "HTTP/2.0": reply(LENGTH, status="HTTP/2.0 200 OK"),
    "HTTP/1.0 without a length": reply(status="HTTP/1.0 200 OK"),
    "until the connection ends": reply("Connection: close"),
    "without any header": reply(),
    "the same length twice": reply(LENGTH, LENGTH),
    "the same length in a list": reply(f"{LENGTH}, {len(BODY)}"),
    "length in other letters": reply(LENGTH.lower()),
    "length without a space": reply(LENGTH.replace(" ", "")),
    "length between tabs": reply(f"Content-Length:\t{len(BODY)}\t"),
    "length with zeros in front": reply(f"Content-Length: 000{len(BODY)}"),
    "chunks": reply(CHUNKED, body=chunked(BODY)),
    "chunks of one byte": reply(CHUNKED, body=chunked(*(bytes([one]) for one in BODY))),
    "chunks in capitals": reply("TRANSFER-ENCODING: Chunked", body=chunked(BODY)),
    "a chunk size in capitals": reply(CHUNKED, body=b"%X\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "a chunk size with zeros": reply(
        CHUNKED, body=b"000%x\r\n%s\r\n000\r\n\r\n" % (len(BODY), BODY)
    ),
    "chunk extensions": reply(
        CHUNKED, body=b'%x;a=b;c="d"\r\n%s\r\n0;e\r\n\r\n' % (len(BODY), BODY)
    ),
    "trailers": reply(CHUNKED, body=chunked(BODY, end=b"0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n")),
    "chunks and a length": reply(CHUNKED, "Content-Length: 5", body=chunked(BODY)),
    "100 Continue first": reply(status="HTTP/1.1 100 Continue", body=b"") + reply(LENGTH),
    "early hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + reply(LENGTH),
    "bytes after the end": reply(LENGTH) + b"garbage",
    "bytes after Connection: close": reply(LENGTH, "Connection: close") + b"\r\n\r\n.",
    "another response after the end": reply(LENGTH) + reply(LENGTH),
    "bytes after the last chunk": reply(CHUNKED, body=chunked(BODY)) + b"more",
    "130 headers": reply(LENGTH, *(f"X-{i}: 1" for i in range(130))),
    "5,000 headers": reply(LENGTH, *(f"X-{i}: 1" for i in range(5_000))),
    "a header of 60,000 bytes": reply(LENGTH, f"X-Long: {'x' * 60_000}"),
    "the same header twice": reply(LENGTH, "X-A: 1", "X-A: 2"),
    "two content types": reply(LENGTH, "Content-Type: text/plain", "Content-Type: text/html"),
    "a header without a value": reply(LENGTH, "X-Empty:"),
    "a header in Latin-1": reply(LENGTH, "X-Name: J\xfcrgen"),
    "a folded header": reply(LENGTH, "X-Long: a\r\n b"),
    "cookies": reply(LENGTH, "Set-Cookie: a=b; Path=/", "Set-Cookie: odd"),
    "lines that end in LF": reply(LENGTH).replace(b"\r\n", b"\n", 3).replace(b"\n\r\n", b"\n\n"),
    "status 201": reply(LENGTH, status="HTTP/1.1 201 Created"),
    "status 299": reply(LENGTH, status="HTTP/1.1 299 Odd"),
    "gzip": packed(GZIP),
    "gzip in capitals": packed(GZIP, "GZIP"),
    "x-gzip": packed(GZIP, "x-gzip"),
    "gzip of several members": packed(MEMBERS),
    "gzip in chunks": reply("Content-Encoding: gzip", CHUNKED, body=chunked(GZIP[:9], GZIP[9:])),
    "gzip until the connection ends": reply("Content-Encoding: gzip", body=GZIP),
    "deflate": packed(zlib.compress(BODY), "deflate"),
    "deflate without a header": packed(RAW, "deflate"),
    "identity": packed(BODY, "identity"),
}

REJECTED = {
    "nothing": b"",
    "no HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "HTTP/0.9": BODY,
    "a space before HTTP": reply(LENGTH, status=" HTTP/1.1 200 OK"),
    "a status of two digits": reply(LENGTH, status="HTTP/1.1 20 OK"),
    "a status of four digits": reply(LENGTH, status="HTTP/1.1 2000 OK"),
    "a status in letters": reply(LENGTH, status="HTTP/1.1 abc OK"),
    "cut in the status line": b"HTTP/1.1 20",
    "cut in the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut in the body": reply(LENGTH)[:-10],
    "two lengths": reply(LENGTH, "Content-Length: 5"),
    "two lengths in a list": reply(f"{LENGTH}, 5"),
    "a negative length": reply("Content-Length: -1"),
    "a length in letters": reply("Content-Length: many"),
    "a length with a plus": reply(f"Content-Length: +{len(BODY)}"),
    "a length with a dot": reply(f"Content-Length: {len(BODY)}.0"),
    "a length of 30 digits": reply(f"Content-Length: {'9' * 30}"),
    "an empty length": reply("Content-Length:"),
    "an unknown transfer encoding": reply("Transfer-Encoding: zip", LENGTH),
    "gzip as a transfer encoding": reply("Transfer-Encoding: gzip, chunked", body=chunked(GZIP)),
    "no last chunk": reply(CHUNKED, body=chunked(BODY, end=b"")),
    "cut in a chunk": reply(CHUNKED, body=chunked(BODY)[:20]),
    "a chunk size in words": reply(CHUNKED, body=b"many\r\n" + BODY),
    "a negative chunk size": reply(CHUNKED, body=b"-1\r\n" + BODY),
    "a chunk size of 40 digits": reply(CHUNKED, body=b"f" * 40 + b"\r\n" + BODY),
    "a chunk that is too long": reply(CHUNKED, body=b"5\r\n" + BODY),
    "a header without a colon": reply(LENGTH, "odd"),
    "a header without a name": reply(LENGTH, ": odd"),
    "a space before the colon": reply(LENGTH, "X-A : 1"),
    "a space in a name": reply(LENGTH, "X A: 1"),
    "NUL in a header": reply(LENGTH, "X-A: a\0b"),
    "200 KB of headers": reply(LENGTH, *(f"X-{i}: {'x' * 1_000}" for i in range(200))),
    "a switch of protocols": reply("Upgrade: x", status="HTTP/1.1 101 Switching", body=b""),
    "only 100 Continue": reply(status="HTTP/1.1 100 Continue", body=b""),
    "no content": reply(status="HTTP/1.1 204 No Content", body=b""),
    "not modified": reply(status="HTTP/1.1 304 Not Modified", body=b""),
    "a redirect": reply("Location: /x", LENGTH, status="HTTP/1.1 302 Found"),
    "an error": reply(f"Content-Length: {len(ERROR)}", body=ERROR, status="HTTP/1.1 400 Bad"),
    "an error cut in the body": reply(
        f"Content-Length: {len(ERROR) + 9}", body=ERROR, status="HTTP/1.1 400 Bad"
    ),
    "an error in bad chunks": reply(CHUNKED, body=b"odd\r\n", status="HTTP/1.1 503 Unavailable"),
    "an error in gzip": reply(
        "Content-Encoding: gzip",
        CHUNKED,
        body=chunked(gzip.compress(ERROR)),
        status="HTTP/1.1 500 X",
    ),
    "a status of 600": reply(LENGTH, status="HTTP/1.1 600 Odd"),
    "gzip that is cut": packed(GZIP[:-9]),
    "gzip with garbage after it": packed(GZIP + b"garbage"),
    "gzip with a wrong checksum": packed(GZIP[:-8] + b"\0" * 8),
    "gzip that is none": packed(BODY),
    "gzip that is empty": packed(b""),
    "gzip twice": packed(gzip.compress(GZIP), "gzip, gzip"),
    "brotli": packed(GZIP, "br"),
    "deflate that is cut": packed(zlib.compress(BODY)[:-5], "deflate"),
    "deflate with garbage after it": packed(zlib.compress(BODY) + b"garbage", "deflate"),
    "deflate of one byte": packed(b"x", "deflate"),
    "invalid JSON": reply("Content-Length: 1", body=b"{"),
    "an empty body": reply("Content-Length: 0", body=b""),
}

CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: client.get_conversation("CA1"),
    "write": lambda client: client.add_annotations(
        "CA1", [Annotation(turn=0, role="agent", type="wrong_info")]
    ),
}


def is_whole(request: bytes) -> bool:
    head, _, body = request.partition(b"\r\n\r\n")
    return head != request and (head.startswith(b"GET") or body.endswith(b"]}"))


def outcomes(listening: Listening, response: bytes, name: str, cut: int) -> list[Any]:
    """Return what the two clients make of a response, sent whole or in small pieces."""

    def behave(connection: socket.socket) -> None:
        request = b""
        while not is_whole(request):  # bytes that nobody reads reset the connection
            data = connection.recv(65_536)
            if not data:
                return
            request += data
        for start in range(0, len(response), cut):
            connection.sendall(response[start : start + cut])

    async def asynchronously(url: str) -> Any:
        async with AsyncDataClient(base_url=url, **SETTINGS) as client:
            return await CALLS[name](client)

    def synchronously(url: str) -> Any:
        with DataClient(base_url=url, **SETTINGS) as client:
            return CALLS[name](client)

    found: list[Any] = []
    for use in (synchronously, lambda url: asyncio.run(asynchronously(url))):
        with listening(behave) as address:
            try:
                result = use(f"http://{address}")
                headers = {**result.meta.headers, "x-polyai-correlation-id": ""}
                found.append((result.raw, result.meta.status_code, headers))
            except PolyAIError as error:
                message = error.message.replace(address, "HOST")
                details = (error.status_code, error.code, error.body, error.outcome_unknown)
                found.append((type(error).__name__, message, *details))
    return found


SETTINGS: dict[str, Any] = {"api_key": "k", "agent_id": "A", "max_retries": 0, "timeout": 10}


@pytest.mark.parametrize("cut", [1_000_000, 37], ids=["whole", "in pieces"])
@pytest.mark.parametrize("response", READ.values(), ids=READ)
def test_both_clients_read_the_response(listening: Listening, response: bytes, cut: int) -> None:
    synchronous, asynchronous = outcomes(listening, response, "read", cut)
    assert synchronous[0] == json.loads(BODY)
    assert asynchronous == synchronous


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("response", REJECTED.values(), ids=REJECTED)
def test_both_clients_reject_the_response_for_the_same_reason(
    listening: Listening, response: bytes, name: str
) -> None:
    if (name, response) == ("write", REJECTED["no content"]):
        pytest.skip("A write needs no content in its response.")
    synchronous, asynchronous = outcomes(listening, response, name, 1_000_000)
    assert isinstance(synchronous[0], str), synchronous
    assert asynchronous == synchronous


def test_enough_responses_are_compared() -> None:
    assert len(READ) + len(REJECTED) >= 100


# --- Plain heads, which the async client reads without h11 ----------------------------------------

NOT_PLAIN = {
    *("no reason and no space", "HTTP/1.0", "HTTP/2.0", "HTTP/1.0 without a length"),
    *("until the connection ends", "without any header", "the same length twice"),
    *("the same length in a list", "length with zeros in front", "100 Continue first"),
    *("early hints first", "bytes after Connection: close", "5,000 headers"),
    *("a header of 60,000 bytes", "a header in Latin-1", "a folded header"),
    *("lines that end in LF", "gzip until the connection ends"),
}
PIECES = [
    b"",
    *(bytes([byte]) for byte in b"\r\n\t :,;0159-+aA\0\x1f\x7f\x80\xff"),
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"\r\nX-Other: 1",
    b"\r\nConnection: close",
    b"\r\nConnection: keep-alive",
    b"\r\nTransfer-Encoding: chunked",
    b"\r\nContent-Length: 7",
    b"HTTP/1.0",
    b"204",
    b"304",
    b"100",
    b"101",
]


def read_with_h11(data: bytes) -> tuple[h11.Response, bytes]:
    """Return a response and its body."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    response, body = connection.next_event(), b""
    assert isinstance(response, h11.Response)
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert connection.their_state is h11.DONE
    return response, body


@given(
    st.sampled_from(list((READ | REJECTED).values())),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20), st.sampled_from(PIECES))),
)
def test_a_plain_head_is_read_as_h11_reads_it(
    response: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    for start, length, piece in changes:
        response = response[:start] + piece + response[start + length :]
    plain = read_plain_head(response)
    if plain is None:
        return
    message, length, start = plain
    body = bytes(min(length, 10_000))
    if length != len(body):
        return
    expected, read = read_with_h11(response[:start] + body)
    assert read == body
    assert (message.code, message.reason) == (expected.status_code, expected.reason.decode())
    assert list(message.raw_headers) == expected.headers.raw_items()


def test_only_plain_heads_are_read_without_h11() -> None:
    """What the bodies contain does not matter here."""
    others = {name for name, response in READ.items() if read_plain_head(response) is None}
    assert others == NOT_PLAIN | {name for name in READ if "chunk" in name or name == "trailers"}


@pytest.mark.parametrize("status", [100, 101, 103, 199, 204, 304, 600])
def test_a_head_with_an_odd_status_is_not_a_plain_head(status: int) -> None:
    assert read_plain_head(reply(LENGTH, status=f"HTTP/1.1 {status} OK")) is None
