"""The rate limiter that all calls of a client share. It does no I/O."""

from __future__ import annotations

import threading
from collections import deque

MAX_PAUSE = 60.0  # seconds; if the server asks for more, calls fail instead of waiting
DEFAULT_PAUSE = 1.0  # seconds after a 429 that does not say how long to wait
MIN_RATE = 1.0  # requests per second; a slower observed rate counts as this
RECOVERY = 0.1  # share of the rate before a 429 that comes back each second
MIN_SAMPLE = 8  # requests; fewer do not tell the rate


class RateLimiter:
    """Decides when the next request may be sent.

    After a 429, no request is sent for as long as the server asks. Then requests resume at half
    their previous rate. The rate grows linearly, and the limit ends at the previous rate.
    """

    def __init__(self, max_rate: float | None) -> None:
        self._max_rate = max_rate
        self._lock = threading.Lock()
        self._free_at = 0.0  # when the next request may start
        self._paused_until = 0.0
        self._rate_before_429: float | None = None
        self._started: deque[float] = deque(maxlen=64)

    def acquire(self, now: float, time_left: float) -> float | None:
        """Reserve a place for a request, and return the seconds until it may be sent."""
        with self._lock:
            start = max(now, self._free_at, self._paused_until)
            if start - now > time_left:
                return None
            rate = self._rate(start)
            if rate is not None:
                self._free_at = start + 1 / rate
            self._started.append(start)
            return start - now

    def remaining_pause(self, now: float) -> float:
        """Return the seconds left of a pause after a 429, which applies to every request."""
        with self._lock:
            return max(0.0, self._paused_until - now)

    def on_429(self, now: float, retry_after: float | None) -> None:
        wait = DEFAULT_PAUSE if retry_after is None else retry_after
        if wait > MAX_PAUSE:
            return
        with self._lock:
            if now >= self._paused_until:  # else the request was sent before the pause
                self._rate_before_429 = self._observed_rate(now)
                self._started.clear()
            self._paused_until = self._free_at = max(self._paused_until, now + wait)

    def _observed_rate(self, now: float) -> float | None:
        if len(self._started) < MIN_SAMPLE or now <= self._started[0]:
            return None
        return max(MIN_RATE, len(self._started) / (now - self._started[0]))

    def _rate(self, now: float) -> float | None:
        """Return the current limit in requests per second, if there is one."""
        before = self._rate_before_429
        if before is None:
            return self._max_rate
        slowed = before * (0.5 + RECOVERY * (now - self._paused_until))
        if slowed >= before:
            self._rate_before_429 = None
            return self._max_rate
        return slowed if self._max_rate is None else min(slowed, self._max_rate)
