"""since= and until=: the conversations that started in a period, and no more pages than needed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polyai_data import ResponseDecodeError

if TYPE_CHECKING:
    from tests.conftest import Caller

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
MADE_UP: dict[str, Any] = {"api_key": "k", "region": "us", "agent_id": "A"}


def record(name: str, hours_before_noon: float | None, **changes: Any) -> dict[str, Any]:
    started = None
    if hours_before_noon is not None:
        started = (NOON - timedelta(hours=hours_before_noon)).isoformat()
    return {"conversationId": name, "createdAt": started, "startedAt": started, **changes}


class Shelf:
    """Serves records in pages, and counts the requests."""

    def __init__(self, records: list[Any]) -> None:
        self.records = records
        self.requests = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        limit, offset = (int(request.url.params[name]) for name in ("limit", "offset"))
        page = {"conversations": self.records[offset : offset + limit], "limit": limit}
        return httpx.Response(200, json={**page, "offset": offset, "count": len(self.records)})


def walked(**options: Any) -> Callable[[Any], Any]:
    def walk(client: Any) -> Any:
        listing = client.list_conversations(**options)

        async def gather() -> list[str]:
            return [one.conversation_id async for one in listing]

        if hasattr(listing, "__aiter__"):
            return gather()
        return [one.conversation_id for one in listing]

    return walk


def hourly(count: int) -> Shelf:
    """Return a list with a conversation in each hour before noon, newest first."""
    return Shelf([record(f"{n}", n) for n in range(count)])


ZONE = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"since": NOON - timedelta(hours=2)}, ["0", "1", "2"]),
        ({"since": NOON - timedelta(hours=2, seconds=-1)}, ["0", "1"]),
        ({"until": NOON - timedelta(hours=37)}, ["38", "39"]),
        ({"since": NOON - timedelta(hours=4), "until": NOON - timedelta(hours=2)}, ["3", "4"]),
        ({"since": NOON, "until": NOON}, []),
        ({"since": (NOON - timedelta(hours=1)).astimezone(ZONE)}, ["0", "1"]),
        ({"since": date(2026, 6, 3)}, [f"{n}" for n in range(13)]),
        ({"since": date(2026, 6, 2), "until": date(2026, 6, 3)}, [f"{n}" for n in range(13, 37)]),
        ({"since": NOON - timedelta(hours=9), "max_items": 2}, ["0", "1"]),
        ({"until": NOON - timedelta(hours=9), "max_items": 2}, ["10", "11"]),
        ({"until": NOON, "max_items": 0}, []),
        ({"since": NOON - timedelta(hours=4), "offset": 3}, ["3", "4"]),
    ],
)
@pytest.mark.parametrize("page_size", [1, 7, 50])
def test_the_period_is_half_open_and_of_the_start(
    call: Caller, page_size: int, options: dict[str, Any], expected: list[str]
) -> None:
    assert call(hourly(40), walked(page_size=page_size, **options)) == expected


def test_it_stops_where_the_rest_is_older(call: Caller) -> None:
    for page_size, requests in ((50, 2), (10, 7), (200, 1)):
        shelf = hourly(1000)
        since = NOON - timedelta(hours=5)
        assert len(call(shelf, walked(page_size=page_size, since=since))) == 6
        assert shelf.requests == requests
    shelf = hourly(1000)
    call(shelf, walked(until=NOON, max_items=60))
    assert shelf.requests == 2
    shelf = hourly(1000)
    assert call(shelf, walked(until=NOON, max_items=0)) == []
    assert shelf.requests == 0


def test_a_few_old_ones_out_of_place_do_not_end_it(call: Caller) -> None:
    records = [record(f"old-{n}", 900) for n in range(49)]
    records += [record("new", 1)] + [record(f"older-{n}", 900) for n in range(49)]
    shelf = Shelf([*records, record("newer", 0)])
    since = NOON - timedelta(hours=2)
    for page_size in (1, 10, 200):
        assert call(shelf, walked(page_size=page_size, since=since)) == ["new", "newer"]


def test_a_list_that_is_oldest_first_is_read_to_its_end(call: Caller) -> None:
    shelf = hourly(500)
    shelf.records.reverse()
    since = NOON - timedelta(hours=1)
    assert call(shelf, walked(since=since)) == ["1", "0"]


def test_a_conversation_that_was_created_or_ended_later_is_not_old(call: Caller) -> None:
    records = [record(f"{n}", 9, finishedAt=NOON.isoformat()) for n in range(60)]
    records += [record(f"{n}", 9, createdAt=NOON.isoformat()) for n in range(60, 120)]
    shelf = Shelf([*records, record("new", 0)])
    assert call(shelf, walked(since=NOON)) == ["new"]


def test_conversations_without_a_start_are_included_and_do_not_end_it(call: Caller) -> None:
    odd = [record("none", None), record("odd", 0, startedAt="yesterday", createdAt=None), 5]
    shelf = Shelf([record("0", 0), *odd * 30, record("1", 1), *(record("2", 2) for _ in range(9))])
    for n, one in enumerate(shelf.records):
        if isinstance(one, dict):
            one = shelf.records[n] = dict(one)
            one["conversationId"] += f"-{n}"
    options = {"since": NOON - timedelta(hours=1), "until": NOON + timedelta(hours=1)}
    found = call(shelf, walked(**options))
    assert len(found) == 92
    assert (found[0], found[-1]) == ("0-0", "1-91")


def test_strict_and_pages_see_the_period_only(call: Caller) -> None:
    shelf = Shelf([record("new", 0, duration="long"), record("old", 9)])

    def paged(client: Any) -> Any:
        pages = client.list_conversations(until=NOON - timedelta(hours=1), strict=True).pages()

        async def gather() -> list[Any]:
            return [page async for page in pages]

        return gather() if hasattr(pages, "__aiter__") else list(pages)

    (page,) = call(shelf, paged)
    assert [one.conversation_id for one in page.conversations] == ["old"]
    assert page.total == page.count == 2
    error = call.fails(shelf, walked(since=NOON, strict=True))
    assert type(error) is ResponseDecodeError
    assert error.message == "new: duration expected an integer, got a string"


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            datetime(2026, 6, 3),
            ValueError,
            "{0} has no time zone. Pass {0}.replace(tzinfo=datetime.UTC) if it is in UTC, or "
            "{0}.astimezone() if it is local time.",
        ),
        ("7d", TypeError, "{0} must be a datetime with a time zone, or a date, not str."),
        (1.5, TypeError, "{0} must be a datetime with a time zone, or a date, not float."),
        (dt.time(12), TypeError, "{0} must be a datetime with a time zone, or a date, not time."),
    ],
)
def test_a_time_that_is_not_clear_is_refused(
    call: Caller, name: str, value: Any, kind: type[Exception], message: str
) -> None:
    client = call.client(hourly(1), **MADE_UP)
    with pytest.raises(kind, match=f"^{re.escape(message.format(name))}$"):
        client.list_conversations(**{name: value})
    call.close(client)


def test_a_period_that_ends_before_it_begins_is_refused(call: Caller) -> None:
    client = call.client(hourly(1), **MADE_UP)
    with pytest.raises(ValueError, match=r"^since is later than until\.$"):
        client.list_conversations(since=NOON, until=NOON - timedelta(seconds=1))
    call.close(client)


@settings(max_examples=settings().max_examples // 2)
@given(
    hours=st.lists(st.none() | st.integers(0, 300), max_size=150),
    since=st.none() | st.integers(0, 300),
    until=st.none() | st.integers(0, 300),
    page_size=st.integers(1, 60),
)
def test_in_a_list_in_order_it_finds_what_a_filter_finds(
    call: Caller, hours: list[int | None], since: int | None, until: int | None, page_size: int
) -> None:
    known = iter(sorted(one for one in hours if one is not None))
    ordered = [None if one is None else next(known) for one in hours]
    shelf = Shelf([record(f"{n}", one) for n, one in enumerate(ordered)])
    if since is not None and until is not None:
        since, until = max(since, until), min(since, until)
    options = {
        name: NOON - timedelta(hours=value)
        for name, value in (("since", since), ("until", until))
        if value is not None
    }
    found = call(shelf, walked(page_size=page_size, **options))
    expected = [
        n
        for n, one in enumerate(ordered)
        if one is None or ((since is None or one <= since) and (until is None or one > until))
    ]
    # Those without a start that come after the end of the period may be left out.
    last = max((n for n in expected if ordered[n] is not None), default=-1)
    assert [int(n) for n in found if int(n) <= last] == [n for n in expected if n <= last]
    assert set(map(int, found)) <= set(expected)
