"""Any argument at all: a clear error before anything is sent, or the intended request."""

from __future__ import annotations

import math
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import Annotation, DataClient, NotFoundError, PolyAIError

if TYPE_CHECKING:
    from tests.conftest import Caller

ORIGIN = "https://api.us.poly.ai"
SETTINGS: dict[str, Any] = {
    "api_key": "made-up-key-8f3a61",
    "region": "us",
    "agent_id": "PROJECT-1",
    "max_retries": 0,
}


class Text(str):
    __slots__ = ()


class Number(int):
    __slots__ = ()


ODD_TEXTS = [
    *("", " ", ".", "..", "...", "/", "//", "a/b", "/a", "a/", "../..", "a/../b", "./a", "\\", "%"),
    *("%2F", "%2e%2e", "%00", "%", "%zz", "?", "a?b=c", "#", "a#b", "&", "a&b=c", ";", "=", "+"),
    *(
        ":",
        "a:b",
        "@",
        "u:p@h",
        "http://h/x",
        "//h/x",
        "a b",
        "\t",
        "\r\nX-A: b",
        "\n",
        "\0",
        "a\0",
    ),
    *(
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
        "\u202e",
        "é",
        "e\u0301",
        "日本",
        "🐘",
        "\ud800",
        "／",
        "．．",
    ),
    *(
        "{}",
        "{0}",
        "%s",
        "None",
        "null",
        "true",
        "-1",
        "1e9",
        "٣",
        "x" * 10_000,
        "<b>",
        "'",
        '"',
        "`",
    ),
    *("CA1", "PROJECT-1", "live", "sandbox", "pre-release", "combined", "user", "us", "euw", "uk"),
]
TEXTS = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zs", "Po"]), max_size=5),
    st.sampled_from(ODD_TEXTS).map(Text),
)
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2**31, 2**63, 10**30, 0.0, -0.0, 0.5, 1e308, 1e-308, True, False]),
    st.sampled_from([math.inf, -math.inf, math.nan, 1j]),
    st.sampled_from([Number(5), Number(-5)]),
    st.integers(),
    st.floats(),
)
THINGS = st.one_of(
    st.none(),
    st.binary(max_size=3),
    st.lists(st.one_of(TEXTS, NUMBERS), max_size=3),
    st.dictionaries(TEXTS, st.one_of(TEXTS, NUMBERS, st.none()), max_size=3),
    st.sampled_from([object(), object, print, ..., Path("x"), {1}, (1, 2), (0.5, 5), range(3)]),
)
ANYTHING = st.one_of(TEXTS, NUMBERS, THINGS)

WRONG = Annotation(turn=0, role="agent", type="wrong_info")


def walk(client: Any, **options: Any) -> Any:
    listing = client.list_conversations(**options)

    async def collect() -> list[Any]:
        return [found async for found in listing]

    return list(listing) if isinstance(client, DataClient) else collect()


def opened(client: Any, *args: Any, **options: Any) -> Any:
    recording = client.open_recording(*args, **options)

    async def read() -> Any:
        async with recording as open_recording:
            return await open_recording.read()

    if not isinstance(client, DataClient):
        return read()
    with recording as open_recording:
        return open_recording.read()


def started(client: Any, *args: Any, **options: Any) -> Any:
    return client.start_chat(*args, **options)


def got(client: Any, **options: Any) -> Any:
    return client.with_options(**options).get_conversation("CA1")


def sent(client: Any, *args: Any, **options: Any) -> Any:
    return client.resume_chat("CA1", "sandbox").send(*args, **options)


def annotated(client: Any, **changes: Any) -> Any:
    annotation = Annotation(**{"turn": 0, "role": "agent", "type": "wrong_info", **changes})
    return client.add_annotations("CA1", [annotation])


class Index:
    """An integer that is not an `int`, as numpy and pandas have them."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


INTEGERS: dict[str, Callable[[Any, Any], Any]] = {
    "limit": lambda client, x: client.get_page(limit=x),
    "offset": lambda client, x: client.get_page(offset=x),
    "page_size": lambda client, x: walk(client, page_size=x),
    "first": lambda client, x: walk(client, offset=x),
    "max_items": lambda client, x: walk(client, max_items=x),
    "prefetch": lambda client, x: walk(client, prefetch=x),
    "concurrency": lambda client, x: many(client, concurrency=x),
    "turn": lambda client, x: annotated(client, turn=x),
    "timeout": lambda client, x: got(client, timeout=x),
    "timeouts": lambda client, x: got(client, timeout=(x, x)),
    "max_retries": lambda client, x: got(client, max_retries=x),
    "deadline": lambda client, x: got(client, deadline=x),
    "max_response_bytes": lambda client, x: got(client, max_response_bytes=x),
}


def many(client: Any, **options: Any) -> Any:
    results = client.get_conversations(["CA1"], **options)

    async def gather() -> list[Any]:
        return [one.value async for one in results]

    return [one.value for one in results] if isinstance(client, DataClient) else gather()


@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_of_any_type_is_an_integer_but_a_boolean_is_not(call: Caller, name: str) -> None:
    def use(value: Any, client: Any) -> Any:
        return INTEGERS[name](client, value)

    sent: dict[str, list[Any]] = {"int": [], "other": []}
    number = {"max_response_bytes": 1000, "deadline": 1000}.get(name, 1)
    page = {"conversations": [], "count": 0, "limit": 50, "offset": 0}
    body = {**page, "conversationId": "CA1", "success": True}
    values: dict[str, Any] = {"int": number, "other": Index(number)}
    for kind, value in values.items():

        def answer(request: httpx.Request, kind: str = kind) -> httpx.Response:
            sent[kind].append((str(request.url), request.content, request.extensions["timeout"]))
            return httpx.Response(200, json=body)

        call(answer, partial(use, value))
    assert sent["int"]
    assert sent["other"] == sent["int"]
    for wrong in (True, 1.5, "1"):
        if not (isinstance(wrong, float) and name in ("timeout", "timeouts", "deadline")):
            with pytest.raises((TypeError, ValueError)):
                call(None, partial(use, wrong))


GET = "GET /v1/agents/{agent_id}/conversations/{id}"
SHAPES = {
    "page": "GET /v1/agents/{agent_id}/conversations",
    "get": GET,
    "audio": f"{GET}/audio",
    "annotate": "POST /v1/agents/{agent_id}/conversations/{id}/annotation",
    "note": "POST /v1/agents/{agent_id}/conversations/{id}/note",
    "start": "POST /v1/agents/{agent_id}/debug-chat",
    "send": "POST /v1/agents/{agent_id}/debug-chat/{id}",
}

CALLS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "get_conversation": ("get", lambda client, x: client.get_conversation(x)),
    "open_recording": ("audio", lambda client, x: opened(client, x)),
    "add_annotations": ("annotate", lambda client, x: client.add_annotations(x, [WRONG])),
    "set_note": ("note", lambda client, x: client.set_note(x, "Listened to.")),
    "resume_chat": ("send", lambda client, x: client.resume_chat(x, "sandbox").send("Hi.")),
}
"""Calls that take a conversation's ID, which becomes a segment of the path."""

OTHERS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "limit": ("page", lambda client, x: client.get_page(limit=x)),
    "offset": ("page", lambda client, x: client.get_page(offset=x)),
    "page_size": ("page", lambda client, x: walk(client, page_size=x)),
    "first": ("page", lambda client, x: walk(client, offset=x)),
    "prefetch": ("page", lambda client, x: walk(client, prefetch=x)),
    "strict": ("page", lambda client, x: walk(client, strict=x)),
    "direction": ("audio", lambda client, x: opened(client, "CA1", direction=x)),
    "redacted": ("audio", lambda client, x: opened(client, "CA1", redacted=x)),
    "annotations": ("annotate", lambda client, x: client.add_annotations("CA1", x)),
    "annotation": ("annotate", lambda client, x: client.add_annotations("CA1", [x])),
    "turn": ("annotate", lambda client, x: annotated(client, turn=x)),
    "role": ("annotate", lambda client, x: annotated(client, role=x)),
    "type": ("annotate", lambda client, x: annotated(client, type=x)),
    "note": ("note", lambda client, x: client.set_note("CA1", x)),
    "environment": ("start", started),
    "language": ("start", lambda client, x: started(client, "sandbox", language=x)),
    "tts_language": ("start", lambda client, x: started(client, "sandbox", tts_language=x)),
    "variant_id": ("start", lambda client, x: started(client, "sandbox", variant_id=x)),
    "message": ("send", sent),
    "metadata": ("send", lambda client, x: sent(client, "Hi.", metadata=x)),
    "resumed": ("send", lambda client, x: client.resume_chat("CA1", x).send("Hi.")),
    "timeout": ("get", lambda client, x: got(client, timeout=x)),
    "max_retries": ("get", lambda client, x: got(client, max_retries=x)),
    "deadline": ("get", lambda client, x: got(client, deadline=x)),
    "max_response_bytes": ("get", lambda client, x: got(client, max_response_bytes=x)),
    "on_retry": ("get", lambda client, x: got(client, on_retry=x)),
}

ANSWERS = {
    "page": (200, {"conversations": [], "count": 0, "limit": 50, "offset": 0}),
    "get": (200, {"conversationId": "CA1"}),
    "annotate": (201, {"success": True}),
    "note": (201, {"success": True}),
    "start": (201, {"conversationId": "CA1", "userInput": "", "response": "Hello."}),
    "send": (200, {"conversationId": "CA1", "userInput": "Hi.", "response": "Yes?"}),
}


class Server:
    """Responds to each request with a success, and keeps what was requested."""

    def __init__(self, shape: str) -> None:
        self.shape = shape
        self.requests: list[tuple[str, str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode("ascii").partition("?")[0]
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        self.requests.append((request.method, origin, target))
        if self.shape == "audio":
            return httpx.Response(200, content=b"RIFF", headers={"Content-Type": "audio/wav"})
        status, body = ANSWERS[self.shape]
        if self.shape == "get":
            body = {"conversationId": unquote(target.rpartition("/")[2])}
        return httpx.Response(status, json=body)


def check_refusal(error: Exception, server: Server) -> None:
    """Check that nothing was sent, and that the message is readable."""
    message = str(error)
    assert message.strip()
    assert message.isprintable()
    assert len(message) < 600
    assert server.requests == []


def check(
    call: Caller,
    shape: str,
    do: Callable[[Any], Any],
    *,
    agent: Any = "PROJECT-1",
    conversation: Any = "CA1",
    may_fail: type[Exception] | tuple[()] = (),
    **settings: Any,
) -> None:
    """Check that a call raises before anything is sent, or sends its request to the right URL."""
    server = Server(shape)
    try:
        call(server, do, **{**SETTINGS, **settings})
    except (TypeError, ValueError) as error:
        check_refusal(error, server)
        return
    except may_fail:  # such as a deadline that passes before the response
        if not server.requests:
            return
    assert server.requests
    method, _, path = SHAPES[shape].partition(" ")
    expected = [
        {"{agent_id}": agent, "{id}": conversation}.get(segment, segment)
        for segment in path.split("/")
    ]
    for request in server.requests:
        assert request[:2] == (method, ORIGIN)
        assert [unquote(segment) for segment in request[2].split("/")] == expected
        assert re.fullmatch(r"[A-Za-z0-9%/._~-]+", request[2])


@pytest.mark.parametrize("name", CALLS)
@given(value=ANYTHING)
def test_an_id_is_refused_or_becomes_one_segment_of_the_path(
    call: Caller, name: str, value: Any
) -> None:
    shape, do = CALLS[name]
    check(call, shape, lambda client: do(client, value), conversation=value)


@given(value=ANYTHING)
def test_an_agent_is_refused_or_becomes_one_segment_of_the_path(call: Caller, value: Any) -> None:
    expected = "PROJECT-1" if value is None else value
    check(
        call,
        "get",
        lambda client: client.get_conversation("CA1", agent_id=value),
        agent=expected,
    )
    check(call, "audio", lambda client: opened(client, "CA1", agent_id=value), agent=expected)
    check(call, "get", lambda client: got(client, agent_id=value), agent=expected)


@pytest.mark.parametrize("name", OTHERS)
@given(value=ANYTHING)
def test_any_other_argument_is_refused_or_leaves_the_url_as_it_is(
    call: Caller, name: str, value: Any
) -> None:
    shape, do = OTHERS[name]
    may_fail = PolyAIError if name in ("deadline", "timeout", "max_response_bytes") else ()
    check(call, shape, lambda client: do(client, value), may_fail=may_fail)


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "region", "agent_id", "base_url", "timeout", "max_retries", "deadline"),
        *("max_response_bytes", "on_retry"),
    ],
)
@given(value=ANYTHING)
def test_a_setting_is_refused_or_leaves_the_url_as_it_is(
    call: Caller, name: str, value: Any
) -> None:
    agent = value if name == "agent_id" else "PROJECT-1"
    is_place = name == "region" and value in ("us", "us-1")
    if name in ("region", "base_url") and not is_place:
        server = Server("get")
        try:
            call(server, lambda client: client.get_conversation("CA1"), **{**SETTINGS, name: value})
        except (TypeError, ValueError) as error:
            check_refusal(error, server)
        else:
            ((_, origin, target),) = server.requests
            assert target == "/v1/agents/PROJECT-1/conversations/CA1"
            assert re.fullmatch(r"https://api\.(us|eu|uk|studio)\.poly\.ai", origin)
        return
    check(
        call,
        "get",
        lambda client: client.get_conversation("CA1"),
        agent=agent,
        may_fail=PolyAIError,
        **{name: value},
    )


@given(value=ANYTHING)
def test_an_invalid_studio_url_is_refused(call: Caller, value: Any) -> None:
    try:
        client = call.kind.from_studio_url(value, api_key="made-up-key-8f3a61")
    except (TypeError, ValueError) as error:
        check_refusal(error, Server("get"))
    else:
        call.close(client)
        raise AssertionError("none of these is a URL of Agent Studio")


@given(name=TEXTS)
def test_a_path_is_refused_or_written(
    call: Caller, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("calls")
    server = Server("audio")
    target = os.path.join(folder, name.replace("..", "").lstrip("/"))
    try:
        path = call(server, lambda client: client.download_recording("CA1", target), **SETTINGS)
    except (ValueError, OSError):
        assert server.requests == []
        assert list(folder.iterdir()) == []
    else:
        assert path.read_bytes() == b"RIFF"
        files = [each.resolve() for each in folder.rglob("*") if each.is_file()]
        assert files == [path.resolve()]


@given(value=st.one_of(NUMBERS, THINGS))
def test_an_invalid_path_is_refused(call: Caller, value: Any) -> None:
    if isinstance(value, Path | bytes):
        return
    server = Server("audio")
    with pytest.raises((TypeError, ValueError)):
        call(server, lambda client: client.download_recording("CA1", value), **SETTINGS)
    assert server.requests == []


@pytest.fixture
def raw_server(
    listening: Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]],
) -> Iterator[tuple[str, list[bytes]]]:
    """A server that keeps the request lines, and responds with 404."""
    lines: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                return
            received += chunk
        lines.append(received.partition(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with listening(behave) as address:
        yield address, lines


def get(name: str, client: Any) -> Any:
    return client.get_conversation(name, agent_id=name)


def test_a_server_receives_the_intended_segments(
    call: Caller, raw_server: tuple[str, list[bytes]]
) -> None:
    address, lines = raw_server
    refused = []
    for text in ODD_TEXTS:
        before = len(lines)
        try:
            call(None, partial(get, text), **{**SETTINGS, "base_url": f"http://{address}"})
        except ValueError:
            refused.append(text)
            assert len(lines) == before
        except NotFoundError:
            assert len(lines) == before + 1
            method, target, version = lines[-1].decode("ascii").split(" ")
            assert (method, version) == ("GET", "HTTP/1.1")
            expected = ["", "v1", "agents", text, "conversations", text]
            assert [unquote(segment) for segment in target.split("/")] == expected
    assert {"", ".", "..", "\0", "\n", "\ud800"} <= set(refused)
    assert len(lines) + len(refused) == len(ODD_TEXTS)
