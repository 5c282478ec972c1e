"""aiohttp behind httpx's transport interface: no cookies or redirects, and nothing sent twice."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache

import aiohttp
import attrs
import httpx
from yarl import URL

from .aiohttp_protocol import Connector

READ_SIZE = 256 * 1024  # bytes; at most twice as much is buffered before it is read
PIECE = 64 * 1024  # bytes of a request body; the write timeout applies to each piece


class AiohttpTransport(httpx.AsyncBaseTransport):
    """An httpx transport over aiohttp, for one event loop."""

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._context = context
        self._keep_alive = limits.keepalive_expiry
        self._slots = asyncio.Semaphore(limits.max_connections or 100)
        self._session: aiohttp.ClientSession | None = None
        self._guard: AsyncIterator[None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions["timeout"]
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        session = self._session or await self._open()
        try:
            # A timer is slow: set one only if there is a wait.
            async with asyncio.timeout(timeout["pool"] if self._slots.locked() else None):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("") from None
        try:
            async with asyncio.timeout(None) as write_timeout:
                response = await session.request(
                    request.method,
                    URL(str(request.url), encoded=True),
                    headers=headers,
                    data=_pieces(request.content, write_timeout, timeout["write"]),
                    allow_redirects=False,
                    timeout=_timeout(timeout["connect"], timeout["read"]),
                )
        except BaseException as failure:
            self._slots.release()
            if write_timeout.expired():
                raise httpx.WriteTimeout("") from None
            if isinstance(failure, aiohttp.ClientError | OSError):  # from a mock of aiohttp
                error, cause = _map_exception(failure)
                raise error from cause
            raise
        body = _Body(response, self._slots, timeout["read"])
        return httpx.Response(response.status, headers=response.raw_headers, stream=body)

    async def _open(self) -> aiohttp.ClientSession:
        session = self._session = aiohttp.ClientSession(
            connector=Connector(
                ssl=self._context, limit=0, keepalive_timeout=self._keep_alive or 5.0
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_SIZE,
            middlewares=(_send_once,),
        )
        self._guard = _close_with_loop(session)
        await anext(self._guard)
        return session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def __del__(self) -> None:
        # If nobody closed it, or its event loop is gone, aiohttp would warn. Closing does not wait
        # for anything here: its first step is all of it.
        if self._session is not None and not self._session.closed:
            with suppress(Exception):
                self._session.close().send(None)


async def _close_with_loop(session: aiohttp.ClientSession) -> AsyncIterator[None]:
    """Close the session when the event loop ends, which closes its asynchronous generators."""
    try:
        yield
    finally:
        await session.close()


def _pieces(
    content: bytes, timeout: asyncio.Timeout, seconds: float
) -> bytes | AsyncIterator[bytes] | None:
    """Return a large body in pieces that move the timeout, since aiohttp has none for writing."""
    if len(content) <= PIECE:  # fits into the socket's buffer
        return content or None

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), PIECE):
            timeout.reschedule(asyncio.get_running_loop().time() + seconds)
            yield content[start : start + PIECE]
        timeout.reschedule(None)

    return pieces()


@lru_cache(maxsize=32)  # a deadline makes many of them
def _timeout(connect: float, read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=read)


async def _send_once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request. aiohttp does not retry after these exceptions: it does not know them."""
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError) as failure:
        error, cause = _map_exception(failure)
        raise error from cause


def _map_exception(failure: Exception) -> tuple[httpx.TransportError, BaseException]:
    if isinstance(failure, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(str(failure)), failure
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return httpx.ConnectError(""), failure.certificate_error
    if isinstance(failure, aiohttp.ClientConnectorError):
        return httpx.ConnectError(str(failure.os_error)), failure.os_error
    if isinstance(failure, TimeoutError):
        return httpx.ReadTimeout(str(failure)), failure
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return httpx.RemoteProtocolError("Server disconnected without sending a response."), failure
    cause: BaseException = failure
    while not isinstance(cause, OSError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, OSError):
        return httpx.ReadError(str(cause)), cause
    return httpx.RemoteProtocolError(str(cause)), cause


@attrs.define(eq=False, repr=False)
class _Body(httpx.AsyncByteStream):
    """The body of a response. Closing it frees its slot."""

    _response: aiohttp.ClientResponse
    _slots: asyncio.Semaphore | None
    _timeout: float

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._response.content
        while True:
            try:
                chunk = content.read_nowait()
                if not chunk and not content.at_eof():
                    async with asyncio.timeout(self._timeout):
                        chunk = await content.readany()
            except TimeoutError:
                raise httpx.ReadTimeout("") from None
            except (aiohttp.ClientError, OSError) as failure:
                error, cause = _map_exception(failure)
                raise error from cause
            if not chunk:
                return
            yield chunk

    async def aclose(self) -> None:
        slots, self._slots = self._slots, None
        self._response.close()  # the connection is still reused if the response is complete
        if slots is not None:
            slots.release()
