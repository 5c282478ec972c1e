"""The two clients: alike in all but `await`, closed when they should be, and documented."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import polyai_data
import pytest
from polyai_data import (
    AsyncDataClient,
    ConfigurationError,
    DataClient,
    PolyAIError,
    _operations,
    errors,
    models,
)

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer


def public_methods(kind: type) -> dict[str, Any]:
    methods = inspect.getmembers(kind, callable)
    return {name: method for name, method in methods if not name.startswith("_")}


def test_both_clients_have_the_same_public_methods() -> None:
    assert list(public_methods(DataClient)) == list(public_methods(AsyncDataClient))


@pytest.mark.parametrize("name", ["__init__", *public_methods(DataClient)])
def test_both_clients_have_the_same_signatures(name: str) -> None:
    ours, theirs = (
        str(inspect.signature(getattr(kind, name))) for kind in (DataClient, AsyncDataClient)
    )
    assert ours == theirs.replace("AsyncBaseTransport", "BaseTransport")
    assert ours != theirs or "transport" not in ours


@pytest.mark.parametrize("name", public_methods(DataClient))
def test_the_async_client_is_awaited_where_io_happens(name: str) -> None:
    assert not inspect.iscoroutinefunction(getattr(DataClient, name))
    awaited = inspect.iscoroutinefunction(getattr(AsyncDataClient, name))
    assert awaited is (name != "from_studio_url")


@pytest.mark.parametrize("name", public_methods(DataClient))
def test_each_method_says_what_it_does_in_the_same_words(name: str) -> None:
    text = inspect.getdoc(getattr(DataClient, name))
    assert text
    assert text == inspect.getdoc(getattr(AsyncDataClient, name))
    for parameter in inspect.signature(getattr(DataClient, name)).parameters:
        assert parameter == "self" or f"\n    {parameter}: " in text


def test_the_constructors_arguments_are_documented() -> None:
    for kind in (DataClient, AsyncDataClient):
        for parameter in list(inspect.signature(kind).parameters):
            assert f"\n    {parameter}: " in (inspect.getdoc(kind) or "")


def test_each_operation_is_a_method_of_both_clients() -> None:
    operations = {
        name
        for name, value in vars(_operations).items()
        if inspect.isfunction(value) and value.__module__ == _operations.__name__
    }
    assert operations == set(public_methods(DataClient)) - {"close", "from_studio_url"}


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
    rest = {"AsyncDataClient", "DataClient", "Region", "__version__"}
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
        ("ALL_PROXY", "http://proxy.example:port", "Invalid port"),
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


def test_a_client_cannot_be_pickled_or_copied(call: Caller, server: FakeServer) -> None:
    client = call.client(server, api_key="key", region="us")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled; create one in each process"):
            attempt(client)
    call.close(client)
