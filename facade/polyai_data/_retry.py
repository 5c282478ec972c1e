"""Whether a call is repeated, and when: policy without I/O, shared by both clients."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from attrs import field, frozen

from . import errors
from ._failure import connection_error
from ._pace import MAX_PAUSE, Pace
from ._request import Call

FIRST_DELAY = 0.5
MAX_DELAY = 8.0
MAX_RETRY_AFTER = MAX_PAUSE
"""Seconds. A server that asks for a longer pause is not waited for."""
LEAST_TIME = 0.001
"""Seconds. With less than these left, a deadline has passed; less than these is no pause."""

_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_log = logging.getLogger("polyai_data")

# The one place where anything waits or asks for the time; tests put their own in its place.
sleep = time.sleep
monotonic = time.monotonic


async def sleep_asynchronously(seconds: float) -> None:
    """Wait without blocking the event loop."""
    import asyncio  # here: it would slow down the import of the package

    await asyncio.sleep(seconds)


@frozen
class Retry:
    """A call that failed and is about to be sent once more; what `on_retry` is called with.

    Attributes:
        operation: The operation's name, such as `get_conversation`.
        attempt: Which attempt failed, from 1 on.
        delay: Seconds until the next.
        cause: Why it failed.
    """

    operation: str
    attempt: int
    delay: float
    cause: errors.PolyAIError = field(repr=lambda cause: type(cause).__name__)


OnRetry = Callable[[Retry], object]


def can_be_repeated(call: Call[Any], error: errors.PolyAIError) -> bool:
    """Whether sending the request once more may help, and can do no harm."""
    if isinstance(error, errors.APIConnectionError):
        passes = error._passes
    else:
        passes = isinstance(error, errors.APIStatusError) and error.status_code in _PASSING_STATUSES
    return passes and (call.is_repeatable or not error.outcome_unknown)


def delay_before_retry(
    call: Call[Any], error: errors.PolyAIError, attempt: int, time_left: float, chance: float
) -> float | None:
    """Return the seconds to wait before the next attempt; None if there is to be none.

    Args:
        call: The call.
        error: What the latest attempt failed with.
        attempt: How many attempts there were.
        time_left: Seconds until the deadline.
        chance: From 0 to 1; it spreads clients that failed together (full jitter).
    """
    if attempt > call.max_retries or not can_be_repeated(call, error):
        return None
    delay = error.retry_after
    if delay is None:
        delay = chance * min(MAX_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 10))
    elif delay > MAX_RETRY_AFTER:
        return None
    return delay if delay < time_left else None


class Stopped(Exception):
    """Nobody waits for the result any more."""


class Attempts:
    """The attempts of one call, and the time that they have.

    Attributes:
        count: How many there were, the current one among them.
    """

    def __init__(
        self,
        call: Call[Any],
        on_retry: OnRetry | None,
        pace: Pace,
        stopped: threading.Event | None = None,
    ) -> None:
        self.count = 1
        self._call = call
        self._on_retry = on_retry
        self._pace = pace
        self._stopped = stopped  # is set when nobody waits for the result any more
        self._end = None if call.deadline is None else monotonic() + call.deadline

    @property
    def time_left(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self._end is None else self._end - monotonic()

    @property
    def _is_over(self) -> bool:
        return self._stopped is not None and self._stopped.is_set()

    def timeout(self) -> dict[str, float]:
        """Return the time-outs of the next attempt, within the deadline, as httpx names them."""
        connect, read = self._call.timeout
        left = max(self.time_left, LEAST_TIME)  # none would mean to wait for ever
        read = min(read, left)
        return {"connect": min(connect, left), "read": read, "write": read, "pool": read}

    @property
    def are_late(self) -> bool:
        """Whether the deadline has passed."""
        return self.time_left < LEAST_TIME

    def check_deadline(self) -> None:
        """Raise TimeoutError if the deadline has passed."""
        if self.are_late:
            raise TimeoutError

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait, one after the other, before the next attempt may begin.

        Raises:
            APITimeoutError: if the deadline does not leave so much time; nothing is sent.
            Stopped: if nobody waits for the result any more.
        """
        if self._is_over:
            raise Stopped
        pause = self._pace.reserve(monotonic(), self.time_left)
        if pause is None:
            error = connection_error(self._call, TimeoutError(), is_late=True)
            error.outcome_unknown = False
            error.attempts = self.count - 1
            raise error
        while pause > LEAST_TIME:
            yield pause
            if self._is_over:
                raise Stopped
            pause = self._pace.pause(monotonic())  # another call may have been refused meanwhile

    def sleep(self, seconds: float) -> None:
        """Wait, at most until nobody waits for the result any more."""
        if self._stopped is None:
            sleep(seconds)
        else:
            self._stopped.wait(seconds)

    def failed(self, error: BaseException, *, can_be_mended: bool = True) -> float | None:
        """Note that an attempt failed; return the seconds until the next, or None if it is over."""
        if not isinstance(error, errors.PolyAIError):  # Ctrl-C, or a task that was cancelled
            return None
        error.attempts = self.count
        if not can_be_mended or self._is_over:
            return None
        chance = random.random()  # noqa: S311
        delay = delay_before_retry(self._call, error, self.count, self.time_left, chance)
        if isinstance(error, errors.RateLimitError):
            self._pace.refused(
                monotonic(), delay if error.retry_after is None else error.retry_after
            )
        if delay is None:
            return None
        _log.info(
            "%s: attempt %d failed (%s), the next in %.1f s",
            self._call.operation,
            self.count,
            # A success that broke off has a status too, which would tell nothing.
            error.status_code if isinstance(error, errors.APIStatusError) else type(error).__name__,
            delay,
        )
        if self._on_retry is not None:
            self._on_retry(Retry(self._call.operation, self.count, delay, error))
        self.count += 1
        return delay
