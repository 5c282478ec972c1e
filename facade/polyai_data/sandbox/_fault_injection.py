"""Sends faulty responses: late, cut off or malformed."""

import asyncio
import os
import socket
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import cast

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ._errors import APIError
from ._faults import Fault

TRANSPORT = "polyai_data.transport"
"""The ASGI scope extension that holds the connection. `serve` provides it."""

_HUGE_SIZE = 2**30
_CHUNK_SIZE = 2**16
_MAX_BUFFER_SIZE = 2**20
_OVER_LONG_PAUSE = 0.1
_SURPLUS_PAUSE = 0.5
_FORGED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n"
    b'{"success": true, "conversationId": "FORGED", "padding": ""}'
)
_INVALID_DEFLATE = b"\xff" * 16  # no deflate block starts with 0b111


async def send_faulty_response(
    fault: Fault,
    respond: Callable[[], Awaitable[Response]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Respond to a request with a fault.

    Args:
        fault: the fault.
        respond: a function that performs the request and returns the real response.
        scope: the ASGI connection scope.
        receive: the ASGI receive callable.
        send: the ASGI send callable.

    Raises:
        APIError: the fault needs a server that `serve` started.
    """
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
    if transport is None and fault.kind not in ("response", "late", "huge"):
        raise APIError(501, "NOT_IMPLEMENTED", f"Faults of the kind {fault.kind} need serve().")
    response = await respond() if fault.is_performed else Response()
    if fault.delay and fault.kind != "stall-in-body":
        await _pause(receive, fault.delay)
    if fault.kind == "response":
        response = fault.response()
    if fault.kind == "huge":
        response = _huge_response()
    if fault.kind in ("response", "late", "huge"):
        await response(scope, receive, send)
        return
    writer = _FaultyWriter(fault, cast(asyncio.Transport, transport), receive)
    if not fault.kind.endswith("-before-headers"):
        await response(scope, receive, writer.send)
    await writer.close()


async def _pause(receive: Receive, seconds: float) -> None:
    """Wait, but only while the client is connected."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_disconnected(receive), seconds)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _huge_response() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'"'
        for _ in range(_HUGE_SIZE // _CHUNK_SIZE):
            await asyncio.sleep(0)  # lets the server notice a disconnect
            yield b"x" * _CHUNK_SIZE
        yield b'"'

    headers = {"Content-Length": str(_HUGE_SIZE + 2)}
    return StreamingResponse(chunks(), headers=headers, media_type="application/json")


class _FaultyWriter:
    """Writes a response straight to the connection, since uvicorn refuses to send invalid ones."""

    def __init__(self, fault: Fault, transport: asyncio.Transport, receive: Receive) -> None:
        self._fault = fault
        self._transport = transport
        self._receive = receive
        self._left = 0  # bytes until the middle of the body
        self._done = False

    async def send(self, message: Message) -> None:
        """Write an ASGI message, changed by the fault."""
        if message["type"] == "http.response.start":
            await self._write_head(message["status"], message["headers"])
        else:
            await self._write_body(message.get("body", b""))

    async def _write_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        fields = dict(headers)
        size = int(fields[b"content-length"])
        self._left = size // 2
        match self._fault.kind:
            case "over-long":
                fields[b"content-length"] = str(self._left).encode()
            case "wrong-length":
                fields[b"content-length"] = b"many"
            case "broken-chunking":
                del fields[b"content-length"]
                fields[b"transfer-encoding"] = b"chunked"
            case "surplus":
                self._left = size
            case "close-without-length":
                del fields[b"content-length"]
                fields[b"connection"] = b"close"
            case "broken-gzip":
                del fields[b"content-length"]
                fields |= {b"content-encoding": b"gzip", b"connection": b"close"}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in fields.items()]
        head = b"\r\n".join([*lines, b"", b""])
        if self._fault.kind.endswith("-in-headers"):
            head = head[: len(head) // 2]
            self._done = True
        await self._write(head)

    async def _write_body(self, chunk: bytes) -> None:
        if self._done:
            return
        if self._fault.kind == "over-long" and 0 < self._left <= len(chunk):
            # The surplus is sent separately, so that the result does not depend on how a client
            # reads.
            await self._write(chunk[: self._left], max_buffer_size=0)
            await _pause(self._receive, _OVER_LONG_PAUSE)
            chunk, self._left = chunk[self._left :], 0
        if self._fault.kind in ("over-long", "wrong-length") or len(chunk) < self._left:
            self._left -= len(chunk)
            await self._write(self._encode(chunk))
            return
        surplus = _FORGED if self._fault.kind == "surplus" else b""
        # In one piece: if it came later, it could be the response to the next request.
        await self._write(self._encode(chunk[: self._left]) + surplus)
        match self._fault.kind:
            case "broken-chunking":
                await self._write(b"many\r\n")
            case "broken-gzip":
                await self._write(_INVALID_DEFLATE)
            case "surplus":
                await _pause(self._receive, _SURPLUS_PAUSE)
            case "stall-in-body":
                await _pause(self._receive, self._fault.delay)
                await self._write(chunk[self._left :])
                self._left = sys.maxsize  # no second stall
                return
        self._done = True

    def _encode(self, chunk: bytes) -> bytes:
        match self._fault.kind:
            case "broken-chunking":
                return f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" if chunk else b""
            case "broken-gzip":
                compressor = zlib.compressobj(wbits=31)
                return compressor.compress(chunk) + compressor.flush(zlib.Z_FULL_FLUSH)
        return chunk

    async def _write(self, data: bytes, *, max_buffer_size: int = _MAX_BUFFER_SIZE) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
        while self._transport.get_write_buffer_size() > max_buffer_size:
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        """Close or reset the connection once everything is sent."""
        await self._write(b"", max_buffer_size=0)
        if self._fault.kind.startswith("reset"):
            no_linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
            self._transport.abort()
        else:
            self._transport.close()
        await _disconnected(self._receive)
