"""Requests, built and checked before anything is sent, and their responses before parsing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx
from attrs import field, frozen

from .._config import Config
from .._models.decode import ResponseMeta
from .._version import __version__
from ..errors import APIStatusError, PolyAIError
from .compression import ACCEPTED_ENCODINGS

_PYTHON = ".".join(map(str, sys.version_info[:3]))
USER_AGENT = f"polyai-data/{__version__} python/{_PYTHON} httpx/{httpx.__version__}"
MAX_URL_LENGTH = 65_536  # characters; httpx accepts no more
# Of what `_get_kwargs` returns: what is sent, and the headers that `to_httpx` adds.
_SENT = {"method", "url", "params", "json", "headers"}
_HEADERS = {("Content-Type", "application/json")}

_T = TypeVar("_T")

_parse_origin = lru_cache(maxsize=64)(httpx.URL)


class RequestURL(httpx.URL):
    """An httpx.URL that is parsed on the first use of a part that transports do not need.

    Parsing takes 35 µs, longer than all other work before a request is sent.
    """

    def __init__(self, url: str) -> None:
        scheme, _, host, path = url.split("/", 3)
        self._url = url
        self._origin = _parse_origin(f"{scheme}//{host}")
        self._target = f"/{path}".encode("ascii")

    @property
    def raw_scheme(self) -> bytes:
        return self._origin.raw_scheme

    @property
    def raw_host(self) -> bytes:
        return self._origin.raw_host

    @property
    def port(self) -> int | None:
        return self._origin.port

    @property
    def raw_path(self) -> bytes:
        return self._target

    def __str__(self) -> str:
        return self._url

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Parse the URL on the first access to the attribute where httpx keeps the parts."""
            if name.startswith("__") or "_url" not in vars(self):
                raise AttributeError(name)
            super().__init__(self._url)
            return object.__getattribute__(self, name)


@frozen
class PreparedRequest(Generic[_T]):
    """A request that is ready to be sent, and how to read its response."""

    config: Config
    operation: str  # such as `get_conversation`
    method: str
    url: str
    content: bytes | None = field(repr=False)
    parse: Callable[[Any], _T] = field(repr=False)  # returns what the method returns
    accept: str = "application/json"
    accept_encoding: Sequence[str] = ACCEPTED_ENCODINGS
    idempotent: bool = True  # whether sending it twice has the same effect as once
    error_types: Mapping[int, type[APIStatusError]] = field(factory=dict)  # if there is no code
    reports_success: bool = False  # whether a success has `success: true`
    # Identifies the request in PolyAI's logs.
    correlation_id: str = field(init=False, factory=lambda: f"polyai-data-{os.urandom(16).hex()}")

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    def to_httpx(self, extensions: Mapping[str, Any]) -> httpx.Request:
        """Return the request for a transport. It holds the key: do not keep it in a variable."""
        headers = [
            ("Host", self.url.split("/", 3)[2]),
            ("Accept", self.accept),
            ("Accept-Encoding", ", ".join(self.accept_encoding) or "identity"),
            ("Connection", "keep-alive"),
            ("User-Agent", USER_AGENT),
            ("X-PolyAI-Correlation-Id", self.correlation_id),
        ]
        if self.content is not None:
            headers.append(("Content-Type", "application/json"))
            headers.append(("Content-Length", str(len(self.content))))
        url = RequestURL(self.url)
        request = httpx.Request(
            self.method,
            url._origin,
            headers=[*headers, *self.config.key.headers()],
            # A stream is taken as it is; for anything else httpx adds headers, which is slow.
            stream=httpx.ByteStream(self.content or b""),
            extensions=dict(extensions),
        )
        request.url = url
        request.read()  # transports may use request.content
        return request


AnyRequest = PreparedRequest[Any]


@frozen
class RawResponse:
    """A response before parsing. Its repr shows no content: a server may echo the key."""

    request: AnyRequest
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    elapsed: float = 0.0
    attempts: int = 1

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def correlation_id(self) -> str:
        received = self.headers.get("x-polyai-correlation-id")
        return self.request.config.key.redact(received or self.request.correlation_id)

    def meta(self) -> ResponseMeta:
        """Return where the response came from, without the key if the server echoed it."""
        redact = self.request.config.key.redact
        return ResponseMeta(
            status_code=self.status,
            headers={name: redact(value) for name, value in self.headers.items()},
            correlation_id=self.correlation_id,
            elapsed=timedelta(seconds=self.elapsed),
            attempts=self.attempts,
        )


def build_request(
    config: Config,
    operation: str,
    request: Mapping[str, Any],
    parse: Callable[[Any], _T],
    **options: Any,
) -> PreparedRequest[_T]:
    """Return the request for what `_get_kwargs` returned, with other fields as `options`.

    Raises:
        PolyAIError: if it has parts that are not sent here, after a change to the OpenAPI spec.
    """
    headers = request.get("headers", {}).items() - _HEADERS
    unsent = [f"header {name}: {value}" for name, value in headers] + [*request.keys() - _SENT]
    if unsent:
        parts = ", ".join(sorted(unsent))
        raise PolyAIError(f"{operation} needs what this version does not send: {parts}.")
    config.require_key()
    url = config.base_url_for(operation) + request["url"]
    if "params" in request:
        url = f"{url}?{httpx.QueryParams(request['params'])}"
    if len(url) > MAX_URL_LENGTH:
        limit = f"at most {MAX_URL_LENGTH:,} are allowed"
        raise ValueError(f"The URL is too long: {len(url):,} characters, {limit}.")
    method = request["method"].upper()
    content = _encode(request["json"]) if "json" in request else None
    return PreparedRequest(config, operation, method, url, content, parse, **options)


def _encode(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Cannot encode the arguments as JSON: {error}.") from None
