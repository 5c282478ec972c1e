"""Parts of the default transports that only odd systems, or the end of a program, reach."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import pytest
from polyai_data import AsyncDataClient, DataClient, PolyAIError
from polyai_data._http import aiohttp_protocol, clock, network
from polyai_data._http.aiohttp_protocol import Protocol
from polyai_data._http.clock import Seconds
from polyai_data._http.threads import ThreadCall

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Listening = Callable[..., AbstractContextManager[str]]

SETTINGS: dict[str, Any] = {"api_key": "k", "region": "us", "agent_id": "A", "max_retries": 0}
RESPONSE = b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"conversationId":"CA1"}'


def page(request: httpx.Request) -> httpx.Response:
    offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
    records = [{"conversationId": f"CA{i}"} for i in range(offset, min(offset + limit, 9))]
    return httpx.Response(200, json={"conversations": records, "count": 9})


@pytest.fixture
def _no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.usefixtures("_no_more_threads")
def test_a_list_needs_no_thread() -> None:
    with DataClient(**SETTINGS, transport=httpx.MockTransport(page)) as client:
        assert len(list(client.list_conversations(page_size=3))) == 9


@pytest.mark.usefixtures("_no_more_threads")
@pytest.mark.parametrize("transport", [None, httpx.MockTransport(page)], ids=["default", "own"])
def test_a_bulk_read_says_that_the_program_ends(transport: Any) -> None:
    with (
        DataClient(**SETTINGS, transport=transport) as client,
        pytest.raises(PolyAIError, match=r"^The interpreter is shutting down"),
    ):
        list(client.get_conversations(["CA1"]))


def test_a_connection_needs_no_thread(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(connection: socket.socket) -> None:
        if connection.recv(65_536):
            connection.sendall(RESPONSE)

    def refuse(*_: Any, **__: Any) -> Any:
        raise PolyAIError("no more threads")

    monkeypatch.setattr(network, "ThreadCall", refuse)
    with listening(behave) as address:
        port = address.rpartition(":")[2]
        with DataClient(api_key="k", agent_id="A", base_url=f"http://localhost:{port}") as client:
            assert client.get_conversation("CA1").conversation_id == "CA1"


def test_the_async_client_says_that_the_program_ends() -> None:
    async def main() -> PolyAIError:
        await asyncio.get_running_loop().shutdown_default_executor()
        url = "http://localhost:1"
        async with AsyncDataClient(
            api_key="k", agent_id="A", base_url=url, max_retries=0
        ) as client:
            with pytest.raises(PolyAIError) as caught:
                await client.get_conversation("CA1")
        return caught.value

    assert "The interpreter is shutting down" in asyncio.run(main()).message


def test_a_call_in_a_thread_cannot_be_cancelled() -> None:
    over = threading.Event()
    call = ThreadCall(over.wait, 60, name="test")
    assert not call.cancel()
    over.set()
    call.join()
    assert not call.is_alive()
    assert call.result() is True


# --- aiohttp ------------------------------------------------------------------------------------


def test_bytes_before_the_request_are_read_as_the_sync_client_reads_them() -> None:
    async def main() -> int:
        protocol = Protocol(asyncio.get_running_loop())
        protocol.data_received(RESPONSE)
        protocol.set_response_params(read_bufsize=65_536)
        message, payload = await protocol.read()
        assert await payload.read() == RESPONSE[-24:]
        return message.code

    assert asyncio.run(main()) == 200


def test_bytes_after_the_response_end_a_connection_that_is_gone_already() -> None:
    async def main() -> bool:
        protocol = Protocol(asyncio.get_running_loop())
        protocol.set_response_params(read_bufsize=65_536)
        protocol.data_received(RESPONSE)
        protocol.data_received(b"")  # aiohttp asks for what is left
        assert not protocol._should_close
        protocol.data_received(b"more")
        protocol._parser.feed_eof()
        protocol._parser.pause_reading()
        return protocol.should_close

    assert asyncio.run(main())


class Transport:
    """A transport with a socket, or none."""

    def __init__(self, sock: socket.socket | None) -> None:
        self.sock = sock

    def get_extra_info(self, _: str) -> Any:
        return self.sock


@pytest.mark.parametrize("has_poll", [True, False])
def test_data_that_nobody_read_is_seen(monkeypatch: pytest.MonkeyPatch, has_poll: bool) -> None:
    if not has_poll:
        monkeypatch.delattr(select, "poll", raising=False)
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        transport: Any = Transport(ours)
        assert not aiohttp_protocol._has_data(transport)
        theirs.sendall(b"x")
        assert aiohttp_protocol._has_data(transport)
    assert not aiohttp_protocol._has_data(transport)
    for nothing in (None, Transport(None)):
        odd: Any = nothing
        assert not aiohttp_protocol._has_data(odd)


# --- httpcore -----------------------------------------------------------------------------------


class Idle:
    """A connection whose parser is out of sight."""

    def is_idle(self) -> bool:
        return True


def test_a_connection_that_cannot_tell_is_not_reused() -> None:
    assert network._has_surplus(Idle())


def test_a_timeout_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    seconds = Seconds(5)
    seconds.end = 103.0
    assert network._left(seconds, httpcore.ReadTimeout) == 3.0
    assert network._left(5.0, httpcore.ReadTimeout) == 5.0
    assert network._left(None, httpcore.ReadTimeout) is None
    seconds.end = 100.0
    with pytest.raises(httpcore.ReadTimeout):
        network._left(seconds, httpcore.ReadTimeout)


class Plain(httpcore.NetworkStream):
    """A stream that has no socket of `ssl`, as TLS inside of TLS."""

    def start_tls(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        return self

    def get_extra_info(self, _: str) -> Any:
        return None


def test_tls_inside_of_tls_is_left_as_it_is() -> None:
    context: Any = None
    stream = network._Stream(Plain()).start_tls(context)
    assert stream.get_extra_info("socket") is None


def test_a_failed_connection_is_not_closed() -> None:
    future: Future[Any] = Future()
    future.set_exception(httpcore.ConnectError())
    network._close(future)
    assert future.done()


def test_a_large_write_arrives_whole(listening: Listening) -> None:
    received = bytearray()

    def behave(connection: socket.socket) -> None:
        while not received.endswith(b'"}'):
            received.extend(connection.recv(65_536))
        connection.sendall(b'HTTP/1.1 201 OK\r\nContent-Length: 16\r\n\r\n{"success":true}')

    async def main(url: str) -> Any:
        async with AsyncDataClient(api_key="k", agent_id="A", base_url=url) as client:
            return await client.set_note("CA1", "x" * 200_000)

    with listening(behave) as address:
        assert asyncio.run(main(f"http://{address}")).success
    assert received.count(b"x" * 1_000) == 200


def test_other_event_loops_are_told_that_asyncio_is_needed() -> None:
    client = AsyncDataClient(**SETTINGS)
    coroutine = client.get_conversation("CA1")
    with pytest.raises(PolyAIError, match="needs asyncio"):
        coroutine.send(None)
