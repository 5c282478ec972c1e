"""Searches of the Conversations API v3: what is sent where, the pages, and the records."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polyai_data import (
    AsyncDataClient,
    BadRequestError,
    ConfigurationError,
    ConversationSearch,
    DataClient,
    FoundConversation,
    FoundPage,
    FoundTurn,
    NotFoundError,
    PolyAIError,
    ResponseDecodeError,
    UnreadableFoundConversation,
)
from polyai_data.sandbox import create_app, serve

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

KEYS = {"api_key": "data-key", "conversations_api_key": "v3-key"}
MADE_UP: dict[str, Any] = {**KEYS, "region": "us", "agent_id": "A", "account_id": "ws-1"}
SANDBOX: dict[str, Any] = {
    "api_key": "sandbox",
    "conversations_api_key": "sandbox-v3",
    "account_id": "ACCOUNT-DEMO",
    "agent_id": "PROJECT-DEMO",
}
WHEN = {"since": date(2026, 6, 1), "until": date(2026, 6, 8)}


def all_of(items: Any) -> Any:
    """Return everything in the iterable; of an asynchronous one, when it is awaited."""

    async def gather() -> list[Any]:
        return [item async for item in items]

    return gather() if hasattr(items, "__aiter__") else list(items)


def searched(**options: Any) -> Callable[[Any], Any]:
    return lambda client: all_of(client.search_conversations(**options))


def paged(**options: Any) -> Callable[[Any], Any]:
    return lambda client: all_of(client.search_conversations(**options).pages())


class Shelf:
    """Serves records by cursor, and keeps the requests."""

    def __init__(self, records: Any) -> None:
        self.records = records
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        start = int((re.findall("at ([0-9]+)", request.url.params.get("cursor", "")) or [0])[0])
        end = start + int(request.url.params["limit"])
        cursor = f"at {end}" if end < len(self.records) else None
        page = {"conversations": self.records[start:end], "cursor": cursor}
        return httpx.Response(200, json=page)

    @property
    def asked(self) -> list[dict[str, str]]:
        return [dict(request.url.params) for request in self.requests]


@pytest.fixture
def shelf(found: Callable[..., dict[str, Any]]) -> Shelf:
    return Shelf([found(id=f"CA{number}") for number in range(25)])


# --- What is sent ---------------------------------------------------------------------------------

ALWAYS = {"client_env": "live", "limit": "1000"}
PERIOD = {"start_time": "2026-06-01T00:00:00+00:00", "end_time": "2026-06-08T00:00:00+00:00"}
PARIS = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {}),
        ({"since": date(2026, 6, 1)}, {"start_time": "2026-06-01T00:00:00+00:00"}),
        (
            {"until": datetime(2026, 6, 1, 2, 30, tzinfo=PARIS)},
            {"end_time": "2026-06-01T00:30:00+00:00"},
        ),
        (
            {"since": datetime(1, 1, 1, tzinfo=PARIS)},
            {"start_time": "0001-01-01T00:00:00+02:00"},
        ),
        ({"environment": "pre-release"}, {"client_env": "pre-release"}),
        ({"variant_id": "V"}, {"variant_id": "V"}),
        ({"variant_name": "Main"}, {"variant_name": "Main"}),
        ({"in_progress": True}, {"in_progress": "true"}),
        ({"in_progress": False}, {"in_progress": "false"}),
        ({"query": "a b&c", **WHEN}, {"query": "a b&c", "query_type": "transcript", **PERIOD}),
        (
            {"query": "x", "query_type": "semantic", **WHEN},
            {"query": "x", "query_type": "semantic", **PERIOD},
        ),
        (
            {"query": "x", "turn_type": "agent", **WHEN},
            {"query": "x", "query_type": "transcript", "turn_type": "agent", **PERIOD},
        ),
        ({"sample": True, **WHEN}, {"sample": "random", **PERIOD}),
        ({"include_latency": True}, {"include_latency": "true"}),
        ({"page_size": 1}, {"limit": "1"}),
        ({"max_items": 7}, {"limit": "7"}),
        ({"cursor": "c/1+=", "page_size": 5}, {"cursor": "c/1+=", "limit": "5"}),
    ],
    ids=str,
)
def test_each_argument_is_sent_as_the_api_names_it(
    call: Caller, shelf: Shelf, options: dict[str, Any], sent: dict[str, str]
) -> None:
    shelf.records = []
    assert call(shelf, searched(**options), **MADE_UP) == []
    assert shelf.asked == [{**ALWAYS, **sent}]
    assert shelf.requests[0].url.path == "/v3/ws-1/A/conversations"
    assert shelf.requests[0].method == "GET"


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_each_channel_is_sent(call: Caller, shelf: Shelf, kind: Callable[..., Any]) -> None:
    shelf.records = []
    call(shelf, lambda c: all_of(c.search_conversations(channels=kind(["A", "B"]))), **MADE_UP)
    assert shelf.requests[0].url.params.get_list("channel") == ["A", "B"]


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"query": "x"}, ValueError, "query and sample need both since= and until=."),
    ({"query": "x", "since": date(2026, 6, 1)}, ValueError, "need both since= and until="),
    ({"sample": True, "until": date(2026, 6, 1)}, ValueError, "need both since= and until="),
    ({"query": "x", "sample": True, **WHEN}, ValueError, "query and sample exclude each other"),
    ({"variant_id": "x", "variant_name": "y"}, ValueError, "exclude each other"),
    ({"turn_type": "user", **WHEN}, ValueError, "pass query="),
    ({"query_type": "semantic", **WHEN}, ValueError, "pass query="),
    (
        {"query": "x", "query_type": "semantic", "turn_type": "user", **WHEN},
        ValueError,
        "turn_type is for query_type='transcript' only.",
    ),
    ({"query": "", **WHEN}, ValueError, "query is empty."),
    ({"query": 5, **WHEN}, TypeError, "query must be a string, not int."),
    ({"query": "x", "query_type": "fuzzy", **WHEN}, ValueError, "query_type='fuzzy': expected"),
    ({"query": "x", "turn_type": "bot", **WHEN}, ValueError, "turn_type='bot': expected one of"),
    ({"environment": "prod"}, ValueError, "environment='prod': expected one of "),
    ({"environment": None}, ValueError, "environment=None: expected one of"),
    ({"since": datetime(2026, 6, 1)}, ValueError, "since has no time zone. Pass since.replace"),
    ({"until": datetime(2026, 6, 1)}, ValueError, "until has no time zone. Pass until.replace"),
    ({"since": "7d"}, TypeError, "since must be a datetime with a time zone, or a date, not str."),
    ({"since": date(2026, 6, 2), "until": date(2026, 6, 1)}, ValueError, "since is later than"),
    ({"channels": "VOICE-SIP"}, TypeError, "channels must be an iterable of strings, not str."),
    ({"channels": 5}, TypeError, "channels must be an iterable of strings, not int."),
    ({"channels": [5]}, TypeError, "channels must be a string, not int."),
    ({"channels": [""]}, ValueError, "channels is empty."),
    ({"channels": []}, ValueError, "channels is empty. Pass None for all channels."),
    ({"variant_id": ""}, ValueError, "variant_id is empty."),
    ({"variant_name": 1}, TypeError, "variant_name must be a string"),
    ({"in_progress": "yes"}, TypeError, "in_progress must be a boolean, not str."),
    ({"sample": "random", **WHEN}, TypeError, "sample must be a boolean, not str."),
    ({"include_latency": 1}, TypeError, "include_latency must be a boolean, not int."),
    ({"page_size": 0}, ValueError, "page_size=0: expected 1 or more."),
    ({"page_size": 1001}, ValueError, "page_size=1001: expected 1,000 or less."),
    ({"page_size": "50"}, TypeError, "page_size must be an integer"),
    ({"max_items": -1}, ValueError, "max_items=-1: expected 0 or more."),
    ({"cursor": ""}, ValueError, "cursor is empty."),
    ({"cursor": 5}, TypeError, "cursor must be a string, not int."),
    ({"account_id": ".."}, ValueError, "account_id='..' is not a valid ID."),
    ({"agent_id": ""}, ValueError, "agent_id='' is not a valid ID."),
    ({"query": "x" * 70_000, **WHEN}, ValueError, "The URL is too long"),
]


@pytest.mark.parametrize(("options", "kind", "message"), REFUSED, ids=str)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    call: Caller, server: FakeServer, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    client = call.client(server, **MADE_UP)
    with pytest.raises(kind, match=re.escape(message)):
        client.search_conversations(**options)
    call.close(client)
    assert server.requests == []


def test_nothing_is_sent_until_it_is_iterated(call: Caller, server: FakeServer) -> None:
    client = call.client(server, **MADE_UP)
    client.search_conversations()
    client.search_conversations(max_items=0).pages()
    assert call.use(client, searched(max_items=0)) == [[]]
    call.close(client)
    assert server.requests == []


# --- Where it is sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us", "api.us-1.platform.polyai.app"),
        ("uk", "api.uk-1.platform.polyai.app"),
        ("eu", "api.euw-1.platform.polyai.app"),
    ],
)
def test_each_region_has_its_host_and_each_host_its_key(
    call: Caller, shelf: Shelf, sample: Callable[..., Any], region: str, host: str
) -> None:
    seen: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers["X-API-KEY"]))
        assert request.headers["Host"] == request.url.host
        is_search = request.url.path.startswith("/v3/")
        return shelf(request) if is_search else httpx.Response(200, json=sample())

    def script(client: Any) -> Generator[Any, Any, None]:
        (one,) = yield all_of(client.search_conversations(max_items=1))
        yield client.get_conversation("CA1")
        assert one.id == "CA0"

    call.play(call.client(answer, **{**MADE_UP, "region": region}), script)
    assert seen == [(host, "v3-key"), (f"api.{region}.poly.ai", "data-key")]


def test_a_region_without_the_api_says_so(call: Caller, server: FakeServer) -> None:
    client = call.client(server, **{**MADE_UP, "region": "studio"})
    with pytest.raises(ConfigurationError) as caught:
        client.search_conversations()
    assert "no server for search_conversations in region 'studio', only https://" in str(
        caught.value
    )
    call.close(client)
    assert server.requests == []


def test_a_custom_base_url_serves_both_apis(call: Caller, shelf: Shelf) -> None:
    options = {**MADE_UP, "region": None, "base_url": "https://gateway.example/polyai"}
    assert len(call(shelf, searched(), **options)) == 25
    assert str(shelf.requests[0].url).startswith(
        "https://gateway.example/polyai/v3/ws-1/A/conversations?"
    )


@pytest.mark.parametrize(
    ("variables", "options", "key"),
    [
        ({"POLYAI_CONVERSATIONS_API_KEY": "k1"}, {}, "k1"),
        ({"POLYAI_CONVERSATIONS_API_KEY_US": "k2", "POLYAI_CONVERSATIONS_API_KEY": "k1"}, {}, "k2"),
        ({"POLYAI_CONVERSATIONS_API_KEY_EU": "k3", "POLYAI_CONVERSATIONS_API_KEY": "k1"}, {}, "k1"),
        (
            {"POLYAI_CONVERSATIONS_API_KEY_US": "k2"},
            {"conversations_api_key": "k4"},
            "k4",
        ),
        ({"POLYAI_CONVERSATIONS_API_KEY": " k1\n"}, {}, "k1"),
        ({}, {"api_key": "same", "conversations_api_key": "same"}, "same"),
    ],
    ids=str,
)
def test_the_key_is_from_the_argument_or_the_environment(
    call: Caller,
    monkeypatch: pytest.MonkeyPatch,
    shelf: Shelf,
    variables: dict[str, str],
    options: dict[str, str],
    key: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = {**MADE_UP, "conversations_api_key": None, **options}
    call(shelf, searched(), **settings)
    assert shelf.requests[0].headers["X-API-KEY"] == key


def test_the_data_apis_key_is_not_sent_to_the_other_host(call: Caller, server: FakeServer) -> None:
    client = call.client(server, **{**MADE_UP, "conversations_api_key": None})
    with pytest.raises(ConfigurationError) as caught:
        client.search_conversations()
    assert str(caught.value).startswith(
        "No key for the Conversations API v3: pass conversations_api_key=, or set "
        "POLYAI_CONVERSATIONS_API_KEY or POLYAI_CONVERSATIONS_API_KEY_US. "
    )
    call.close(client)
    assert server.requests == []


def test_a_client_may_have_a_key_for_searches_only(call: Caller, shelf: Shelf) -> None:
    def script(client: Any) -> Generator[Any, Any, None]:
        assert len((yield all_of(client.search_conversations()))) == 25
        with pytest.raises(ConfigurationError, match="No API key: pass api_key=, or set POLYAI_AP"):
            yield client.get_conversation("CA1")

    call.play(call.client(shelf, **{**MADE_UP, "api_key": None}), script)
    assert {request.headers["X-API-KEY"] for request in shelf.requests} == {"v3-key"}


@pytest.mark.parametrize("key", ["", "clé", "a b"])
def test_an_invalid_key_is_refused(call: Caller, key: str) -> None:
    with pytest.raises(ConfigurationError, match="The API key"):
        call.kind(**{**MADE_UP, "conversations_api_key": key})


@pytest.mark.parametrize("source", ["argument", "client", "options", "environment", "Studio URL"])
def test_the_account_is_from_the_call_the_client_the_environment_or_a_studio_url(
    call: Caller, monkeypatch: pytest.MonkeyPatch, shelf: Shelf, source: str
) -> None:
    options = {**MADE_UP, "account_id": "ws-other" if source in ("argument", "options") else None}
    if source == "environment":
        monkeypatch.setenv("POLYAI_ACCOUNT_ID", "ws 7")
    elif source == "client":
        options["account_id"] = "ws 7"
    client = call.client(shelf, **options)
    if source == "Studio URL":
        call.close(client)
        transport = httpx.MockTransport(shelf)
        url = "https://studio.us.poly.ai/ws%207/A/conversations"
        client = call.kind.from_studio_url(url, **KEYS, transport=transport)
    elif source == "options":
        client = client.with_options(account_id="ws 7")
    one = {"account_id": "ws 7"} if source == "argument" else {}
    call.run(client, searched(**one))
    assert shelf.requests[0].url.raw_path.startswith(b"/v3/ws%207/A/conversations?")


def test_a_missing_account_is_named(call: Caller, server: FakeServer) -> None:
    client = call.client(server, **{**MADE_UP, "account_id": None})
    with pytest.raises(ConfigurationError, match="No account: pass account_id= to the client or"):
        client.search_conversations()
    call.close(client)


# --- Pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 7, 24, 25, 26, 1000])
@pytest.mark.parametrize("max_items", [None, 1, 8, 25, 99])
def test_it_yields_each_conversation_once(
    call: Caller, shelf: Shelf, page_size: int, max_items: int | None
) -> None:
    found = call(shelf, searched(page_size=page_size, max_items=max_items), **MADE_UP)
    assert [one.id for one in found] == [f"CA{n}" for n in range(25)][:max_items]
    assert sum(int(asked["limit"]) for asked in shelf.asked) < min(25, max_items or 25) + page_size
    others = [{**asked, "limit": "", "cursor": ""} for asked in shelf.asked]
    assert all(each == others[0] for each in others)


def test_a_search_is_shown_without_what_it_searches_for_and_sends_nothing(
    call: Caller, shelf: Shelf
) -> None:
    client = call.client(shelf, **MADE_UP)
    search = client.search_conversations(query="Ada", environment="pre-release", **WHEN)
    name = type(search).__name__
    assert repr(search) == f"<{name} in pre-release>"
    advice = "Iterate over it to read it."
    assert search._repr_html_() == f"<div>{name} in pre-release. {advice}</div>"
    assert shelf.asked == []
    call.close(client)


def test_a_page_has_the_cursor_to_continue_in_another_process(call: Caller, shelf: Shelf) -> None:
    pages = call(shelf, paged(page_size=10), **MADE_UP)
    assert [(len(page.conversations), page.cursor) for page in pages] == [
        (10, "at 10"),
        (10, "at 20"),
        (5, None),
    ]
    assert [page.meta.status_code for page in pages] == [200, 200, 200]
    assert repr(pages[0]) == "<FoundPage of 10, more follow>"
    assert repr(pages[2]) == "<FoundPage of 5, the last>"
    saved = json.loads(json.dumps(pages[0].cursor))
    rest = call(shelf, searched(page_size=10, cursor=saved), **MADE_UP)
    assert [one.id for one in rest] == [f"CA{n}" for n in range(10, 25)]


def test_it_can_be_iterated_again(call: Caller, shelf: Shelf) -> None:
    def twice(client: Any) -> Any:
        search = client.search_conversations(page_size=10)
        if isinstance(search, ConversationSearch):
            return [*search, *search]

        async def gather() -> list[Any]:
            return [one async for one in search] + [one async for one in search]

        return gather()

    assert [one.id for one in call(shelf, twice, **MADE_UP)] == 2 * [f"CA{n}" for n in range(25)]


def test_the_next_page_is_fetched_while_one_is_used(call: Caller, shelf: Shelf) -> None:
    second = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if "cursor" in request.url.params:
            second.set()
        return shelf(request)

    def script(client: Any) -> Generator[Any, Any, None]:
        pages = client.search_conversations(page_size=10).pages()
        is_async = isinstance(client, AsyncDataClient)
        yield anext(pages) if is_async else next(pages)
        if is_async:
            yield asyncio.sleep(0.01)
        assert second.wait(10)
        yield pages.aclose() if is_async else pages.close()

    call.play(call.client(answer, **MADE_UP), script)
    assert len(shelf.requests) <= 2


def test_memory_holds_two_pages_however_many_there_are(
    call: Caller, found: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless:
        def __len__(self) -> int:
            return 30 * 40

        def __getitem__(self, at: slice) -> list[Any]:
            return [found(id=f"CA{number}") for number in range(at.start, min(at.stop, len(self)))]

    alive: list[weakref.ref[Any]] = []
    decode = FoundPage._decode.__func__  # type: ignore[attr-defined]
    most = 0

    def counted(kind: Any, data: Any) -> Any:
        nonlocal most
        page = decode(kind, data)
        alive[:] = [one for one in alive if one() is not None]
        alive.extend(map(weakref.ref, page.conversations))
        most = max(most, len(alive))
        return page

    monkeypatch.setattr(FoundPage, "_decode", classmethod(counted))
    count = 0

    def script(client: Any) -> Any:
        nonlocal count
        search = client.search_conversations(page_size=40)
        if isinstance(search, ConversationSearch):
            for _ in search:
                count += 1
            return None

        async def walk() -> None:
            nonlocal count
            async for _ in search:
                count += 1

        return walk()

    call(Shelf(Endless()), script, **MADE_UP)
    assert count == 1200
    assert most <= 3 * 40  # the one that is used, the next, and one that is being let go


def test_a_conversation_of_the_last_page_is_not_repeated(
    call: Caller, found: Callable[..., dict[str, Any]]
) -> None:
    names: list[list[str | None]] = [
        ["CA1", "CA2", "CA2"],
        ["CA2", "CA3"],
        ["CA3"],
        ["CA4", None, None],
    ]
    pages = [
        {"conversations": [found(id=name) for name in page], "cursor": cursor}
        for page, cursor in zip(names, ["a", "b", "c", ""], strict=True)
    ]
    answers = iter(pages)
    result = call(lambda _: httpx.Response(200, json=next(answers)), searched(), **MADE_UP)
    assert [one.id for one in result] == ["CA1", "CA2", "CA3", "CA4", "", ""]


@pytest.mark.parametrize(
    ("cursors", "message"),
    [
        (["same"], "The server repeats itself"),
        (["a", "b", "c"], "The server repeats itself"),
        ([5], "The cursor of the next page is not a string."),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_empty", [False, True])
def test_a_server_that_does_not_end_is_an_error(
    call: Caller, found: Callable[..., Any], cursors: list[Any], message: str, is_empty: bool
) -> None:
    count = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal count
        number = count % len(cursors)
        count += 1
        records = [] if is_empty else [found(id=f"CA{number}{letter}") for letter in "xyz"]
        page = {"conversations": records, "cursor": cursors[number]}
        return httpx.Response(200, json=page, headers={"X-PolyAI-Correlation-Id": "c-1"})

    error = call.fails(answer, searched(), **MADE_UP)
    assert message in error.message
    assert (error.status_code, error.correlation_id) == (200, "c-1")
    assert count <= 301


def test_a_cursor_that_stays_the_same_is_no_repetition(
    call: Caller, found: Callable[..., Any]
) -> None:
    left = list(range(9))

    def answer(_: httpx.Request) -> httpx.Response:
        records = [found(id=f"CA{left.pop(0)}") for _ in range(3)]
        return httpx.Response(200, json={"conversations": records, "cursor": "x" if left else None})

    assert len(call(answer, searched(), **MADE_UP)) == 9


def test_more_records_than_were_asked_for_are_not_yielded(call: Caller, shelf: Shelf) -> None:
    def generous(request: httpx.Request) -> httpx.Response:
        shelf.requests.append(request)
        return httpx.Response(200, json={"conversations": shelf.records, "cursor": "x"})

    assert len(call(generous, searched(max_items=3), **MADE_UP)) == 3
    assert len(shelf.requests) == 1


def test_a_page_that_fails_is_requested_again(call: Caller, shelf: Shelf) -> None:
    failures = iter([False, True, True, False, False])

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if next(failures) else shelf(request)

    found = call(answer, searched(page_size=10), **{**MADE_UP, "max_retries": 2})
    assert [one.id for one in found] == [f"CA{n}" for n in range(25)]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "GET_CONVERSATIONS_FILTER_PARSE_ERROR", BadRequestError),
        (404, "PROJECT_NOT_FOUND", NotFoundError),
    ],
)
def test_an_error_of_the_api_is_raised(
    call: Caller, server: FakeServer, status: int, code: str, kind: type[PolyAIError]
) -> None:
    server.respond(status, json={"error": "why", "error_code": code, "error_id": "e-1"})
    error = call.fails(server, searched(), **MADE_UP)
    assert type(error) is kind
    assert (error.code, error.correlation_id, error.message) == (code, "e-1", "why")
    assert "api.us-1.platform.polyai.app" in (error.url or "")


# --- Records --------------------------------------------------------------------------------------


def one_of(call: Caller, record: Any) -> Any:
    page = {"conversations": [record], "cursor": None}
    found: list[Any] = call(lambda _: httpx.Response(200, json=page), searched(), **MADE_UP)
    (one,) = found
    return one


def test_a_record_is_read_whole(call: Caller, found: Callable[..., dict[str, Any]]) -> None:
    one: Any = one_of(call, found(new_field=[1]))
    assert isinstance(one, FoundConversation)
    assert one.raw == found(new_field=[1]) == one.to_dict()
    assert one.problems == ()
    assert one.started_at == datetime(2026, 6, 3, 13, 18, 6, 370000, UTC)
    assert one.metrics == {"ENGAGED": "73", "STEP": ["greet", "book"]}
    assert one.state == {"party": 2}
    assert one.additional_properties == {"new_field": [1]}
    assert one.turns is not None
    assert [type(turn) for turn in one.turns] == [FoundTurn, FoundTurn]
    assert one.turns[0].user_input_datetime is None
    assert one.turns[0].latency is None
    assert one.turns[1].latency == 1.25
    assert one.turns[1].barge_in is True
    assert one.turns[1].entities == [{"party": "2"}]
    assert str(one.transcript) == (
        "Agent: Hello, how can I help?\nUser: A table for two.\nAgent: It is booked."
    )
    assert [(said.turn, said.role) for said in one.transcript] == [
        (0, "agent"),
        (1, "user"),
        (1, "agent"),
    ]
    assert repr(one) == "<FoundConversation CA1 VOICE-SIP 2026-06-03T13:18:06+00:00 73 s>"
    assert repr(one.turns[1]) == "<FoundTurn user: 16 characters, agent: 13 characters>"
    assert one == FoundConversation.from_dict(found(new_field=[1]))


def test_a_record_is_a_row_of_a_table(found: Callable[..., dict[str, Any]]) -> None:
    one = FoundConversation.from_dict(found(num_ood="many"))
    record = one.to_record()
    assert record.pop("transcript") == str(one.transcript)
    assert record.pop("problems") == ["num_ood"]
    expected = found(num_ood=None, started_at="2026-06-03T13:18:06.370000+00:00")
    for name in ("metrics", "state", "turns"):
        del expected[name]
    for name in ("total_duration", "polyai_duration"):
        expected[f"{name}_seconds"] = expected.pop(name)
    assert {name: record.pop(name) for name in expected} == expected
    assert {*record.values()} <= {None}  # of fields that a newer spec adds
    assert one.turns is not None
    row = one.turns[1].to_record()
    assert row["latency_seconds"] == 1.25
    assert row["user_input_datetime"] == "2026-06-03T13:18:12.000000+00:00"
    assert "latency" not in row
    json.dumps([record, row], allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"started_at": "yesterday"}, "started_at"),
        ({"num_turns": "2"}, "num_turns"),
        ({"total_duration": 7.5}, "total_duration"),
        ({"metrics": {"A": 5}}, "metrics.A"),
        ({"metrics": {"A": [5]}}, "metrics.A[0]"),
        ({"state": "x"}, "state"),
        ({"turns": "x"}, "turns"),
        ({"turns": [5]}, "turns[0]"),
        ({"turns": [{"latency": "x"}]}, "turns[0].latency"),
        ({"turns": [{"intents": "x"}]}, "turns[0].intents"),
        ({"handoff": 1}, "handoff"),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_kept_and_listed(
    call: Caller, found: Callable[..., Any], changes: dict[str, Any], field: str
) -> None:
    one = one_of(call, found(**changes))
    assert type(one) is FoundConversation
    assert [problem.field for problem in one.problems] == [field]
    (name,) = changes
    if name not in ("turns", "metrics"):
        assert getattr(one, name) == changes[name]
    assert isinstance(str(one.transcript), str)
    assert one.to_record()["problems"] == [field]


@pytest.mark.parametrize("gone", ["account_id", "environment", "turns", "metrics", "started_at"])
@pytest.mark.parametrize("how", ["missing", "null"])
def test_only_the_id_has_to_be_there(
    call: Caller, found: Callable[..., Any], gone: str, how: str
) -> None:
    record = found(**{gone: None})
    if how == "missing":
        del record[gone]
    one = one_of(call, record)
    assert getattr(one, gone) is None
    assert one.problems == ()
    assert one.id == "CA1"


@pytest.mark.parametrize("record", [None, 5, "x", [], {}, {"id": None}, {"conversationId": "CA1"}])
def test_what_is_not_a_conversation_is_handed_over(call: Caller, record: Any) -> None:
    one = one_of(call, record)
    assert type(one) is UnreadableFoundConversation
    assert isinstance(one, FoundConversation)
    assert one.raw == record
    assert one.id == ""
    assert one.reason
    assert repr(one) == f"<UnreadableFoundConversation: {one.reason}>"
    assert [problem.reason for problem in one.problems] == [one.reason]
    assert (one.started_at, one.turns) == (None, None)
    assert len(one.transcript) == 0
    assert one.to_record()["id"] == ""


def test_a_page_lists_the_problems_of_its_records(found: Callable[..., Any]) -> None:
    page = FoundPage.from_dict({"conversations": [found(), found(handoff=1)], "cursor": 5})
    assert {problem.field for problem in page.problems} == {"conversations[1].handoff", "cursor"}
    page.raw = {}
    assert page.problems == ()


@pytest.mark.parametrize("body", [[], {}, {"conversations": None}, {"conversations": {}}, "x"])
def test_what_is_not_a_page_is_an_error(call: Caller, server: FakeServer, body: Any) -> None:
    server.respond(200, json=body)
    assert isinstance(call.fails(server, searched(), **MADE_UP), ResponseDecodeError)


def test_notebooks_show_pages_and_records(found: Callable[..., Any]) -> None:
    page = FoundPage.from_dict({"conversations": [found(channel="<b>")]})
    assert "&lt;b&gt;" in page._repr_html_()
    assert "CA1" in page._repr_html_()
    shown = page.conversations[0]._repr_html_()
    assert "A table for two." in shown
    assert "Conversation CA1" in shown
    assert "<b>" not in shown


# --- With the sandbox -----------------------------------------------------------------------------


def test_every_conversation_is_found_and_leads_to_its_details(call: Caller) -> None:
    with serve(conversations=60) as url:

        def script(client: Any) -> Generator[Any, Any, Any]:
            listed = yield all_of(client.list_conversations())
            found = []
            for environment in ("live", "pre-release", "sandbox"):
                search = client.search_conversations(environment=environment, page_size=7)
                found += yield all_of(search)
            details = yield client.get_conversation(found[0].id)
            return listed, found, details

        listed, found, details = call.play(call.client(base_url=url, **SANDBOX), script)
    assert {one.conversation_id for one in listed} == {one.id for one in found}
    assert len(found) == 60
    assert not [one for one in found if one.problems]
    assert details.started_at == found[0].started_at
    assert str(details.transcript) == str(found[0].transcript)


class InProcess(httpx.BaseTransport):
    """Calls a sandbox in this thread, and does something before each search."""

    def __init__(self, app: Any, before: Iterator[Callable[[], object]]) -> None:
        self._transport = httpx.ASGITransport(app)
        self._before = before

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v3/"):
            next(self._before, lambda: None)()
        return asyncio.run(self._respond(request))

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


EVENTS = st.lists(st.lists(st.sampled_from(["begin", "end"]), max_size=4), max_size=12)


@given(events=EVENTS, page_size=st.integers(1, 9), count=st.integers(0, 20))
@settings(max_examples=settings().max_examples * 4 // 3)
def test_conversations_that_begin_and_end_neither_repeat_nor_hide_any(
    events: list[list[str]], page_size: int, count: int
) -> None:
    app = create_app(conversations=count)
    begun: list[str] = []

    def happen(each: list[str]) -> None:
        for event in each:
            if event == "begin":
                body = {"clientEnv": "live"}
                begun.append(app._store.start_chat(body)["conversationId"])
            elif begun:
                chat = app._store._added[begun[-1]]
                if not getattr(chat, "ended", True):
                    app._store.send(begun[-1], {"message": "bye"})

    happen(["begin", "end", "begin"])
    here = {"base_url": "http://127.0.0.1", **SANDBOX}
    with DataClient(transport=InProcess(app, iter([])), **here) as client:
        before = [one.id for one in client.search_conversations()]
    todo = iter([lambda each=each: happen(each) for each in [[], *events]])
    with DataClient(transport=InProcess(app, todo), **here) as client:
        found = [one.id for one in client.search_conversations(page_size=page_size)]
    assert found == before
