"""aiohttp behind httpx's interface: on asyncio it costs a fraction of httpx's own transport.

What it does otherwise than httpx's is undone here: it keeps no cookies, follows no redirects, sends
nothing twice by itself, and its failures have httpx's names.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import aiohttp
import httpcore
import httpx
from yarl import URL

from ._request import Call
from ._transport import KEEP_ALIVE, AsyncSenderOver, is_replaced

_HANDLE = "handle_async_request"
LONGEST_HEADER = 64 * 1024
"""Bytes. aiohttp would refuse answers whose headers are longer than 8 KiB each."""
READ_SIZE = 256 * 1024
"""Bytes. More than twice as much is not read of an answer before it is taken."""


class AiohttpSender:
    """Sends requests through aiohttp.

    It belongs to the event loop in which it is first used.

    Args:
        context: Whom to trust.
        connections: How many there are at most; further requests wait for one.
    """

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        self._context = context
        self._places = asyncio.Semaphore(connections)
        self._session: aiohttp.ClientSession | None = None
        self._httpx: AsyncSenderOver | None = None

    async def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, as `AsyncSender` has it."""
        if is_replaced(httpx.AsyncHTTPTransport, _HANDLE) or is_replaced(
            httpcore.AsyncConnectionPool, _HANDLE
        ):
            if self._httpx is None:
                self._httpx = AsyncSenderOver(httpx.AsyncHTTPTransport(verify=self._context))
            return await self._httpx.send(call, timeout)
        session = self._session = self._session or self._open()
        await self._take_place(timeout["pool"])
        try:
            answer = await session.request(
                call.method,
                URL(call.url, encoded=True),
                headers=call.headers(),
                data=call.content,
                allow_redirects=False,
                timeout=_timeout(timeout["connect"], timeout["read"]),
            )
        except BaseException:
            self._places.release()
            raise
        body = _Body(answer, self._places, timeout["read"])
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=body)

    async def _take_place(self, seconds: float) -> None:
        """Wait until a connection may be had.

        Raises:
            httpx.PoolTimeout: if none is to be had in time.
        """
        if not self._places.locked():
            await self._places.acquire()  # at once
            return
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("") from None

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._context, limit=0, keepalive_timeout=KEEP_ALIVE
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_SIZE,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            middlewares=(_send_once,),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
        if self._httpx is not None:
            await self._httpx.aclose()

    def __del__(self) -> None:
        # Of what nobody closed, or whose event loop is gone, aiohttp would complain. There is
        # nothing to wait for here: the first step of it is all.
        if self._session is not None and not self._session.closed:
            with suppress(Exception):
                self._session.close().send(None)


@lru_cache(maxsize=32)  # a deadline makes many of them
def _timeout(connect: float, read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=read)


async def _send_once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request. aiohttp does not know these failures, and repeats nothing because of them."""
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError) as failure:
        renamed, cause = _renamed(failure)
        raise renamed from cause


def _renamed(failure: Exception) -> tuple[httpx.TransportError, BaseException]:
    """Return the failure as httpx would name it, and what it comes from."""
    if isinstance(failure, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(str(failure)), failure
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return httpx.ConnectError(""), failure.certificate_error
    if isinstance(failure, aiohttp.ClientConnectorError):
        return httpx.ConnectError(str(failure.os_error)), failure.os_error
    if isinstance(failure, TimeoutError):
        return httpx.ReadTimeout(str(failure)), failure
    if isinstance(failure, OSError):
        return httpx.ReadError(str(failure)), failure
    cause = failure.__cause__ or failure
    if isinstance(cause, OSError):
        return httpx.ReadError(str(cause)), cause
    message = getattr(cause, "message", str(cause))
    if not isinstance(message, str):  # what came of the headers
        message = "Server disconnected in the headers"
    # The first line says what is wrong; the others quote the answer.
    return httpx.RemoteProtocolError(message.partition("\n")[0].rstrip(":")), cause


class _Body(httpx.AsyncByteStream):
    """The body of an answer, which gives its place back when it is closed.

    Args:
        answer: The answer.
        places: Where its place is given back.
        timeout: Seconds that may pass without a part of it. aiohttp counts them too, but loses
            count where the body breaks the rules of its encoding, and would wait for ever.
    """

    def __init__(
        self, answer: aiohttp.ClientResponse, places: asyncio.Semaphore, timeout: float
    ) -> None:
        self._answer = answer
        self._places: asyncio.Semaphore | None = places
        self._timeout = timeout

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        while True:
            try:
                piece = content.read_nowait()
                if not piece and not content.at_eof():
                    async with asyncio.timeout(self._timeout):
                        piece = await content.readany()
            except TimeoutError:
                connection = self._answer.connection
                if connection is None or connection.closed:
                    raise httpx.RemoteProtocolError("illegal body") from None
                raise httpx.ReadTimeout("") from None
            except (aiohttp.ClientError, OSError) as failure:
                renamed, cause = _renamed(failure)
                raise renamed from cause
            if not piece:
                return
            yield piece

    async def aclose(self) -> None:
        places, self._places = self._places, None
        self._answer.close()  # of what was read whole the connection is kept all the same
        if places is not None:
            places.release()
