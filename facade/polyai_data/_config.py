"""The settings of a client, from arguments and environment variables."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx
from polyai_data_generated.origin import SERVERS

from ._auth import ApiKey
from ._regions import VALID_REGIONS, Region, find_server_url
from .errors import ConfigurationError, PolyAIError, short_repr, to_int

Timeout = float | tuple[float, float]  # seconds for each wait, or a pair (connect, read)


@attrs.frozen
class Retry:
    """A failed attempt that is about to be retried; the argument of `on_retry`.

    Attributes:
        operation: The operation, such as `get_conversation`.
        attempt: The number of the attempt that failed; the first is 1.
        delay: Seconds until the next attempt.
        cause: The exception.
    """

    operation: str
    attempt: int
    delay: float
    cause: PolyAIError = attrs.field(repr=lambda cause: type(cause).__name__)


OnRetry = Callable[[Retry], object]


def _to_timeouts(timeout: Any) -> tuple[float, float]:
    pair = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    pair = tuple(map(_plain, pair))
    if len(pair) != 2 or not all(_is_positive(seconds) for seconds in pair):
        expected = "a positive number of seconds, or a pair (connect, read)"
        raise ConfigurationError(f"timeout={short_repr(timeout)}: expected {expected}.")
    return pair


def _is_positive(number: Any) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and 0 < number <= sys.float_info.max


@attrs.frozen
class Config:
    """The settings of a client, checked. The client's docstring describes them."""

    key: ApiKey
    base_url: str
    region: Region | None  # None if only a base URL was given
    agent_id: str | None
    account_id: str | None = None
    conversations_key: ApiKey | None = None
    timeout: tuple[float, float] = (5.0, 30.0)
    max_retries: int = 2
    deadline: float | None = None
    max_response_bytes: int = 64 * 2**20
    max_requests_per_second: float | None = None
    on_retry: OnRetry | None = None
    _base_urls: dict[str, str] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name, minimum in (("max_retries", 0), ("max_response_bytes", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < minimum:
                expected = f"an integer, {minimum} or more"
                raise ConfigurationError(f"{name}={short_repr(value)}: expected {expected}.")
        for name, unit in (("deadline", "seconds"), ("max_requests_per_second", "requests")):
            value = getattr(self, name)
            if value is not None and not _is_positive(value):
                expected = f"a positive number of {unit}"
                raise ConfigurationError(f"{name}={short_repr(value)}: expected {expected}.")

    def with_options(self, **options: Any) -> Config:
        """Return a copy with other options. None leaves an option as it is."""
        return attrs.evolve(self, **_given(options))

    def for_conversations_api(self) -> Config:
        """Return the settings for the Conversations API v3, with its key as the only one."""
        if self.conversations_key is None:
            names = " or ".join(_key_variables(self.region, _CONVERSATIONS_KEY))
            raise ConfigurationError(
                f"No key for the Conversations API v3: pass conversations_api_key=, or set {names}."
                " PolyAI issues these keys on request. If your Data API key is valid for both, "
                "pass it there as well: it is not sent to another host otherwise."
            )
        return attrs.evolve(self, key=self.conversations_key, conversations_key=None)

    def require_key(self) -> None:
        """Raise an exception if there is only a key for the other API."""
        if self.key.is_missing:
            raise ConfigurationError(_no_key(self.region))

    @property
    def _server_region(self) -> Region | None:
        """The region, or None if requests go to a custom base URL."""
        region = self.region
        is_used = region is not None and find_server_url(region, SERVERS) == self.base_url
        return region if is_used else None

    def base_url_for(self, operation: str) -> str:
        if operation not in self._base_urls:
            url, region = self.base_url, self._server_region
            server = url if region is None else region.server_url_for(operation)
            self._base_urls[operation] = url if server == url else check_base_url(server)
        return self._base_urls[operation]

    def describe(self, url: str) -> str:
        """Return the region and host of a URL, for messages."""
        host, region = urlsplit(url).netloc, self._server_region
        return host if region is None else f"region {region.value!r} ({host})"


def resolve_config(
    *,
    api_key: ApiKey | None,
    region: str | Region | None,
    agent_id: str | None,
    base_url: str | None,
    account_id: str | None = None,
    conversations_api_key: ApiKey | None = None,
    **options: Any,
) -> Config:
    """Return the settings: the arguments, and environment variables for those that are None."""
    # Arguments override the environment, and both settings choose the server.
    if region is None and base_url is None:
        base_url = _env("POLYAI_BASE_URL")
    region = region if region is not None else _env("POLYAI_REGION")
    known_region = Region(region) if region is not None else None
    if base_url is not None:
        url = check_base_url(base_url)
    elif known_region is not None:
        url = known_region.base_url
    else:
        raise ConfigurationError(
            "No region: pass region=, or set POLYAI_REGION. There is no default, because a key and "
            f"its data are in one region only. {VALID_REGIONS}"
        )
    key = api_key or _key_from_environment(known_region, _KEY)
    other_key = conversations_api_key or _key_from_environment(known_region, _CONVERSATIONS_KEY)
    if key is None and other_key is None:
        raise ConfigurationError(_no_key(known_region))
    return Config(
        key=key.check() if key is not None else ApiKey(""),
        conversations_key=other_key.check() if other_key is not None else None,
        base_url=url,
        region=known_region,
        agent_id=agent_id if agent_id is not None else _env("POLYAI_AGENT_ID"),
        account_id=account_id if account_id is not None else _env("POLYAI_ACCOUNT_ID"),
        **_given(options),
    )


def _plain(value: Any) -> Any:
    """Return an integer, such as numpy's, as an `int`, and anything else as it is."""
    number = to_int(value)
    return value if number is None else number


def _given(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: _plain(value) for name, value in options.items() if value is not None}
    if "timeout" in given:  # not a converter: the repr of a half-made object would raise
        given["timeout"] = _to_timeouts(given["timeout"])
    return given


def _env(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


_KEY, _CONVERSATIONS_KEY = "POLYAI_API_KEY", "POLYAI_CONVERSATIONS_API_KEY"


def _key_variables(region: Region | None, name: str) -> list[str]:
    return [name] if region is None else [name, f"{name}_{region.name}"]


def _key_from_environment(region: Region | None, name: str) -> ApiKey | None:
    found = [each for each in _key_variables(region, name) if _env(each)]
    return ApiKey(os.environ[found[-1]]) if found else None


def _no_key(region: Region | None) -> str:
    return (
        f"No API key: pass api_key=, or set {' or '.join(_key_variables(region, _KEY))}. Create a "
        "key in Agent Studio; it is valid in one region."
    )


def check_base_url(url: str) -> str:
    """Return the URL without a slash at the end, if it is safe to send the API key there."""
    if not isinstance(url, str):
        raise ConfigurationError(f"The base URL must be a string, not {type(url).__name__}.")
    url = url.strip()
    try:
        parts = httpx.URL(url)  # the parser that requests use, so both see the same host
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"Invalid base URL: {error}.") from None
    shown = short_repr(url)
    if parts.userinfo:  # a secret, so the URL is not shown
        problem = "The base URL must not contain a user name or password."
    elif parts.scheme not in ("http", "https") or not parts.host:
        examples = "https://api.us.poly.ai, http://127.0.0.1:8765"
        problem = f"Invalid base URL {shown}. Examples: {examples}."
    elif "?" in url or "#" in url:
        problem = f"The base URL must not have a query or fragment: {shown}."
    elif parts.scheme == "http" and not _is_loopback(parts.host):
        advice = "Use https; http is allowed on loopback only."
        problem = f"{shown} would send the API key over plain http. {advice}"
    else:
        return str(parts).rstrip("/")
    raise ConfigurationError(problem)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
