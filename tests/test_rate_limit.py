"""The rate limiter by itself, and that every call of a client keeps to it."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import APITimeoutError, ConfigurationError, RateLimitError
from polyai_data._http.rate_limit import DEFAULT_PAUSE, MAX_PAUSE, MIN_RATE, RateLimiter

if TYPE_CHECKING:
    from tests.conftest import Caller

FOREVER = math.inf


def starts(limiter: RateLimiter, count: int, now: float, gap: float = 0.0) -> list[float]:
    """Return when so many requests start that are sent one after the other."""
    found = []
    for _ in range(count):
        wait = limiter.acquire(now, FOREVER)
        assert wait is not None
        now += wait
        found.append(round(now, 6))
        now += gap
    return found


def test_without_a_limit_nothing_waits() -> None:
    assert starts(RateLimiter(None), 5, 100.0) == [100.0] * 5


def test_a_limit_spreads_the_requests() -> None:
    assert starts(RateLimiter(4), 5, 100.0) == [100.0, 100.25, 100.5, 100.75, 101.0]
    assert starts(RateLimiter(0.5), 3, 100.0) == [100.0, 102.0, 104.0]


def test_requests_that_wait_at_the_same_time_are_sent_one_after_the_other() -> None:
    limiter = RateLimiter(2)
    assert [limiter.acquire(10.0, FOREVER) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]


def test_idle_time_does_not_allow_a_burst() -> None:
    limiter = RateLimiter(10)
    assert starts(limiter, 2, 100.0) == [100.0, 100.1]
    assert starts(limiter, 3, 200.0) == [200.0, 200.1, 200.2]


def test_a_request_without_enough_time_reserves_no_place() -> None:
    limiter = RateLimiter(1)
    assert limiter.acquire(0.0, 0.0) == 0.0
    assert limiter.acquire(0.0, 0.5) is None
    assert limiter.acquire(0.0, 1.0) == 1.0


def test_after_a_429_nothing_is_sent_for_as_long_as_the_server_asks() -> None:
    limiter = RateLimiter(None)
    starts(limiter, 3, 100.0)
    limiter.on_429(101.0, 7.0)
    assert limiter.remaining_pause(101.0) == 7.0
    assert limiter.acquire(102.0, FOREVER) == 6.0
    assert limiter.acquire(102.0, 5.0) is None
    assert limiter.remaining_pause(108.0) == 0.0


def test_a_429_without_retry_after_pauses_for_a_second() -> None:
    limiter = RateLimiter(None)
    limiter.on_429(100.0, None)
    assert limiter.remaining_pause(100.0) == DEFAULT_PAUSE


def test_a_pause_of_more_than_a_minute_is_not_waited_for() -> None:
    limiter = RateLimiter(None)
    limiter.on_429(100.0, MAX_PAUSE + 1)
    assert limiter.acquire(100.0, FOREVER) == 0.0


def rates(limiter: RateLimiter, start: float, seconds: int) -> list[int]:
    """Return how many requests start in each second, if one is sent as often as possible."""
    now, counts = start, [0] * seconds
    while True:
        wait = limiter.acquire(now, FOREVER)
        assert wait is not None
        now += max(wait, 0.01)  # a hundred a second at most
        if now >= start + seconds:
            return counts
        counts[int(now - start)] += 1


def test_requests_resume_at_half_their_rate_which_grows_linearly() -> None:
    limiter = RateLimiter(None)
    starts(limiter, 60, 100.0, gap=0.05)  # twenty a second
    limiter.on_429(103.0, 0.0)
    counts = rates(limiter, 103.0, 8)
    assert counts[0] == pytest.approx(11, abs=1)
    growth = [later - earlier for earlier, later in pairwise(counts[:5])]
    assert growth == pytest.approx([2] * 4, abs=1.01)
    assert counts[-1] > 90  # the limit has ended


def test_a_limit_holds_after_a_recovery() -> None:
    limiter = RateLimiter(5)
    starts(limiter, 30, 100.0)
    limiter.on_429(106.0, 0.0)
    assert rates(limiter, 106.0, 12)[-1] == 5


def test_many_429s_at_once_halve_the_rate_once() -> None:
    limiter = RateLimiter(None)
    starts(limiter, 40, 100.0, gap=0.05)
    for number in range(32):
        limiter.on_429(102.0 + number / 1000, 2.0)
    assert rates(limiter, 104.1, 1)[0] == pytest.approx(11, abs=1.5)


def test_repeated_429s_leave_a_minimum_rate() -> None:
    limiter = RateLimiter(None)
    now = 100.0
    for _ in range(20):
        now = starts(limiter, 10, now, gap=1.5)[-1]
        limiter.on_429(now, 0.0)
        now += 0.001
    first, second = starts(limiter, 2, now)
    assert second - first <= 2 / MIN_RATE


def test_few_requests_are_paused_and_not_slowed_down() -> None:
    limiter = RateLimiter(None)
    starts(limiter, 3, 100.0, gap=0.1)
    limiter.on_429(100.5, 2.0)
    assert starts(limiter, 3, 101.0) == [102.5] * 3


@pytest.mark.parametrize("most", [0, -1, True, "5", math.nan, math.inf, [1]])
def test_an_invalid_limit_is_refused(call: Caller, most: Any) -> None:
    with pytest.raises(
        ConfigurationError,
        match=re.escape(
            f"max_requests_per_second={most!r}: expected a positive number of requests."
        ),
    ):
        call(lambda _: httpx.Response(200), max_requests_per_second=most)


def test_every_call_of_a_client_keeps_to_its_limit(call: Caller, pauses: list[float]) -> None:
    record = {"conversationId": "CA1"}
    page = {"conversations": [], "count": 0, "limit": 50, "offset": 0}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/audio"):
            return httpx.Response(200, content=b"RIFF", headers={"Content-Type": "audio/wav"})
        one = request.url.path.endswith("CA1")
        return httpx.Response(200, json=record if one else page)

    client = call.client(
        answer, api_key="key", region="us", agent_id="P", max_requests_per_second=0.001
    )
    call.run(
        client,
        lambda client: client.get_conversation("CA1"),
        lambda client: client.get_page(),
        lambda client: client.get_conversation("CA1"),
    )
    assert [round(pause / 100) for pause in pauses] == [10, 10]


def test_after_a_429_the_other_calls_wait(call: Caller, pauses: list[float]) -> None:
    responses = [
        httpx.Response(429, headers={"Retry-After": "30"}),
        httpx.Response(200, json={"conversationId": "C"}),
    ]
    client = call.client(
        lambda _: responses.pop(0), api_key="key", region="us", agent_id="P", max_retries=0
    )

    def script(client: Any) -> Any:
        with pytest.raises(RateLimitError):
            yield client.get_conversation("C")
        assert pauses == []
        return (yield client.get_conversation("C"))

    assert call.play(client, script).conversation_id == "C"
    assert sum(pauses) == pytest.approx(30, abs=1)


def test_a_deadline_bounds_that_wait_and_nothing_is_sent(call: Caller, pauses: list[float]) -> None:
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(429, headers={"Retry-After": "30"})

    client = call.client(answer, api_key="key", region="us", agent_id="P", max_retries=0)

    def script(client: Any) -> Any:
        with pytest.raises(RateLimitError):
            yield client.set_note("C", "x")
        with pytest.raises(APITimeoutError, match="the deadline of 5 s has passed") as caught:
            yield client.with_options(deadline=5).set_note("C", "x")
        return caught.value

    error = call.play(client, script)
    assert (error.attempts, error.outcome_unknown) == (0, False)
    assert (len(requests), pauses) == (1, [])


def test_a_pause_that_grows_meanwhile_is_waited_for(
    call: Caller, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = call.client(
        lambda _: httpx.Response(200, json={"conversationId": "C"}),
        api_key="key",
        region="us",
        agent_id="P",
    )
    left = [4.0, 2.5, 0.0]
    monkeypatch.setattr(client._limiter, "acquire", lambda *_: 1.0)
    monkeypatch.setattr(client._limiter, "remaining_pause", lambda _: left.pop(0))
    call.run(client, lambda client: client.get_conversation("C"))
    assert pauses == [1.0, 4.0, 2.5]
