"""Requests without a usable response: each failure raises our exception, and says what it was."""

from __future__ import annotations

import asyncio
import gc
import gzip
import inspect
import os
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncDataClient,
    AuthenticationError,
    ConfigurationError,
    PolyAIError,
    ResponseDecodeError,
    ServerError,
)
from polyai_data.sandbox import serve

if TYPE_CHECKING:
    from tests.conftest import Caller

    Listening = Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]]

REQUEST = "GET /v1/agents/PROJECT-1/conversations/CA1"


def made(kind: type[BaseException]) -> BaseException:
    """Return an exception of the kind, whatever its constructor wants."""
    wanted = inspect.signature(kind).parameters
    request = httpx.Request("GET", "https://x.example")
    possible: dict[str, Any] = {
        "message": "boom",
        "request": request,
        "response": httpx.Response(500, request=request),
    }
    return kind(**{name: value for name, value in possible.items() if name in wanted})


HTTPX_EXCEPTIONS = [
    value
    for value in vars(httpx).values()
    if inspect.isclass(value) and issubclass(value, Exception)
]

OTHER_EXCEPTIONS = [
    socket.gaierror(-2, "Name not known"),
    ConnectionResetError("reset"),
    BrokenPipeError(),
    ssl.SSLError(1, "[SSL] odd"),
]


def raising(failure: BaseException) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise failure

    return answer


def test_httpx_still_has_its_exceptions() -> None:
    assert len(HTTPX_EXCEPTIONS) >= 28


@pytest.mark.parametrize(
    "failure", [*map(made, HTTPX_EXCEPTIONS), *OTHER_EXCEPTIONS], ids=lambda e: type(e).__name__
)
def test_every_exception_of_a_transport_becomes_ours(call: Caller, failure: Exception) -> None:
    error = call.fails(raising(failure))
    timed_out = isinstance(failure, (httpx.TimeoutException, TimeoutError))
    assert type(error) is (APITimeoutError if timed_out else APIConnectionError)
    assert str(error).startswith(f"{REQUEST} → no response: ")
    assert error.correlation_id is not None
    assert str(error).endswith(f" (correlation ID {error.correlation_id})")
    assert not error.message.endswith(": ")
    assert (error.method, error.status_code, error.body, error.hint) == ("GET", None, None, None)
    assert error.__cause__ is error.__context__ is None


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def circle() -> BaseException:
    return caused(first := httpx.ConnectError("round"), caused(OSError("and"), first))


def untrusted() -> BaseException:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_message = "self-signed certificate"
    return error


HOST = "api.us.poly.ai"


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (httpx.ConnectTimeout(""), f"no connection to {HOST} within 2 s"),
        (httpx.ReadTimeout(""), f"no data from {HOST} for 7.5 s"),
        (httpx.WriteTimeout(""), f"{HOST} did not accept the request within 7.5 s"),
        (
            httpx.PoolTimeout(""),
            "no free connection within 7.5 s; too many calls are running",
        ),
        (httpx.ProxyError("407 Denied"), "the proxy refused: 407 Denied"),
        (httpx.RemoteProtocolError("Odd."), f"{HOST} dropped the connection: Odd."),
        (httpx.ReadError(""), "ReadError: no details"),
        (ConnectionError("two\nlines"), "ConnectionError: two lines"),
        (ConnectionError("x" * 300), f"ConnectionError: {'x' * 199}…"),
        (
            caused(httpx.ConnectError(""), untrusted()),
            f"TLS: the certificate of {HOST} is not trusted: self-signed certificate",
        ),
        (
            caused(httpx.ConnectError(""), ssl.SSLError("handshake failed")),
            f"TLS failed with {HOST}: ('handshake failed',)",
        ),
        (
            caused(httpx.ConnectError(""), socket.gaierror(-2, "Name not known")),
            f"cannot resolve the name of {HOST} (DNS): Name not known",
        ),
        (
            caused(httpx.ConnectError(""), socket.gaierror("odd resolver")),
            f"cannot resolve the name of {HOST} (DNS): odd resolver",
        ),
        (
            caused(
                httpx.ConnectError(""),
                ExceptionGroup("all", [OSError(), ExceptionGroup("", [ConnectionRefusedError()])]),
            ),
            f"{HOST} refused the connection",
        ),
        (circle(), "ConnectError: round"),
    ],
)
def test_a_failure_is_described(call: Caller, failure: BaseException, message: str) -> None:
    assert call.fails(raising(failure), timeout=(2, 7.5)).message == message


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_exceptions_that_end_the_program_propagate(
    call: Caller, interruption: type[BaseException]
) -> None:
    client = call.client(raising(interruption()), api_key="k", region="us", agent_id="A")
    with pytest.raises(interruption):
        call.use(client, lambda client: client.get_conversation("CA1"))
    call.close(client)


def unreachable_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_refused_connection_says_so(call: Caller, host: str) -> None:
    address = f"{host}:{unreachable_port()}"
    error = call.fails(base_url=f"http://{address}")
    assert type(error) is APIConnectionError
    assert error.message == f"{address} refused the connection"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_that_cannot_be_reached_is_named_without_its_password(
    call: Caller, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    proxy = f"127.0.0.1:{unreachable_port()}"
    monkeypatch.setenv(name, f"{scheme}user:p%40ss@{proxy}")
    error = call.fails(region="uk")
    assert error.message == f"api.uk.poly.ai, or its proxy {proxy}, refused the connection"


def test_a_proxy_that_is_not_used_is_not_named(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"localhost:{unreachable_port()}"
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost")
    error = call.fails(base_url=f"https://{address}")
    assert error.message == f"{address} refused the connection"


def test_a_name_that_does_not_resolve_says_so(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    error = call.fails(region="uk")
    assert type(error) is APIConnectionError
    assert error.message == (
        "cannot resolve the name of api.uk.poly.ai (DNS): Name or service not known"
    )


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return behave


def test_a_plain_text_port_says_that_tls_failed(call: Caller, listening: Listening) -> None:
    with listening(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
        error = call.fails(base_url=f"https://{address}")
    assert type(error) is APIConnectionError
    assert error.message.startswith(f"TLS failed with {address}: WRONG_VERSION_NUMBER")


def test_a_dropped_connection_says_so(call: Caller, listening: Listening) -> None:
    with listening(answering(b"")) as address:
        error = call.fails(base_url=f"http://{address}")
    assert type(error) is APIConnectionError
    assert error.message.startswith(f"{address} dropped the connection: Server disconnected")


def test_a_response_that_is_not_http_says_so(call: Caller, listening: Listening) -> None:
    with listening(answering(b"220 mail.example ESMTP\r\n\r\n")) as address:
        error = call.fails(base_url=f"http://{address}")
    assert type(error) is APIConnectionError
    assert error.message.startswith(f"{address} dropped the connection: illegal status line")


INCOMPLETE = "dropped the connection: peer closed connection without sending complete message body"

STALLS = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"]


@pytest.mark.parametrize("start", STALLS, ids=["before the head", "in the body"])
def test_a_response_that_stalls_times_out(call: Caller, listening: Listening, start: bytes) -> None:
    def stall(connection: socket.socket) -> None:
        answering(start)(connection)
        connection.recv(1)  # until the client gives up

    with listening(stall) as address:
        error = call.fails(base_url=f"http://{address}", timeout=(5, 0.02))
    assert type(error) is APITimeoutError
    assert error.message == f"no data from {address} for 0.02 s"


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


ENCODED = gzip.compress(b'{"conversationId": "CA1"}', mtime=0)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (
            head("200 OK", "Content-Encoding: gzip", "Content-Length: 9") + b"not gzip!",
            ResponseDecodeError,
            "Invalid compressed data: Error -3 while decompressing data",
        ),
        (
            head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(ENCODED) - 12}")
            + ENCODED[:-12],
            ResponseDecodeError,
            "Invalid compressed data: the compressed data was cut off",
        ),
        (
            head("200 OK", "Content-Length: 100") + b'{"conversationId": "CA1"',
            APIConnectionError,
            INCOMPLETE,
        ),
        (
            head("200 OK", "Transfer-Encoding: chunked") + b'19\r\n{"conversationId": "CA1"}',
            APIConnectionError,
            "dropped the connection: ",
        ),
        (
            head("401 Unauthorized", "Content-Length: 100", "X-PolyAI-Correlation-Id: theirs"),
            AuthenticationError,
            "Unauthorized",
        ),
        (head("300 Choices", "Content-Length: 9"), APIStatusError, "redirects are not followed"),
        (head("299 Odd", "Content-Length: 9"), APIConnectionError, "dropped the connection"),
        (
            head("502 Bad Gateway", "Content-Encoding: gzip", "Content-Length: 3") + b"<ht",
            ServerError,
            "Bad Gateway",
        ),
    ],
)
def test_an_incomplete_or_damaged_body_is_an_error(
    call: Caller, listening: Listening, answer: bytes, kind: type[PolyAIError], message: str
) -> None:
    with listening(answering(answer)) as address:
        error = call.fails(base_url=f"http://{address}")
    assert type(error) is kind
    assert message in error.message
    if kind is AuthenticationError:
        assert error.correlation_id == "theirs"
    assert error.__cause__ is error.__context__ is None


def test_a_response_that_fails_while_it_is_closed_is_an_error(call: Caller) -> None:
    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"conversationId": "CA1"}'

        async def __aiter__(self) -> Any:
            yield b'{"conversationId": "CA1"}'

        def close(self) -> None:
            raise BrokenPipeError("already gone")

        async def aclose(self) -> None:
            raise BrokenPipeError("already gone")

    error = call.fails(lambda _: httpx.Response(200, stream=Stream()))
    assert type(error) is APIConnectionError
    assert error.message == "BrokenPipeError: already gone"


def test_a_complete_response_over_a_real_socket_is_read(call: Caller, listening: Listening) -> None:
    encoded = head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(ENCODED)}") + ENCODED
    with listening(answering(encoded)) as address:
        assert call(base_url=f"http://{address}").conversation_id == "CA1"


def test_an_async_client_can_be_used_in_one_event_loop_after_another() -> None:
    with serve(api_key="key", agent_id="PROJECT-1") as url, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # loops leave connections open at their end
        client = AsyncDataClient(api_key="key", agent_id="PROJECT-1", base_url=url)
        pages = [asyncio.run(client.get_page(limit=1)) for _ in range(3)]
        asyncio.run(client.close())
        asyncio.run(client.close())
        del client
        gc.collect()
    assert [page.count for page in pages] == [200] * 3


def test_an_async_client_is_not_shared_by_event_loops_that_are_open() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"conversationId": "CA1"}))
    client = AsyncDataClient(api_key="key", region="us", agent_id="A", transport=transport)
    loops = [asyncio.new_event_loop() for _ in range(2)]
    try:
        loops[0].run_until_complete(client.get_conversation("CA1"))
        with pytest.raises(
            PolyAIError, match=r"belongs to another event loop, .* in each event loop\.$"
        ):
            loops[1].run_until_complete(client.get_conversation("CA1"))
        loops[0].run_until_complete(client.get_conversation("CA1"))
        loops[0].run_until_complete(client.close())
    finally:
        for loop in loops:
            loop.close()


def test_a_client_is_not_shared_by_processes(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"conversationId": "CA1"})

    client = call.client(answer, api_key="key", region="us", agent_id="A")
    here = os.getpid()
    with monkeypatch.context() as patch:  # in a process that was forked before the first call
        patch.setattr(os, "getpid", lambda: here + 1)
        call.use(client, lambda client: client.get_conversation("CA1"))
    with pytest.raises(PolyAIError, match=r"was used in another process, .* in each process\.$"):
        call.use(client, lambda client: client.get_conversation("CA1"))
    assert len(asked) == 1


def tls_context(client: Any) -> Any:
    transport = client._connection._transports()[0]
    return transport._pool._ssl_context if hasattr(transport, "_pool") else transport._context


def test_no_argument_of_a_client_disables_the_verification_of_certificates(
    call: Caller,
) -> None:
    names = inspect.signature(call.kind).parameters
    assert not [name for name in names if "verif" in name or "ssl" in name or "cert" in name]
    client = call.client(None, api_key="key", region="us", agent_id="A")
    context = tls_context(client)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    call.close(client)


@pytest.mark.parametrize("character", ["#", "/", "?"])
def test_a_proxys_password_that_is_not_escaped_is_not_shown(
    call: Caller, monkeypatch: pytest.MonkeyPatch, character: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:pa{character}ss@127.0.0.1:3128")
    with pytest.raises(ConfigurationError) as caught:
        call.client(None, api_key="key", region="us", agent_id="A")
    message = str(caught.value)
    assert "'pa'" not in message
    assert "pass" not in message.replace("password", "")
    assert "invalid proxy URL; escape special characters" in message
