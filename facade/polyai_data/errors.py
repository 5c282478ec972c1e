"""Every failure of this package leaves as one of these.

    PolyAIError
    ├─ ConfigurationError (also ValueError)   what the client was given cannot work
    ├─ APIConnectionError                     nothing came back: DNS, refused, TLS, dropped, proxy
    │  └─ APITimeoutError (also TimeoutError)
    ├─ APIStatusError                         a status that is not success
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
    └─ ResponseDecodeError                    success whose body cannot be read

An argument that can never be sent (an empty ID, say) is a plain ValueError or TypeError instead,
raised before anything is sent.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

_MAX_SHOWN = 200
"""How many characters of a server's text, or of a path, a message shows."""


class PolyAIError(Exception):
    """The base of every error of this package.

    All of them can be pickled, and none holds the API key.

    Attributes:
        message: What went wrong, as a sentence; the server's own words where it gave some.
        method: The HTTP method of the request, or None where there was none.
        url: The URL of the request.
        status_code: The HTTP status of the answer.
        code: The envelope's `error_code`, such as `CONVERSATIONS_NOT_FOUND`; an open set.
        correlation_id: What to give PolyAI's support: the envelope's `error_id`, else the answer's
            `X-PolyAI-Correlation-Id`, else the one that the request carried.
        body: The answer's body: a JSON value if it is JSON, else text, else bytes; None if empty.
        retry_after: Seconds to wait before the next try, from the `Retry-After` header.
        hint: What to check first, where there is a usual cause.
        attempts: How many times the request was sent, or tried to be.
        outcome_unknown: Whether a write may have taken effect all the same: its answer never came,
            or says nothing about it. Look before you send it again.
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
        self.attempts = 1
        self.outcome_unknown = outcome_unknown

    def __str__(self) -> str:
        if self.method is None or self.url is None:
            return self.message
        parts = urlsplit(self.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        text = f"{self.method} {shorten(path)} → {self._outcome()}: {shorten(self.message)}"
        notes = [f"{self.attempts} attempts"] if self.attempts > 1 else []
        if self.correlation_id:
            notes.append(f"correlation ID {shorten(self.correlation_id)}")
        if notes:
            text += f" ({', '.join(notes)})"
        if self.outcome_unknown:
            text += "\nIt may have taken effect all the same: look before you send it again."
        return f"{text}\n{self.hint}" if self.hint else text

    def _outcome(self) -> str:
        """What came back, in a word or two."""
        if self.status_code is None:
            return "no answer"
        return f"{self.status_code} {shorten(self.code)}" if self.code else str(self.status_code)


class ConfigurationError(PolyAIError, ValueError):
    """What the client was given cannot work: no key, no region, an unknown region, a bad URL."""


class APIConnectionError(PolyAIError):
    """Nothing usable came back: DNS, refused, TLS, a dropped connection, a proxy."""

    _passes = False
    """Whether the next attempt may fare better."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """The server did not take the connection, or did not answer, in time."""


class APIStatusError(PolyAIError):
    """The server answered with a status that is not success."""


class BadRequestError(APIStatusError):
    """400: the server refused the query or the body."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, invalid or expired, or belongs to another region."""


class PermissionDeniedError(APIStatusError):
    """403: the key has no permission for this, or was rotated away."""


class NotFoundError(APIStatusError):
    """404: there is no such thing, or it lives in another region."""


class ConversationNotFoundError(NotFoundError):
    """404: there is no such conversation."""


class RecordingNotFoundError(NotFoundError):
    """404: the conversation has no recording."""


class ConflictError(APIStatusError):
    """409: the request conflicts with the state of the resource."""


class GoneError(APIStatusError):
    """410: the resource is no longer there."""


class ChatEndedError(GoneError):
    """410: the chat has ended and takes no more messages."""


class UnprocessableEntityError(APIStatusError):
    """422: the server understood the request and cannot act on it."""


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` says how long to wait, if the server said so."""


class ServerError(APIStatusError):
    """5xx: the server, or a gateway in front of it, failed."""


class ResponseDecodeError(PolyAIError):
    """The server reported success, but its answer cannot be read.

    An HTML page, truncated JSON, or an object without its identity (`conversationId`).
    """


def shown(value: object) -> str:
    """Return an argument as messages show it: on one line, and not longer than it helps."""
    return shorten(repr(value))


def shorten(text: str) -> str:
    """Return the text on one line, without control characters, cut to 200 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 10 * _MAX_SHOWN]).split())
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1] + "…"
