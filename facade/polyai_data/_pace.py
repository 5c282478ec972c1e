"""How fast a client may send: one policy without I/O, shared by all its calls."""

from __future__ import annotations

import threading
from collections import deque

from .errors import ConfigurationError, shown

MAX_PAUSE = 60.0
"""Seconds. A server that asks for a longer pause is not waited for: each call fails by itself."""
FIRST_PAUSE = 1.0
"""Seconds after a refusal that does not say how long to wait."""
LEAST_RATE = 1.0
"""Requests a second: what is slower is taken for this."""
RECOVERY = 0.1
"""How much of the rate before a refusal comes back each second."""

_REMEMBERED = 64
_ENOUGH = 8
"""Requests. From fewer no rate can be told, and there is no crowd to slow down."""


class Pace:
    """Says when the next request may be sent.

    After a 429 nothing is sent for as long as the server says. Then the requests begin again at
    half the rate that they had, and become more by the same amount each second until they are as
    many as before, when nothing holds them back any longer.

    Args:
        most: How many requests a second there may be; None for any number.
    """

    def __init__(self, most: float | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._free_at = 0.0  # when the next one may begin
        self._paused_until = 0.0
        self._before: float | None = None  # requests a second, before the server refused one
        self._begun: deque[float] = deque(maxlen=_REMEMBERED)

    def reserve(self, now: float, time_left: float) -> float | None:
        """Return the seconds until a request may be sent, which then counts as sent.

        Args:
            now: The time, in seconds.
            time_left: How many seconds it may take; if they do not suffice, None is returned.
        """
        with self._lock:
            begin = max(now, self._free_at, self._paused_until)
            if begin - now > time_left:
                return None
            rate = self._rate(begin)
            if rate is not None:
                self._free_at = begin + 1 / rate
            self._begun.append(begin)
            return begin - now

    def pause(self, now: float) -> float:
        """Return the seconds for which nothing may be sent, reserved or not."""
        with self._lock:
            return max(0.0, self._paused_until - now)

    def refused(self, now: float, retry_after: float | None) -> None:
        """Note that the server refused a request for there are too many (429).

        Args:
            now: The time, in seconds.
            retry_after: The seconds that the server asks to wait.
        """
        wait = FIRST_PAUSE if retry_after is None else retry_after
        if wait > MAX_PAUSE:
            return
        with self._lock:
            if now >= self._paused_until:  # else it was sent before the pause began
                self._before = self._measured(now)
                self._begun.clear()
            self._paused_until = self._free_at = max(self._paused_until, now + wait)

    def _measured(self, now: float) -> float | None:
        """Return how many requests there were a second; None if that cannot be told."""
        if len(self._begun) < _ENOUGH or now <= self._begun[0]:
            return None
        return max(LEAST_RATE, len(self._begun) / (now - self._begun[0]))

    def _rate(self, now: float) -> float | None:
        """Return how many requests a second there may be now; None for any number."""
        if self._before is None:
            return self._most
        slowed = self._before * (0.5 + RECOVERY * (now - self._paused_until))
        if slowed >= self._before:
            self._before = None
            return self._most
        return slowed if self._most is None else min(slowed, self._most)


def check_rate(most: float | None) -> float | None:
    """Return how many requests a second there may be.

    Raises:
        ConfigurationError: if it is no positive number.
    """
    if most is None:
        return None
    if isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < float("inf"):
        raise ConfigurationError(
            f"max_requests_per_second={shown(most)}: give a positive number; None for no limit."
        )
    return float(most)
