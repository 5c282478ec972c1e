"""What went wrong: a status, or what a connection died of, to the error for it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from . import errors
from ._request import Call

_STATUS_ERRORS: dict[int, type[errors.APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.GoneError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
}

_NUMBER = (
    r"\+\(?\d(?:[ ().-]{0,2}\d){5,18}"
    r"|(?<![\w+-])(?<!\d[.:])(?!\d{4}-\d\d-\d\d)\(?\d(?:[ ().-]{0,2}\d){6,18}(?![\w-])"
)
"""Seven digits and more, as of telephones and cards; dates and parts of IDs are none. Patterns are
compiled when they are used: few programs need them."""

_CODE_ERRORS: dict[tuple[int, str], type[errors.APIStatusError]] = {
    (404, "CONVERSATIONS_NOT_FOUND"): errors.ConversationNotFoundError,
    (404, "CONVERSATIONS_RECORDING_NOT_FOUND"): errors.RecordingNotFoundError,
    (410, "ChatConversationEnded"): errors.ChatEndedError,
}


def status_error(
    call: Call[Any], status: int, headers: Mapping[str, str], content: bytes
) -> errors.APIStatusError:
    """Return the error for a status that is not success, without the key if it was echoed."""
    redact = call.config.key.redact
    body = redacted_body(call, content)
    envelope = body if isinstance(body, dict) else {}
    code = _text(envelope, "error_code")
    if status >= 500:
        kind: type[errors.APIStatusError] = errors.ServerError
    else:
        kind = _STATUS_ERRORS.get(status, errors.APIStatusError)
    if code is not None:
        kind = _CODE_ERRORS.get((status, code), kind)
    if envelope and (code is None or status == 410):
        # The API's own answer, not some gateway's. 410 has one meaning, whatever its code.
        kind = call.meanings.get(status, kind)
    retry_after = _retry_after(headers.get("retry-after"))
    refused = (status < 500 and status != 408) or (status == 503 and retry_after is not None)
    message = _text(envelope, "error_message") or _text(envelope, "error")
    return kind(
        _without_numbers(message) if message else redact(_describe_status(status, headers, body)),
        method=call.method,
        url=call.url,
        status_code=status,
        code=code,
        correlation_id=_text(envelope, "error_id") or correlation_id(call, headers),
        body=body,
        retry_after=retry_after,
        hint=_hint(status, call.destination),
        outcome_unknown=_is_write(call) and not refused,
    )


def correlation_id(call: Call[Any], headers: Mapping[str, str]) -> str:
    """Return the correlation ID of an answer: its own, else that of the request."""
    return call.config.key.redact(headers.get("x-polyai-correlation-id") or call.correlation_id)


def _text(envelope: Mapping[str, Any], key: str) -> str | None:
    value = envelope.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _without_numbers(message: str) -> str:
    """Return a server's message without what may be a caller's number."""
    return re.sub(_NUMBER, "[number]", message)


def _describe_status(status: int, headers: Mapping[str, str], body: Any) -> str:
    """Say what came, where the body has no message of the API."""
    if 200 <= status < 300:
        return "the server reports that it did not succeed"
    reason = httpx.codes.get_reason_phrase(status) or "an unusual status"
    if 300 <= status < 400:
        return (
            f"{reason}; redirects are not followed (to {headers.get('location', 'nowhere named')})"
        )
    if not isinstance(body, str) or not body.strip():
        return reason
    if body.lstrip().startswith("<"):
        return f"{reason} (an HTML page, probably a gateway's or a proxy's)"
    # Whatever it says may be about a caller.
    return f"{reason} (a text that is not the API's: see body)"


def _hint(status: int, destination: str) -> str | None:
    where = f"A key and its data live in one region only; this request went to {destination}."
    if status == 401:
        return f"{where} Check that the key was issued there, and has not expired."
    if status == 404:
        return f"{where} If the ID is right, check the region."
    return None


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        # A date without a zone is UTC, as every date of HTTP.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        seconds -= time.time()
    return max(0.0, seconds) if seconds < float("inf") else None


def redacted_body(call: Call[Any], content: bytes) -> Any:
    """Return the body as a JSON value, else as text, else as bytes; None if it is empty.

    Without the key, should a server have echoed it.
    """
    content = call.config.key.redact(content)
    if not content:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        pass
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def decode_error(
    call: Call[Any], status: int, headers: Mapping[str, str], content: bytes, reason: str
) -> errors.ResponseDecodeError:
    """Return the error for a success that cannot be read, without the key if it was echoed."""
    redact = call.config.key.redact
    return errors.ResponseDecodeError(
        redact(reason),
        method=call.method,
        url=call.url,
        status_code=status,
        correlation_id=correlation_id(call, headers),
        body=redacted_body(call, content),
        outcome_unknown=_is_write(call),
    )


def failed(
    call: Call[Any], response: httpx.Response | None, failure: BaseException, *, is_late: bool
) -> BaseException:
    """Return what to raise where no answer came, or not the whole of it.

    Never the failure with its frames, and never chained to it: they hold the headers, and the key.

    Args:
        call: The call.
        response: The answer, or None where none came.
        failure: What httpx or the transport raised.
        is_late: Whether the deadline has passed.
    """
    if isinstance(failure, errors.PolyAIError):
        return failure.with_traceback(None)
    if not isinstance(failure, Exception):  # Ctrl-C, or a task that was cancelled
        failure.__cause__ = failure.__context__ = None
        return failure.with_traceback(None)
    if response is None:
        return connection_error(call, failure, is_late=is_late)
    return unreadable_body(call, response.status_code, response.headers, failure, is_late=is_late)


def unreadable_body(
    call: Call[Any],
    status: int,
    headers: Mapping[str, str],
    failure: Exception,
    *,
    is_late: bool,
) -> errors.PolyAIError:
    """Return the error for an answer whose body broke off or could not be decompressed."""
    if not 200 <= status < 300:
        return status_error(call, status, headers, b"")
    if isinstance(failure, httpx.DecodingError):
        return decode_error(call, status, headers, b"", f"The body is damaged: {failure}")
    error = connection_error(call, failure, is_late=is_late)
    error.status_code = status
    return error


def connection_error(
    call: Call[Any], failure: BaseException, *, is_late: bool
) -> errors.APIConnectionError:
    """Return the error for a request to which nothing usable came back."""
    timed_out = isinstance(failure, httpx.TimeoutException | TimeoutError)
    kind = errors.APITimeoutError if timed_out else errors.APIConnectionError
    if timed_out and is_late:
        message = f"the deadline of {call.deadline:g} s has passed"
    else:
        message = _describe_failure(call, failure)
    error = kind(
        call.config.key.redact(message),
        method=call.method,
        url=call.url,
        correlation_id=call.correlation_id,
        outcome_unknown=_is_write(call) and not _is_not_sent(failure),
    )
    error._passes = _passes(failure)
    return error


_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures that come before the server can have seen the request."""


_NEVER_CONNECTED = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
"""What only a connection that never came about dies of."""


def _is_not_sent(failure: BaseException) -> bool:
    """Whether the server certainly did not see the request.

    Transports of others call more by these names: that of httpx-aiohttp a server that dropped the
    connection after it had the request. Then only what made it so is believed.
    """
    cause = failure.__cause__
    return isinstance(failure, _NOT_SENT) and (
        cause is None
        or type(cause).__module__.partition(".")[0] == "httpcore"
        or any(isinstance(one, _NEVER_CONNECTED) for one in _causes(cause))
    )


def _passes(failure: BaseException) -> bool:
    """Whether the next attempt may fare better: not with a certificate or a proxy that refuses."""
    if isinstance(failure, httpx.ConnectError):
        return not any(isinstance(cause, ssl.SSLError) for cause in _causes(failure))
    return isinstance(
        failure,
        httpx.TimeoutException | httpx.NetworkError | httpx.RemoteProtocolError | TimeoutError,
    )


def _is_write(call: Call[Any]) -> bool:
    return call.method != "GET"


def broken_off(call: Call[Any], received: int, expected: int | None) -> errors.APIConnectionError:
    """Return the error for a recording that is not as long as it was said to be."""
    error = errors.APIConnectionError(
        f"the recording broke off: {received:,} bytes of {expected or 0:,}",
        method=call.method,
        url=call.url,
        status_code=200,
        correlation_id=call.correlation_id,
    )
    error._passes = True
    return error


def _describe_failure(call: Call[Any], failure: BaseException) -> str:
    connect, read = call.timeout
    host = urlsplit(call.url).netloc
    peer = _peer(call, host)
    if isinstance(failure, httpx.ConnectTimeout):
        return f"no connection to {peer} within {connect:g} s"
    if isinstance(failure, httpx.PoolTimeout):
        return f"no connection became free within {read:g} s; too many calls run at once"
    if isinstance(failure, httpx.WriteTimeout):
        return f"{host} did not take the request within {read:g} s"
    if isinstance(failure, httpx.TimeoutException | TimeoutError):
        return f"nothing more came from {host} within {read:g} s"
    detail = errors.shorten(str(failure)) or "no details"
    if isinstance(failure, httpx.ProxyError):
        return f"the proxy refused: {detail}"
    for cause in _causes(failure):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: the certificate of {host} was not accepted: {_reason(cause)}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed with {host}: {_reason(cause)}"
        if isinstance(cause, socket.gaierror):
            return f"the name of {peer} could not be resolved (DNS): {cause.strerror or cause}"
        if isinstance(cause, ConnectionRefusedError):
            return f"{peer} refused the connection"
    if isinstance(failure, httpx.RemoteProtocolError):
        return f"{host} dropped the connection: {detail}"
    return f"{type(failure).__name__}: {detail}"


def _peer(call: Call[Any], host: str) -> str:
    """Return whom a connection is made to first, without anybody's password."""
    from urllib.request import getproxies, proxy_bypass  # here: few failures need it

    if call.config.uses_tls and not proxy_bypass(host):
        proxies = getproxies()
        proxy = proxies.get("https") or proxies.get("all")
        if proxy:
            named = urlsplit(proxy if "://" in proxy else f"http://{proxy}").netloc
            return f"{host}, or the proxy {named.rpartition('@')[2]} before it,"
    return host


def _reason(error: ssl.SSLError) -> str:
    """Return why TLS failed; only errors of OpenSSL itself have these attributes."""
    return getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Yield the failure and what led to it, members of groups included."""
    pending: list[BaseException | None] = [failure]
    seen: set[int] = set()
    while pending:
        cause = pending.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [cause.__cause__ or cause.__context__]
            pending += cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
