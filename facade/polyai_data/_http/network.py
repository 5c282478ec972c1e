"""What the default transports add to httpx's: deadlines, and no reuse of a connection with surplus.

The deadlines are for the synchronous client; asyncio has its own.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from ..errors import PolyAIError
from .clock import Seconds
from .threads import ThreadCall

PIECE = 16 * 1024  # bytes; a socket that is ready to be written accepts as much at once


def protect(transport: httpx.HTTPTransport | httpx.AsyncHTTPTransport) -> None:
    """Make a transport of httpx keep deadlines, and close connections with surplus bytes."""
    pool: Any = transport._pool
    if isinstance(transport, httpx.HTTPTransport):
        pool._network_backend = _Backend(pool._network_backend)
    create_connection = pool.create_connection

    def create(origin: httpcore.Origin) -> Any:
        connection = create_connection(origin)
        has_expired = connection.has_expired
        connection.has_expired = lambda: has_expired() or _has_surplus(connection)
        return connection

    pool.create_connection = create


def _has_surplus(connection: Any) -> bool:
    """Whether bytes follow the last response: they would be taken for the next response."""
    while (inner := getattr(connection, "_connection", None)) is not None:  # through a tunnel
        connection = inner
    if not connection.is_idle():
        return False
    state = getattr(connection, "_h11_state", None)
    return state is None or state.trailing_data[0] != b""


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _left(timeout, httpcore.ConnectTimeout)

        def connect() -> httpcore.NetworkStream:
            return self._backend.connect_tcp(host, port, seconds, local_address, socket_options)

        with suppress(ValueError):
            ipaddress.ip_address(host)
            return _Stream(connect())
        return _Stream(_in_thread(connect, seconds))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self.close = stream.close  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            piece = buffer[start : start + PIECE]
            self._stream.write(piece, _left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _left(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        sock = stream.get_extra_info("socket")
        if isinstance(sock, ssl.SSLSocket):
            # Without a close_notify, the connection was cut.
            sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        return _Stream(stream)


def _left(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the timeout, cut to the time left until the deadline."""
    if not isinstance(timeout, Seconds):
        return timeout
    left = timeout.left
    if left <= 0:
        raise error
    return left


def _in_thread(
    connect: Callable[[], httpcore.NetworkStream], seconds: float | None
) -> httpcore.NetworkStream:
    """Connect in a thread of its own: nothing else limits how long resolving a name takes."""
    try:
        future = ThreadCall(connect, name="connect")
    except PolyAIError:  # the interpreter is shutting down
        return connect()
    try:
        stream: httpcore.NetworkStream = future.result(seconds)
        return stream
    except BaseException as error:
        future.add_done_callback(_close)
        if isinstance(error, TimeoutError):
            raise httpcore.ConnectTimeout from error
        raise


def _close(future: Future[Any]) -> None:
    """Close a connection that nobody waits for any more."""
    if future.exception() is None:
        future.result().close()
