"""What aiohttp does with the bytes of a connection, read as h11 does in the synchronous client.

So both clients accept and reject the same responses, and surplus bytes do not go unnoticed.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
from contextlib import suppress
from typing import Any

import h11
from aiohttp import ClientOSError, ClientPayloadError, StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpVersion11, RawResponseMessage
from multidict import CIMultiDict, CIMultiDictProxy

MAX_HEADERS_SIZE = 100 * 1024  # bytes of all headers, as in httpcore

_REQUEST = h11.Request(method="GET", target="/", headers=[("Host", "")])

# A head that cannot be misread. `read_plain_head` looks at its headers.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5]\d\d) ([\t\x20-\x7e]*)\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n)+)\r\n"
)
_HEADER = re.compile(rb"([^:\r\n]+):([^\r\n]*)\r\n")
_PLAIN_HEAD_SIZE = 16 * 1024  # bytes
_LENGTH = re.compile(r"0|[1-9][0-9]{0,17}")
_NO_BODY = (204, 304)


class Connector(TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = lambda: Protocol(self._loop)  # type: ignore[assignment]


class Protocol(ResponseHandler):
    _parser: Any
    _ended = False

    def set_response_params(self, **options: Any) -> None:
        tail, self._tail = self._tail, b""
        super().set_response_params(**options)
        self._parser = _Parser(self, self._loop, options["read_bufsize"])
        if tail:
            self.data_received(tail)

    def is_connected(self) -> bool:
        """Whether the connection may be used: it is open, without bytes that nobody expects."""
        return super().is_connected() and not self.should_close and not _has_data(self.transport)

    def close(self) -> None:
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.abort()  # else it stays open until the peer has read the rest
        super().close()

    def eof_received(self) -> None:
        tls: Any = self.transport and self.transport.get_extra_info("ssl_object")
        with suppress(ssl.SSLError):  # it wants to read on if there was no close_notify
            self._ended = tls is None or tls.read(1) == b""
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._parser is not None and (exc is not None or not self._ended):
            self._parser.cut(exc)
        super().connection_lost(exc)


def _has_data(transport: asyncio.Transport | None) -> bool:
    """Whether bytes or the end of the connection have arrived that the event loop has not read."""
    sock: Any = transport and transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock.fileno()], [], [], 0)[0])  # Windows


class _Parser:
    """Reads one response. It has the methods of aiohttp's parser.

    h11 reads all responses except those with a plain head, for which it takes ten times as long as
    needed.
    """

    def __init__(self, protocol: Protocol, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._protocol = protocol
        self._loop = loop
        self._limit = limit
        self._payload: StreamReader | None = None
        self._h11: h11.Connection | None = None
        self._length = 0  # bytes of the body of a plain response
        self._received = 0

    def pause_reading(self) -> None:
        """Do nothing: what has arrived is passed on, and the transport reads no more."""

    def feed_data(self, data: bytes) -> tuple[list[tuple[Any, StreamReader]], bool, bytes]:
        messages: list[tuple[Any, StreamReader]] = []
        if not data:
            pass  # aiohttp asks for what is left
        elif self._payload is None or self._is_reading:
            self._read(data, messages)
        else:  # nobody asked for it
            self._close()
        return messages, False, b""

    def feed_eof(self) -> None:
        if self._payload is None or not self._is_reading:
            return
        if self._h11 is not None:
            self._h11.receive_data(b"")
            self._read_events(self._h11, [])
        else:
            self._fail(
                self._payload,
                "peer closed connection without sending complete message body "  # as h11 says
                f"(received {self._received} bytes, expected {self._length})",
            )

    def cut(self, failure: BaseException | None) -> None:
        """Note that the connection was reset, or ended without TLS's close_notify."""
        if self._payload is not None and self._is_reading:
            self._payload.set_exception(ClientOSError(None, str(failure or "cut off")))

    @property
    def _is_reading(self) -> bool:
        """Whether a part of a body has been read."""
        payload = self._payload
        return payload is not None and not payload.is_eof() and payload.exception() is None

    def _begin(
        self, message: RawResponseMessage, messages: list[tuple[Any, StreamReader]]
    ) -> StreamReader:
        payload = self._payload = StreamReader(self._protocol, self._limit, loop=self._loop)
        messages.append((message, payload))
        return payload

    def _read(self, data: bytes, messages: list[tuple[Any, StreamReader]]) -> None:
        payload = self._payload
        if self._h11 is None and payload is None and (plain := read_plain_head(data)):
            message, self._length, start = plain
            payload, data = self._begin(message, messages), data[start:]
        if self._h11 is None and payload is not None:
            self._read_plain(payload, data)
            return
        if self._h11 is None:
            self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS_SIZE)
            self._h11.send(_REQUEST)  # responses to any GET or POST are read the same way
            self._h11.send(h11.EndOfMessage())
        self._h11.receive_data(data)
        self._read_events(self._h11, messages)

    def _read_plain(self, payload: StreamReader, data: bytes) -> None:
        body = data[: self._length - self._received]
        self._received += len(body)
        if body:
            payload.feed_data(body, len(body))
        if self._received == self._length:
            if len(data) > len(body):
                self._protocol.force_close()
            payload.feed_eof()

    def _read_events(
        self, connection: h11.Connection, messages: list[tuple[Any, StreamReader]]
    ) -> None:
        payload = self._payload
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    message = _message(
                        event.status_code, event.reason, tuple(event.headers.raw_items())
                    )
                    payload = self._begin(message, messages)
                elif payload is None:  # 100 Continue
                    continue
                elif isinstance(event, h11.Data):
                    payload.feed_data(bytes(event.data), len(event.data))
                else:  # the end of the message
                    if connection.their_state is not h11.DONE or connection.trailing_data[0]:
                        self._protocol.force_close()
                    payload.feed_eof()
                    return
        except h11.RemoteProtocolError as error:
            if payload is None:
                raise
            self._fail(payload, str(error))

    def _fail(self, payload: StreamReader, message: str) -> None:
        payload.set_exception(ClientPayloadError(message))
        self._close()

    def _close(self) -> None:
        self._protocol.force_close()
        if self._protocol.transport is not None:
            self._protocol.transport.close()


def read_plain_head(data: bytes) -> tuple[RawResponseMessage, int, int] | None:
    """Return the head of a response, the length of its body, and where the body starts.

    Return None unless the whole head is there, and nothing in it but its length says how to read
    the body.
    """
    match = _PLAIN_HEAD.match(data, 0, _PLAIN_HEAD_SIZE)
    if match is None:
        return None
    raw = tuple((name, value.strip(b" \t")) for name, value in _HEADER.findall(match[3]))
    message = _message(int(match[1]), match[2], raw)
    lengths = message.headers.getall("content-length", [])
    is_plain = (
        len(lengths) == 1
        and _LENGTH.fullmatch(lengths[0])
        and message.code not in _NO_BODY
        and message.headers.getall("connection", ["keep-alive"]) == ["keep-alive"]
        and "transfer-encoding" not in message.headers
    )
    return (message, int(lengths[0]), match.end()) if is_plain else None


def _message(code: int, reason: bytes, raw: tuple[tuple[bytes, bytes], ...]) -> RawResponseMessage:
    headers = CIMultiDict(
        (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in raw
    )
    return RawResponseMessage(
        version=HttpVersion11,
        code=code,
        reason=reason.decode("latin-1"),
        headers=CIMultiDictProxy(headers),
        raw_headers=raw,
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
    )
