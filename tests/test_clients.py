"""The two clients: the same but for `await`, documented, and closed when they should be."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import re
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import generate
import httpx
import openapi
import polyai_data
import pytest
from impact import wrapped_operations
from polyai_data import (
    AsyncChat,
    AsyncConversationList,
    AsyncConversationSearch,
    AsyncDataClient,
    AsyncRecording,
    Chat,
    ConfigurationError,
    ConversationList,
    ConversationSearch,
    DataClient,
    PolyAIError,
    RateLimitError,
    Recording,
    ServerError,
    errors,
    models,
)
from polyai_data._data import operations as builders

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer, Operation


def public_methods(kind: type) -> dict[str, Any]:
    methods = inspect.getmembers(kind, callable)
    return {name: method for name, method in methods if not name.startswith("_")}


PAIRS: list[tuple[Any, Any]] = [
    (DataClient, AsyncDataClient),
    (Chat, AsyncChat),
    (ConversationList, AsyncConversationList),
    (ConversationSearch, AsyncConversationSearch),
    (Recording, AsyncRecording),
]
METHODS = [
    pytest.param(getattr(ours, name), getattr(theirs, name), id=f"{ours.__name__}.{name}")
    for ours, theirs in PAIRS
    for name in public_methods(ours)
]
RETURNED_BY_THE_ASYNC_CLIENT = {
    # where the synchronous client returns another type, or an iterator
    "list_conversations": ("ConversationList", "AsyncConversationList"),
    "search_conversations": ("ConversationSearch", "AsyncConversationSearch"),
    "open_recording": ("Iterator[Recording]", "AsyncIterator[AsyncRecording]"),
    "start_chat": ("Chat", "AsyncChat"),
    "resume_chat": ("Chat", "AsyncChat"),
    "ConversationList.pages": ("Generator[ConversationPage]", "AsyncGenerator[ConversationPage]"),
    "ConversationSearch.pages": ("Generator[FoundPage]", "AsyncGenerator[FoundPage]"),
    "iter_bytes": ("Iterator[bytes]", "AsyncIterator[bytes]"),
    "get_conversations": (
        "Generator[BulkResult[Conversation]]",
        "AsyncGenerator[BulkResult[Conversation]]",
    ),
    "download_recordings": ("Generator[BulkResult[Path]]", "AsyncGenerator[BulkResult[Path]]"),
}
NOT_AWAITED = {*RETURNED_BY_THE_ASYNC_CLIENT, "pages", "from_studio_url", "with_options"}
NOT_AWAITED -= {"start_chat"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].__name__)
def test_both_kinds_have_the_same_public_names(pair: tuple[Any, Any]) -> None:
    ours, theirs = pair
    assert list(public_methods(ours)) == list(public_methods(theirs))
    assert [name for name in dir(ours) if name[0] != "_"] == [
        name for name in dir(theirs) if name[0] != "_"
    ]


def same_signatures(ours: Any, theirs: Any) -> None:
    our, their = inspect.signature(ours), inspect.signature(theirs)
    ours_said = str(our.replace(return_annotation=inspect.Signature.empty))
    theirs_said = str(their.replace(return_annotation=inspect.Signature.empty))
    more = " | AsyncIterable[str]"  # an asynchronous client takes both kinds of iterator
    theirs_said = theirs_said.replace(more, "")
    assert ours_said == theirs_said.replace("AsyncBaseTransport", "BaseTransport")
    assert ours_said != theirs_said or "transport" not in ours_said
    returned = (our.return_annotation, their.return_annotation)
    same = (our.return_annotation,) * 2
    name = ours.__qualname__ if ours.__name__ == "pages" else ours.__name__
    assert returned == RETURNED_BY_THE_ASYNC_CLIENT.get(name, same)


def test_both_constructors_have_the_same_signature() -> None:
    same_signatures(DataClient.__init__, AsyncDataClient.__init__)


@pytest.mark.parametrize(("ours", "theirs"), METHODS)
def test_both_kinds_have_the_same_signatures(ours: Any, theirs: Any) -> None:
    same_signatures(ours, theirs)


@pytest.mark.parametrize(("ours", "theirs"), METHODS)
def test_the_async_kind_is_awaited_where_io_happens(ours: Any, theirs: Any) -> None:
    assert not inspect.iscoroutinefunction(ours)
    assert inspect.iscoroutinefunction(theirs) is (ours.__name__ not in NOT_AWAITED)


AWAITED_WORDS = {
    # what the documentation of the asynchronous method has, and what the other has instead
    "get_conversations": [("async for", "for"), ("contextlib.aclosing", "contextlib.closing")],
    "open_recording": [("an `async with`", "a `with`")],
}


@pytest.mark.parametrize(("ours", "theirs"), METHODS)
def test_each_method_says_what_it_does_in_the_same_words(ours: Any, theirs: Any) -> None:
    text = inspect.getdoc(ours)
    assert text
    their_text = inspect.getdoc(theirs) or ""
    for awaited_words, words in AWAITED_WORDS.get(ours.__name__, []):
        assert their_text.count(awaited_words) == 1
        their_text = their_text.replace(awaited_words, words)
    assert their_text == text
    if "Args:" not in text:
        assert list(inspect.signature(ours).parameters) in (["self"], [])
    for name, parameter in inspect.signature(ours).parameters.items():
        shown = f"**{name}" if parameter.kind is parameter.VAR_KEYWORD else name
        assert name == "self" or f"\n    {shown}: " in text


def test_the_constructors_arguments_are_documented() -> None:
    for kind in (DataClient, AsyncDataClient):
        for parameter in list(inspect.signature(kind).parameters):
            assert f"\n    {parameter}: " in (inspect.getdoc(kind) or "")


DOCUMENTED = [
    pytest.param(method, path, operation["operationId"], id=operation["operationId"])
    for (method, path), operation in openapi.operations(generate.corrected_document())
    if operation.get("operationId") in wrapped_operations()
]


def test_each_function_that_builds_a_request_is_an_operation_of_the_spec() -> None:
    functions = {
        name
        for name, value in vars(builders).items()
        if inspect.isfunction(value)
        and value.__module__ == builders.__name__
        and inspect.signature(value).return_annotation.startswith("PreparedRequest[")
    }
    assert functions == {case.values[2] for case in DOCUMENTED}


@pytest.mark.parametrize(("method", "path", "name"), DOCUMENTED)
def test_each_wrapped_operation_is_reached_from_both_clients(
    call: Caller,
    operations: dict[str, Operation],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    name: str,
) -> None:
    build = getattr(builders, name)
    built: list[Any] = []
    sent: list[httpx.Request] = []

    def keep(*args: Any, **options: Any) -> Any:
        built.append(build(*args, **options))
        return built[-1]

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return operations[name](request)

    monkeypatch.setattr(builders, name, keep)
    keys = {"api_key": "key", "conversations_api_key": "other-key"}
    client = call.client(answer, **keys, region="us", agent_id="PROJECT-1")
    call.play(client, operations[name].play)
    (request,) = sent
    assert str(request.url) == built[-1].url
    assert request.method == method.upper()
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    assert re.fullmatch(pattern, request.url.path)


def test_all_is_sorted_and_complete() -> None:
    own = polyai_data.__all__[: -len(errors.__all__ + models.__all__)]
    assert polyai_data.__all__ == own + errors.__all__ + models.__all__
    for names in (own, errors.__all__, models.__all__):
        assert names == sorted(names)
    assert len(set(polyai_data.__all__)) == len(polyai_data.__all__)
    public = {
        name
        for module in (errors, models)
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and not name.startswith("_")
        and (value.__module__ == errors.__name__ or name in models.__all__)
    }
    rest = {
        "BulkResult",
        "Region",
        "Retry",
        "__spec_version__",
        "__version__",
        "parse_studio_url",
        *(kind.__name__ for pair in PAIRS for kind in pair),
    }
    assert set(polyai_data.__all__) == public | rest


@pytest.mark.parametrize("name", [name for name in polyai_data.__all__ if name[0] != "_"])
def test_each_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(polyai_data, name))


class Recorder(httpx.MockTransport):
    """A transport that counts how often it was closed."""

    def __init__(self) -> None:
        super().__init__(lambda _: httpx.Response(200, json={"conversationId": "CA1"}))
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def client_on(call: Caller, transport: Recorder) -> Any:
    return call.kind(api_key="key", region="us", agent_id="A", transport=transport)


def test_leaving_the_with_statement_closes_the_connections(call: Caller) -> None:
    transport = Recorder()
    (opened,) = call.run(client_on(call, transport), lambda client: client.get_conversation("CA1"))
    assert opened.conversation_id == "CA1"
    assert transport.closed == 1


def test_entering_gives_the_client_itself() -> None:
    sync_client = DataClient(api_key="key", region="us")
    with sync_client as entered:
        assert entered is sync_client

    async def enter() -> None:
        async_client = AsyncDataClient(api_key="key", region="us")
        async with async_client as entered:
            assert entered is async_client

    asyncio.run(enter())


def test_an_error_leaves_the_with_statement_and_closes_the_client(call: Caller) -> None:
    transport = Recorder()

    def fail(_: Any) -> None:
        raise LookupError("raised by the caller")

    with pytest.raises(LookupError, match="raised by the caller"):
        call.run(client_on(call, transport), fail)
    assert transport.closed == 1


def test_a_client_may_be_closed_inside_its_with_statement(call: Caller, server: FakeServer) -> None:
    client = call.client(server, api_key="key", region="us", agent_id="A")
    call.run(client, lambda client: client.close())
    with pytest.raises(PolyAIError, match="closed"):
        call.use(client, lambda client: client.get_conversation("CA1"))


def test_a_closed_client_says_so_and_sends_nothing(call: Caller, server: FakeServer) -> None:
    client = call.client(server, api_key="key", region="us", agent_id="A")
    call.close(client)
    call.close(client)  # twice is fine
    with pytest.raises(PolyAIError, match=r"^This client is closed\. Create another one\.$"):
        call.use(client, lambda client: client.get_conversation("CA1"))
    assert server.requests == []


@pytest.mark.parametrize("wrong", ["https://proxy.example", 5, httpx.Client, object()])
def test_an_invalid_transport_is_refused(call: Caller, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"takes an httpx\.BaseTransport, AsyncDataClient"):
        call.kind(api_key="key", region="us", transport=wrong)


def test_the_other_clients_transport_is_refused() -> None:
    with pytest.raises(TypeError, match="AsyncHTTPTransport has no method handle_request"):
        DataClient(api_key="key", region="us", transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="=HTTPTransport has no method handle_async_request"):
        AsyncDataClient(api_key="key", region="us", transport=httpx.HTTPTransport())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("HTTPS_PROXY", "gopher://proxy.example", "Unknown scheme for proxy URL"),
        (
            "ALL_PROXY",
            "http://proxy.example:port",
            "connection: invalid proxy URL; escape special characters",
        ),
        ("SSL_CERT_FILE", "/no/such/file", "No such file or directory"),
    ],
)
def test_an_invalid_environment_is_reported(
    call: Caller, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        call.kind(api_key="key", region="us")
    message = str(caught.value)
    assert message.startswith("Cannot set up the connection: ")
    assert complaint in message
    assert message.endswith(
        ". Check the environment variables for proxies (HTTPS_PROXY, ALL_PROXY) and certificates "
        "(SSL_CERT_FILE, SSL_CERT_DIR)."
    )
    assert ".." not in message


def test_a_client_that_was_not_set_up_has_a_repr(call: Caller) -> None:
    client = call.kind.__new__(call.kind)  # as in the traceback of a failed constructor
    assert repr(client) == f"<{call.kind.__name__} not set up>"


def test_a_client_cannot_be_pickled_or_copied(call: Caller, server: FakeServer) -> None:
    client = call.client(server, api_key="key", region="us")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"pickled\. Create one in each process instead\.$"):
            attempt(client)
    call.close(client)


# --- Copies with other options --------------------------------------------------------------------

BASE: dict[str, Any] = {"api_key": "key", "region": "us", "agent_id": "A", "max_retries": 0}
OPTIONS: dict[str, Any] = {
    "agent_id": "B",
    "account_id": "ws-2",
    "timeout": (1, 2),
    "max_retries": 2,
    "deadline": 100,
    "max_response_bytes": 10,
    "on_retry": lambda _: None,
}


class Failing:
    """Responds to every request with 503, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(503, text="x" * 50)

    def behaviour(self, client: Any) -> Generator[Any, Any, dict[str, Any]]:
        """Return what one call shows of the client's options."""
        self.requests.clear()
        with pytest.raises(ServerError) as caught:
            yield client.get_conversation("CA1")
        timeout = self.requests[0].extensions["timeout"]
        return {
            "agent": self.requests[0].url.path.split("/")[3],
            "timeout": (round(timeout["connect"], 1), round(timeout["read"], 1)),
            "attempts": len(self.requests),
            "body": len(caught.value.body),
        }


BEHAVIOUR = {"agent": "A", "timeout": (5, 30), "attempts": 1, "body": 50}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({}, {}),
        ({"agent_id": "B"}, {"agent": "B"}),
        ({"timeout": 7}, {"timeout": (7, 7)}),
        ({"timeout": (1, 2)}, {"timeout": (1, 2)}),
        ({"max_retries": 2}, {"attempts": 3}),
        ({"deadline": 3}, {"timeout": (3, 3)}),
        ({"max_response_bytes": 10}, {"body": 10}),
    ],
    ids=str,
)
def test_with_options_changes_the_copy_and_not_the_client(
    call: Caller, options: dict[str, Any], changed: dict[str, Any]
) -> None:
    failing = Failing()

    def script(client: Any) -> Generator[Any, Any, None]:
        other = client.with_options(**options)
        assert type(other) is call.kind
        assert (yield from failing.behaviour(other)) == {**BEHAVIOUR, **changed}
        assert (yield from failing.behaviour(client)) == BEHAVIOUR

    call.play(call.client(failing, **BASE), script)


def test_with_options_changes_the_callback(call: Caller) -> None:
    of_client: list[Any] = []
    of_copy: list[Any] = []
    failing = Failing()

    def script(client: Any) -> Generator[Any, Any, None]:
        yield from failing.behaviour(client.with_options(on_retry=of_copy.append))
        assert (len(of_client), len(of_copy)) == (0, 1)
        yield from failing.behaviour(client)
        assert (len(of_client), len(of_copy)) == (1, 1)

    settings = {**BASE, "max_retries": 1, "on_retry": of_client.append}
    call.play(call.client(failing, **settings), script)


def test_an_option_that_is_none_stays_as_it_is(call: Caller) -> None:
    told: list[Any] = []
    failing = Failing()
    options = {**OPTIONS, "on_retry": told.append}
    expected = {"agent": "B", "timeout": (1, 2), "attempts": 3, "body": 10}

    def script(client: Any) -> Generator[Any, Any, None]:
        for other in (
            client.with_options(**dict.fromkeys(OPTIONS)),
            client.with_options(),
            client.with_options(timeout=9).with_options(timeout=(1, 2)),
        ):
            assert other is not client
            told.clear()
            assert (yield from failing.behaviour(other)) == expected
            assert [retry.attempt for retry in told] == [1, 2]
            assert other._config.deadline == 100

    call.play(call.client(failing, **{**BASE, **options}), script)


def test_with_options_takes_every_option_that_a_call_can_have_of_its_own(call: Caller) -> None:
    assert list(inspect.signature(call.kind.with_options).parameters) == ["self", *OPTIONS]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout=0: expected a positive number of seconds, or a pair (connect, "),
        ({"timeout": (1,)}, "timeout=(1,): expected a positive number of seconds, or a pair"),
        ({"max_retries": -1}, "max_retries=-1: expected an integer, 0 or more."),
        ({"max_retries": 1.0}, "max_retries=1.0: expected an integer, 0 or more."),
        ({"deadline": 0}, "deadline=0: expected a positive number of seconds."),
        ({"deadline": float("inf")}, "deadline=inf: expected a positive number of seconds."),
        ({"max_response_bytes": 0}, "max_response_bytes=0: expected an integer, 1 or more."),
    ],
    ids=str,
)
def test_with_options_refuses_invalid_values(
    call: Caller, options: dict[str, Any], message: str
) -> None:
    failing = Failing()

    def script(client: Any) -> Generator[Any, Any, None]:
        with pytest.raises(ConfigurationError, match=re.escape(message)):
            client.with_options(**options)
        assert (yield from failing.behaviour(client)) == BEHAVIOUR

    call.play(call.client(failing, **BASE), script)


@pytest.mark.parametrize("name", ["api_key", "region", "base_url", "transport"])
def test_with_options_cannot_change_where_requests_go(call: Caller, name: str) -> None:
    client = call.client(Failing(), **BASE)
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        client.with_options(**{name: None})
    call.close(client)


@pytest.mark.parametrize("closed", ["the client", "the copy"])
def test_closing_a_client_or_its_copy_closes_both(call: Caller, closed: str) -> None:
    transport = Recorder()
    client = client_on(call, transport)
    other = client.with_options(timeout=9).with_options(max_retries=0)

    def script(_: Any) -> Generator[Any, Any, None]:
        yield client.get_conversation("CA1")
        yield other.get_conversation("CA1")
        yield (client if closed == "the client" else other).close()
        for each in (client, other, client.with_options()):
            with pytest.raises(PolyAIError, match="This client is closed"):
                yield each.get_conversation("CA1")
        yield other.close()
        yield client.close()

    call.play(client_on(call, Recorder()), script)
    assert transport.closed == 1


def test_the_with_statement_takes_a_copy(call: Caller) -> None:
    transport = Recorder()
    client = client_on(call, transport)
    assert call.run(client.with_options(timeout=9), lambda other: other.get_conversation("CA1"))
    assert transport.closed == 1
    with pytest.raises(PolyAIError, match="This client is closed"):
        call.use(client, lambda client: client.get_conversation("CA1"))


def test_a_client_and_its_copy_send_over_the_same_connection(
    call: Caller, listening: Callable[[Callable[[socket.socket], None]], Any]
) -> None:
    requests: list[int] = []  # of each connection

    def behave(connection: socket.socket) -> None:
        requests.append(0)
        while connection.recv(65536):
            requests[-1] += 1
            body = b'{"conversationId": "CA1"}'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )

    with listening(behave) as address:
        client = call.client(None, api_key="key", agent_id="A", base_url=f"http://{address}")
        call.run(
            client,
            lambda client: client.get_conversation("CA1"),
            lambda client: client.with_options(timeout=9).get_conversation("CA1"),
            lambda client: client.get_conversation("CA1"),
        )
    assert requests[0] == 3


def test_a_client_and_its_copy_share_the_rate_limit(call: Caller, pauses: list[float]) -> None:
    transport = Recorder()
    client = call.kind(
        api_key="key", region="us", agent_id="A", transport=transport, max_requests_per_second=0.001
    )

    def script(client: Any) -> Generator[Any, Any, None]:
        yield client.get_conversation("CA1")
        assert pauses == []
        yield client.with_options(timeout=9).get_conversation("CA1")
        yield client.get_conversation("CA1")

    call.play(client, script)
    assert [round(pause / 100) for pause in pauses] == [10, 10]


def test_a_429_of_a_copy_pauses_the_client(call: Caller, pauses: list[float]) -> None:
    responses = [
        httpx.Response(429, headers={"Retry-After": "30"}),
        httpx.Response(200, json={"conversationId": "CA1"}),
    ]

    def script(client: Any) -> Generator[Any, Any, None]:
        with pytest.raises(RateLimitError):
            yield client.with_options(max_retries=0).get_conversation("CA1")
        assert pauses == []
        yield client.get_conversation("CA1")

    call.play(call.client(lambda _: responses.pop(0), **BASE), script)
    assert sum(pauses) == pytest.approx(30, abs=1)


def test_lists_chats_and_bulk_reads_of_a_copy_have_its_options(call: Caller) -> None:
    failing = Failing()

    def results_of(items: Any) -> Any:
        async def collect() -> list[Any]:
            return [item async for item in items]

        return collect() if hasattr(items, "__aiter__") else list(items)

    def script(client: Any) -> Generator[Any, Any, None]:
        other = client.with_options(agent_id="B", max_retries=1)
        with pytest.raises(ServerError):
            yield results_of(other.list_conversations())
        with pytest.raises(ServerError):
            yield other.resume_chat("CHAT", "sandbox").send("Hi.")
        (result,) = yield results_of(other.get_conversations(["CA1"]))
        assert isinstance(result.error, ServerError)

    call.play(call.client(failing, **BASE), script)
    paths = [request.url.path for request in failing.requests]
    assert paths == [
        *["/v1/agents/B/conversations"] * 2,
        "/v1/agents/B/debug-chat/CHAT",  # a message is not repeated after a 503
        *["/v1/agents/B/conversations/CA1"] * 2,
    ]
