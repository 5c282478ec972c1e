"""What sends the requests: how many connections it has, who gets them, what it does not do."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import httpcore
import httpx
import pytest
from polyai_data import (
    APIConnectionError,
    APITimeoutError,
    AsyncDataClient,
    DataClient,
    PolyAIError,
    _httpcore,
    _transport,
)
from polyai_data._aiohttp import LONGEST_HEADER, _renamed
from polyai_data._transport import is_replaced
from polyai_data.sandbox import Fault, Received, serve

if TYPE_CHECKING:
    from tests.conftest import Caller

Listening = Callable[..., AbstractContextManager[str]]

LATE = Fault(kind="late", delay=0.2, path="*/conversations/*")
ANSWER = b'{"conversationId": "CA1"}'


@pytest.fixture
def url() -> Iterator[str]:
    """A sandbox whose conversations come late, so that many requests are on their way."""
    with serve(faults=[LATE], recording_bytes=100_000) as url:
        yield url


def settings(url: str) -> dict[str, Any]:
    return {"api_key": "sandbox", "agent_id": "PROJECT-DEMO", "base_url": url, "max_retries": 0}


@pytest.fixture
def client(call: Caller, url: str) -> Any:
    return call.client(None, **settings(url))


def many(client: Any, count: int) -> Any:
    """Get as many conversations at once; none of them is there."""
    results = client.get_conversations(["CA1"] * count, concurrency=count)

    async def collect() -> list[str]:
        return [type(result.error).__name__ async for result in results]

    if isinstance(client, DataClient):
        return [type(result.error).__name__ for result in results]
    return collect()


def requests_of(client: Any) -> int:
    """Return how many requests have a connection, or wait for one."""
    if isinstance(client, DataClient):
        return sum(client._http._requests)  # type: ignore[attr-defined]
    return _transport.CONNECTIONS - int(client._http._places._value)


def connections_of(client: Any) -> int:
    """Return how many connections are open."""
    if isinstance(client, DataClient):
        http: Any = client._http
        return sum(len(one.connections) for one in http._pools)
    return sum(len(kept) for kept in client._http._session.connector._conns.values())


def test_one_after_the_other_shares_one_connection(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        for _ in range(5):
            yield client.get_page(limit=1)
        return requests_of(client), connections_of(client)

    assert call.play(client, script) == (0, 1)


def test_many_at_once_have_a_connection_each(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        found = yield many(client, 9)
        return found, requests_of(client), connections_of(client)

    assert call.play(client, script) == (["ConversationNotFoundError"] * 9, 0, 9)


def test_the_synchronous_ones_are_spread_over_small_pools(url: str) -> None:
    with DataClient(**settings(url)) as client:
        many(client, 9)
        http: Any = client._http
        assert [len(one.connections) for one in http._pools] == [4, 4, 1]


def test_there_are_no_more_connections_than_allowed(
    call: Caller, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transport, "CONNECTIONS", 8)

    def script(client: Any) -> Any:
        found = yield many(client, 20)
        return found, requests_of(client), connections_of(client)

    found, requests, count = call.play(call.client(None, **settings(url)), script)
    assert found == ["ConversationNotFoundError"] * 20  # some waited for a connection
    assert (requests, count) == (0, 8)


def test_who_gets_no_connection_in_time_is_told_so(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transport, "CONNECTIONS", 1)
    monkeypatch.setattr(_httpcore, "CONNECTIONS_EACH", 1)
    with serve(recording_bytes=3_000_000) as url:

        def use(client: Any) -> Any:
            async def asynchronously() -> Any:
                page = await client.get_page(limit=9)
                wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
                async with client.open_recording(wanted):
                    with pytest.raises(APITimeoutError) as caught:
                        await client.get_conversation("CA1", timeout=0.01)
                return caught.value.message

            if not isinstance(client, DataClient):
                return asynchronously()
            page = client.get_page(limit=9)
            wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
            with client.open_recording(wanted), pytest.raises(APITimeoutError) as caught:
                client.get_conversation("CA1", timeout=0.01)
            return caught.value.message

        (message,) = call.run(call.client(None, **settings(url)), use)
    assert message == "no connection became free within 0.01 s; too many calls run at once"


def test_a_request_that_fails_gives_its_place_back(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        with pytest.raises(APITimeoutError):
            yield client.get_conversation("CA1", timeout=0.02)
        return requests_of(client)

    assert call.play(client, script) == 0


def test_an_open_recording_has_its_place_until_it_is_closed_once_or_twice(call: Caller) -> None:
    with serve(recording_bytes=3_000_000) as url:

        def use(client: Any) -> Any:
            async def asynchronously() -> Any:
                page = await client.get_page(limit=9)
                wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
                async with client.open_recording(wanted) as recording:
                    during = requests_of(client)
                    for _ in range(2):
                        await recording._response.stream.aclose()
                return during, requests_of(client)

            if not isinstance(client, DataClient):
                return asynchronously()
            page = client.get_page(limit=9)
            wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
            with client.open_recording(wanted) as recording:
                during = requests_of(client)
                for _ in range(2):
                    stream: Any = recording._response.stream
                    stream.close()
            return during, requests_of(client)

        assert call.run(call.client(None, **settings(url)), use) == [(1, 0)]


def test_ctrl_c_gives_the_place_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", interrupt)
    with DataClient(**settings(url)) as client:
        with pytest.raises(KeyboardInterrupt):
            client.get_conversation("CA1")
        assert requests_of(client) == 0


def test_a_task_that_is_cancelled_gives_its_place_back(url: str) -> None:
    async def main() -> None:
        async with AsyncDataClient(**settings(url)) as client:
            task = asyncio.create_task(client.get_conversation("CA1"))
            while requests_of(client) != 1:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert requests_of(client) == 0

    asyncio.run(main())


# --- What they do not do -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["close-before-headers", "reset-before-headers"])
def test_nothing_is_sent_twice_behind_ones_back(call: Caller, kind: str) -> None:
    """Other clients of HTTP send once more what reads; the retries here count each attempt."""
    received: list[Received] = []
    faults = [Fault(kind=kind, nth=2)]  # type: ignore[arg-type]
    with serve(faults=faults, received=received) as url:

        def script(client: Any) -> Any:
            yield client.get_page(limit=1)  # so that a connection is there
            with pytest.raises(APIConnectionError) as caught:
                yield client.get_page(limit=1)
            return caught.value.attempts

        assert call.play(call.client(None, **settings(url)), script) == 1
    assert len(received) == 2


def answering(*answers: bytes, received: list[bytes]) -> Callable[[socket.socket], None]:
    """Return what answers the requests of one connection in turn."""

    def answer(connection: socket.socket) -> None:
        for content in answers:
            request = connection.recv(65_536)
            if request:  # else it is a connection that was closed unused
                received.append(request)
                connection.sendall(content)

    return answer


def head(*lines: str) -> bytes:
    first = ("HTTP/1.1 200 OK", f"Content-Length: {len(ANSWER)}")
    return "\r\n".join([*first, *lines, "", ""]).encode()


def test_cookies_are_not_kept(call: Caller, listening: Listening) -> None:
    received: list[bytes] = []
    cookie = head("Set-Cookie: session=1; Path=/") + ANSWER
    with listening(answering(cookie, cookie, received=received)) as address:

        def script(client: Any) -> Any:
            for _ in range(2):
                yield client.get_conversation("CA1")

        call.play(call.client(None, **settings(f"http://{address}")), script)
    assert len(received) == 2
    assert not [request for request in received if b"cookie" in request.lower()]


def test_a_header_that_is_no_utf_8_is_read_as_latin_1(call: Caller, listening: Listening) -> None:
    odd = head("X-Odd: \xe9").decode().encode("latin-1")
    with listening(answering(odd + ANSWER, received=[])) as address:
        client = call.client(None, **settings(f"http://{address}"))
        (found,) = call.run(client, lambda client: client.get_conversation("CA1"))
    assert found.meta.headers["x-odd"] == "\xe9"


def test_a_long_header_is_no_reason_to_fail(call: Caller, listening: Listening) -> None:
    value = "x" * (LONGEST_HEADER - 100)
    with listening(answering(head(f"X-Long: {value}") + ANSWER, received=[])) as address:
        client = call.client(None, **settings(f"http://{address}"))
        (found,) = call.run(client, lambda client: client.get_conversation("CA1"))
    assert found.meta.headers["x-long"] == value


def test_both_clients_send_the_same_headers() -> None:
    received: list[Received] = []

    async def use_asynchronously(url: str, found: str) -> None:
        async with AsyncDataClient(**settings(url)) as client:
            await client.set_note(found, "done")
            await client.get_page(limit=1)

    with serve(received=received) as url:
        with DataClient(**settings(url)) as client:
            found = client.get_page(limit=1).conversations[0].conversation_id
            received.clear()
            client.set_note(found, "done")
            client.get_page(limit=1)
        asyncio.run(use_asynchronously(url, found))
    sent = [dict(request.headers) for request in received]
    for headers in sent:
        assert headers.pop("x-polyai-correlation-id")
    assert sent[:2] == sent[2:]
    assert sent[0]["content-length"] == "15"
    assert not [name for name in sent[1] if name.startswith("content-")]


def test_plain_http_stays_on_this_machine_and_needs_nobody_to_trust(call: Caller) -> None:
    for url, trusts in (("http://127.0.0.1:9", False), ("https://127.0.0.1:9", True)):
        client = call.client(None, **settings(url))
        context = client._http._context
        assert bool(context.cert_store_stats()["x509_ca"]) is trusts
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        call.close(client)


# --- The libraries below -------------------------------------------------------------------------


def test_a_client_that_nobody_closed_says_nothing(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    caplog.set_level(logging.DEBUG, "asyncio")
    with serve() as url:

        async def main(*, ends: bool) -> None:
            client = AsyncDataClient(**settings(url))
            await client.get_page(limit=1)
            if not ends:
                kept.append(client)

        kept: list[AsyncDataClient] = []
        asyncio.run(main(ends=True))  # it goes while its event loop runs
        asyncio.run(main(ends=False))
        kept.clear()  # it goes after its event loop
        gc.collect()
    unclosed = [str(one.message) for one in recwarn if "client" in str(one.message).lower()]
    assert unclosed == []
    assert [record for record in caplog.records if "nclosed" in record.message] == []


@pytest.mark.parametrize("replaced", [True, False])
def test_who_puts_a_method_in_place_of_httpxs_sees_the_requests(
    call: Caller, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As vcrpy, respx and others do, so that they work with this client as with any of httpx."""
    seen: list[str] = []
    theirs = httpx.HTTPTransport.handle_request
    theirs_asynchronous = httpx.AsyncHTTPTransport.handle_async_request

    def see(self: Any, request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path} {request.read()!r}")
        return theirs(self, request)

    async def see_asynchronously(self: Any, request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path} {await request.aread()!r}")
        return await theirs_asynchronous(self, request)

    if replaced:
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", see)
        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", see_asynchronously)

    def script(client: Any) -> Any:
        for _ in range(2):
            yield client.get_page(limit=1)

    with serve() as url:
        call.play(call.client(None, **settings(url)), script)
    assert seen == (["GET /v1/agents/PROJECT-DEMO/conversations b''"] * 2 if replaced else [])


def test_who_puts_a_method_in_place_of_httpcores_sees_the_requests(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object) -> httpcore.Response:
        return httpcore.Response(200, content=ANSWER)

    async def answer_asynchronously(*_: object) -> httpcore.Response:
        return httpcore.Response(200, content=ANSWER)

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", answer)
    monkeypatch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", answer_asynchronously)
    client = call.client(None, api_key="any", region="us", agent_id="A")
    (found,) = call.run(client, lambda client: client.get_conversation("CA1"))
    assert found.conversation_id == "CA1"


def test_a_replacement_that_is_no_function_counts_as_well() -> None:
    class Kind(httpx.HTTPTransport):
        handle_request = print  # type: ignore[assignment]

    assert is_replaced(Kind, "handle_request")
    assert not is_replaced(httpx.HTTPTransport, "handle_request")
    assert not is_replaced(httpx.AsyncHTTPTransport, "handle_async_request")
    assert not is_replaced(httpcore.AsyncConnectionPool, "handle_async_request")


def test_every_failure_of_httpcore_has_a_name_in_httpx() -> None:
    failures = [
        kind
        for kind in vars(httpcore).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(failures) > 10
    for kind in failures:
        renamed = _httpcore._renamed(kind("why"))
        if kind is not httpcore.ConnectionNotAvailable:  # which the pool keeps to itself
            assert (type(renamed).__name__, str(renamed)) == (kind.__name__, "why")
    renamed = _httpcore._renamed(OSError("why"))
    assert (type(renamed), str(renamed)) == (httpx.TransportError, "OSError: why")


@pytest.mark.parametrize(
    ("failure", "name", "message"),
    [
        (aiohttp.ConnectionTimeoutError("slow"), httpx.ConnectTimeout, "slow"),
        (aiohttp.SocketTimeoutError("slow"), httpx.ReadTimeout, "slow"),
        (TimeoutError("slow"), httpx.ReadTimeout, "slow"),
        (aiohttp.ClientOSError(104, "reset"), httpx.ReadError, "[Errno 104] reset"),
        (aiohttp.ServerDisconnectedError(), httpx.RemoteProtocolError, "Server disconnected"),
        (
            aiohttp.ServerDisconnectedError(cast(Any, 5)),  # it may hold what came of the headers
            httpx.RemoteProtocolError,
            "Server disconnected in the headers",
        ),
        (aiohttp.ClientPayloadError("broken off"), httpx.RemoteProtocolError, "broken off"),
        (aiohttp.ClientError("of a kind to come"), httpx.RemoteProtocolError, "of a kind to come"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_failures_of_aiohttp_have_httpxs_names(
    failure: Exception, name: type[Exception], message: str
) -> None:
    renamed, cause = _renamed(failure)
    assert (type(renamed), str(renamed), cause) == (name, message, failure)


def test_what_a_failure_comes_from_is_told_where_it_says_more() -> None:
    failure = aiohttp.ClientPayloadError("not completed")
    failure.__cause__ = ConnectionResetError(104, "reset")
    renamed, cause = _renamed(failure)
    assert (type(renamed), str(renamed)) == (httpx.ReadError, "[Errno 104] reset")
    assert cause is failure.__cause__


@pytest.mark.parametrize("more", [b"many\r\n", b""], ids=["breaks the encoding", "stalls"])
def test_a_body_that_breaks_the_rules_of_its_encoding_does_not_hang(
    listening: Listening, more: bytes
) -> None:
    """aiohttp forgets who waits for it, where it comes after what was read already."""
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nRIFF\r\n"
    is_read, is_over = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        if connection.recv(65_536):
            connection.sendall(start)
            is_read.wait(60)
            connection.sendall(more)
            is_over.wait(60)

    async def main(url: str) -> PolyAIError:
        async with (
            AsyncDataClient(**settings(url), timeout=0.2) as client,
            client.open_recording("CA1") as recording,
        ):
            pieces = recording.iter_bytes()
            assert await anext(pieces) == b"RIFF"
            is_read.set()
            with pytest.raises(PolyAIError) as caught:
                await anext(pieces)
        is_over.set()
        return caught.value

    with listening(behave) as address:
        error = asyncio.run(main(f"http://{address}"))
    if more:
        assert type(error) is APIConnectionError
        assert error.message == f"{address} dropped the connection: illegal body"
    else:
        assert type(error) is APITimeoutError
        assert error.message == f"nothing more came from {address} within 0.2 s"
