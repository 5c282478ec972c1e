"""A call ends within its deadline, whatever the server does, and a late write is not sent."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import Annotation, APITimeoutError, AsyncDataClient, DataClient, PolyAIError
from polyai_data._async import io as async_io
from polyai_data._http import clock
from polyai_data._sync import io as sync_io

if TYPE_CHECKING:
    from tests.conftest import Caller

Listening = Callable[..., AbstractContextManager[str]]

BODY = json.dumps({"conversationId": "CA1"}).encode()
REST = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
DEADLINE = 0.3

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _real_time(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:  # noqa: ARG001  # first
    """Waits are real here."""
    monkeypatch.setattr(clock, "monotonic", partial(time.monotonic))
    monkeypatch.setattr(sync_io, "_sleep", threading.Condition.wait)
    monkeypatch.setattr(async_io, "_sleep", asyncio.sleep)


TRICKLES = {
    "header lines": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "one byte of a header at a time": (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "one byte of a body at a time": (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b" "),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk extensions": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a"),
    "empty blocks of gzip": (PACKED + gzip.compress(b"")[:10], b"\0\0\0\xff\xff"),
    "empty members of gzip": (PACKED, gzip.compress(b"")),
    "an error": (b"HTTP/1.1 500 Odd\r\nContent-Length: 999\r\n\r\n", b"x"),
    "nothing": (b"", b""),
}
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "get_conversation": lambda client, _: client.get_conversation("CA1"),
    "set_note": lambda client, _: client.set_note("CA1", "done"),
    "download_recording": lambda client, path: client.download_recording("CA1", path / "a.wav"),
}


def trickle(first: bytes, more: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        with suppress(OSError):
            if not connection.recv(65_536):
                return
            connection.sendall(first)
            end = time.monotonic() + 20
            connection.settimeout(0.02)
            while time.monotonic() < end:
                if more:
                    connection.sendall(more)
                with suppress(TimeoutError):
                    if not connection.recv(1):
                        return

    return behave


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("first", "more"), TRICKLES.values(), ids=TRICKLES)
def test_a_server_that_trickles_does_not_pass_the_deadline(
    call: Caller, listening: Listening, tmp_path: Any, first: bytes, more: bytes, name: str
) -> None:
    with listening(trickle(first, more)) as address:
        started = time.monotonic()
        error = call.fails(
            do=lambda client: CALLS[name](client, tmp_path),
            base_url=f"http://{address}",
            deadline=DEADLINE,
            timeout=5,
            max_retries=0,
        )
        took = time.monotonic() - started
    assert isinstance(error, PolyAIError)
    assert took < DEADLINE + 1
    if first.startswith(b"HTTP/1.1 500"):
        assert error.status_code == 500
    else:
        assert type(error) is APITimeoutError
        assert error.message == f"the deadline of {DEADLINE} s has passed"


@contextmanager
def deaf_server() -> Iterator[str]:
    """Accept connections and read nothing."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("options", [{"deadline": 0.4}, {"timeout": 0.4}], ids=str)
def test_a_server_that_reads_nothing_ends_a_write(call: Caller, options: dict[str, Any]) -> None:
    with deaf_server() as url:
        started = time.monotonic()
        error = call.fails(
            do=lambda client: client.set_note("CA1", "x" * 20_000_000),
            base_url=url,
            max_retries=0,
            **options,
        )
        took = time.monotonic() - started
    assert type(error) is APITimeoutError
    assert error.outcome_unknown
    assert 0.3 < took < 5


def slow_server(connection: socket.socket) -> None:
    """Read a request slowly."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end = time.monotonic() + 3
    with suppress(OSError):
        while time.monotonic() < end and connection.recv(4096):
            time.sleep(0.01)


def test_a_server_that_reads_slowly_does_not_pass_the_deadline(
    call: Caller, listening: Listening
) -> None:
    with listening(slow_server) as address:
        started = time.monotonic()
        error = call.fails(
            do=lambda client: client.set_note("CA1", "x" * 20_000_000),
            base_url=f"http://{address}",
            max_retries=0,
            timeout=5,
            deadline=DEADLINE,
        )
        took = time.monotonic() - started
    assert type(error) is APITimeoutError
    assert took < DEADLINE + 1


@pytest.mark.parametrize("options", [{"deadline": 0.3}, {"timeout": 0.3}], ids=str)
def test_a_slow_name_server_does_not_pass_the_deadline(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    over = threading.Event()

    def slow(*_: Any, **__: Any) -> Any:
        over.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with DataClient(
        api_key="k", agent_id="A", base_url="https://localhost:1", max_retries=0, **options
    ) as client:
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as caught:
            client.add_annotations("CA1", [Annotation(turn=0, role="agent", type="wrong_info")])
        took = time.monotonic() - started
    over.set()
    assert took < 3
    assert not caught.value.outcome_unknown


def test_a_connection_that_comes_too_late_is_closed(listening: Listening) -> None:
    """The thread that made it has nobody to give it to."""
    closed = threading.Event()

    def behave(connection: socket.socket) -> None:
        if not connection.recv(1):
            closed.set()

    class Slow:
        def __init__(self, backend: Any) -> None:
            self.connect = backend.connect_tcp

        def connect_tcp(self, *arguments: Any) -> Any:
            time.sleep(0.3)
            return self.connect(*arguments)

    with listening(behave) as address:
        url = f"http://localhost:{address.rpartition(':')[2]}"
        with DataClient(
            api_key="k", agent_id="A", base_url=url, max_retries=0, timeout=0.05
        ) as client:
            pool = client._connection._transports()[0]._pool  # type: ignore[attr-defined]
            pool._network_backend._backend = Slow(pool._network_backend._backend)
            with pytest.raises(APITimeoutError):
                client.get_conversation("CA1")
            assert closed.wait(20)


@contextmanager
def threaded(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve several connections at a time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with connection:
            behave(connection)

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_pause_of_another_call_does_not_pass_the_deadline(call: Caller) -> None:
    """The second 429 comes while the write waits for the first pause."""
    received: list[bytes] = []
    asked, answered = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(65_536):
                received.append(data)
                seconds = b"30" if b"/SLOW" in data else b"0.4"
                if b"/SLOW" in data:
                    asked.set()
                    answered.wait(20)
                connection.sendall(
                    b"HTTP/1.1 429 X\r\nRetry-After: " + seconds + b"\r\nContent-Length: 0\r\n\r\n"
                )

    async def asynchronously(url: str) -> None:
        async with AsyncDataClient(**settings, base_url=url) as client:
            slow = asyncio.ensure_future(client.get_conversation("SLOW"))
            await asyncio.to_thread(asked.wait, 20)
            with suppress(PolyAIError):
                await client.get_conversation("FAST")
            write = asyncio.ensure_future(client.with_options(deadline=1).set_note("CA1", "late"))
            await asyncio.sleep(0.1)
            answered.set()
            with suppress(PolyAIError):
                await slow
            await write

    def synchronously(url: str) -> None:
        with DataClient(**settings, base_url=url) as client:

            def read() -> None:
                with suppress(PolyAIError):
                    client.get_conversation("SLOW")

            thread = threading.Thread(target=read)
            thread.start()
            asked.wait(20)
            with suppress(PolyAIError):
                client.get_conversation("FAST")
            timer = threading.Timer(0.1, answered.set)
            timer.start()
            try:
                client.with_options(deadline=1).set_note("CA1", "late")
            finally:
                thread.join()
                timer.join()

    settings: dict[str, Any] = {"api_key": "k", "agent_id": "A", "max_retries": 0, "timeout": 20}
    use = synchronously if call.kind is DataClient else lambda url: asyncio.run(asynchronously(url))
    with threaded(behave) as address:
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as caught:
            use(f"http://{address}")
        took = time.monotonic() - started
    assert not caught.value.outcome_unknown
    assert took < 3
    assert not any(data.startswith(b"POST") for data in received)


@pytest.mark.parametrize("name", ["get_conversation", "download_recording"])
def test_closing_a_client_wakes_the_calls_that_wait(
    call: Caller, listening: Listening, tmp_path: Any, name: str
) -> None:
    received: list[bytes] = []
    refused = threading.Event()

    def behave(connection: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(65_536):
                received.append(data)
                connection.sendall(
                    b"HTTP/1.1 503 X\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"
                )
                refused.set()

    settings: dict[str, Any] = {"api_key": "k", "agent_id": "A", "timeout": 20}

    async def asynchronously(url: str) -> None:
        client = AsyncDataClient(**settings, base_url=url)
        task = asyncio.ensure_future(CALLS[name](client, tmp_path))
        while not client._connection._sleepers:
            await asyncio.sleep(0.01)
        await client.close()
        await task

    def synchronously(url: str) -> None:
        client = DataClient(**settings, base_url=url)

        def close() -> None:
            refused.wait(20)
            time.sleep(0.1)
            client.close()

        thread = threading.Thread(target=close)
        thread.start()
        try:
            CALLS[name](client, tmp_path)
        finally:
            thread.join()

    use = synchronously if call.kind is DataClient else lambda url: asyncio.run(asynchronously(url))
    with listening(behave) as address:
        started = time.monotonic()
        with pytest.raises(PolyAIError, match="This client is closed"):
            use(f"http://{address}")
        took = time.monotonic() - started
    assert took < 10
    assert len(received) == 1


def test_a_pause_ends_even_if_the_clock_stands_still(
    call: Caller, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """Test tools stop the clock, time.monotonic included."""
    pauses.clear()
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    monkeypatch.setattr(sync_io, "_sleep", lambda _, seconds: pauses.append(seconds))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(async_io, "_sleep", sleep)
    answers = [httpx.Response(429, headers={"Retry-After": "1"})]

    def answer(_: httpx.Request) -> httpx.Response:
        return answers.pop() if answers else httpx.Response(200, content=BODY)

    found = call(answer, lambda client: client.get_conversation("CA1"), **US, max_retries=1)
    assert found.conversation_id == "CA1"
    assert pauses in ([1.0], [1.0, 1.0])


US: dict[str, Any] = {"api_key": "k", "region": "us", "agent_id": "A"}


def test_the_clock_is_real_where_a_test_freezes_time() -> None:
    """freezegun replaces the functions of `time` wherever a module holds them by name."""
    functions = {id(value) for value in vars(time).values() if callable(value)}
    for name, module in list(sys.modules.items()):
        if name.startswith("polyai_data._http.clock"):
            assert not [key for key, value in vars(module).items() if id(value) in functions]
