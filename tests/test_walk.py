"""The walk over a list that changes meanwhile, against a model of such a list."""

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polyai_data._walk import ListChangedTooMuch, PageRequest, Walk, record_key


class ChangingList:
    """A list, newest first, as a server pages it: at most `cap` a page."""

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


def walk_over(walk: Walk, server: ChangingList, changes: list[tuple[int, list[int]]]) -> list[str]:
    """Walk to the end, the list changing before each page but the first; return the IDs."""
    found: list[str] = []
    pending = list(changes)
    requests = 0
    while walk.request is not None:
        page = server.page(walk.request)
        assert walk.request.limit <= max(server.page_size, 2)
        found += [page[index] for index in walk.take(server.keys(page), len(server.ids))]
        if pending:
            server.change(*pending.pop(0))
        requests += 1
        assert requests < 2000, "the walk does not end"
    return found


CHANGES = st.lists(
    st.tuples(st.integers(0, 8), st.lists(st.integers(0, 1000), max_size=8)), max_size=25
)


@settings(max_examples=2000, deadline=None)
@given(
    size=st.integers(0, 60),
    page_size=st.integers(1, 12),
    cap=st.integers(2, 12),
    offset=st.integers(0, 8),
    nameless=st.sets(st.integers(0, 59), max_size=12),
    changes=CHANGES,
)
def test_no_schedule_makes_it_repeat_one_or_skip_one_that_was_there_throughout(
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
    found = walk_over(Walk(page_size, offset, None), server, changes)
    found = [name for name in found if name[0] != "?"]
    assert len(found) == len(set(found))
    assert server.throughout - skipped <= set(found)


@settings(max_examples=500, deadline=None)
@given(
    size=st.integers(0, 300), page_size=st.integers(1, 3), cap=st.integers(2, 4), changes=CHANGES
)
def test_with_a_short_memory_it_says_so_rather_than_skip_or_repeat(
    size: int, page_size: int, cap: int, changes: list[tuple[int, list[int]]]
) -> None:
    server = ChangingList(size, cap)
    try:
        found = walk_over(Walk(page_size, 0, None, remembered=1), server, changes)
    except ListChangedTooMuch:
        return
    assert len(found) == len(set(found))
    assert server.throughout <= set(found)


@given(
    size=st.integers(0, 40),
    page_size=st.integers(1, 12),
    cap=st.integers(1, 12),
    nameless=st.sets(st.integers(0, 39)),
)
def test_a_list_at_rest_is_walked_once_in_order(
    size: int, page_size: int, cap: int, nameless: set[int]
) -> None:
    server = ChangingList(size, cap, nameless)
    assert walk_over(Walk(page_size, 0, None), server, []) == server.ids


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
    found = walk_over(Walk(page_size, offset, max_items), server, [])
    assert found == server.ids[offset : offset + max_items]


def requests_of(walk: Walk, server: ChangingList) -> list[PageRequest]:
    asked = []
    while walk.request is not None:
        asked.append(walk.request)
        walk.take(server.page(walk.request), len(server.ids))
    return asked


def test_it_asks_for_no_page_more_than_it_takes() -> None:
    server = ChangingList(100, cap=50)
    assert requests_of(Walk(50, 0, 3), server) == [(3, 0)]
    assert requests_of(Walk(50, 0, 0), server) == []
    assert requests_of(Walk(50, 0, None), server) == [(50, 0), (50, 49), (50, 98)]
    assert requests_of(Walk(60, 0, None), ChangingList(100, cap=100)) == [(60, 0), (60, 59)]


def test_a_short_page_is_not_the_end_but_an_empty_one_is() -> None:
    walk = Walk(5, 0, None)
    assert walk.take(["1", "2"], 9) == [0, 1]
    assert walk.request == (5, 1)
    assert walk.take(["2"], 9) == []
    assert walk.request == (5, 2)
    assert walk.take([], 9) == []
    assert walk.request is None


def test_without_a_count_only_an_empty_page_ends_it() -> None:
    walk = Walk(2, 0, None)
    walk.take(["1"], None)
    walk.take(["1"], None)
    assert walk.request is not None
    walk.take([], None)
    assert walk.request is None
    assert walk.total is None


def test_one_that_stands_twice_in_a_page_is_taken_once() -> None:
    assert Walk(3, 0, None).take(["1", "2", "1"], 3) == [0, 1]


@pytest.mark.parametrize("record", [{"conversationId": 1}, {"conversationId": ""}, {}, None, "1"])
def test_only_an_id_names_a_record(record: object) -> None:
    assert record_key({"conversationId": "1", "x": 2}) == "1"
    assert record_key(record) is None


def test_it_says_so_where_its_place_in_the_list_is_lost() -> None:
    walk, server = Walk(1, 0, None, remembered=1), ChangingList(20, cap=2)
    for _ in range(8):
        assert walk.request is not None
        walk.take(server.page(walk.request), len(server.ids))
    server.ids = [f"another-{n}" for n in range(20)]
    with pytest.raises(ListChangedTooMuch):
        walk_over(walk, server, [])


def test_after_the_end_there_is_nothing_to_take() -> None:
    with pytest.raises(RuntimeError, match="over"):
        Walk(1, 0, 0).take([], 0)


@pytest.mark.parametrize("total", [1, None])
def test_a_server_that_ignores_the_offset_does_not_keep_it_for_ever(total: int | None) -> None:
    walk = Walk(2, 0, None)

    def go_round_in_circles() -> None:
        while walk.request is not None:
            walk.take(["1", "2"], total)

    with pytest.raises(ListChangedTooMuch):
        go_round_in_circles()
