"""The default transports: httpx's own, or aiohttp for asyncio, which needs a tenth of the CPU."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

import httpx
from attrs import frozen

from ..errors import ConfigurationError, PolyAIError
from .network import protect

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=5.0)

_Transport = TypeVar("_Transport")


@contextmanager
def _setup_errors() -> Iterator[None]:
    """Raise ConfigurationError for an environment that httpx cannot work with."""
    try:
        yield
    except Exception as failure:
        detail = str(failure).rstrip(".")
        if isinstance(failure, httpx.InvalidURL):
            # The message is not shown: it may contain a part of the proxy's password.
            detail = "invalid proxy URL; escape special characters in its password"
        raise ConfigurationError(
            f"Cannot set up the connection: {detail}. Check the environment variables for proxies "
            "(HTTPS_PROXY, ALL_PROXY) and certificates (SSL_CERT_FILE, SSL_CERT_DIR)."
        ) from None


@_setup_errors()
def default_transport(base_url: str) -> httpx.BaseTransport:
    verify, proxy = _ssl_context(base_url), proxy_for(base_url)
    transport = httpx.HTTPTransport(verify=verify, limits=LIMITS, proxy=proxy)
    protect(transport)
    return transport


@_setup_errors()
def default_async_transport(base_url: str) -> httpx.AsyncBaseTransport:
    verify, proxy = _ssl_context(base_url), proxy_for(base_url)
    if proxy is not None:  # httpx supports SOCKS proxies too, aiohttp does not
        transport = httpx.AsyncHTTPTransport(verify=verify, limits=LIMITS, proxy=proxy)
        protect(transport)
        return transport
    from .aiohttp_transport import AiohttpTransport  # slow to import

    return AiohttpTransport(verify, LIMITS)


@frozen
class Route(Generic[_Transport]):
    """How requests to a host are sent."""

    transport: _Transport
    # Through a proxy, exceptions do not tell whether the request was sent, but a trace does.
    needs_trace: bool


class ConnectionBase(Generic[_Transport]):
    """The transport of a client and its copies: the user's, or one for each host.

    The hosts of the two APIs may need different proxies.
    """

    def __init__(
        self,
        transport: _Transport | None,
        method: str,
        create: Callable[[str], _Transport],
        base_url: str,
    ) -> None:
        if transport is not None and not hasattr(transport, method):
            raise TypeError(
                f"transport={type(transport).__name__} has no method {method}. DataClient takes an "
                "httpx.BaseTransport, AsyncDataClient an httpx.AsyncBaseTransport."
            )
        self.is_default = transport is None
        self._create = create if transport is None else lambda _: transport
        self._routes: dict[str, Route[_Transport]] = {}  # by scheme and host
        self._process: int | None = None  # of the first call
        self._is_closed = False
        self._route(base_url)  # raises now if the environment is invalid

    def _route(self, url: str) -> Route[_Transport]:
        origin = "/".join(url.split("/", 3)[:3]) if self.is_default else ""
        if origin not in self._routes:
            route = Route(self._create(origin), self.is_default and proxy_for(origin) is not None)
            self._routes.setdefault(origin, route)  # if no other thread was faster
        return self._routes[origin]

    def _transports(self) -> list[_Transport]:
        return [route.transport for route in list(self._routes.values())]

    def _check(self) -> None:
        if self._is_closed:
            raise PolyAIError("This client is closed. Create another one.")
        self._process = self._process or os.getpid()
        if self._process != os.getpid():
            raise PolyAIError(
                "This client was used in another process, and would share its connections. "
                "Create a client in each process."
            )


def _ssl_context(base_url: str) -> ssl.SSLContext:
    if base_url.startswith("http:"):  # needs no certificates, and loading them is slow
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for an https URL, or None.

    HTTPS_PROXY or ALL_PROXY names it, or else the settings of macOS or Windows. NO_PROXY lists
    exceptions: hosts and their subdomains, IP addresses, networks such as 10.0.0.0/8, each with or
    without a port, or `*`.
    """
    if not url.lower().startswith("https:"):  # a proxy would see the key
        return None
    in_environment = getproxies_environment()
    proxies = in_environment or getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy:
        return None
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    bypass = _matches(proxies.get("no", ""), host, port) if in_environment else proxy_bypass(host)
    if bypass:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _matches(no_proxy: str, host: str, port: int) -> bool:
    for entry in no_proxy.lower().split(","):
        name, entry_port = _split_port(entry.strip())
        if entry_port not in ("", str(port)):
            continue
        try:
            matches = ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
        except ValueError:  # a host name
            domain = name.lstrip("*").strip(".")
            matches = name == "*" or (domain != "" and f".{host}".endswith(f".{domain}"))
        if matches:
            return True
    return False


def _split_port(entry: str) -> tuple[str, str]:
    """Split `host:port`; IPv6 addresses may be in brackets."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = entry.partition(":")
    return (name, port) if port.isdecimal() else (entry, "")
