"""What is sent: each request, settled and checked before anything leaves."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import httpx
from attrs import field, frozen

from . import errors
from ._config import Config, Limits, check_deadline, check_max_retries, check_timeout
from ._version import __version__

USER_AGENT = (
    f"polyai-data/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))} "
    f"httpx/{httpx.__version__}"
)

LONGEST_URL = 65_536
"""Characters; httpx takes no longer one."""

COMPRESSIONS = ("gzip", "deflate")
"""What JSON may be compressed with. They unpack to a thousand times their size at most."""

_IN_NO_ID = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_T = TypeVar("_T")


@frozen
class Call(Generic[_T]):
    """One request, ready to be sent, and how to read its answer.

    Attributes:
        config: The client's settings.
        operation: The operation's name, such as `get_conversation`.
        method: The HTTP method, in capitals.
        url: The whole URL.
        correlation_id: The ID that finds the request in PolyAI's logs.
        timeout: Seconds to connect and to read.
        max_retries: How often it is sent once more at most.
        deadline: Seconds for all attempts together, or None.
        is_repeatable: Whether sending it twice does what sending it once does.
        accept: The media type to ask for.
        compressions: How the answer may be compressed.
        range_headers: What asks for the rest of a recording; empty for all of it.
        content: The body, as JSON, or None.
        meanings: What a status means for this operation, where the API gives no code.
        read: Turns the JSON of a success into what the method returns.
    """

    config: Config
    operation: str
    method: str
    url: str
    correlation_id: str
    timeout: tuple[float, float]
    max_retries: int
    deadline: float | None
    is_repeatable: bool
    accept: str
    compressions: Sequence[str]
    content: bytes | None = field(repr=False)
    meanings: Mapping[int, type[errors.APIStatusError]]
    read: Callable[[Any], _T] = field(repr=False)
    range_headers: Mapping[str, str] = MappingProxyType({})

    @property
    def destination(self) -> str:
        """The region and host that the request goes to, for messages."""
        return self.config.describe(self.url)

    def request(self, timeout: Mapping[str, float]) -> httpx.Request:
        """Return the request to send; it holds the key, and is not to be kept in a variable."""
        return httpx.Request(
            self.method,
            self.url,
            headers=self.headers(),
            # As a stream httpx takes it as it is, and adds no headers, which costs more than all.
            stream=httpx.ByteStream(self.content or b""),
            extensions={"timeout": timeout},
        )

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers to send, the key among them: not to be kept in a variable."""
        headers = [
            ("Host", self.url.split("/", 3)[2]),
            ("Accept", self.accept),
            ("Accept-Encoding", ", ".join(self.compressions) or "identity"),
            ("Connection", "keep-alive"),
            ("User-Agent", USER_AGENT),
            ("X-PolyAI-Correlation-Id", self.correlation_id),
        ]
        if self.content is not None:
            headers.append(("Content-Type", "application/json"))
            headers.append(("Content-Length", str(len(self.content))))
        return [*headers, *self.range_headers.items(), *self.config.key.headers()]


def prepare(
    config: Config,
    operation: str,
    request: Mapping[str, Any],
    read: Callable[[Any], _T],
    *,
    limits: Limits,
    accept: str = "application/json",
    compressions: Sequence[str] = COMPRESSIONS,
    is_repeatable: bool = True,
    meanings: Mapping[int, type[errors.APIStatusError]] = MappingProxyType({}),
) -> Call[_T]:
    """Return the call for a request as the generated client describes it.

    Raises:
        ConfigurationError: if a limit is none, or the operation has no server in the region.
        TypeError: if the body holds what JSON cannot express.
        ValueError: likewise, or if the request is too long for a URL.
    """
    url = config.base_url_of(operation) + request["url"]
    if "params" in request:
        url = f"{url}?{httpx.QueryParams(request['params'])}"
    if len(url) > LONGEST_URL:
        raise ValueError(f"The request does not fit into a URL: it has {len(url):,} characters.")
    return Call(
        config=config,
        operation=operation,
        method=request["method"].upper(),
        url=url,
        correlation_id=f"polyai-data-{os.urandom(16).hex()}",
        timeout=check_timeout(limits.timeout) or config.timeout,
        max_retries=_first(check_max_retries(limits.max_retries), config.max_retries),
        deadline=_first(check_deadline(limits.deadline), config.deadline),
        is_repeatable=is_repeatable,
        accept=accept,
        compressions=compressions,
        content=_encode(request["json"]) if "json" in request else None,
        meanings=meanings,
        read=read,
    )


def _first(given: Any, otherwise: Any) -> Any:
    return given if given is not None else otherwise


def _encode(body: Any) -> bytes:
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"This cannot be sent as JSON: {error}.") from None


def require_agent_id(config: Config, agent_id: str | None) -> str:
    """Return the agent that a call is about: the call's own, else the client's.

    Raises:
        ConfigurationError: if there is neither.
        ValueError: if it cannot be an ID.
    """
    agent_id = agent_id if agent_id is not None else config.agent_id
    if agent_id is None:
        raise errors.ConfigurationError(
            "No agent: pass agent_id= to the client or to the call, or set POLYAI_AGENT_ID. It is "
            "the project ID, such as PROJECT-58RP822I, or the project's name in a Studio URL."
        )
    return check_id("agent_id", agent_id)


def check_id(name: str, value: str) -> str:
    """Return the ID if it can be one segment of a path; the generated client quotes it.

    Raises:
        TypeError: if it is not text.
        ValueError: if it is empty, `.` or `..`, or holds a control character or a lone surrogate.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text (str), not {type(value).__name__}.")
    if value in ("", ".", ".."):
        raise ValueError(
            f"{name} is {value!r}, which names nothing; give the ID as PolyAI shows it."
        )
    odd = _IN_NO_ID.search(value)
    if odd is not None:
        raise ValueError(
            f"{name} holds a character that no ID has, U+{ord(odd[0]):04X} at position "
            f"{odd.start()}. If it was read from a file, strip the line end."
        )
    return value


def check_text(name: str, value: str, *, least: int = 0) -> str:
    """Return the text, if it is one of at least so many characters.

    Raises:
        TypeError: if it is not text.
        ValueError: if it is too short.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text (str), not {type(value).__name__}.")
    if len(value) < least:
        raise ValueError(f"{name} is empty.")
    return value


def check_whole_number(name: str, value: int, *, least: int) -> int:
    """Return the number, if it is a whole one and at least so great.

    Raises:
        TypeError: if it is no whole number.
        ValueError: if it is less.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number (int), not {type(value).__name__}.")
    if value < least:
        raise ValueError(f"{name}={value}: it must be {least} or more.")
    return value
