"""How requests leave: through httpx's transports, without the client above and its cost.

A transport's pool looks at each of its connections, several times for every request, so that one
pool with many connections costs more than all the rest. So there are several, with few each. On
asyncio that would not do: there aiohttp is below (`_aiohttp.py`).

Only where the environment names proxies does an httpx client decide which request takes which.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast
from urllib.request import getproxies

import httpx

from ._config import setup_error
from ._request import Call

CONNECTIONS = 100
"""How many there are at most, as httpx has it; further requests wait for one."""
CONNECTIONS_EACH = 4
"""How many a transport has of them."""


class _Spread(httpx.BaseTransport):
    """Sends each request through one of several transports, which are made as they are needed."""

    def __init__(self, *, uses_tls: bool) -> None:
        self._context = _context(uses_tls=uses_tls)
        self._lock = threading.Lock()
        self._requests: list[int] = []  # how many each transport has
        self._transports: list[httpx.HTTPTransport] = []

    def _take(self) -> int:
        """Return the place of the first transport that has a connection to spare."""
        with self._lock:
            place = next((at for at, n in enumerate(self._requests) if n < CONNECTIONS_EACH), None)
            if place is None and len(self._transports) * CONNECTIONS_EACH < CONNECTIONS:
                place = len(self._transports)
                limits = httpx.Limits(
                    max_connections=CONNECTIONS_EACH, max_keepalive_connections=CONNECTIONS_EACH
                )
                self._transports.append(httpx.HTTPTransport(verify=self._context, limits=limits))
                self._requests.append(0)
            if place is None:
                place = min(range(len(self._requests)), key=self._requests.__getitem__)
            self._requests[place] += 1
            return place

    def give_back(self, place: int) -> None:
        """Note that a request is over."""
        with self._lock:
            self._requests[place] -= 1

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        place = self._take()
        try:
            response = self._transports[place].handle_request(request)
        except BaseException:
            self.give_back(place)
            raise
        response.stream = _Body(cast(httpx.SyncByteStream, response.stream), self, place)
        return response

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer, which gives its place back when it is closed."""

    def __init__(self, body: httpx.SyncByteStream, spread: _Spread, place: int) -> None:
        self._body = body
        self._spread = spread
        self._place: int | None = place

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        place, self._place = self._place, None
        try:
            self._body.close()
        finally:
            if place is not None:
                self._spread.give_back(place)


class _ThroughProxies(httpx.BaseTransport):
    """Sends each request through the proxy that the environment names for its host, if any."""

    def __init__(self) -> None:
        self._client = httpx.Client(event_hooks={"response": [_hide_location]})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _show_location(self._client.send(request, stream=True))

    def close(self) -> None:
        self._client.close()


class _AsyncThroughProxies(httpx.AsyncBaseTransport):
    """Does the same, asynchronously."""

    def __init__(self) -> None:
        async def hide(response: httpx.Response) -> None:
            _hide_location(response)

        self._client = httpx.AsyncClient(event_hooks={"response": [hide]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return _show_location(await self._client.send(request, stream=True))

    async def aclose(self) -> None:
        await self._client.aclose()


_HIDDEN = "polyai_data.location"


def _hide_location(response: httpx.Response) -> None:
    """Keep httpx from working out where a redirect leads, followed or not: on some it fails."""
    if "Location" in response.headers:
        response.extensions[_HIDDEN] = response.headers.pop("Location")


def _show_location(response: httpx.Response) -> httpx.Response:
    if _HIDDEN in response.extensions:
        response.headers["Location"] = response.extensions.pop(_HIDDEN)
    return response


class AsyncSender(Protocol):
    """What sends the requests of the asynchronous client."""

    async def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, and return the answer with its body still to come.

        Args:
            call: What to send.
            timeout: Seconds, by the names that httpx has for them.

        Raises:
            httpx.TransportError: if no answer comes.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class SenderOver:
    """Sends requests through an httpx transport.

    Args:
        transport: The transport.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, as `AsyncSender` has it."""
        return await self._transport.handle_async_request(call.request(timeout))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def connect(*, uses_tls: bool) -> httpx.BaseTransport:
    """Return what sends the requests of the synchronous client.

    Raises:
        ConfigurationError: if the environment names what httpx cannot work with.
    """
    try:
        if uses_tls and _names_proxies():
            return _ThroughProxies()
        return _Spread(uses_tls=uses_tls)
    except Exception as failure:
        raise setup_error(failure) from None


def connect_asynchronously(*, uses_tls: bool) -> AsyncSender:
    """Return what sends the requests of the asynchronous client; else as `connect`."""
    try:
        if uses_tls and _names_proxies():
            return SenderOver(_AsyncThroughProxies())
        from ._aiohttp import AiohttpSender  # here: the synchronous client needs none of it

        return AiohttpSender(_context(uses_tls=uses_tls), CONNECTIONS)
    except Exception as failure:
        raise setup_error(failure) from None


def _context(*, uses_tls: bool) -> ssl.SSLContext:
    """Return whom to trust: the usual authorities, or those that the environment names.

    For plain http, which stays on this machine, it is nobody: to load them all takes long.
    """
    return httpx.create_ssl_context() if uses_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _names_proxies() -> bool:
    return any(getproxies().get(scheme) for scheme in ("http", "https", "all"))
