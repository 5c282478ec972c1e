"""Pagination over a list that changes meanwhile, against a model of such a list."""

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polyai_data._data.pagination import Cursor, ListUnstable, PageRequest, record_key


class ChangingList:
    """A list, newest first, that a server returns in pages of at most `cap`."""

    def __init__(self, size: int, cap: int, nameless: Collection[int] = ()) -> None:
        self.ids = [f"?-{n}" if n in nameless else f"old-{n}" for n in range(size)]
        self.throughout = {name for name in self.ids if name[0] != "?"}
        self.cap = cap
        self.begun = 0
        self.page_size = 1000

    def change(self, inserted: int, deleted: list[int]) -> None:
        for index in deleted:
            if self.ids:
                self.throughout.discard(self.ids.pop(index % len(self.ids)))
        for _ in range(inserted):
            self.begun += 1
            self.ids.insert(0, f"new-{self.begun}")

    def page(self, request: PageRequest) -> list[str]:
        return self.ids[request.offset : request.offset + min(request.limit, self.cap)]

    def keys(self, page: list[str]) -> list[str | None]:
        return [None if name[0] == "?" else name for name in page]


def read_all(
    cursor: Cursor, server: ChangingList, changes: list[tuple[int, list[int]]]
) -> list[str]:
    """Return the IDs of all pages. The list changes before each page but the first."""
    found: list[str] = []
    pending = list(changes)
    requests = 0
    while cursor.request is not None:
        page = server.page(cursor.request)
        assert cursor.request.limit <= max(server.page_size, 2)
        found += [page[index] for index in cursor.accept(server.keys(page), len(server.ids))]
        if pending:
            server.change(*pending.pop(0))
        requests += 1
        assert requests < 2000, "the pagination does not end"
    return found


CHANGES = st.lists(
    st.tuples(st.integers(0, 8), st.lists(st.integers(0, 1000), max_size=8)), max_size=25
)


@settings(max_examples=10 * settings().max_examples, deadline=None)
@given(
    size=st.integers(0, 60),
    page_size=st.integers(1, 12),
    cap=st.integers(2, 12),
    offset=st.integers(0, 8),
    nameless=st.sets(st.integers(0, 59), max_size=12),
    changes=CHANGES,
)
def test_no_change_makes_it_repeat_a_record_or_skip_one_that_was_there_throughout(
    size: int,
    page_size: int,
    cap: int,
    offset: int,
    nameless: set[int],
    changes: list[tuple[int, list[int]]],
) -> None:
    # Where records without an ID can fill a page but one, no page can overlap the one before.
    server = ChangingList(size, cap, nameless if len(nameless) + 1 < page_size < cap else ())
    server.page_size = page_size
    skipped = set(server.ids[:offset])
    found = read_all(Cursor(page_size, offset, None), server, changes)
    found = [name for name in found if name[0] != "?"]
    assert len(found) == len(set(found))
    assert server.throughout - skipped <= set(found)


@settings(max_examples=5 * settings().max_examples, deadline=None)
@given(
    size=st.integers(0, 300), page_size=st.integers(1, 3), cap=st.integers(2, 4), changes=CHANGES
)
def test_with_a_short_memory_it_raises_rather_than_skip_or_repeat(
    size: int, page_size: int, cap: int, changes: list[tuple[int, list[int]]]
) -> None:
    server = ChangingList(size, cap)
    try:
        found = read_all(Cursor(page_size, 0, None, remembered=1), server, changes)
    except ListUnstable:
        return
    assert len(found) == len(set(found))
    assert server.throughout <= set(found)


@given(
    size=st.integers(0, 40),
    page_size=st.integers(1, 12),
    cap=st.integers(1, 12),
    nameless=st.sets(st.integers(0, 39)),
)
def test_a_list_that_does_not_change_is_read_once_in_order(
    size: int, page_size: int, cap: int, nameless: set[int]
) -> None:
    server = ChangingList(size, cap, nameless)
    assert read_all(Cursor(page_size, 0, None), server, []) == server.ids


@given(
    size=st.integers(0, 40),
    page_size=st.integers(1, 12),
    offset=st.integers(0, 50),
    max_items=st.integers(0, 50),
)
def test_offset_and_max_items_cut_it(
    size: int, page_size: int, offset: int, max_items: int
) -> None:
    server = ChangingList(size, 12)
    found = read_all(Cursor(page_size, offset, max_items), server, [])
    assert found == server.ids[offset : offset + max_items]


def requests_of(cursor: Cursor, server: ChangingList) -> list[PageRequest]:
    requested = []
    while cursor.request is not None:
        requested.append(cursor.request)
        cursor.accept(server.page(cursor.request), len(server.ids))
    return requested


def test_it_requests_no_more_pages_than_it_needs() -> None:
    server = ChangingList(100, cap=50)
    assert requests_of(Cursor(50, 0, 3), server) == [(3, 0)]
    assert requests_of(Cursor(50, 0, 0), server) == []
    assert requests_of(Cursor(50, 0, None), server) == [(50, 0), (50, 49), (50, 98)]
    assert requests_of(Cursor(60, 0, None), ChangingList(100, cap=100)) == [(60, 0), (60, 59)]


def test_a_short_page_is_not_the_end_but_an_empty_one_is() -> None:
    cursor = Cursor(5, 0, None)
    assert cursor.accept(["1", "2"], 9) == [0, 1]
    assert cursor.request == (5, 1)
    assert cursor.accept(["2"], 9) == []
    assert cursor.request == (5, 2)
    assert cursor.accept([], 2) == []
    assert cursor.request is None


def test_an_empty_page_is_not_the_end_while_the_server_counts_more() -> None:
    cursor = Cursor(5, 0, None)
    cursor.accept(["1", "2"], 9)
    cursor.accept(["2"], 9)
    for _ in range(2):
        assert cursor.accept([], 9) == []
        assert cursor.request == (5, 2)
    with pytest.raises(
        ListUnstable, match=r"^The list has nothing at offset 2, but a count of 9\.$"
    ):
        cursor.accept([], 9)


def test_records_that_went_after_they_were_counted_are_not_waited_for() -> None:
    cursor = Cursor(5, 0, None)
    assert cursor.accept(["1", "2"], 9) == [0, 1]
    assert cursor.accept([], 9) == []
    assert cursor.accept(["2"], 2) == []
    assert cursor.request is None


@pytest.mark.parametrize("limit", [None, 2])
def test_a_full_page_is_not_the_end_even_if_the_count_is_reached(limit: int | None) -> None:
    """A record may have arrived after the count, and have pushed out another one."""
    cursor = Cursor(2 if limit is None else 5, 0, None)
    assert cursor.accept(["new", "1"], 2, limit) == [0, 1]
    assert cursor.request is not None
    assert cursor.request.offset == 1
    assert cursor.accept(["1", "2"], 3, limit) == [1]
    assert cursor.accept(["2"], 3, limit) == []
    assert cursor.request is None


def test_a_server_that_returns_fewer_than_requested_is_known_by_its_longest_page() -> None:
    cursor = Cursor(5, 0, None)
    assert cursor.accept(["1", "2", "3"], 6) == [0, 1, 2]
    assert cursor.accept(["2", "3", "new"], 5) == [2]
    assert cursor.request == (5, 4)


def test_without_a_count_only_an_empty_page_ends_it() -> None:
    cursor = Cursor(2, 0, None)
    cursor.accept(["1"], None)
    cursor.accept(["1"], None)
    assert cursor.request is not None
    cursor.accept([], None)
    assert cursor.request is None
    assert cursor.total is None


def test_a_record_that_is_twice_in_a_page_is_accepted_once() -> None:
    assert Cursor(3, 0, None).accept(["1", "2", "1"], 3) == [0, 1]


@pytest.mark.parametrize(
    "record",
    [*({"conversationId": value} for value in ("", None, [], ["1"], {}, {"a": 1})), {}, None, "1"],
)
def test_only_an_id_identifies_a_record(record: object) -> None:
    assert record_key({"conversationId": "1", "x": 2}) == "1"
    assert record_key(record) is None


def test_ids_are_compared_as_json_values() -> None:
    values = [1, "1", True, "true", 0, "0", False, 1.5, "1.5", 2**70, "\ud800"]
    keys = [record_key({"conversationId": value}) for value in values]
    assert None not in keys
    assert len(set(keys)) == len(values)
    assert record_key({"conversationId": 1.0}) == record_key({"conversationId": 1})


def test_it_raises_if_its_place_in_the_list_is_lost() -> None:
    cursor, server = Cursor(1, 0, None, remembered=1), ChangingList(20, cap=2)
    for _ in range(8):
        assert cursor.request is not None
        cursor.accept(server.page(cursor.request), len(server.ids))
    server.ids = [f"another-{n}" for n in range(20)]
    with pytest.raises(ListUnstable):
        read_all(cursor, server, [])


def test_no_page_is_accepted_after_the_end() -> None:
    with pytest.raises(RuntimeError, match=r"^The list is exhausted\.$"):
        Cursor(1, 0, 0).accept([], 0)


def read_forever(cursor: Cursor, page: Callable[[int], list[str | None]], total: Any) -> int:
    """Read pages until the cursor stops, by number; return how many there were."""
    for number in range(2000):
        if cursor.request is None:
            return number
        cursor.accept(page(number), total)
    pytest.fail("the pagination does not end")


@pytest.mark.parametrize("total", [1, 3, 1000, 1001, None])
@pytest.mark.parametrize(
    "page",
    [
        lambda _: ["1", "2", "3"],
        lambda number: ["4", "5", "6"] if number else ["1", "2", "3"],
        lambda number: ["4", "5", "6"] if number % 2 else ["1", "2", "3"],
        lambda number: [f"new-{number}", "1", "2"],
        lambda number: ["1", "2", "3"] if number % 2 else [],
        lambda number: [f"{number % 40}", f"{number % 40 + 1}", f"{number % 40 + 2}"],
        lambda _: [None, None, None],
        lambda _: [None, "1", None],
        lambda number: ["1", "2", "3"] if number < 5 else [None],
    ],
)
@pytest.mark.parametrize("page_size", [1, 3, 50])
def test_a_server_that_ignores_the_offset_does_not_keep_it_forever(
    page_size: int, page: Callable[[int], list[str | None]], total: int | None
) -> None:
    with suppress(ListUnstable):
        read_forever(Cursor(page_size, 0, None), page, total)


def test_repeated_pages_are_an_error_and_not_the_end() -> None:
    with pytest.raises(ListUnstable, match=r"^300 pages in a row had no new conversation\. The "):
        read_forever(Cursor(3, 0, None), lambda number: ["4"] if number else ["1"], None)


@settings(max_examples=10 * settings().max_examples, deadline=None)
@given(
    size=st.integers(0, 40),
    page_size=st.integers(1, 12),
    cap=st.integers(2, 12),
    reported=st.booleans(),
    changes=CHANGES,
)
def test_records_that_come_and_go_between_the_count_and_the_page_hide_none(
    size: int, page_size: int, cap: int, reported: bool, changes: list[tuple[int, list[int]]]
) -> None:
    server, pending = ChangingList(size, cap), list(changes)
    cursor = Cursor(page_size, 0, None)
    found: list[str] = []
    # A server that neither says its page size nor has shown it can mislead on the first page.
    limit = cap if reported or page_size > cap else None
    for _ in range(2000):
        if cursor.request is None:
            break
        total = len(server.ids)
        if pending:
            server.change(*pending.pop(0))
        page = server.page(cursor.request)
        try:
            found += [page[index] for index in cursor.accept(page, total, limit)]
        except ListUnstable as error:
            assert str(error).startswith("The list has nothing at ")  # noqa: PT017
            assert changes
            return
    else:
        pytest.fail("the pagination does not end")
    assert len(found) == len(set(found))
    assert server.throughout <= set(found)
