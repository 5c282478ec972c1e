"""How requests leave: through httpx's transports, without the client above and its cost.

A transport's pool looks at each of its connections, several times for every request, so that one
pool with many connections costs more than all the rest. So there are several, with few each.

Only where the environment names proxies does an httpx client decide which request takes which.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar, cast
from urllib.request import getproxies

import httpx

from ._answer import hide_headers, hide_headers_asynchronously
from ._config import setup_error

CONNECTIONS = 100
"""How many there are at most, as httpx has it; further requests wait for one."""
CONNECTIONS_EACH = 4
"""How many a transport has of them."""

_T = TypeVar("_T", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


class _Transports(Generic[_T]):
    """Transports that are made as they are needed, and how many requests each has."""

    def __init__(self, kind: type[_T], *, trusts_environment: bool) -> None:
        self._kind: type[_T] = kind
        self._context = httpx.create_ssl_context(trust_env=trusts_environment)
        self._lock = threading.Lock()
        self._requests: list[int] = []
        self.made: list[_T] = []

    def take(self) -> tuple[int, _T]:
        """Return the first transport that has a connection to spare, and its place."""
        with self._lock:
            place = next(
                (at for at, count in enumerate(self._requests) if count < CONNECTIONS_EACH), None
            )
            if place is None and len(self.made) * CONNECTIONS_EACH < CONNECTIONS:
                place = len(self.made)
                limits = httpx.Limits(
                    max_connections=CONNECTIONS_EACH, max_keepalive_connections=CONNECTIONS_EACH
                )
                self.made.append(self._kind(verify=self._context, limits=limits))
                self._requests.append(0)
            if place is None:
                place = min(range(len(self.made)), key=self._requests.__getitem__)
            self._requests[place] += 1
            return place, self.made[place]

    def give_back(self, place: int) -> None:
        """Note that a request is over."""
        with self._lock:
            self._requests[place] -= 1


class _Stream(httpx.SyncByteStream):
    """The body of an answer, which gives its place back when it is closed."""

    def __init__(
        self, body: httpx.SyncByteStream, transports: _Transports[httpx.HTTPTransport], place: int
    ) -> None:
        self._body = body
        self._transports = transports
        self._place: int | None = place

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        place, self._place = self._place, None
        try:
            self._body.close()
        finally:
            if place is not None:
                self._transports.give_back(place)


class _AsyncStream(httpx.AsyncByteStream):
    """The same, asynchronously."""

    def __init__(
        self,
        body: httpx.AsyncByteStream,
        transports: _Transports[httpx.AsyncHTTPTransport],
        place: int,
    ) -> None:
        self._body = body
        self._transports = transports
        self._place: int | None = place

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)

    async def aclose(self) -> None:
        place, self._place = self._place, None
        try:
            await self._body.aclose()
        finally:
            if place is not None:
                self._transports.give_back(place)


class _Spread(httpx.BaseTransport):
    """Sends each request through one of several transports."""

    def __init__(self, *, trusts_environment: bool) -> None:
        self._transports = _Transports(httpx.HTTPTransport, trusts_environment=trusts_environment)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        place, transport = self._transports.take()
        try:
            response = transport.handle_request(request)
        except BaseException:
            self._transports.give_back(place)
            raise
        response.stream = _Stream(cast(Any, response.stream), self._transports, place)
        return response

    def close(self) -> None:
        for transport in self._transports.made:
            transport.close()


class _AsyncSpread(httpx.AsyncBaseTransport):
    """Does the same, asynchronously."""

    def __init__(self, *, trusts_environment: bool) -> None:
        self._transports = _Transports(
            httpx.AsyncHTTPTransport, trusts_environment=trusts_environment
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        place, transport = self._transports.take()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            self._transports.give_back(place)
            raise
        response.stream = _AsyncStream(cast(Any, response.stream), self._transports, place)
        return response

    async def aclose(self) -> None:
        for transport in self._transports.made:
            await transport.aclose()


class _ThroughProxies(httpx.BaseTransport):
    """Sends each request through the proxy that the environment names for its host, if any."""

    def __init__(self) -> None:
        self._client = httpx.Client(event_hooks={"response": [hide_headers]})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._client.send(request, stream=True)

    def close(self) -> None:
        self._client.close()


class _AsyncThroughProxies(httpx.AsyncBaseTransport):
    """Does the same, asynchronously."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(event_hooks={"response": [hide_headers_asynchronously]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(request, stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


def connect(*, trusts_environment: bool) -> httpx.BaseTransport:
    """Return what sends the requests of the synchronous client.

    Raises:
        ConfigurationError: if the environment names what httpx cannot work with.
    """
    try:
        if trusts_environment and _names_proxies():
            return _ThroughProxies()
        return _Spread(trusts_environment=trusts_environment)
    except Exception as failure:
        raise setup_error(failure) from None


def connect_asynchronously(*, trusts_environment: bool) -> httpx.AsyncBaseTransport:
    """Return what sends the requests of the asynchronous client; else as `connect`."""
    try:
        if trusts_environment and _names_proxies():
            return _AsyncThroughProxies()
        return _AsyncSpread(trusts_environment=trusts_environment)
    except Exception as failure:
        raise setup_error(failure) from None


def _names_proxies() -> bool:
    return any(getproxies().get(scheme) for scheme in ("http", "https", "all"))
