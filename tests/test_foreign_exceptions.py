"""What other code raises while a request is sent is neither a failure of the network nor hidden."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
from polyai_data import Annotation, APIConnectionError, AsyncDataClient, DataClient, PolyAIError

if TYPE_CHECKING:
    from tests.conftest import Caller

SETTINGS: dict[str, Any] = {"api_key": "made-up-key-8f3a61", "region": "us", "agent_id": "A"}


class JobTimeout(Exception):
    """A time limit of a job queue."""


OTHERS = [
    TimeoutError("the job took too long"),
    OSError(28, "no space left on device"),
    PermissionError("not allowed"),
    RuntimeError("a plugin failed"),
    ValueError("odd"),
    KeyError("missing"),
    AssertionError("an unexpected request"),
    MemoryError(),
    ExceptionGroup("several", [OSError("one")]),
    JobTimeout("late"),
    KeyboardInterrupt(),
    SystemExit(3),
]


def raising(failure: BaseException, sent: list[httpx.Request]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        raise failure

    return httpx.MockTransport(answer)


def outcome(call: Caller, transport: Any, do: Callable[[Any], Any], **options: Any) -> Any:
    """Return what a call raises, as it is."""
    client = call.kind(**SETTINGS, transport=transport, **options)
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # any exception may come
        call.use(client, do)
    call.close(client)
    return caught.value


@pytest.mark.parametrize("failure", OTHERS, ids=lambda failure: type(failure).__name__)
def test_an_exception_of_a_transport_of_the_users_passes_bare(
    call: Caller, failure: BaseException
) -> None:
    sent: list[httpx.Request] = []
    error = outcome(
        call, raising(failure, sent), lambda client: client.get_conversation("CA1"), max_retries=2
    )
    assert error is failure
    assert len(sent) == 1
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "answer" in frames  # where it was raised
    assert "_send_once" in frames  # added as it was raised again
    assert "handle_request" not in frames


def test_an_exception_keeps_its_cause(call: Caller) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        try:
            raise httpx.ConnectError("refused")
        except httpx.ConnectError as error:
            raise JobTimeout("late") from error

    error = outcome(call, httpx.MockTransport(answer), lambda one: one.get_conversation("CA1"))
    assert type(error) is JobTimeout
    assert type(error.__cause__) is httpx.ConnectError
    assert error.__cause__.__traceback__ is None


@pytest.mark.parametrize("failure", [TimeoutError("mine"), JobTimeout("mine")], ids=repr)
def test_an_exception_of_on_retry_passes_bare(call: Caller, failure: Exception) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(503)

    def on_retry(_: object) -> None:
        raise failure

    error = outcome(
        call,
        httpx.MockTransport(answer),
        lambda client: client.get_conversation("CA1"),
        on_retry=on_retry,
    )
    assert error is failure
    assert len(sent) == 1


@pytest.mark.parametrize("failure", [TimeoutError("mine"), JobTimeout("mine")], ids=repr)
def test_an_exception_of_progress_passes_bare(
    call: Caller, failure: Exception, tmp_path: Any
) -> None:
    def progress(*_: object) -> None:
        raise failure

    answer = httpx.Response(200, content=b"RIFF....", headers={"Content-Type": "audio/wav"})
    error = outcome(
        call,
        httpx.MockTransport(lambda _: answer),
        lambda client: client.download_recording("CA1", tmp_path / "a.wav", progress=progress),
    )
    assert error is failure
    assert list(tmp_path.iterdir()) == []


@contextmanager
def silent_server() -> Iterator[str]:
    """Accept connections and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def alarm(seconds: float, failure: BaseException) -> Iterator[None]:
    def handler(*_: object) -> None:
        raise failure

    previous = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs POSIX signals")
@pytest.mark.parametrize("failure", [TimeoutError("mine"), OSError("mine"), JobTimeout()], ids=repr)
def test_what_a_signal_handler_raises_in_a_socket_passes_bare(failure: Exception) -> None:
    """httpcore maps a TimeoutError in a socket to ReadTimeout, whoever raised it."""
    told: list[object] = []
    with (
        silent_server() as url,
        DataClient(
            api_key="made-up-key-8f3a61", agent_id="A", base_url=url, on_retry=told.append
        ) as client,
        alarm(0.1, failure),
        pytest.raises(type(failure)) as caught,
    ):
        client.get_conversation("CA1")
    assert caught.value is failure
    assert told == []
    shown = "".join(traceback.format_exception(caught.value))
    assert "handler" in shown
    assert "httpcore" not in shown


def test_an_exception_that_is_handled_during_a_call_is_not_its_cause(call: Caller) -> None:
    """Whatever a program handles while it makes a call is the context of the call's exceptions."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    try:
        raise JobTimeout("before")
    except JobTimeout:
        with pytest.raises(APIConnectionError):
            call(
                None,
                lambda one: one.get_conversation("CA1"),
                api_key="k",
                agent_id="A",
                base_url=f"http://127.0.0.1:{port}",
                max_retries=0,
            )


def test_a_time_limit_of_asyncio_is_not_the_clients() -> None:
    async def main(url: str) -> None:
        async with AsyncDataClient(api_key="k", agent_id="A", base_url=url) as client:
            async with asyncio.timeout(0.05):
                await client.get_conversation("CA1")

    with silent_server() as url, pytest.raises(TimeoutError) as caught:
        asyncio.run(main(url))
    assert not isinstance(caught.value, PolyAIError)


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionResetError("reset"),
        socket.gaierror(-2, "unknown"),
        httpx.ReadError("reset"),
        aiohttp.ServerDisconnectedError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_an_exception_of_a_connection_is_the_networks_whoever_raises_it(
    call: Caller, failure: Exception
) -> None:
    sent: list[httpx.Request] = []
    error = outcome(
        call, raising(failure, sent), lambda client: client.get_conversation("CA1"), max_retries=1
    )
    assert type(error) is APIConnectionError
    assert error.__cause__ is error.__context__ is None
    assert len(sent) == (1 if isinstance(failure, aiohttp.ClientError) else 2)


# --- Whether a write was sent ---------------------------------------------------------------------


ANNOTATION = Annotation(turn=0, role="agent", type="wrong_info")


def caused(failure: Exception, cause: Exception) -> Exception:
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("full"),
        caused(httpx.ConnectError("reset"), ConnectionResetError()),
        caused(httpx.ConnectTimeout("slow"), TimeoutError()),
        caused(httpx.ConnectError("no such name"), socket.gaierror()),
    ],
    ids=repr,
)
def test_a_write_is_retried_if_it_was_not_sent(call: Caller, failure: Exception) -> None:
    failures = [failure]

    def answer(_: httpx.Request) -> httpx.Response:
        if failures:
            raise failures.pop()
        return httpx.Response(201, json={"success": True})

    client = call.kind(**SETTINGS, transport=httpx.MockTransport(answer))
    (result,) = call.use(client, lambda one: one.add_annotations("CA1", [ANNOTATION]))
    assert result.success
    call.close(client)
    error = outcome(
        call,
        raising(failure, []),
        lambda one: one.add_annotations("CA1", [ANNOTATION]),
        max_retries=0,
    )
    assert isinstance(error, APIConnectionError)
    assert error.outcome_unknown is False


def proxy(behave: Callable[[socket.socket], None]) -> Any:
    """Serve a proxy that treats each connection the same way."""

    @contextmanager
    def serve() -> Iterator[tuple[str, list[bytes]]]:
        received: list[bytes] = []
        listener = socket.create_server(("127.0.0.1", 0))

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65_536))
                    behave(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()

    return serve()


@pytest.mark.parametrize(
    "behave",
    [
        lambda _: None,
        lambda connection: connection.sendall(b"no HTTP\r\n\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 407 Denied\r\nContent-Length: 0\r\n\r\n"),
        lambda _: time.sleep(0.3),
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n"),  # and then no TLS
    ],
    ids=["drops", "garbage", "refuses", "silent", "no TLS"],
)
def test_a_write_that_a_proxy_did_not_pass_on_was_not_sent(
    call: Caller, monkeypatch: pytest.MonkeyPatch, behave: Callable[[socket.socket], None]
) -> None:
    with proxy(behave) as (url, received):
        monkeypatch.setenv("HTTPS_PROXY", url)
        error = outcome(
            call,
            None,
            lambda client: client.add_annotations("CA1", [ANNOTATION]),
            max_retries=0,
            timeout=0.2,
        )
    assert isinstance(error, APIConnectionError)
    assert error.outcome_unknown is False
    assert [data[:7] for data in received] == [b"CONNECT"]
