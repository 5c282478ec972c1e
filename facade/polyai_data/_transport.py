"""How requests leave: through httpx's transports, without the client above, which costs as much.

Only where the environment names proxies does an httpx client decide which request takes which.
"""

from __future__ import annotations

from urllib.request import getproxies

import httpx

from ._answer import hide_headers, hide_headers_asynchronously
from ._config import setup_error


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
        return httpx.HTTPTransport(trust_env=trusts_environment)
    except Exception as failure:
        raise setup_error(failure) from None


def connect_asynchronously(*, trusts_environment: bool) -> httpx.AsyncBaseTransport:
    """Return what sends the requests of the asynchronous client; else as `connect`."""
    try:
        if trusts_environment and _names_proxies():
            return _AsyncThroughProxies()
        return httpx.AsyncHTTPTransport(trust_env=trusts_environment)
    except Exception as failure:
        raise setup_error(failure) from None


def _names_proxies() -> bool:
    return any(getproxies().get(scheme) for scheme in ("http", "https", "all"))
