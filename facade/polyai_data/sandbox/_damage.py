"""Answers that fail: late, broken off, or such as no well-behaved server sends."""

import asyncio
import os
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import cast

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ._errors import Problem
from ._faults import Fault

TRANSPORT = "polyai_data.transport"
"""The extension of the ASGI scope with the connection, which `serve` provides."""

_HUGE = 2**30
_PIECE = 2**16
_MAX_BUFFER = 2**20
_MOMENT = 0.1
_AFTER_INVALID_BLOCK = b"\xff" * 16  # no block of deflate begins with 0b111


async def fail(
    fault: Fault,
    answer: Callable[[], Awaitable[Response]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer a request with a fault.

    Args:
        fault: what goes wrong.
        answer: performs the request, and returns the real answer.
        scope: as in ASGI.
        receive: likewise.
        send: likewise.

    Raises:
        Problem: only the server that `serve` starts can do that.
    """
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
    if transport is None and fault.kind not in ("answer", "late", "huge"):
        raise Problem(501, "NOT_IMPLEMENTED", f"A fault of the kind {fault.kind} needs serve().")
    response = await answer() if fault.is_performed else Response()
    if fault.delay and fault.kind != "stall-in-body":
        await _pause(receive, fault.delay)
    if fault.kind == "answer":
        response = fault.response()
    if fault.kind == "huge":
        response = _huge()
    if fault.kind in ("answer", "late", "huge"):
        await response(scope, receive, send)
        return
    wire = _Wire(fault, cast(asyncio.Transport, transport), receive)
    if not fault.kind.endswith("-before-headers"):
        await response(scope, receive, wire.send)
    await wire.end()


async def _pause(receive: Receive, seconds: float) -> None:
    """Wait, but not for a client that has gone."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_disconnected(receive), seconds)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _huge() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'"'
        for _ in range(_HUGE // _PIECE):
            await asyncio.sleep(0)  # lets the server see that nobody reads any more
            yield b"x" * _PIECE
        yield b'"'

    headers = {"Content-Length": str(_HUGE + 2)}
    return StreamingResponse(pieces(), headers=headers, media_type="application/json")


class _Wire:
    """Writes an answer onto its connection, where the server would keep it from being wrong."""

    def __init__(self, fault: Fault, transport: asyncio.Transport, receive: Receive) -> None:
        self._fault = fault
        self._transport = transport
        self._receive = receive
        self._left = 0  # of the first half of the body
        self._is_over = False

    async def send(self, message: Message) -> None:
        """Take a message of ASGI, and write what the fault makes of it."""
        if message["type"] == "http.response.start":
            await self._start(message["status"], message["headers"])
        else:
            await self._go_on(message.get("body", b""))

    async def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        kept = dict(headers)
        size = int(kept[b"content-length"])
        self._left = size // 2
        match self._fault.kind:
            case "over-long":
                kept[b"content-length"] = str(self._left).encode()
            case "wrong-length":
                kept[b"content-length"] = b"many"
            case "broken-chunking":
                del kept[b"content-length"]
                kept[b"transfer-encoding"] = b"chunked"
            case "broken-gzip":
                del kept[b"content-length"]
                kept |= {b"content-encoding": b"gzip", b"connection": b"close"}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in kept.items()]
        head = b"\r\n".join([*lines, b"", b""])
        if self._fault.kind.endswith("-in-headers"):
            head = head[: len(head) // 2]
            self._is_over = True
        await self._write(head)

    async def _go_on(self, piece: bytes) -> None:
        if self._is_over:
            return
        if self._fault.kind == "over-long" and 0 < self._left <= len(piece):
            # What was promised comes apart, so that it does not matter how a client reads.
            await self._write(piece[: self._left], may_wait=0)
            await _pause(self._receive, _MOMENT)
            piece, self._left = piece[self._left :], 0
        if self._fault.kind in ("over-long", "wrong-length") or len(piece) < self._left:
            self._left -= len(piece)
            await self._write(self._packed(piece))
            return
        await self._write(self._packed(piece[: self._left]))
        match self._fault.kind:
            case "broken-chunking":
                await self._write(b"many\r\n")
            case "broken-gzip":
                await self._write(_AFTER_INVALID_BLOCK)
            case "stall-in-body":
                await _pause(self._receive, self._fault.delay)
                await self._write(piece[self._left :])
                self._left = _HUGE * _HUGE  # the rest is sent as it comes
                return
        self._is_over = True

    def _packed(self, piece: bytes) -> bytes:
        match self._fault.kind:
            case "broken-chunking":
                return f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if piece else b""
            case "broken-gzip":
                packer = zlib.compressobj(wbits=31)
                return packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
        return piece

    async def _write(self, data: bytes, *, may_wait: int = _MAX_BUFFER) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
        while self._transport.get_write_buffer_size() > may_wait:
            await asyncio.sleep(0.001)

    async def end(self) -> None:
        """Close or reset the connection, when what was written is on its way."""
        await self._write(b"", may_wait=0)
        if self._fault.kind.startswith("reset"):
            at_once = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._transport.abort()
        else:
            self._transport.close()
        await _disconnected(self._receive)
