"""The exceptions that this package raises.

    PolyAIError
    ├─ ConfigurationError (also ValueError)   invalid client settings
    ├─ APIConnectionError                     no complete response: DNS, TLS, proxy, dropped
    │  └─ APITimeoutError (also TimeoutError)
    ├─ APIStatusError                         an error status
    │  ├─ BadRequestError 400
    │  ├─ AuthenticationError 401
    │  ├─ PermissionDeniedError 403
    │  ├─ NotFoundError 404
    │  │  ├─ ConversationNotFoundError
    │  │  └─ RecordingNotFoundError
    │  ├─ ConflictError 409
    │  ├─ GoneError 410
    │  │  └─ ChatEndedError
    │  ├─ UnprocessableEntityError 422
    │  ├─ RateLimitError 429
    │  └─ ServerError 5xx
    └─ ResponseDecodeError                    a success response that cannot be read

An invalid argument, such as an empty ID, raises a ValueError or TypeError before any request.
"""

from __future__ import annotations

from operator import index
from typing import Any, SupportsIndex, cast
from urllib.parse import urlsplit

_MAX_LENGTH = 200  # characters of a server's text, or of a path, that a message shows


class PolyAIError(Exception):
    """The base class of every exception of this package.

    Exceptions can be pickled, and never contain the API key.

    Attributes:
        message: What went wrong, in the server's own words where it gave any.
        method: The HTTP method of the request; None if there was no request.
        url: The URL of the request.
        status_code: The HTTP status of the response.
        code: The API's `error_code`, such as `CONVERSATIONS_NOT_FOUND`. New codes may appear.
        correlation_id: The ID to give to PolyAI's support: the API's `error_id`, or the
            `X-PolyAI-Correlation-Id` of the response, or that of the request.
        body: The response body: parsed JSON, or a string, or bytes; None if it is empty.
        retry_after: Seconds to wait before a retry, from the `Retry-After` header.
        hint: What to check first, for errors that have a usual cause.
        attempts: How many times the request was sent.
        outcome_unknown: Whether a failed write may have taken effect. Check before you resend it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        method: str | None = None,
        url: str | None = None,
        status_code: int | None = None,
        code: str | None = None,
        correlation_id: str | None = None,
        body: Any = None,
        retry_after: float | None = None,
        hint: str | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.method = method
        self.url = url
        self.status_code = status_code
        self.code = code
        self.correlation_id = correlation_id
        self.body = body
        self.retry_after = retry_after
        self.hint = hint
        self.attempts: int = 1
        self.outcome_unknown = outcome_unknown

    def __str__(self) -> str:
        if self.method is None or self.url is None:
            return self.message
        parts = urlsplit(self.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        outcome = "no response"
        if self.status_code is not None:
            outcome = f"{self.status_code} {truncate(self.code or '')}".rstrip()
        text = f"{self.method} {truncate(path)} → {outcome}: {truncate(self.message)}"
        notes = [f"{self.attempts} attempts"] if self.attempts > 1 else []
        if self.correlation_id:
            notes.append(f"correlation ID {truncate(self.correlation_id)}")
        if notes:
            text += f" ({', '.join(notes)})"
        if self.outcome_unknown:
            text += "\nThe write may have taken effect. Check before you send it again."
        return f"{text}\n{self.hint}" if self.hint else text


class ConfigurationError(PolyAIError, ValueError):
    """Invalid client settings: no key, no region, an unknown region, an invalid URL."""


class APIConnectionError(PolyAIError):
    """No complete response: DNS, TLS, a proxy, a refused or dropped connection."""

    _transient = False  # whether a retry may succeed


class APITimeoutError(APIConnectionError, TimeoutError):
    """The server did not accept the connection, or did not respond, in time."""


class APIStatusError(PolyAIError):
    """The server responded with an error status."""


class BadRequestError(APIStatusError):
    """400: the query or the body is invalid."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, invalid or expired, or belongs to another region."""


class PermissionDeniedError(APIStatusError):
    """403: the key lacks permission, or was replaced by a newer key."""


class NotFoundError(APIStatusError):
    """404: the resource does not exist, or is in another region."""


class ConversationNotFoundError(NotFoundError):
    """404: the conversation does not exist."""


class RecordingNotFoundError(NotFoundError):
    """404: the conversation has no recording."""


class ConflictError(APIStatusError):
    """409: the request conflicts with the state of the resource."""


class GoneError(APIStatusError):
    """410: the resource no longer exists."""


class ChatEndedError(GoneError):
    """410: the chat has ended and accepts no more messages."""


class UnprocessableEntityError(APIStatusError):
    """422: the request is well-formed, but cannot be processed."""


class RateLimitError(APIStatusError):
    """429: too many requests. `retry_after` says how long to wait, if the server said so."""


class ServerError(APIStatusError):
    """5xx: the server, or a gateway in front of it, failed."""


class ResponseDecodeError(PolyAIError):
    """A success response that cannot be read: HTML, truncated JSON, or no `conversationId`."""


def to_int(value: object) -> int | None:
    """Return an integer of any type, such as numpy's, as an `int`; None if it is not an integer."""
    try:
        return None if isinstance(value, bool) else int(index(cast(SupportsIndex, value)))
    except TypeError:
        return None


def short_repr(value: object) -> str:
    """Return the repr of an argument on one line, truncated for a message."""
    return truncate(repr(value))


def truncate(text: str) -> str:
    """Return the string on one line, without control characters, cut to 200 characters."""
    printable = (c if c.isprintable() else " " for c in text[: 10 * _MAX_LENGTH])
    line = " ".join("".join(printable).split())
    return line if len(line) <= _MAX_LENGTH else line[: _MAX_LENGTH - 1] + "…"


__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ChatEndedError",
    "ConfigurationError",
    "ConflictError",
    "ConversationNotFoundError",
    "GoneError",
    "NotFoundError",
    "PermissionDeniedError",
    "PolyAIError",
    "RateLimitError",
    "RecordingNotFoundError",
    "ResponseDecodeError",
    "ServerError",
    "UnprocessableEntityError",
]


def __dir__() -> list[str]:
    return sorted(__all__)
