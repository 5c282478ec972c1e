"""What aiohttp does with the bytes of a connection, read by h11 as in the synchronous client.

So both clients accept and reject the same responses, and surplus bytes do not go unnoticed.
"""

from __future__ import annotations

import asyncio
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
        """Whether the connection may be used: neither closed nor with bytes that nobody awaits."""
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
    """Whether bytes or the end of the connection have arrived, and the event loop has not run."""
    sock: Any = transport and transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock.fileno()], [], [], 0)[0])  # Windows


class _Parser:
    """Reads one response. It has the methods of aiohttp's parser."""

    def __init__(self, protocol: Protocol, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._protocol = protocol
        self._loop = loop
        self._limit = limit
        self._payload: StreamReader | None = None
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS_SIZE)
        self._h11.send(_REQUEST)  # the response to any GET or POST is read alike
        self._h11.send(h11.EndOfMessage())

    def pause_reading(self) -> None:
        """Do nothing: what has arrived is passed on, and the transport reads no more."""

    def feed_data(self, data: bytes) -> tuple[list[tuple[Any, StreamReader]], bool, bytes]:
        messages: list[tuple[Any, StreamReader]] = []
        if not data:
            pass  # aiohttp asks for what is left
        elif self._payload is None or self._is_reading:
            self._h11.receive_data(data)
            self._read_events(messages)
        else:  # nobody asked for it
            self._close()
        return messages, False, b""

    def feed_eof(self) -> None:
        if self._is_reading:
            self._h11.receive_data(b"")
            self._read_events([])

    def cut(self, failure: BaseException | None) -> None:
        """Note that the connection was reset, or ended without TLS's close_notify."""
        if self._payload is not None and self._is_reading:
            self._payload.set_exception(ClientOSError(None, str(failure or "cut off")))

    @property
    def _is_reading(self) -> bool:
        """Whether a part of a body has been read."""
        payload = self._payload
        return payload is not None and not payload.is_eof() and payload.exception() is None

    def _read_events(self, messages: list[tuple[Any, StreamReader]]) -> None:
        payload = self._payload
        try:
            while True:
                event = self._h11.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    payload = StreamReader(self._protocol, self._limit, loop=self._loop)
                    self._payload = payload
                    messages.append((_message(event), payload))
                elif payload is None:  # 100 Continue
                    continue
                elif isinstance(event, h11.Data):
                    payload.feed_data(bytes(event.data), len(event.data))
                else:  # the end of the message
                    if self._h11.their_state is not h11.DONE or self._h11.trailing_data[0]:
                        self._protocol.force_close()
                    payload.feed_eof()
                    return
        except h11.RemoteProtocolError as error:
            if payload is None:
                raise
            payload.set_exception(ClientPayloadError(str(error)))
            self._close()

    def _close(self) -> None:
        self._protocol.force_close()
        if self._protocol.transport is not None:
            self._protocol.transport.close()


def _message(response: h11.Response) -> RawResponseMessage:
    raw = response.headers.raw_items()
    headers = CIMultiDict(
        (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in raw
    )
    return RawResponseMessage(
        version=HttpVersion11,
        code=response.status_code,
        reason=response.reason.decode("latin-1"),
        headers=CIMultiDictProxy(headers),
        raw_headers=tuple(raw),
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
    )
