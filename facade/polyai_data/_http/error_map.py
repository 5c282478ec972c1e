"""Maps error responses and network failures to exceptions."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from polyai_data_generated.models import ErrorEnvelope

from .. import errors
from .._models.decode import decode
from .._models.json_reader import read_json
from .foreign import find_foreign, without_frames
from .request import AnyRequest, RawResponse
from .threads import SHUTTING_DOWN
from .transports import proxy_for

_Error = TypeVar("_Error", bound=BaseException)

# By status and error code; None stands for any other code.
_STATUS_ERRORS: dict[tuple[int, str | None], type[errors.APIStatusError]] = {
    (400, None): errors.BadRequestError,
    (401, None): errors.AuthenticationError,
    (403, None): errors.PermissionDeniedError,
    (404, None): errors.NotFoundError,
    (404, "CONVERSATIONS_NOT_FOUND"): errors.ConversationNotFoundError,
    (404, "CONVERSATIONS_RECORDING_NOT_FOUND"): errors.RecordingNotFoundError,
    (409, None): errors.ConflictError,
    (410, None): errors.GoneError,
    (410, "ChatConversationEnded"): errors.ChatEndedError,
    (422, None): errors.UnprocessableEntityError,
    (429, None): errors.RateLimitError,
}

_HINTS = {
    401: "Check that the key is from this region and has not expired.",
    404: "If the ID is correct, check the region.",
}

_NO_RECORDING = "Chats have no recording. If the ID is of a call, check the region."

# Seven digits or more, as in phone and card numbers, but not in dates or IDs.
_PHONE_NUMBER = (  # compiled when it is first used
    r"\+\(?\d(?:[ ().-]{0,2}\d){5,18}"
    r"|(?<![\w+-])(?<!\d[.:])(?!\d{4}-\d\d-\d\d)\(?\d(?:[ ().-]{0,2}\d){6,18}(?![\w-])"
)

_TIMEOUTS = (httpx.TimeoutException, TimeoutError)
_TRANSIENT = (httpx.NetworkError, httpx.RemoteProtocolError, ConnectionError, socket.gaierror)
# Failures before the server can have seen the request:
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NOT_SENT = (*_NO_CONNECTION, httpx.ProxyError, httpx.UnsupportedProtocol)
# Causes that rule out that a connection was made:
_CONNECT_CAUSES = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)


def status_error(raw: RawResponse) -> errors.APIStatusError:
    """Return the exception for an error status, without the key if the server echoed it."""
    request, status = raw.request, raw.status
    body = redacted_body(request, raw.content)
    is_envelope = isinstance(body, dict) and bool(body)
    envelope = decode(ErrorEnvelope, body if is_envelope else {})
    code = _text(envelope.error_code)
    fallback = errors.ServerError if status >= 500 else errors.APIStatusError
    kind = _STATUS_ERRORS.get((status, code)) or _STATUS_ERRORS.get((status, None), fallback)
    if is_envelope and (code is None or status == 410):
        # From the API itself, not from a gateway. 410 means the same with any code.
        kind = request.error_types.get(status, kind)
    retry_after = _parse_retry_after(raw.headers)
    refused = (status < 500 and status != 408) or (status == 503 and retry_after is not None)
    message = _text(envelope.error_message) or _text(envelope.error) or ""
    message = re.sub(_PHONE_NUMBER, "[number]", message) or _summarize(raw, body)
    destination = request.config.describe(request.url)
    hint = _NO_RECORDING if kind is errors.RecordingNotFoundError else _HINTS.get(status)
    where = f"A key and its data are in one region only. This request went to {destination}."
    return kind(
        request.config.key.redact(message),
        method=request.method,
        url=request.url,
        status_code=status,
        code=code,
        correlation_id=_text(envelope.error_id) or raw.correlation_id,
        body=body,
        retry_after=retry_after,
        hint=f"{where} {hint}" if hint else None,
        outcome_unknown=request.is_write and not refused,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _summarize(raw: RawResponse, body: Any) -> str:
    """Describe a response whose body has no message from the API."""
    if raw.is_success:
        return "the server reports a failure"
    reason = httpx.codes.get_reason_phrase(raw.status) or "non-standard status"
    if 300 <= raw.status < 400:
        location = raw.headers.get("location", "none")
        return f"{reason}; redirects are not followed (Location: {location})"
    if not isinstance(body, str) or not body.strip():
        return reason
    if body.lstrip().startswith("<"):
        return f"{reason} (an HTML page, probably from a gateway or proxy)"
    # The text itself is not shown: it may be about a caller.
    return f"{reason} (plain text, not from the API; see body)"


def _parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, given in seconds or as a date.

    A date is compared with the response's own: the clock of this machine may be wrong.
    """
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        until = _parse_date(value)
        if until is None:
            return None
        seconds = until - (_parse_date(headers.get("date", "")) or time.time())
    return max(0.0, seconds) if seconds < float("inf") else None


def _parse_date(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()  # HTTP dates are UTC


def redacted_body(request: AnyRequest, content: bytes) -> Any:
    """Return the body as JSON, or else a string, or else bytes; None if it is empty."""
    content = request.config.key.redact(content)
    if not content:
        return None
    with suppress(ValueError, RecursionError):
        return read_json(content)
    with suppress(ValueError):
        return content.decode()
    return content


def unreadable(raw: RawResponse, reason: str) -> errors.ResponseDecodeError:
    return errors.ResponseDecodeError(
        raw.request.config.key.redact(reason),
        method=raw.request.method,
        url=raw.request.url,
        status_code=raw.status,
        correlation_id=raw.correlation_id,
        body=redacted_body(raw.request, raw.content),
        outcome_unknown=raw.request.is_write,
    )


def to_error(
    request: AnyRequest,
    response: httpx.Response | None,
    failure: BaseException,
    *,
    deadline_exceeded: bool,
    sent: bool | None = None,
) -> BaseException:
    """Return an exception without the frames that hold the API key.

    Args:
        request: The request.
        response: The response, once its headers have arrived.
        failure: What was raised. If it is not about the connection, it is returned unchanged.
        deadline_exceeded: Whether the deadline has passed.
        sent: Whether the request was sent, if the transport tells.
    """
    if isinstance(failure, errors.PolyAIError):
        return unchained(failure)
    if (foreign := find_foreign(failure)) is not None:
        return without_frames(foreign)
    if not isinstance(failure, Exception):
        return without_frames(failure)  # Ctrl-C, or a cancelled task
    error = connection_error(request, failure, deadline_exceeded=deadline_exceeded, sent=sent)
    if response is not None:
        raw = RawResponse(request, response.status_code, response.headers, b"")
        if not raw.is_success:
            return status_error(raw)
        if isinstance(failure, httpx.DecodingError):
            return unreadable(raw, f"Invalid compressed data: {failure}")
        error.status_code = raw.status
    return error


def unchained(error: _Error) -> _Error:
    """Drop the traceback and context of an exception of ours: their frames may hold the key."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def connection_error(
    request: AnyRequest,
    failure: BaseException,
    *,
    deadline_exceeded: bool,
    sent: bool | None = None,
) -> errors.APIConnectionError:
    timed_out = isinstance(failure, _TIMEOUTS)
    kind = errors.APITimeoutError if timed_out else errors.APIConnectionError
    message = _describe_failure(request, failure)
    if timed_out and deadline_exceeded:
        message = f"the deadline of {request.config.deadline:g} s has passed"
    error = kind(request.config.key.redact(message), **_fields(request))
    may_be_sent = not _was_not_sent(failure) if sent is None else sent
    error.outcome_unknown = request.is_write and may_be_sent
    error._transient = _is_transient(failure)
    return error


def incomplete_download(
    request: AnyRequest, received: int, expected: int | None
) -> errors.APIConnectionError:
    message = f"the recording is incomplete: {received:,} of {expected or 0:,} bytes"
    error = errors.APIConnectionError(message, status_code=200, **_fields(request))
    error._transient = True
    return error


def unverified_download(raw: RawResponse) -> errors.ResponseDecodeError:
    return unreadable(
        raw,
        "Neither the response nor the WAV header says how long the recording is, so it may be cut "
        "off. Pass allow_unverified=True to save it all the same",
    )


def _fields(request: AnyRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("method", "url", "correlation_id")}


def _was_not_sent(failure: BaseException) -> bool:
    cause = failure.__cause__
    # Other transports, such as httpx-aiohttp, also raise these exceptions for a connection that
    # was dropped after the request. Then only the cause is proof.
    return isinstance(failure, _NOT_SENT) and (
        cause is None
        or type(cause).__module__.partition(".")[0] in ("httpcore", "builtins", "ssl", "socket")
        or any(isinstance(one, _CONNECT_CAUSES) for one in _causes(cause))
    )


def _is_transient(failure: BaseException) -> bool:
    """Whether a retry may succeed: not if a certificate is invalid, or a proxy refuses."""
    if isinstance(failure, httpx.ConnectError):
        return not any(isinstance(cause, ssl.SSLError) for cause in _causes(failure))
    return isinstance(failure, (*_TRANSIENT, *_TIMEOUTS))


def _describe_failure(request: AnyRequest, failure: BaseException) -> str:
    connect, read = request.config.timeout
    host = urlsplit(request.url).netloc
    # What is before the @ may be a password.
    proxy = (proxy_for(request.url) or "").rpartition("@")[2].rpartition("://")[2].rstrip("/")
    peer = f"{host}, or its proxy {proxy}," if proxy else host
    if isinstance(failure, httpx.ConnectTimeout):
        return f"no connection to {peer} within {connect:g} s"
    if isinstance(failure, httpx.PoolTimeout):
        return f"no free connection within {read:g} s; too many calls are running"
    if isinstance(failure, httpx.WriteTimeout):
        return f"{host} did not accept the request within {read:g} s"
    if isinstance(failure, _TIMEOUTS):
        return f"no data from {host} for {read:g} s"
    # Redact before cutting, or a part of the key would stay.
    detail = errors.truncate(request.config.key.redact(str(failure))) or "no details"
    if isinstance(failure, RuntimeError) and "shutdown" in detail:  # of Python's thread pools
        return SHUTTING_DOWN
    if isinstance(failure, httpx.ProxyError):
        return f"the proxy refused: {detail}"
    for cause in _causes(failure):
        if isinstance(cause, ssl.SSLError):
            # Only errors of OpenSSL itself have these attributes.
            reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"TLS: the certificate of {host} is not trusted: {reason}"
            return f"TLS failed with {host}: {reason}"
        if isinstance(cause, socket.gaierror):
            return f"cannot resolve the name of {peer} (DNS): {cause.strerror or cause}"
        if isinstance(cause, ConnectionRefusedError):
            return f"{peer} refused the connection"
    if isinstance(failure, httpx.RemoteProtocolError):
        # What follows are the bytes that violate HTTP. They may be about a caller.
        return f"{host} dropped the connection: {detail.partition(': bytearray(')[0]}"
    return f"{type(failure).__name__}: {detail}"


def _causes(failure: BaseException) -> list[BaseException]:
    """Return the failure and its causes, members of exception groups included."""
    causes: list[BaseException] = []
    pending: list[BaseException | None] = [failure]
    while pending:
        cause = pending.pop()
        if cause is not None and cause not in causes:
            causes.append(cause)
            pending.append(cause.__cause__ or cause.__context__)
            pending += cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
    return causes
