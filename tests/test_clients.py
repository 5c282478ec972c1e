"""The two clients: alike in all but `await`, closed when they should be, and documented."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import re
from typing import TYPE_CHECKING, Any

import generate
import httpx
import polyai_data
import pytest
from polyai_data import (
    AsyncChat,
    AsyncConversationList,
    AsyncDataClient,
    AsyncRecording,
    Chat,
    ConfigurationError,
    ConversationList,
    DataClient,
    PolyAIError,
    Recording,
    _operations,
    errors,
    models,
)

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer, Operation


def public_methods(kind: type) -> dict[str, Any]:
    methods = inspect.getmembers(kind, callable)
    return {name: method for name, method in methods if not name.startswith("_")}


PAIRS: list[tuple[Any, Any]] = [
    (DataClient, AsyncDataClient),
    (Chat, AsyncChat),
    (ConversationList, AsyncConversationList),
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
    "open_recording": ("Iterator[Recording]", "AsyncIterator[AsyncRecording]"),
    "start_chat": ("Chat", "StartingChat"),
    "resume_chat": ("Chat", "AsyncChat"),
    "pages": (
        "Generator[ConversationPage, None, None]",
        "AsyncGenerator[ConversationPage, None]",
    ),
    "iter_bytes": ("Iterator[bytes]", "AsyncIterator[bytes]"),
    "get_conversations": (
        "Generator[BulkResult[Conversation], None, None]",
        "AsyncGenerator[BulkResult[Conversation], None]",
    ),
    "download_recordings": (
        "Generator[BulkResult[Path], None, None]",
        "AsyncGenerator[BulkResult[Path], None]",
    ),
}
NOT_AWAITED = {*RETURNED_BY_THE_ASYNC_CLIENT, "from_studio_url"}


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
    assert returned == RETURNED_BY_THE_ASYNC_CLIENT.get(ours.__name__, same)


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
    "open_recording": ("for a `with` statement", "for an `async with` statement"),
    "get_conversations": ("for result in", "async for result in"),
    "start_chat": (
        "",
        "It starts when the result is awaited, or entered with `async with`.\n\n",
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), METHODS)
def test_each_method_says_what_it_does_in_the_same_words(ours: Any, theirs: Any) -> None:
    text = inspect.getdoc(ours)
    assert text
    words, awaited_words = AWAITED_WORDS.get(ours.__name__, ("", ""))
    their_text = inspect.getdoc(theirs) or ""
    assert awaited_words in their_text
    assert their_text.replace(awaited_words, words, 1 if awaited_words else 0) == text
    if "Args:" not in text:
        assert list(inspect.signature(ours).parameters) in (["self"], [])
    for parameter in inspect.signature(ours).parameters:
        assert parameter == "self" or f"\n    {parameter}: " in text


def test_the_constructors_arguments_are_documented() -> None:
    for kind in (DataClient, AsyncDataClient):
        for parameter in list(inspect.signature(kind).parameters):
            assert f"\n    {parameter}: " in (inspect.getdoc(kind) or "")


DOCUMENTED = [
    pytest.param(method, path, operation["operationId"], id=operation["operationId"])
    for path, operations in generate.corrected_document()["paths"].items()
    for method, operation in operations.items()
    if method != "parameters"
]


def test_each_function_that_makes_a_call_is_an_operation_of_the_document() -> None:
    functions = {
        name
        for name, value in vars(_operations).items()
        if inspect.isfunction(value)
        and value.__module__ == _operations.__name__
        and inspect.signature(value).return_annotation.startswith("Call[")
    }
    assert functions == {case.values[2] for case in DOCUMENTED}


@pytest.mark.parametrize(("method", "path", "name"), DOCUMENTED)
def test_each_operation_of_the_document_is_reached_from_both_clients(
    call: Caller,
    operations: dict[str, Operation],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    name: str,
) -> None:
    wrapper = getattr(_operations, name)
    made: list[Any] = []
    sent: list[httpx.Request] = []

    def make(*args: Any, **options: Any) -> Any:
        made.append(wrapper(*args, **options))
        return made[-1]

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return operations[name](request)

    monkeypatch.setattr(_operations, name, make)
    client = call.client(answer, api_key="key", region="us", agent_id="PROJECT-1")
    call.play(client, operations[name].play)
    (request,) = sent
    assert str(request.url) == made[-1].url
    assert request.method == method.upper()
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    assert re.fullmatch(pattern, request.url.path)


def test_all_is_sorted_and_complete() -> None:
    assert polyai_data.__all__ == sorted(polyai_data.__all__)
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
    assert sorted(models.__all__) == models.__all__


@pytest.mark.parametrize("name", [name for name in polyai_data.__all__ if name[0] != "_"])
def test_each_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(polyai_data, name))


class Recorder(httpx.MockTransport):
    """A transport that tells how often it was closed."""

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


def test_an_error_leaves_the_with_statement_and_closes_it(call: Caller) -> None:
    transport = Recorder()

    def fail(_: Any) -> None:
        raise LookupError("the user's own")

    with pytest.raises(LookupError, match="the user's own"):
        call.run(client_on(call, transport), fail)
    assert transport.closed == 1


def test_a_closed_client_says_so_and_sends_nothing(call: Caller, server: FakeServer) -> None:
    client = call.client(server, api_key="key", region="us", agent_id="A")
    call.close(client)
    call.close(client)  # twice is fine
    with pytest.raises(PolyAIError, match="This client is closed; create another one"):
        call.use(client, lambda client: client.get_conversation("CA1"))
    assert server.requests == []


@pytest.mark.parametrize("wrong", ["https://proxy.example", 5, httpx.Client, object()])
def test_a_transport_that_is_none_is_refused(call: Caller, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"takes an httpx\.BaseTransport, AsyncDataClient"):
        call.kind(api_key="key", region="us", transport=wrong)


def test_the_other_clients_transport_is_refused() -> None:
    with pytest.raises(TypeError, match="transport=AsyncHTTPTransport has no handle_request"):
        DataClient(api_key="key", region="us", transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="transport=HTTPTransport has no handle_async_request"):
        AsyncDataClient(api_key="key", region="us", transport=httpx.HTTPTransport())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("HTTPS_PROXY", "gopher://proxy.example", "Unknown scheme for proxy URL"),
        ("ALL_PROXY", "http://proxy.example:port", "a proxy variable holds no valid URL"),
        ("SSL_CERT_FILE", "/no/such/file", "No such file or directory"),
    ],
)
def test_an_environment_that_cannot_work_is_named(
    call: Caller, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        call.kind(api_key="key", region="us")
    message = str(caught.value)
    assert message.startswith("The connection cannot be set up: ")
    assert complaint in message
    assert ". Check the environment's proxy (HTTPS_PROXY, ALL_PROXY) and certificate" in message
    assert ".." not in message


def test_a_client_that_was_not_made_can_be_shown(call: Caller) -> None:
    unmade = call.kind.__new__(call.kind)  # as a debugger or a traceback may
    assert repr(unmade) == f"<{call.kind.__name__} not set up>"


def test_a_client_cannot_be_pickled_or_copied(call: Caller, server: FakeServer) -> None:
    client = call.client(server, api_key="key", region="us")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled; create one in each process"):
            attempt(client)
    call.close(client)
