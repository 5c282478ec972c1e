"""The default transports: their connection pools, their failures, and what they do not do."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

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
)
from polyai_data._http import transports
from polyai_data._http.aiohttp_transport import (
    AiohttpTransport,
    _map_exception,
)
from polyai_data._http.response import ResponseReader
from polyai_data.sandbox import Fault, Received, serve

if TYPE_CHECKING:
    from tests.conftest import Caller

Listening = Callable[..., AbstractContextManager[str]]

LATE = Fault(kind="late", delay=0.2, path="*/conversations/*")
BODY = b'{"conversationId": "CA1"}'


@pytest.fixture
def url() -> Iterator[str]:
    """A sandbox whose conversations come late, so that many requests run at once."""
    with serve(faults=[LATE], recording_bytes=100_000) as url:
        yield url


def settings(url: str) -> dict[str, Any]:
    return {"api_key": "sandbox", "agent_id": "PROJECT-DEMO", "base_url": url, "max_retries": 0}


@pytest.fixture
def client(call: Caller, url: str) -> Any:
    return call.client(None, **settings(url))


def many(client: Any, count: int) -> Any:
    """Get as many conversations at once. None of them exists."""

    def error_of_thread(_: int) -> str:
        with pytest.raises(PolyAIError) as caught:
            client.get_conversation("CA1")
        return type(caught.value).__name__

    async def collect() -> list[str]:
        calls = [client.get_conversation("CA1") for _ in range(count)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        return [type(error).__name__ for error in errors]

    if not isinstance(client, DataClient):
        return collect()
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(error_of_thread, range(count)))


def transport_of(client: Any) -> Any:
    return client._connection._transports()[0]


def requests_of(client: Any) -> int:
    """Return how many requests have a connection, or wait for one."""
    transport = transport_of(client)
    if isinstance(client, DataClient):
        return len(transport._pool._requests)
    return (transports.LIMITS.max_connections or 0) - int(transport._slots._value)


def connections_of(client: Any) -> int:
    """Return how many connections are open."""
    transport = transport_of(client)
    if isinstance(client, DataClient):
        return len(transport._pool.connections)
    return sum(len(kept) for kept in transport._session.connector._conns.values())


# --- Which transports they are -------------------------------------------------------------------


@pytest.mark.parametrize("base_url", [None, "http://127.0.0.1:9"])
def test_the_default_transports_are_the_ones_that_tools_know(
    call: Caller, base_url: str | None
) -> None:
    client = call.client(None, api_key="key", region="us", base_url=base_url)
    transport = transport_of(client)
    if isinstance(client, DataClient):
        assert isinstance(transport, httpx.HTTPTransport)
    else:
        assert isinstance(transport, httpx.AsyncBaseTransport)
        assert type(transport) is AiohttpTransport
    call.close(client)


def test_with_a_proxy_both_clients_use_the_transports_of_httpx(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = call.client(None, api_key="key", region="us")
    assert type(transport_of(client)) is (
        httpx.HTTPTransport if call.kind is DataClient else httpx.AsyncHTTPTransport
    )
    call.close(client)


def test_the_asynchronous_transport_opens_connections_of_aiohttp(url: str) -> None:
    async def main() -> None:
        async with AsyncDataClient(**settings(url)) as client:
            await client.get_page(limit=1)
            assert isinstance(transport_of(client)._session, aiohttp.ClientSession)
        assert transport_of(client)._session.closed

    asyncio.run(main())


def test_a_patch_of_the_library_sees_the_requests(
    call: Caller, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools such as vcrpy, respx and aioresponses patch these methods."""
    seen: list[str] = []
    handle_request = httpx.HTTPTransport.handle_request
    aiohttp_request = aiohttp.ClientSession._request

    def see(self: Any, request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path} {request.content!r}")
        return handle_request(self, request)

    async def see_aiohttp(self: Any, method: str, url: Any, **options: Any) -> Any:
        seen.append(f"{method} {url.path} {options['data'] or b''!r}")
        return await aiohttp_request(self, method, url, **options)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", see)
    monkeypatch.setattr(aiohttp.ClientSession, "_request", see_aiohttp)

    def script(client: Any) -> Any:
        for _ in range(2):
            yield client.get_page(limit=1)

    call.play(call.client(None, **settings(url)), script)
    assert seen == ["GET /v1/agents/PROJECT-DEMO/conversations b''"] * 2


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (aiohttp.ClientConnectionError("mock"), APIConnectionError),
        (ConnectionResetError("mock"), APIConnectionError),
        (OSError("mock"), OSError),  # no exception of a connection
    ],
)
def test_a_mock_of_aiohttp_can_fail_as_a_connection(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[Exception]
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise failure

    async def get() -> None:
        async with AsyncDataClient(api_key="k", region="us", agent_id="A", max_retries=0) as client:
            await client.get_conversation("CA1")

    monkeypatch.setattr(aiohttp.ClientSession, "_request", fail)
    with pytest.raises(kind, match="mock") as caught:
        asyncio.run(get())
    assert type(caught.value) is kind


def test_a_patch_of_httpcore_sees_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        httpcore.ConnectionPool,
        "handle_request",
        lambda *_: httpcore.Response(200, content=BODY),
    )
    with DataClient(api_key="key", region="us", agent_id="A") as client:
        assert client.get_conversation("CA1").conversation_id == "CA1"


# --- Connections ---------------------------------------------------------------------------------


def test_calls_in_sequence_share_one_connection(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        for _ in range(5):
            yield client.get_page(limit=1)
        return requests_of(client), connections_of(client)

    assert call.play(client, script) == (0, 1)


def test_calls_at_once_have_a_connection_each(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        found = yield many(client, 9)
        return found, requests_of(client), connections_of(client)

    assert call.play(client, script) == (["ConversationNotFoundError"] * 9, 0, 9)


def test_there_are_no_more_connections_than_allowed(
    call: Caller, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = httpx.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=5)
    monkeypatch.setattr(transports, "LIMITS", limits)

    def script(client: Any) -> Any:
        found = yield many(client, 20)
        return found, requests_of(client), connections_of(client)

    found, requests, count = call.play(call.client(None, **settings(url)), script)
    assert found == ["ConversationNotFoundError"] * 20  # some waited for a connection
    assert (requests, count) == (0, 8)


def test_a_call_that_gets_no_connection_in_time_fails(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "LIMITS", httpx.Limits(max_connections=1))
    with serve(recording_bytes=3_000_000) as url:

        def use(client: Any) -> Any:
            async def asynchronously() -> Any:
                page = await client.get_page(limit=9)
                wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
                async with client.open_recording(wanted):
                    with pytest.raises(APITimeoutError) as caught:
                        await client.with_options(timeout=0.01).get_conversation("CA1")
                return caught.value.message

            if not isinstance(client, DataClient):
                return asynchronously()
            page = client.get_page(limit=9)
            wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
            with client.open_recording(wanted), pytest.raises(APITimeoutError) as caught:
                client.with_options(timeout=0.01).get_conversation("CA1")
            return caught.value.message

        (message,) = call.run(call.client(None, **settings(url)), use)
    assert message == "no free connection within 0.01 s; too many calls are running"


def test_a_failed_request_frees_its_connection(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        with pytest.raises(APITimeoutError):
            yield client.with_options(timeout=0.02).get_conversation("CA1")
        return requests_of(client)

    assert call.play(client, script) == 0


def test_an_open_recording_keeps_its_connection_until_it_is_closed(call: Caller) -> None:
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


def test_ctrl_c_frees_the_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ResponseReader, "feed", interrupt)
    with DataClient(**settings(url)) as client:
        with pytest.raises(KeyboardInterrupt):
            client.get_conversation("CA1")
        assert requests_of(client) == 0


def test_a_cancelled_task_frees_its_connection(url: str) -> None:
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
def test_the_transport_never_sends_a_request_twice(call: Caller, kind: str) -> None:
    """Other HTTP clients repeat a GET on their own. The retries here count each attempt."""
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
    """Return a function that responds to the requests of one connection in turn."""

    def answer(connection: socket.socket) -> None:
        for content in answers:
            request = connection.recv(65_536)
            if request:  # else it is a connection that was closed unused
                received.append(request)
                connection.sendall(content)

    return answer


def head(*lines: str) -> bytes:
    first = ("HTTP/1.1 200 OK", f"Content-Length: {len(BODY)}")
    return "\r\n".join([*first, *lines, "", ""]).encode()


def test_cookies_are_not_kept(call: Caller, listening: Listening) -> None:
    received: list[bytes] = []
    cookie = head("Set-Cookie: session=1; Path=/") + BODY
    with listening(answering(cookie, cookie, received=received)) as address:

        def script(client: Any) -> Any:
            for _ in range(2):
                yield client.get_conversation("CA1")

        call.play(call.client(None, **settings(f"http://{address}")), script)
    assert len(received) == 2
    assert not [request for request in received if b"cookie" in request.lower()]


def test_a_header_that_is_not_utf_8_is_read_as_latin_1(call: Caller, listening: Listening) -> None:
    odd = head("X-Odd: \xe9").decode().encode("latin-1")
    with listening(answering(odd + BODY, received=[])) as address:
        client = call.client(None, **settings(f"http://{address}"))
        (found,) = call.run(client, lambda client: client.get_conversation("CA1"))
    assert found.meta.headers["x-odd"] == "\xe9"


@pytest.mark.parametrize("size", [64_000, 100_000])
def test_a_long_header_is_accepted(call: Caller, listening: Listening, size: int) -> None:
    value = "x" * size
    with listening(answering(head(f"X-Long: {value}") + BODY, received=[])) as address:
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


def test_plain_http_loads_no_certificates(call: Caller) -> None:
    for url, trusts in (("http://127.0.0.1:9", False), ("https://127.0.0.1:9", True)):
        client = call.client(None, **settings(url))
        transport = transport_of(client)
        is_sync = isinstance(client, DataClient)
        context = transport._pool._ssl_context if is_sync else transport._context
        assert bool(context.cert_store_stats()["x509_ca"]) is trusts
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        call.close(client)


# --- The libraries below -------------------------------------------------------------------------


def test_a_client_that_nobody_closed_causes_no_warning(
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
        asyncio.run(main(ends=True))  # collected while its event loop runs
        asyncio.run(main(ends=False))
        kept.clear()  # collected after its event loop
        gc.collect()
    unclosed = [str(one.message) for one in recwarn if "client" in str(one.message).lower()]
    assert unclosed == []
    assert [record for record in caplog.records if "nclosed" in record.message] == []


@pytest.mark.parametrize(
    ("failure", "name", "message"),
    [
        (aiohttp.ConnectionTimeoutError("slow"), httpx.ConnectTimeout, "slow"),
        (aiohttp.SocketTimeoutError("slow"), httpx.ReadTimeout, "slow"),
        (TimeoutError("slow"), httpx.ReadTimeout, "slow"),
        (aiohttp.ClientOSError(104, "reset"), httpx.ReadError, "[Errno 104] reset"),
        (
            aiohttp.ServerDisconnectedError(),
            httpx.RemoteProtocolError,
            "Server disconnected without sending a response.",
        ),
        (aiohttp.ClientPayloadError("broken off"), httpx.RemoteProtocolError, "broken off"),
        (aiohttp.ClientError("of a kind to come"), httpx.RemoteProtocolError, "of a kind to come"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_exceptions_of_aiohttp_become_those_of_httpx(
    failure: Exception, name: type[Exception], message: str
) -> None:
    renamed, cause = _map_exception(failure)
    assert (type(renamed), str(renamed), cause) == (name, message, failure)


def test_the_cause_of_an_exception_of_aiohttp_is_used_if_it_says_more() -> None:
    failure = aiohttp.ClientPayloadError("not completed")
    failure.__cause__ = ConnectionResetError(104, "reset")
    renamed, cause = _map_exception(failure)
    assert (type(renamed), str(renamed)) == (httpx.ReadError, "[Errno 104] reset")
    assert cause is failure.__cause__


@pytest.mark.parametrize("more", [b"many\r\n", b""], ids=["breaks the encoding", "stalls"])
def test_an_invalid_chunked_body_does_not_hang(listening: Listening, more: bytes) -> None:
    """aiohttp does not wake a reader that has read everything before the invalid part."""
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
            chunks = recording.iter_bytes()
            assert await anext(chunks) == b"RIFF"
            is_read.set()
            with pytest.raises(PolyAIError) as caught:
                await anext(chunks)
        is_over.set()
        return caught.value

    with listening(behave) as address:
        error = asyncio.run(main(f"http://{address}"))
    if more:
        assert type(error) is APIConnectionError
        assert error.message.startswith(f"{address} dropped the connection: illegal chunk header")
    else:
        assert type(error) is APITimeoutError
        assert error.message == f"no data from {address} for 0.2 s"


def test_the_connections_of_an_event_loop_are_closed_with_it(url: str) -> None:
    """Test tools run each test in a loop of its own, and turn warnings into errors."""
    client = AsyncDataClient(**settings(url))

    async def main() -> Any:
        await client.get_page(limit=1)
        transport: Any = client._connection._transports()[0]
        return next(iter(transport._session.connector._conns.values()))[0][0].transport

    for _ in range(2):
        assert asyncio.run(main()).is_closing()
