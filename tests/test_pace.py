"""How fast a client sends: the policy by itself, and that every call of a client keeps to it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import APITimeoutError, ConfigurationError, RateLimitError
from polyai_data._pace import FIRST_PAUSE, LEAST_RATE, MAX_PAUSE, Pace

if TYPE_CHECKING:
    from tests.conftest import Caller

FOREVER = math.inf


def begins(pace: Pace, count: int, now: float, gap: float = 0.0) -> list[float]:
    """Return when so many requests begin that are asked for one after the other."""
    found = []
    for _ in range(count):
        wait = pace.reserve(now, FOREVER)
        assert wait is not None
        now += wait
        found.append(round(now, 6))
        now += gap
    return found


def test_without_a_limit_nothing_waits() -> None:
    assert begins(Pace(None), 5, 100.0) == [100.0] * 5


def test_a_limit_spreads_the_requests() -> None:
    assert begins(Pace(4), 5, 100.0) == [100.0, 100.25, 100.5, 100.75, 101.0]
    assert begins(Pace(0.5), 3, 100.0) == [100.0, 102.0, 104.0]


def test_those_that_wait_at_once_get_places_one_after_the_other() -> None:
    pace = Pace(2)
    assert [pace.reserve(10.0, FOREVER) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]


def test_time_that_was_not_used_is_not_made_up_for() -> None:
    pace = Pace(10)
    assert begins(pace, 2, 100.0) == [100.0, 100.1]
    assert begins(pace, 3, 200.0) == [200.0, 200.1, 200.2]


def test_who_has_no_time_gets_no_place_and_takes_none() -> None:
    pace = Pace(1)
    assert pace.reserve(0.0, 0.0) == 0.0
    assert pace.reserve(0.0, 0.5) is None
    assert pace.reserve(0.0, 1.0) == 1.0


def test_after_a_refusal_nothing_is_sent_for_as_long_as_the_server_says() -> None:
    pace = Pace(None)
    begins(pace, 3, 100.0)
    pace.refused(101.0, 7.0)
    assert pace.pause(101.0) == 7.0
    assert pace.reserve(102.0, FOREVER) == 6.0
    assert pace.reserve(102.0, 5.0) is None
    assert pace.pause(108.0) == 0.0


def test_a_refusal_that_says_nothing_pauses_for_a_while() -> None:
    pace = Pace(None)
    pace.refused(100.0, None)
    assert pace.pause(100.0) == FIRST_PAUSE


def test_nobody_is_made_to_wait_for_longer_than_a_minute() -> None:
    pace = Pace(None)
    pace.refused(100.0, MAX_PAUSE + 1)
    assert pace.reserve(100.0, FOREVER) == 0.0


def rates(pace: Pace, start: float, seconds: int) -> list[int]:
    """Return how many requests begin in each second, if one is asked for as often as possible."""
    now, counts = start, [0] * seconds
    while True:
        wait = pace.reserve(now, FOREVER)
        assert wait is not None
        now += max(wait, 0.01)  # a hundred a second at most
        if now >= start + seconds:
            return counts
        counts[int(now - start)] += 1


def test_the_requests_come_back_at_half_their_rate_and_grow_by_the_same_amount() -> None:
    pace = Pace(None)
    begins(pace, 60, 100.0, gap=0.05)  # twenty a second
    pace.refused(103.0, 0.0)
    counts = rates(pace, 103.0, 8)
    assert counts[0] == pytest.approx(11, abs=1)
    growth = [later - earlier for earlier, later in pairwise(counts[:5])]
    assert growth == pytest.approx([2] * 4, abs=1.01)
    assert counts[-1] > 90  # nothing holds them back any more


def test_a_limit_holds_after_a_recovery() -> None:
    pace = Pace(5)
    begins(pace, 30, 100.0)
    pace.refused(106.0, 0.0)
    assert rates(pace, 106.0, 12)[-1] == 5


def test_many_refusals_at_once_halve_the_rate_once() -> None:
    pace = Pace(None)
    begins(pace, 40, 100.0, gap=0.05)
    for number in range(32):
        pace.refused(102.0 + number / 1000, 2.0)
    assert rates(pace, 104.1, 1)[0] == pytest.approx(11, abs=1.5)


def test_refusals_on_and_on_leave_a_least_rate() -> None:
    pace = Pace(None)
    now = 100.0
    for _ in range(20):
        now = begins(pace, 10, now, gap=1.5)[-1]
        pace.refused(now, 0.0)
        now += 0.001
    first, second = begins(pace, 2, now)
    assert second - first <= 2 / LEAST_RATE


def test_few_requests_are_paused_and_not_slowed_down() -> None:
    pace = Pace(None)
    begins(pace, 3, 100.0, gap=0.1)
    pace.refused(100.5, 2.0)
    assert begins(pace, 3, 101.0) == [102.5] * 3


@pytest.mark.parametrize("most", [0, -1, True, "5", math.nan, math.inf, [1]])
def test_a_limit_that_makes_no_sense_is_refused(call: Caller, most: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a positive number; None for no limit"):
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


def test_after_a_refusal_the_other_calls_wait(call: Caller, pauses: list[float]) -> None:
    answers = [
        httpx.Response(429, headers={"Retry-After": "30"}),
        httpx.Response(200, json={"conversationId": "C"}),
    ]

    def answer(_: httpx.Request) -> httpx.Response:
        made = answers.pop(0)
        return (
            made if made.status_code == 429 else httpx.Response(200, json={"conversationId": "C"})
        )

    client = call.client(answer, api_key="key", region="us", agent_id="P", max_retries=0)

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
            yield client.set_note("C", "x", deadline=5)
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
    monkeypatch.setattr(client._pace, "reserve", lambda *_: 1.0)
    monkeypatch.setattr(client._pace, "pause", lambda _: left.pop(0))
    call.run(client, lambda client: client.get_conversation("C"))
    assert pauses == [1.0, 4.0, 2.5]
