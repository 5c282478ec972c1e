"""The list of conversations: each of them once, even if the list changes during iteration."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polyai_data import (
    AsyncConversationList,
    AsyncDataClient,
    ConversationList,
    ConversationPage,
    ConversationSummary,
    DataClient,
    PolyAIError,
    ResponseDecodeError,
    ServerError,
    UnreadableRecord,
)
from polyai_data.sandbox import Fault, serve

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

MADE_UP: dict[str, Any] = {"api_key": "k", "region": "us", "agent_id": "A"}
SANDBOX = {"api_key": "sandbox", "region": None, "agent_id": "PROJECT-DEMO"}


class Shelf:
    """Serves a list of records in pages, and keeps what was requested."""

    def __init__(self, size: int = 0, cap: int = 1000) -> None:
        self.records: list[Any] = [{"conversationId": f"old-{n}"} for n in range(size)]
        self.cap = cap
        self.asked: list[tuple[int, int]] = []
        self.before: Callable[[int], object] = lambda _: None  # gets the number of the request

    def __call__(self, request: httpx.Request) -> httpx.Response:
        limit, offset = (int(request.url.params[name]) for name in ("limit", "offset"))
        self.before(len(self.asked))
        self.asked.append((limit, offset))
        found = self.records[offset : offset + min(limit, self.cap)]
        page = {"conversations": found, "limit": limit, "offset": offset}
        return httpx.Response(200, json={**page, "count": len(self.records)})


def all_of(items: Any) -> Any:
    """Return everything in the iterable; of an asynchronous one, when it is awaited."""

    async def gather() -> list[Any]:
        return [item async for item in items]

    return gather() if hasattr(items, "__aiter__") else list(items)


def ids(found: list[Any]) -> list[str]:
    return [conversation.conversation_id for conversation in found]


def walked(**options: Any) -> Callable[[Any], Any]:
    return lambda client: all_of(client.list_conversations(**options))


@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize("cap", [None, 7])
def test_it_yields_every_conversation_of_a_real_server_in_order(
    call: Caller, cap: int | None, prefetch: int
) -> None:
    with serve(conversations=45, max_page_size=cap) as url:
        whole = httpx.get(
            f"{url}/v1/agents/PROJECT-DEMO/conversations?limit=45", headers={"X-API-KEY": "sandbox"}
        )
        found = call(None, walked(page_size=20, prefetch=prefetch), base_url=url, **SANDBOX)
    assert {type(conversation) for conversation in found} == {ConversationSummary}
    if cap is None:
        assert [c.raw for c in found] == whole.json()["conversations"]
    assert len(found) == len(set(ids(found))) == 45


def test_chats_that_begin_between_two_pages_neither_repeat_nor_hide_any(call: Caller) -> None:
    with serve(conversations=12) as url:

        def start_chat() -> Any:
            with DataClient(base_url=url, api_key="sandbox", agent_id="PROJECT-DEMO") as other:
                return other.start_chat("sandbox")

        def pages(client: Any) -> Any:
            listing = client.list_conversations(page_size=3, prefetch=0)
            if isinstance(listing, ConversationList):
                return [(page, start_chat()) for page in listing.pages()]

            async def gather() -> list[Any]:
                return [(page, await asyncio.to_thread(start_chat)) async for page in by_page]

            by_page = listing.pages()
            return gather()

        before = ids(call(None, walked(), base_url=url, **SANDBOX))
        found = call(None, pages, base_url=url, **SANDBOX)
    assert [name for page, _ in found for name in ids(page.conversations)] == before


CHANGES = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.integers(0, 99), max_size=6)), max_size=15
)


@pytest.mark.parametrize("prefetch", [0, 1])
@settings(max_examples=settings().max_examples * 6 // 10)
@given(size=st.integers(0, 30), page_size=st.integers(1, 8), cap=st.integers(2, 8), changes=CHANGES)
def test_no_change_between_two_requests_repeats_or_hides_any(
    call: Caller,
    prefetch: int,
    size: int,
    page_size: int,
    cap: int,
    changes: list[tuple[int, list[int]]],
) -> None:
    shelf = Shelf(size, cap)
    throughout = {record["conversationId"] for record in shelf.records}

    def change(number: int) -> None:
        inserted, deleted = changes[number - 1] if 0 < number <= len(changes) else (0, [])
        for index in deleted:
            if shelf.records:
                gone = shelf.records.pop(index % len(shelf.records))
                throughout.discard(gone["conversationId"])
        for n in range(inserted):
            shelf.records.insert(0, {"conversationId": f"new-{number}-{n}"})

    shelf.before = change
    found = ids(call(shelf, walked(page_size=page_size, prefetch=prefetch)))
    assert len(found) == len(set(found))
    assert throughout <= set(found)


def test_a_list_that_changed_too_much_is_an_error(call: Caller) -> None:
    shelf = Shelf(3000)

    def replace(number: int) -> None:
        if number == 20:
            shelf.records = [{"conversationId": f"other-{n}"} for n in range(3000)]

    shelf.before = replace
    error = call.fails(shelf, walked(page_size=100))
    assert type(error) is PolyAIError
    assert str(error).startswith("GET /v1/agents/PROJECT-1/conversations?limit=")
    assert error.message == (
        "The list changed too much between two pages to continue without gaps. Start over."
    )
    assert "→ 200: The list changed too much" in str(error)
    assert error.correlation_id is not None


def test_ids_that_are_numbers_are_ids(call: Caller) -> None:
    shelf = Shelf()
    shelf.records = [{"conversationId": n} for n in [*range(1, 40), "1", True]]
    shelf.before = lambda number: shelf.records.insert(0, {"conversationId": 1000 + number})
    found = call(shelf, walked(page_size=7))
    assert [one.raw["conversationId"] for one in found] == [1000, *range(1, 40), "1", True]


@pytest.mark.parametrize("prefetch", [0, 1])
def test_a_list_that_ends_before_its_count_is_an_error_after_its_last_conversation(
    call: Caller, prefetch: int
) -> None:
    """A backend may serve no offset beyond ten thousand, and return empty pages instead."""
    shelf, found = Shelf(9), []

    def answer(request: httpx.Request) -> httpx.Response:
        page = shelf(request).json()
        if int(request.url.params["offset"]) >= 6:
            page["conversations"] = []
        return httpx.Response(200, json={**page, "conversations": page["conversations"][:3]})

    def walk(client: Any) -> Any:
        listing = client.list_conversations(page_size=3, prefetch=prefetch)

        async def gather() -> None:
            async for one in listing:
                found.append(one)  # it raises at the end

        return gather() if isinstance(client, AsyncDataClient) else found.extend(listing)

    error = call.fails(answer, walk)
    assert type(error) is PolyAIError
    assert error.message == "The list has nothing at offset 6, but a count of 9."
    assert error.status_code == 200
    assert ids(found) == [f"old-{n}" for n in range(7)]


@pytest.mark.parametrize(
    ("options", "requests", "count"),
    [
        ({"max_items": 0}, [], 0),
        ({"max_items": 3}, [(3, 0)], 3),
        ({"page_size": 3, "max_items": 3}, [(3, 0)], 3),
        ({"page_size": 3, "max_items": 4}, [(3, 0), (2, 2)], 4),
        # A record may have arrived after the count, and have pushed out the last one.
        ({"page_size": 10, "max_items": 99}, [(10, 0), (10, 9)], 10),
        ({"page_size": 11, "max_items": 99}, [(11, 0)], 10),
        ({}, [(50, 0)], 10),
    ],
)
@pytest.mark.parametrize("prefetch", [0, 1])
def test_it_asks_for_no_page_more_than_it_takes(
    call: Caller,
    options: dict[str, int],
    requests: list[tuple[int, int]],
    count: int,
    prefetch: int,
) -> None:
    shelf = Shelf(10)
    assert len(call(shelf, walked(**options, prefetch=prefetch))) == count
    assert shelf.asked == requests


def test_offset_leaves_out_the_newest(call: Caller) -> None:
    shelf = Shelf(10)
    found = call(shelf, walked(offset=4, page_size=3))
    assert ids(found) == [f"old-{n}" for n in range(4, 10)]


def test_total_is_the_count_of_the_latest_page(call: Caller) -> None:
    shelf = Shelf(7)
    client = call.client(shelf, **MADE_UP)
    listing = client.list_conversations(page_size=5)
    assert shelf.asked == []
    assert listing.total is None
    assert repr(listing) == f"<{type(listing).__name__} total None>"
    assert shelf.asked == []
    shelf.before = lambda number: shelf.records.append({"conversationId": f"more-{number}"})
    call.use(client, lambda _: all_of(listing))
    assert listing.total == 10
    assert repr(listing) == f"<{type(listing).__name__} total 10>"
    call.close(client)


def test_the_total_is_known_without_iterating_from_a_page_of_one(call: Caller) -> None:
    shelf = Shelf(7)
    assert call(shelf, lambda client: client.get_page(limit=1)).count == 7
    assert shelf.asked == [(1, 0)]


@pytest.mark.parametrize("count", ["7", 7.5, None, True])
def test_a_count_that_is_not_an_integer_is_not_a_total(
    call: Caller, server: FakeServer, count: object
) -> None:
    server.respond(200, json={"conversations": [], "count": count})
    listings = []

    def walk(client: Any) -> Any:
        listings.append(client.list_conversations())
        return all_of(listings[0])

    assert call(server, walk) == []
    assert listings[0].total is None


def test_it_can_be_iterated_again_by_item_and_by_page(call: Caller) -> None:
    shelf = Shelf(7)
    client = call.client(shelf, **MADE_UP)
    listing = client.list_conversations(page_size=3, max_items=6)
    first, again, pages = call.use(
        client,
        lambda _: all_of(listing),
        lambda _: all_of(listing),
        lambda _: all_of(listing.pages()),
    )
    assert listing.total == 7
    assert ids(first) == ids(again) == [f"old-{n}" for n in range(6)]
    assert {type(page) for page in pages} == {ConversationPage}
    # A page overlaps the one before by one, so that it brings one less.
    by_page = [ids(page.conversations) for page in pages]
    assert by_page == [ids(first)[:3], ids(first)[3:5], ids(first)[5:]]
    assert [page.meta.status_code for page in pages] == [200, 200, 200]
    call.close(client)


def test_get_page_is_the_bare_call(call: Caller) -> None:
    shelf = Shelf(9, cap=2)
    page = call(shelf, lambda client: client.get_page(limit=4, offset=5))
    assert shelf.asked == [(4, 5)]
    assert ids(page.conversations) == ["old-5", "old-6"]
    assert (page.count, page.limit, page.offset, page.meta.status_code) == (9, 4, 5, 200)
    call(shelf, lambda client: client.get_page())
    assert shelf.asked[1:] == [(50, 0)]


UNREADABLE = [
    (None, "expected an object, got null"),
    ("text", "expected an object, got a string"),
    ({"duration": 5}, "conversationId is missing"),
    ({"conversationId": None}, "conversationId is null"),
]


@pytest.mark.parametrize(("record", "reason"), UNREADABLE)
def test_an_unreadable_record_is_yielded_raw_with_its_reason(
    call: Caller, record: Any, reason: str
) -> None:
    shelf = Shelf(5)
    shelf.records[2] = record
    found = call(shelf, walked(page_size=2))
    assert ids(found) == ["old-0", "old-1", "", "old-3", "old-4"]
    assert isinstance(found[2], UnreadableRecord)
    assert (found[2].raw, found[2].reason) == (record, reason)
    error = call.fails(shelf, walked(page_size=2, strict=True))
    assert type(error) is ResponseDecodeError
    assert error.message == f"conversations[1]: {reason}"
    assert (error.body, error.status_code) == (record, 200)


def test_a_record_names_its_own_problems(call: Caller) -> None:
    shelf = Shelf()
    drifted = {"conversationId": "1", "duration": "7", "shortSummary": {"heading": 3}}
    shelf.records = [{"conversationId": "0"}, drifted, {"tags": "x"}]
    found = call(shelf, walked())
    assert [[(p.field, p.value) for p in record.problems] for record in found] == [
        [],
        [("duration", "7"), ("shortSummary.heading", 3)],
        [("", {"tags": "x"})],
    ]


def test_strict_names_the_id_and_the_field(call: Caller) -> None:
    shelf = Shelf(12)
    shelf.records[10] |= {"duration": "long"}
    assert call(shelf, walked())[10].duration == "long"
    error = call.fails(shelf, walked(strict=True))
    assert type(error) is ResponseDecodeError
    assert error.message == "old-10: duration expected an integer, got a string"
    assert "→ 200: old-10" in str(error)
    assert error.correlation_id is not None
    assert error.body == shelf.records[10]
    assert len(call(shelf, walked(strict=True, max_items=10))) == 10


@pytest.mark.parametrize("do", [walked(), lambda client: client.get_page()])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "conversations is missing"),
        ({"conversations": None}, "conversations is null"),
        ({"conversations": {}}, "conversations is not an array"),
        ([], "expected an object, got an array"),
    ],
)
def test_a_response_without_a_list_is_an_error(
    call: Caller, server: FakeServer, do: Any, answer: Any, reason: str
) -> None:
    server.respond(200, json=answer)
    error = call.fails(server, do)
    assert type(error) is ResponseDecodeError
    assert error.message == f"Unexpected response to this operation: {reason}"


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"page_size": 0}, ValueError, "page_size=0: expected 1 or more."),
        ({"page_size": "5"}, TypeError, "page_size must be an integer, not str."),
        ({"page_size": True}, TypeError, "page_size must be an integer, not bool."),
        ({"offset": -1}, ValueError, "offset=-1: expected 0 or more."),
        ({"offset": 1.0}, TypeError, "offset must be an integer, not float."),
        ({"max_items": -1}, ValueError, "max_items=-1: expected 0 or more."),
        ({"max_items": "3"}, TypeError, "max_items must be an integer, not str."),
        ({"prefetch": -1}, ValueError, "prefetch=-1: expected 0 or more."),
        ({"prefetch": 2}, ValueError, "prefetch=2: expected 0 or 1."),
        ({"prefetch": True}, TypeError, "prefetch must be an integer, not bool."),
        (
            {"agent_id": ""},
            ValueError,
            "agent_id='' is not a valid ID. Pass the ID as PolyAI shows it.",
        ),
    ],
)
def test_an_invalid_option_is_refused_at_the_call(
    call: Caller, server: FakeServer, options: Any, kind: type[Exception], message: str
) -> None:
    client = call.client(server, **MADE_UP)
    with pytest.raises(kind) as caught:
        client.list_conversations(**options)
    assert str(caught.value) == message
    call.close(client)
    assert server.requests == []


@pytest.mark.parametrize("options", [{"limit": 0}, {"offset": -1}])
def test_get_page_refuses_invalid_numbers(call: Caller, server: FakeServer, options: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^(limit=0: expected 1|offset=-1: expected 0) or more\.$"
    ):
        call(server, lambda client: client.get_page(**options))
    assert server.requests == []


# --- Fetching ahead ----------------------------------------------------------------------------


class Boom(Exception):
    pass


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("polyai-data-prefetch")]


def failing_from_the_second(number: int) -> None:
    if number:
        raise Boom


def test_the_next_page_is_fetched_while_this_one_is_consumed() -> None:
    shelf, asked, consumed = Shelf(4), threading.Event(), threading.Event()

    def before(number: int) -> None:
        if number == 1:
            asked.set()
            assert consumed.wait(10)

    shelf.before = before
    with DataClient(**MADE_UP, transport=httpx.MockTransport(shelf)) as client:
        found = iter(client.list_conversations(page_size=2))
        assert next(found).conversation_id == "old-0"
        assert asked.wait(10)
        assert next(found).conversation_id == "old-1"
        consumed.set()
        assert ids(list(found)) == ["old-2", "old-3"]
    assert threads() == []


def test_the_next_page_is_fetched_while_this_one_is_consumed_async() -> None:
    async def main() -> None:
        shelf, asked, consumed = Shelf(4), asyncio.Event(), asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            if shelf.asked:
                asked.set()
                await asyncio.wait_for(consumed.wait(), 10)
            return shelf(request)

        async with AsyncDataClient(**MADE_UP, transport=httpx.MockTransport(answer)) as client:
            found = aiter(client.list_conversations(page_size=2))
            assert (await anext(found)).conversation_id == "old-0"
            await asyncio.wait_for(asked.wait(), 10)
            assert (await anext(found)).conversation_id == "old-1"
            consumed.set()
            assert [c.conversation_id async for c in found] == ["old-2", "old-3"]

    asyncio.run(main())


def test_without_prefetch_a_page_is_fetched_only_when_it_is_needed() -> None:
    shelf = Shelf(4)
    with DataClient(**MADE_UP, transport=httpx.MockTransport(shelf)) as client:
        found = iter(client.list_conversations(page_size=2, prefetch=0))
        assert ids([next(found), next(found)]) == ["old-0", "old-1"]
        assert (len(shelf.asked), threads()) == (1, [])
        assert ids(list(found)) == ["old-2", "old-3"]


def test_without_prefetch_a_page_is_fetched_only_when_it_is_needed_async() -> None:
    async def main() -> None:
        shelf = Shelf(4)
        async with AsyncDataClient(**MADE_UP, transport=httpx.MockTransport(shelf)) as client:
            found = aiter(client.list_conversations(page_size=2, prefetch=0))
            assert ids([await anext(found), await anext(found)]) == ["old-0", "old-1"]
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert len(shelf.asked) == 1
            assert [c.conversation_id async for c in found] == ["old-2", "old-3"]

    asyncio.run(main())


@pytest.mark.parametrize("end", ["break", "raise", "close"])
@pytest.mark.parametrize("failing", [False, True])
def test_however_it_ends_no_thread_is_left(end: str, failing: bool) -> None:
    shelf, used = Shelf(9), []

    def before(number: int) -> None:
        used.append(threading.current_thread().name)
        if failing:
            failing_from_the_second(number)

    shelf.before = before
    with DataClient(**MADE_UP, transport=httpx.MockTransport(shelf)) as client:
        listing: Any = client.list_conversations(page_size=2)
        if end == "close":
            with closing(iter(listing)) as found:
                next(found)
        elif end == "break":
            for _ in listing.pages():
                break
        else:
            with pytest.raises(Boom):  # noqa: PT012
                for _ in listing:
                    raise Boom
        assert threads() == []
    assert used[1:] == ["polyai-data-prefetch"]


async def settle(listing: AsyncIterator[Any]) -> None:
    """Let the loop close what was dropped: it does so in tasks of its own."""
    del listing
    gc.collect()
    for _ in range(50):
        if asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0)


@pytest.mark.parametrize("end", ["break", "raise", "close", "cancel"])
@pytest.mark.parametrize("behave", ["answer", "fail", "stall"])
def test_however_it_ends_no_task_is_left(end: str, behave: str) -> None:
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        shelf, stalled = Shelf(9), asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            if shelf.asked and behave == "fail":
                raise Boom
            if shelf.asked and behave == "stall":
                await stalled.wait()
            return shelf(request)

        async def consume(listing: AsyncConversationList) -> None:
            async with aclosing(aiter(listing)) as found:
                async for _ in found:
                    assert len(asyncio.all_tasks()) > 1
                    if end == "raise":
                        raise Boom
                    if end == "cancel":
                        await asyncio.Event().wait()
                    return

        async with AsyncDataClient(**MADE_UP, transport=httpx.MockTransport(answer)) as client:
            listing = client.list_conversations(page_size=2)
            if end == "break":
                async for _ in listing:
                    break
                await settle(listing.pages())
            elif end == "close":
                await consume(listing)
            else:
                task = asyncio.create_task(consume(listing))
                await asyncio.sleep(0)
                if end == "cancel":
                    while not shelf.asked:
                        await asyncio.sleep(0)
                    task.cancel()
                with pytest.raises(Boom if end == "raise" else asyncio.CancelledError):
                    await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("by", ["conversations", "pages"])
def test_a_walk_that_is_still_held_ends_with_its_loop(by: str) -> None:
    complaints: list[Any] = []
    held: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        transport = httpx.MockTransport(Shelf(9))
        async with AsyncDataClient(**MADE_UP, transport=transport) as client:
            listing = client.list_conversations(page_size=2)
            held.append(aiter(listing if by == "conversations" else listing.pages()))
            await anext(held[0])
            assert len(asyncio.all_tasks()) == 2

    asyncio.run(main())
    assert complaints == []


def test_a_page_that_failed_ahead_is_raised_when_it_is_its_turn(call: Caller) -> None:
    faults = [Fault(status=502, nth=2, path="*/conversations")]
    with serve(conversations=9, faults=faults) as url:
        seen: list[Any] = []

        def consume(client: Any) -> Any:
            listing = client.list_conversations(page_size=4)
            if isinstance(listing, ConversationList):
                for conversation in listing:
                    seen.append(conversation)
                return None

            async def gather() -> None:
                async for conversation in listing:
                    seen.append(conversation)

            return gather()

        error = call.fails(None, consume, base_url=url, **SANDBOX)
    assert type(error) is ServerError
    assert len(seen) == 4
    assert threads() == []


def test_a_strict_error_does_not_hold_an_echoed_key(call: Caller) -> None:
    key, shelf = "a-key-that-is-echoed-0123", Shelf()
    shelf.records = [{"conversationId": 5, "echo": key}]
    client = call.client(shelf, **{**MADE_UP, "api_key": key})
    with pytest.raises(ResponseDecodeError) as caught:
        call.use(client, walked(strict=True))
    assert caught.value.body == {"conversationId": 5, "echo": "[API key]"}
    call.close(client)
