"""What a client was told, by arguments and by the environment, settled once."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any
from urllib.parse import urlsplit

import httpx
from attrs import astuple, field, frozen
from polyai_data_generated.origin import SERVERS

from ._auth import ApiKey
from ._regions import VALID_REGIONS, Region, find_server
from .errors import ConfigurationError, PolyAIError, shown

DEFAULT_CONNECT_TIMEOUT = 5.0
DEFAULT_READ_TIMEOUT = 30.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024

Timeout = float | tuple[float, float]
"""Seconds: one number for every wait, or a pair of them, to connect and to read."""


@frozen
class Limits:
    """What bounds a call; None where the client's setting counts.

    Attributes:
        timeout: Seconds for each wait.
        max_retries: How often the request is sent once more at most.
        deadline: Seconds for all attempts together.
    """

    timeout: Timeout | None = None
    max_retries: int | None = None
    deadline: float | None = None

    def over(self, others: Limits) -> Limits:
        """Return these limits, filled up with others."""
        return Limits(
            *(
                mine if mine is not None else other
                for mine, other in zip(astuple(self), astuple(others), strict=True)
            )
        )


NO_LIMITS = Limits()
"""The client's settings count."""


@frozen
class Config:
    """The settled settings of a client.

    Attributes:
        key: The API key.
        base_url: Where requests go, without a slash at the end.
        region: The region, or None where only a base URL was given.
        agent_id: The agent that calls are about unless they name another.
        timeout: Seconds to connect and seconds to wait for each part of an answer.
        max_retries: How often a request is sent once more at most.
        deadline: Seconds for all attempts of a call together, or None.
        max_response_bytes: How large a JSON answer may be.
    """

    key: ApiKey
    base_url: str
    region: Region | None
    agent_id: str | None
    timeout: tuple[float, float]
    max_retries: int
    deadline: float | None
    max_response_bytes: int
    _base_urls: dict[str, str] = field(factory=dict, init=False, eq=False, repr=False)

    @property
    def uses_region(self) -> bool:
        """Whether requests go to the servers of the region, not to a base URL of the user's."""
        return self.region is not None and find_server(self.region, SERVERS) == self.base_url

    def base_url_of(self, operation: str) -> str:
        """Return where the requests of an operation go.

        Raises:
            ConfigurationError: if the document gives the operation servers of its own, and none
                of them can be used in the region.
        """
        if operation not in self._base_urls:
            self._base_urls[operation] = self._find_base_url(operation)
        return self._base_urls[operation]

    def _find_base_url(self, operation: str) -> str:
        if self.region is None or not self.uses_region:
            return self.base_url
        server = self.region.server_of(operation)
        return server if server == self.base_url else check_base_url(server)

    def describe(self, url: str) -> str:
        """Return the region and host that a URL leads to, for messages."""
        host = urlsplit(url).netloc
        if self.region is not None and self.uses_region:
            return f"region {self.region.value!r} ({host})"
        return host

    @property
    def uses_tls(self) -> bool:
        """Whether requests are encrypted; only then the environment may name a proxy.

        Over plain http the proxy would see the key.
        """
        return not self.base_url.lower().startswith("http:")


def settle(
    *,
    api_key: ApiKey | None,
    region: str | Region | None,
    agent_id: str | None,
    base_url: str | None,
    timeout: Timeout | None,
    max_retries: int | None = None,
    deadline: float | None = None,
    max_response_bytes: int | None = None,
) -> Config:
    """Return the settings: each argument where there is one, else its environment variable.

    Raises:
        ConfigurationError: naming what is missing or wrong, and what would be right.
    """
    region = region if region is not None else _env("POLYAI_REGION")
    base_url = base_url if base_url is not None else _env("POLYAI_BASE_URL")
    settled_region = Region(region) if region is not None else None
    if base_url is not None:
        settled_url = check_base_url(base_url)
    elif settled_region is not None:
        settled_url = settled_region.base_url
    else:
        raise ConfigurationError(
            "No region: pass region=, or set POLYAI_REGION; none is assumed, since a key and its "
            f"data live in one region only. {VALID_REGIONS}"
        )
    agent_id = agent_id if agent_id is not None else _env("POLYAI_AGENT_ID")
    return Config(
        key=(api_key or _key_from_environment(settled_region)).check(),
        base_url=settled_url,
        region=settled_region,
        agent_id=agent_id,
        timeout=check_timeout(timeout) or (DEFAULT_CONNECT_TIMEOUT, DEFAULT_READ_TIMEOUT),
        max_retries=DEFAULT_MAX_RETRIES if max_retries is None else check_max_retries(max_retries),
        deadline=check_deadline(deadline),
        max_response_bytes=check_max_response_bytes(max_response_bytes),
    )


def _env(name: str) -> str | None:
    """Return the environment variable; None if it is empty or only white space."""
    return os.environ.get(name, "").strip() or None


def _key_from_environment(region: Region | None) -> ApiKey:
    names = ["POLYAI_API_KEY"]
    if region is not None:
        names.insert(0, f"POLYAI_API_KEY_{region.name}")
    for name in names:
        if _env(name):
            return ApiKey(os.environ[name])
    raise ConfigurationError(
        f"No API key: pass api_key=, or set {' or '.join(reversed(names))}. Keys are made in Agent "
        "Studio, for one region each."
    )


def check_base_url(url: str) -> str:
    """Return the URL without a slash at its end, if the API key may travel to it.

    Raises:
        ConfigurationError: unless it is https, or http on loopback, and names a host and nothing
            beyond a path.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"The base URL must be text (str), not {type(url).__name__}.")
    url = url.strip()
    try:
        parts = httpx.URL(url)  # the parser that requests go through, so that both see one host
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"The base URL cannot be read: {error}.") from None
    if parts.userinfo:
        # Not echoed: what stands there is a secret.
        raise ConfigurationError("The base URL must not hold a user name or password.")
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ConfigurationError(
            f"{shown(url)} is no base URL; one reads https://api.us.poly.ai or http://127.0.0.1:8765."
        )
    if "?" in url or "#" in url:
        raise ConfigurationError(f"The base URL must have no query and no fragment: {shown(url)}.")
    if parts.scheme == "http" and not _is_loopback(parts.host):
        raise ConfigurationError(
            f"{shown(url)} would send the API key over plain http; use https (http: only loopback)."
        )
    return str(parts).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_timeout(timeout: Timeout | None) -> tuple[float, float] | None:
    """Return the seconds to connect and to read, or None for None.

    Raises:
        ConfigurationError: unless each is a positive, finite number.
    """
    if timeout is None:
        return None
    pair = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(pair) != 2 or not all(_is_positive_and_finite(seconds) for seconds in pair):
        raise ConfigurationError(
            f"timeout={shown(timeout)}: give seconds, positive and finite, as one number or as a "
            "pair (connect, read)."
        )
    return pair


def check_max_retries(max_retries: Any) -> Any:
    """Return the number as it is given.

    Raises:
        ConfigurationError: unless it is None, or a whole number from 0 on.
    """
    if max_retries is None or (type(max_retries) is int and max_retries >= 0):
        return max_retries
    raise ConfigurationError(
        f"max_retries={shown(max_retries)}: give a whole number; 0 switches retries off."
    )


def check_deadline(deadline: Any) -> Any:
    """Return the seconds as they are given.

    Raises:
        ConfigurationError: unless it is None, or positive and finite.
    """
    if deadline is None or _is_positive_and_finite(deadline):
        return deadline
    raise ConfigurationError(f"deadline={shown(deadline)}: give seconds, positive and finite.")


def check_max_response_bytes(size: Any) -> int:
    """Return the size, or the default for None.

    Raises:
        ConfigurationError: unless it is None, or a whole number from 1 on.
    """
    if size is None:
        return DEFAULT_MAX_RESPONSE_BYTES
    if type(size) is int and size > 0:
        return size
    raise ConfigurationError(
        f"max_response_bytes={shown(size)}: give a whole number of bytes, 1 or more."
    )


def _is_positive_and_finite(seconds: Any) -> bool:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return is_number and 0 < seconds <= sys.float_info.max


def check_transport(transport: object, method: str) -> None:
    """Raise TypeError if the transport lacks the method that this client calls."""
    if transport is not None and not hasattr(transport, method):
        raise TypeError(
            f"transport={type(transport).__name__} has no {method}; DataClient takes an "
            "httpx.BaseTransport, AsyncDataClient an httpx.AsyncBaseTransport."
        )


def check_usable(*, is_closed: bool, process: int) -> None:
    """Refuse to send anything from a client that is closed, or was made in another process.

    Raises:
        PolyAIError: saying so.
    """
    if is_closed:
        raise PolyAIError("This client is closed; create another one.")
    if process != os.getpid():
        raise PolyAIError(
            "This client was made in another process, whose connections it would share; create "
            "one in each process."
        )


def describe(client: object) -> str:
    """Return the repr of a client, of one that could not be made as well: tracebacks show it."""
    config: Config | None = getattr(client, "_config", None)
    if config is None:
        return f"<{type(client).__name__} not set up>"
    where = config.describe(config.base_url)
    return f"<{type(client).__name__} {where} agent {config.agent_id}>"


def setup_error(failure: Exception) -> ConfigurationError:
    """Return the error for an environment that httpx cannot work with."""
    detail = str(failure).rstrip(".")
    if isinstance(failure, httpx.InvalidURL):
        # Not repeated: where a proxy's password is not escaped, it holds a part of that.
        detail = "a proxy variable holds no valid URL; escape special characters in its password"
    return ConfigurationError(
        f"The connection cannot be set up: {detail}. Check the environment's "
        "proxy (HTTPS_PROXY, ALL_PROXY) and certificate (SSL_CERT_FILE, SSL_CERT_DIR) variables."
    )
