"""How requests leave: through httpcore, or aiohttp on asyncio, whose answers become httpx's.

httpx's client and transports stand above such libraries, and cost more than those do. They have
their place where somebody wants them: a transport that the user gives, the proxies of the
environment, and tools that put a method of theirs in the place of one of httpx's.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.request import getproxies

import httpx

from ._config import setup_error
from ._request import Call

CONNECTIONS = 100
"""How many connections a client has at most, as httpx has it; further requests wait for one."""
KEEP_ALIVE = 5.0
"""Seconds that a connection is kept without a request, likewise."""


class Sender(Protocol):
    """What sends the requests of the synchronous client."""

    def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, and return the answer with its body still to come.

        Args:
            call: What to send.
            timeout: Seconds, by the names that httpx has for them.

        Raises:
            httpx.TransportError: if no answer comes.
        """

    def close(self) -> None:
        """Close the connections."""


class AsyncSender(Protocol):
    """The same for the asynchronous client."""

    async def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, as `Sender` has it."""

    async def aclose(self) -> None:
        """Close the connections."""


class SenderOver:
    """Sends requests through an httpx transport.

    Args:
        transport: The transport.
    """

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, as `Sender` has it."""
        return self._transport.handle_request(call.request(timeout))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


class AsyncSenderOver:
    """The same, asynchronously."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, as `Sender` has it."""
        return await self._transport.handle_async_request(call.request(timeout))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def is_replaced(kind: Any, method: str) -> bool:
    """Whether a method is not a class's own any more.

    vcrpy, respx, pytest-httpx and others put theirs into httpx or httpcore, to see and to answer
    requests. Who asks for this sends through those then, so that they see this client's as well.
    """
    code = getattr(getattr(kind, method), "__code__", None)
    return code is None or code.co_filename != kind.__init__.__code__.co_filename


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


def connect(transport: httpx.BaseTransport | None, *, uses_tls: bool) -> Sender:
    """Return what sends the requests of the synchronous client.

    Args:
        transport: The transport to send them with, if the user gave one.
        uses_tls: Whether they are encrypted; else they stay on this machine.

    Raises:
        ConfigurationError: if the environment names what httpx cannot work with.
    """
    if transport is not None:
        return SenderOver(transport)
    try:
        if uses_tls and _names_proxies():
            return SenderOver(_ThroughProxies())
        from ._httpcore import HttpcoreSender

        return HttpcoreSender(_context(uses_tls=uses_tls), CONNECTIONS)
    except Exception as failure:
        raise setup_error(failure) from None


def connect_asynchronously(
    transport: httpx.AsyncBaseTransport | None, *, uses_tls: bool
) -> AsyncSender:
    """Return what sends the requests of the asynchronous client; else as `connect`."""
    if transport is not None:
        return AsyncSenderOver(transport)
    try:
        if uses_tls and _names_proxies():
            return AsyncSenderOver(_AsyncThroughProxies())
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
