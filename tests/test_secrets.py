"""The API key appears only in the header of requests to the configured origin."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import pprint
import socket
import traceback
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import AsyncDataClient, ConfigurationError, DataClient, PolyAIError
from polyai_data.cli import _get
from polyai_data.cli._connect import ResolvedSettings
from polyai_data.cli._options import ConnectionOptions

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer, Operation

    Listening = Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]]

MARK = "8f3a61"
KEY = f"made-up/key+{MARK}=="
TESTS = str(Path(__file__).parent)


def related(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and all that it is chained to, shown or not."""
    if error is not None:
        yield error
        yield from related(error.__cause__)
        yield from related(error.__context__)


def all_that_shows(error: BaseException) -> str:
    """Return what an error tracker would see of it, but for the frames of the tests."""
    shown = []
    for one in related(error):
        shown += [str(one), repr(one), f"{one}", repr(vars(one)), repr(one.args)]
        with suppress(Exception):
            shown.append(repr(pickle.dumps(one)))
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if not frame.f_code.co_filename.startswith(TESTS):
                shown += [safe_repr(value) for value in frame.f_locals.values()]
    return "\n".join(shown)


def safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:
        assert "polyai_data" not in type(value).__module__, "a repr of ours fails"
        return ""  # of an object of httpx that is not made yet


def client_of(call: Caller, answer: Any = None, **options: Any) -> Any:
    return call.client(
        answer,
        **{
            "api_key": KEY,
            "conversations_api_key": KEY,
            "region": "us",
            "agent_id": "PROJECT-1",
            **options,
        },
    )


def get_conversation(client: Any) -> Any:
    return client.get_conversation("CA1")


def error_of(call: Caller, client: Any, do: Callable[[Any], Any] = get_conversation) -> Any:
    try:
        call.use(client, do)
    except BaseException as error:
        call.close(client)
        return error
    raise AssertionError("no error")


LEAKY_TRANSPORT = """
def answer(request):
    headers = dict(request.headers)
    try:
        raise LookupError(headers)
    except LookupError:
        raise failure
"""


def raising(failure: BaseException) -> Callable[[httpx.Request], httpx.Response]:
    """Return what a transport does that is not ours, holds the headers, and fails."""
    names: dict[str, Any] = {"failure": failure}
    exec(compile(LEAKY_TRANSPORT, "somebodys_transport.py", "exec"), names)
    answer: Callable[[httpx.Request], httpx.Response] = names["answer"]
    return answer


def test_the_search_finds_a_key_in_frames_and_chains_of_httpx() -> None:
    transport = httpx.MockTransport(raising(httpx.ReadError("x")))
    with httpx.Client(transport=transport) as client, pytest.raises(httpx.ReadError) as caught:
        client.get("https://x.example", headers={"X-API-KEY": KEY})
    assert MARK in all_that_shows(caught.value)
    hidden = PolyAIError("outer")
    hidden.__context__, hidden.__suppress_context__ = caught.value, True
    assert MARK in all_that_shows(hidden)


def test_a_client_does_not_show_its_key(call: Caller, server: FakeServer) -> None:
    client = client_of(call, server)
    call.use(client, get_conversation)
    assert server.requests[0].headers["X-API-KEY"] == KEY
    config, key = client._config, client._config.key
    other = config.for_conversations_api()
    for thing in (
        client,
        config,
        key,
        other,
        other.key,
        vars(client),
        vars(client._connection),
        [key],
        {"k": key},
    ):
        for text in (str(thing), repr(thing), f"{thing}", f"{thing!a}", pprint.pformat(thing)):
            assert MARK not in text
    assert repr(key) == str(key) == f"{key:}" == "ApiKey(***)"
    assert not hasattr(key, "__dict__")
    call.close(client)


def test_nothing_that_holds_the_key_can_be_pickled_or_copied(call: Caller) -> None:
    client = client_of(call)
    config = client._config
    for thing in (client, config, config.key, config.conversations_key, vars(client)):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(thing, protocol)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(thing)
    call.close(client)


ECHO = f"your key {KEY} is bad"
ECHOES: dict[str, dict[str, Any]] = {
    "the envelope": {"json": {"error": ECHO, "error_code": KEY, "error_id": KEY, KEY: [KEY]}},
    "text": {"text": ECHO},
    "HTML": {"html": f"<p>{ECHO}</p>"},
    "broken JSON": {"text": f'{{"error": "{KEY}'},
    "a list": {"json": [KEY]},
    "binary": {"content": b"\xff" + KEY.encode()},
    "headers": {
        "headers": dict.fromkeys(
            ("Location", "Content-Type", "X-PolyAI-Correlation-Id", "X-API-KEY"), KEY
        ),
        "content": b"x",
    },
}


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 500])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_that_the_server_echoes_is_cut_out(
    call: Caller, server: FakeServer, echo: str, status: int
) -> None:
    server.respond(status, **ECHOES[echo])
    error = error_of(call, client_of(call, server))
    assert isinstance(error, PolyAIError)
    assert MARK not in all_that_shows(error)
    assert "[API key]" in str(error) + repr(error.body)


def walk(client: Any) -> Generator[Any, Any, Any]:
    pages = client.list_conversations().pages()
    yield anext(pages) if isinstance(client, AsyncDataClient) else next(pages)


def send(client: Any) -> Generator[Any, Any, Any]:
    yield client.resume_chat("AS_CHAT_1", "sandbox").send("Hi.")


def download(client: Any) -> Generator[Any, Any, Any]:
    yield client.download_recording("CA1", Path(TESTS) / "no-such.wav")


SCRIPTS = {"walk": walk, "send": send, "download": download}


def script_error(call: Caller, client: Any, script: Any) -> BaseException:
    with pytest.raises((PolyAIError, TypeError, ValueError)) as caught:
        call.play(client, script)
    return caught.value


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 410, 500])
@pytest.mark.parametrize("echo", ECHOES)
def test_no_operation_shows_a_key_that_the_server_echoes(
    call: Caller,
    server: FakeServer,
    operations: dict[str, Operation],
    echo: str,
    status: int,
) -> None:
    server.respond(status, **ECHOES[echo])
    scripts = {name: operation.play for name, operation in operations.items()} | SCRIPTS
    for name, script in scripts.items():
        if name in ("get_recording", "download") and (echo, status) == ("binary", 200):
            continue  # bytes of no stated type are audio
        error = script_error(call, client_of(call, server), script)
        assert isinstance(error, PolyAIError), name
        assert MARK not in all_that_shows(error), name
        assert "[API key]" in str(error) + repr(error.body), name


def download_text(client: Any) -> Any:
    return client.download_recording("CA1", "x.wav")


@pytest.mark.parametrize("length", [4, 12, len(KEY) - 1, len(KEY)])
def test_a_part_of_the_key_at_the_end_of_a_cut_body_is_redacted(
    call: Caller, server: FakeServer, length: int
) -> None:
    before = "x" * 70
    server.respond(500, text=before + KEY)
    client = client_of(call, server, max_response_bytes=len(before) + length, max_retries=0)
    error = error_of(call, client)
    assert error.body == f"{before}[API key]"
    server.respond(200, text="x" * (64 - length) + KEY, headers={"Content-Type": "audio/wav"})
    error = error_of(call, client_of(call, server, max_retries=0), download_text)
    assert error.body == "x" * (64 - length) + "[API key]"


def test_the_end_of_a_body_that_is_not_of_the_key_stays(call: Caller, server: FakeServer) -> None:
    for text in ("made-up words", "a made", "xmad", KEY[1:]):
        server.respond(500, text=text)
        expected = text.replace("made", "[API key]") if text.endswith("made") else text
        assert error_of(call, client_of(call, server, max_retries=0)).body == expected


def test_a_failure_with_the_key_is_redacted_before_it_is_cut(call: Caller) -> None:
    failure = httpx.ReadError("x" * (200 - len(KEY) // 2) + KEY)
    error = error_of(call, client_of(call, raising(failure), max_retries=0))
    assert KEY[:4] not in all_that_shows(error)


def test_a_strict_list_shows_no_key_that_the_server_echoes(
    call: Caller, server: FakeServer
) -> None:
    def walk(client: Any) -> Any:
        listing = client.list_conversations(strict=True)

        async def gather() -> Any:
            return [one async for one in listing]

        return gather() if isinstance(client, AsyncDataClient) else list(listing)

    records = [{"conversationId": KEY, "duration": KEY, "metrics": {KEY: KEY}}]
    server.respond(200, json={"conversations": records, "count": 1})
    error = error_of(call, client_of(call, server), walk)
    assert MARK not in all_that_shows(error)
    assert error.message == "[API key]: duration expected an integer, got a string"


@pytest.mark.parametrize("failure", [httpx.ConnectError(KEY), httpx.ReadTimeout(KEY)], ids=repr)
def test_no_operation_shows_the_key_when_the_transport_fails(
    call: Caller, operations: dict[str, Operation], failure: Exception
) -> None:
    for script in [*(operation.play for operation in operations.values()), *SCRIPTS.values()]:
        error = script_error(call, client_of(call, raising(failure)), script)
        assert isinstance(error, PolyAIError)
        assert MARK not in all_that_shows(error)


def test_no_answer_shows_a_key_that_the_server_echoes_in_a_header(
    call: Caller, operation: Operation
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        response = operation(request)
        response.headers.update({"X-Echo": KEY, "X-PolyAI-Correlation-Id": KEY})
        return response

    meta = call.play(client_of(call, answer), operation.play).meta
    assert MARK.encode() not in pickle.dumps(meta)
    assert (meta.headers["x-echo"], meta.correlation_id) == ("[API key]", "[API key]")


class Torn(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Audio that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"RIFF"
        raise httpx.ReadError(KEY)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"RIFF"
        raise httpx.ReadError(KEY)


def test_a_recording_that_breaks_off_does_not_show_the_key(
    call: Caller, operations: dict[str, Operation]
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "audio/wav"}, stream=Torn())

    error = script_error(call, client_of(call, answer), operations["get_recording"].play)
    assert isinstance(error, PolyAIError)
    assert MARK not in all_that_shows(error)


@pytest.mark.parametrize(("key", "cut"), [("sandbox", False), ("x" * 11, False), ("x" * 12, True)])
def test_a_key_too_short_to_be_a_secret_is_left_in_texts(
    call: Caller, server: FakeServer, key: str, cut: bool
) -> None:
    server.respond(400, json={"error": f"no {key} here"})
    error = error_of(call, client_of(call, server, api_key=key))
    assert error.message == ("no [API key] here" if cut else f"no {key} here")
    server.respond(400, content=b"\xff" + key.encode())
    error = error_of(call, client_of(call, server, api_key=key))
    assert error.body == b"\xff" + (b"[API key]" if cut else key.encode())


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError(f"bad header {KEY}"),
        httpx.ReadTimeout(""),
        httpx.DecodingError(KEY),
    ],
    ids=repr,
)
def test_a_failing_transport_does_not_show_the_key(call: Caller, failure: BaseException) -> None:
    error = error_of(call, client_of(call, raising(failure)))
    assert MARK not in all_that_shows(error)


def head_only(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\nno gzip"
    )


def dropping(connection: socket.socket) -> None:
    connection.recv(65536)


def stalling(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.recv(1)


@pytest.mark.parametrize("behave", [head_only, dropping, stalling])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_failing_connection_does_not_show_the_key(
    call: Caller,
    listening: Listening,
    caplog: pytest.LogCaptureFixture,
    behave: Callable[[socket.socket], None],
    scheme: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(behave) as address:
        client = client_of(call, base_url=f"{scheme}://{address}", timeout=0.05)
        error = error_of(call, client)
    assert isinstance(error, PolyAIError)
    assert MARK not in all_that_shows(error)
    assert MARK not in caplog.text


def test_a_cancelled_call_does_not_show_the_key(listening: Listening) -> None:
    async def cancel() -> None:
        async with AsyncDataClient(api_key=KEY, base_url=base_url, agent_id="A") as client:
            task = asyncio.create_task(client.get_conversation("CA1"))
            await asyncio.to_thread(asked.acquire)
            task.cancel()
            await task

    import threading

    asked = threading.Semaphore(0)

    def stall(connection: socket.socket) -> None:
        connection.recv(65536)
        asked.release()
        connection.recv(1)

    with listening(stall) as address:
        base_url = f"http://{address}"
        with pytest.raises(asyncio.CancelledError) as caught:
            asyncio.run(cancel())
    assert MARK not in all_that_shows(caught.value)


MISUSES: dict[str, Callable[[Any], Any]] = {
    "bad ID": lambda client: client.get_conversation(".."),
    "ID of another type": lambda client: client.get_conversation(None),
    "long ID": lambda client: client.get_conversation("x" * 70_000),
    "bad agent": lambda client: client.get_conversation("CA1", agent_id="\n"),
    "no annotations": lambda client: client.add_annotations("CA1", []),
    "no note": lambda client: client.set_note("CA1", None),
    "no environment": lambda client: client.start_chat(""),
    "bad attributes": lambda client: client.start_chat("live", attributes={"a": {1}}),
    "bad chat": lambda client: client.resume_chat("", "live"),
    "no message": lambda client: client.resume_chat("x", "live").send(None),
    "bad search": lambda client: client.search_conversations(query="x"),
    "no account": lambda client: client.search_conversations(),
    "bad list": lambda client: client.list_conversations(page_size=0),
    "bad page": lambda client: client.get_page(limit=0),
    "bad direction": lambda client: client.download_recording("CA1", "x", direction="x"),
    "bad timeout": lambda client: client.with_options(timeout=-1),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_misused_call_does_not_show_the_key(
    call: Caller, server: FakeServer, misuse: str
) -> None:
    error = error_of(call, client_of(call, server), MISUSES[misuse])
    assert MARK not in all_that_shows(error)


def test_a_closed_client_does_not_show_the_key(call: Caller, server: FakeServer) -> None:
    client = client_of(call, server)
    call.close(client)
    assert MARK not in all_that_shows(error_of(call, client))


BAD_KEYS = [f"{MARK}\nX-Evil: 1", f"clé-{MARK}", f"{MARK} {MARK}", f"{MARK}\x00", MARK.encode()]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
@pytest.mark.parametrize("source", ["argument", "Studio URL", "environment"])
def test_a_bad_key_is_refused_without_showing_it(
    call: Caller, monkeypatch: pytest.MonkeyPatch, key: Any, source: str
) -> None:
    if source == "environment":
        # The real environment holds no NUL.
        monkeypatch.setattr("os.environ", {"POLYAI_API_KEY_US": key, "POLYAI_REGION": "us"})
    make: Callable[[], Any] = {
        "argument": lambda: call.kind(api_key=key, region="us"),
        "Studio URL": lambda: call.kind.from_studio_url(
            "https://studio.us.poly.ai/acme/P", api_key=key
        ),
        "environment": call.kind,
    }[source]
    with pytest.raises(ConfigurationError, match=r"The API key (is|contains)") as caught:
        make()
    assert MARK not in all_that_shows(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "mars"},
        {"region": None},
        {"base_url": "http://api.us.poly.ai"},
        {"base_url": "https://[::1"},
        {"timeout": 0},
        {"transport": 5},
        {"variable": "HTTPS_PROXY"},
    ],
    ids=repr,
)
def test_a_client_that_cannot_be_made_does_not_show_its_key(
    call: Caller, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    if "variable" in wrong:
        monkeypatch.setenv(wrong["variable"], "gopher://proxy.example")
        wrong = {}
    with pytest.raises((ConfigurationError, TypeError)) as caught:
        client_of(call, **wrong)
    assert MARK not in all_that_shows(caught.value)


def test_no_log_record_shows_the_key(
    call: Caller, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(dropping) as address, suppress(PolyAIError):
        call.run(client_of(call, base_url=f"http://{address}"), get_conversation)
    with listening(answer_all) as address:
        call.run(client_of(call, base_url=f"http://{address}"), get_conversation)
    if call.kind is DataClient:  # aiohttp logs nothing
        logs = {record.name for record in caplog.records}
        assert {"httpcore.http11", "httpcore.connection"} <= logs
    assert MARK not in caplog.text
    for record in caplog.records:
        assert MARK not in repr(vars(record))


def answer_all(connection: socket.socket) -> None:
    connection.recv(65536)
    body = b'{"conversationId": "CA1"}'
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def test_a_proxy_never_sees_the_key(
    call: Caller, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def deny(connection: socket.socket) -> None:
        if request := connection.recv(65536):
            seen.append(request)
            connection.sendall(b"HTTP/1.1 407 Denied\r\nContent-Length: 0\r\n\r\n")

    with listening(deny) as proxy, listening(answer_all) as address:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(variable, f"http://{proxy}")
        # Over plain http, a proxy would read all: it is not asked.
        for scheme in ("http", "HTTP"):
            call.run(client_of(call, base_url=f"{scheme}://{address}"), get_conversation)
        assert seen == []
        error = error_of(call, client_of(call))
    assert error.message == "the proxy refused: 407 Denied"
    (request,) = seen
    assert request.startswith(b"CONNECT api.us.poly.ai:443 ")
    assert MARK.encode() not in request


def test_the_key_goes_to_the_configured_origin_only(server: FakeServer) -> None:
    server.respond(307, headers={"Location": "https://evil.example/"})
    with (
        DataClient(
            api_key=KEY,
            base_url="https://proxy.example:8443",
            agent_id="A",
            transport=httpx.MockTransport(server),
        ) as client,
        suppress(PolyAIError),
    ):
        client.get_conversation("CA1")
    assert [(r.url.host, r.url.port) for r in server.requests] == [("proxy.example", 8443)]
    assert sum(KEY in value for value in server.requests[0].headers.values()) == 1
    assert KEY not in str(server.requests[0].url)


# --- Two keys for two hosts -----------------------------------------------------------------

OTHER_MARK = "5d20be"
OTHER_KEY = f"other/key+{OTHER_MARK}=="
BOTH = {"api_key": KEY, "conversations_api_key": OTHER_KEY}


def search(client: Any) -> Generator[Any, Any, Any]:
    pages = client.search_conversations(account_id="ws-1").pages()
    return (yield anext(pages) if isinstance(client, AsyncDataClient) else next(pages))


def test_each_host_sees_its_own_key_only(
    call: Caller, server: FakeServer, operations: dict[str, Operation]
) -> None:
    server.respond(500, text=f"{KEY} {OTHER_KEY}")
    for name, operation in operations.items():
        is_search = name == "search_conversations"
        server.requests.clear()
        error = script_error(call, client_of(call, server, **BOTH), operation.play)
        assert isinstance(error, PolyAIError)
        for request in server.requests:
            sent = f"{request.url} {request.headers.raw!r} {request.content!r}"
            mark, other = (OTHER_MARK, MARK) if is_search else (MARK, OTHER_MARK)
            assert mark in sent, name
            assert other not in sent, name
            host = "api.us-1.platform.polyai.app" if is_search else "api.us.poly.ai"
            assert request.url.host == host
        # A server can echo the key that it was sent, and that one is cut out.
        assert (OTHER_MARK if is_search else MARK) not in all_that_shows(error), name


@pytest.mark.parametrize("failure", [httpx.ConnectError(OTHER_KEY), httpx.ReadTimeout(OTHER_KEY)])
def test_no_failed_search_shows_either_key(call: Caller, failure: Exception) -> None:
    error = script_error(call, client_of(call, raising(failure), **BOTH), search)
    assert isinstance(error, PolyAIError)
    assert MARK not in all_that_shows(error)
    assert OTHER_MARK not in all_that_shows(error)


def test_neither_client_nor_settings_show_the_second_key(call: Caller, server: FakeServer) -> None:
    client = client_of(call, server, **BOTH)
    search = client.search_conversations(account_id="ws-1")
    for thing in (client, client._config, vars(client), search, vars(search)):
        for text in (str(thing), repr(thing), pprint.pformat(thing)):
            assert OTHER_MARK not in text
    call.close(client)


def test_a_redirect_of_a_search_is_not_followed(call: Caller, server: FakeServer) -> None:
    server.respond(307, headers={"Location": "https://api.us.poly.ai/"})
    error = script_error(call, client_of(call, server, **BOTH), search)
    assert isinstance(error, PolyAIError)
    assert [request.url.host for request in server.requests] == ["api.us-1.platform.polyai.app"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
@pytest.mark.parametrize("source", ["argument", "Studio URL", "environment"])
def test_a_bad_second_key_is_refused_without_showing_either(
    call: Caller, monkeypatch: pytest.MonkeyPatch, key: Any, source: str
) -> None:
    if source == "environment":
        # The real environment holds no NUL.
        variables = {"POLYAI_CONVERSATIONS_API_KEY_US": key, "POLYAI_REGION": "us"}
        monkeypatch.setattr("os.environ", variables)
    good = f"good-{OTHER_MARK}"
    make: Callable[[], Any] = {
        "argument": lambda: call.kind(api_key=good, conversations_api_key=key, region="us"),
        "Studio URL": lambda: call.kind.from_studio_url(
            "https://studio.us.poly.ai/acme/P", api_key=good, conversations_api_key=key
        ),
        "environment": lambda: call.kind(api_key=good),
    }[source]
    with pytest.raises(ConfigurationError, match=r"The API key (is|contains)") as caught:
        make()
    assert MARK not in all_that_shows(caught.value)
    assert OTHER_MARK not in all_that_shows(caught.value)


# --- The command line ------------------------------------------------------------------------


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    return path


def test_the_command_line_holds_the_key_unseen(key_file: Path) -> None:
    options = ConnectionOptions(region="us", agent="A", api_key_file=key_file)
    setup = ResolvedSettings.from_options(options)
    for thing in (options, setup, setup.key, vars(setup), [setup]):
        assert MARK not in repr(thing) + str(thing) + pprint.pformat(thing)
    assert setup.key is not None
    assert setup.key.reveal() == KEY
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(setup.key, protocol)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(setup)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "http://api.us.poly.ai", None])
def test_no_error_of_a_command_holds_the_key(key_file: Path, base_url: str | None) -> None:
    """Nor does any frame on its way, which an error tracker might show."""
    options = ConnectionOptions(agent="A", base_url=base_url, api_key_file=key_file)
    with pytest.raises(Exception, match=r"refused|plain http|Missing region") as caught:
        _get.run(options, "CA1", in_browser=False, as_json=False)
    assert MARK not in all_that_shows(caught.value)


@pytest.mark.parametrize("key", [key for key in BAD_KEYS if isinstance(key, str)], ids=repr)
def test_a_bad_key_of_the_command_line_is_refused_without_showing_it(
    key_file: Path, key: str
) -> None:
    key_file.write_text(key, encoding="utf-8")
    options = ConnectionOptions(agent="A", region="us", api_key_file=key_file)
    with pytest.raises(ConfigurationError, match=r"The API key (is|contains)") as caught:
        _get.run(options, "CA1", in_browser=False, as_json=False)
    assert MARK not in all_that_shows(caught.value)
