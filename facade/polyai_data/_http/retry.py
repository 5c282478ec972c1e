"""Retries: whether and when a request is sent again. Both clients share these decisions."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from .. import errors
from .._config import Retry
from . import clock
from .clock import Seconds
from .error_map import connection_error
from .rate_limit import MAX_PAUSE, RateLimiter
from .request import AnyRequest

FIRST_DELAY = 0.5
MAX_DELAY = 8.0
MIN_SECONDS = 0.001  # a deadline with less time left has passed; a shorter pause is skipped
# 520 to 524 and 530 come from Cloudflare in front of a server, 529 from an overloaded one.
RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504, *range(520, 525), 529, 530})

_log = logging.getLogger("polyai_data")


def backoff(
    request: AnyRequest, error: errors.PolyAIError, attempt: int, time_left: float, jitter: float
) -> float | None:
    """Return the seconds to wait before a retry, or None if there is no retry."""
    if isinstance(error, errors.APIConnectionError):
        transient = error._transient
    else:
        is_status = isinstance(error, errors.APIStatusError)
        transient = is_status and error.status_code in RETRYABLE_STATUSES
    harmless = request.idempotent or not error.outcome_unknown
    if not (transient and harmless) or attempt > request.config.max_retries:
        return None
    delay = error.retry_after
    if delay is None:
        delay = jitter * min(MAX_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 10))
    elif delay > MAX_PAUSE:
        return None
    return delay if delay < time_left else None


class Cancelled(BaseException):
    """The result is no longer needed. Like asyncio.CancelledError, this is not an error."""


class RetryState:
    """The attempts of one call, and the time left for them."""

    def __init__(
        self, request: AnyRequest, limiter: RateLimiter, cancelled: threading.Event | None = None
    ) -> None:
        self.attempt: int = 1
        self._cancelled = cancelled
        # Whether the request was sent, as far as the transport tells: None if it does not.
        self.sent: bool | None = None
        self._request = request
        self._limiter = limiter
        self._end = clock.monotonic() + (request.config.deadline or float("inf"))

    @property
    def time_left(self) -> float:
        return self._end - clock.monotonic()

    @property
    def deadline_exceeded(self) -> bool:
        return self.time_left < MIN_SECONDS

    @property
    def has_deadline(self) -> bool:
        return self._request.config.deadline is not None

    def timeouts(self) -> dict[str, float]:
        connect, read = self._request.config.timeout
        if self.has_deadline:
            left = max(self.time_left, MIN_SECONDS)  # 0 would mean no timeout
            connect, read = Seconds(min(connect, left)), Seconds(min(read, left))
            connect.end = read.end = self._end
        return {"connect": connect, "read": read, "write": read, "pool": read}

    def on_trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Note how far the request has come. Transports of httpx call this."""
        starts = name.endswith("send_request_headers.started")
        self.sent = bool(self.sent) or (starts and info["request"].method != b"CONNECT")

    def check(self) -> None:
        """Raise TimeoutError after the deadline, Cancelled if nobody is waiting any more."""
        self._check_cancelled()
        if self.deadline_exceeded:
            raise TimeoutError

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled is not None and self._cancelled.is_set()

    def _check_cancelled(self) -> None:
        if self.is_cancelled:
            raise Cancelled

    def wait_for_turn(self) -> Iterator[float]:
        """Yield the seconds to wait, one after the other, before the next attempt may start."""
        self._check_cancelled()
        now = clock.monotonic()
        pause = self._limiter.acquire(now, self.time_left)
        while True:
            if pause is None or pause > self.time_left or self.deadline_exceeded:
                error = connection_error(self._request, TimeoutError(), deadline_exceeded=True)
                error.outcome_unknown = False
                error.attempts = self.attempt - 1
                raise error
            if pause <= MIN_SECONDS:
                return
            yield pause
            self._check_cancelled()
            # In the meantime, the server may have rejected a request of another call. The pause
            # is over even if a user's test has stopped the clock.
            now = max(clock.monotonic(), now + pause)
            pause = self._limiter.remaining_pause(now)

    def next_delay(self, error: errors.PolyAIError, *, retryable: bool = True) -> float | None:
        """Record a failed attempt. Return the seconds until the next, or None if there is none."""
        error.attempts = self.attempt
        if not retryable or self.is_cancelled:
            return None
        jitter = random.random()  # noqa: S311
        delay = backoff(self._request, error, self.attempt, self.time_left, jitter)
        if isinstance(error, errors.RateLimitError):
            pause = delay if error.retry_after is None else error.retry_after
            self._limiter.on_429(clock.monotonic(), pause)
        if delay is None:
            return None
        name, on_retry = self._request.operation, self._request.config.on_retry
        # The status of an incomplete success would be misleading.
        has_status = isinstance(error, errors.APIStatusError)
        reason = error.status_code if has_status else type(error).__name__
        message = "%s: attempt %d failed (%s), next attempt in %.1f s"
        fields = {
            "polyai_operation": name,
            "polyai_attempt": self.attempt,
            "polyai_reason": reason,
            "polyai_delay": delay,
        }
        extra = {**fields, "polyai_correlation_id": error.correlation_id}
        _log.info(message, *fields.values(), extra=extra)
        if on_retry is not None:
            on_retry(Retry(name, self.attempt, delay, error))
        self.attempt += 1
        self.sent = None
        return delay
