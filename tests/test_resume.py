"""Recordings that break off: what is gone on with, what is started over, and what is given up."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import (
    APIConnectionError,
    APITimeoutError,
    PolyAIError,
    RecordingNotFoundError,
    ResponseDecodeError,
    Retry,
    _retry,
)

if TYPE_CHECKING:
    from tests.conftest import Caller

SETTINGS = {"api_key": "key", "region": "us", "agent_id": "PROJECT-1"}
SOUND = b"RIFF" + bytes(range(256)) * 4
WAY = Callable[[Any, Path], Any]


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces of 100 bytes, which ends or breaks where it is told to."""

    def __init__(
        self, content: bytes, *, breaks: bool = True, failure: BaseException | None = None
    ) -> None:
        self.pieces = [content[i : i + 100] for i in range(0, len(content), 100)]
        self.breaks = breaks
        self.failure = failure or httpx.ReadError("reset")
        self.closed = 0

    def __iter__(self) -> Any:
        yield from self.pieces
        if self.breaks:
            raise self.failure

    async def __aiter__(self) -> Any:
        for piece in self.pieces:
            yield piece
        if self.breaks:
            raise self.failure

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def first(upto: int = 400, *, breaks: bool = True, **headers: Any) -> httpx.Response:
    """Return the answer that holds the recording up to a byte, of all that it says it holds."""
    length = {"Content-Length": str(len(SOUND))}
    return httpx.Response(
        200,
        headers={"Content-Type": "audio/wav", **length, **headers},
        stream=Pieces(SOUND[:upto], breaks=breaks),
    )


def rest(start: int = 400, place: str | None = None, **headers: Any) -> httpx.Response:
    place = place or f"bytes {start}-{len(SOUND) - 1}/{len(SOUND)}"
    content = {"Content-Type": "audio/wav", "Content-Range": place, **headers}
    return httpx.Response(206, headers=content, stream=Pieces(SOUND[start:], breaks=False))


def whole() -> httpx.Response:
    return first(len(SOUND), breaks=False)


class Server:
    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.streams = [answer.stream for answer in answers]
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answers.pop(0)

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("Range") for request in self.requests]

    def all_closed(self) -> bool:
        return all(stream.closed for stream in self.streams if isinstance(stream, Pieces))


def run(call: Caller, server: Server, do: Callable[[Any], Any], **options: Any) -> Any:
    return call(server, do, **{**SETTINGS, "max_retries": 2, **options})


def download(call: Caller, server: Server, path: Path, **options: Any) -> bytes:
    told: list[tuple[int, int | None]] = []
    run(
        call,
        server,
        lambda client: client.download_recording(
            "CA1", path, progress=lambda *sizes: told.append(sizes)
        ),
        **options,
    )
    assert told[-1] == (len(SOUND), len(SOUND))
    return (path / "CA1.wav").read_bytes()


def read(call: Caller, server: Server, how: str = "read") -> bytes:
    def script(client: Any) -> Any:
        opened = client.open_recording("CA1")
        is_async = hasattr(opened, "__aenter__")
        recording = yield opened.__aenter__() if is_async else opened.__enter__()

        async def collect() -> bytes:
            return b"".join([piece async for piece in recording.iter_bytes()])

        try:
            if how == "read":
                return (yield recording.read())
            return (yield collect()) if is_async else b"".join(recording.iter_bytes())
        finally:
            yield (
                opened.__aexit__(None, None, None)
                if is_async
                else opened.__exit__(None, None, None)
            )

    client = call.client(server, **SETTINGS)
    found: bytes = call.play(client, script)
    return found


MODIFIED = "Wed, 03 Jun 2026 12:00:00 GMT"
LONG_AFTER = "Wed, 03 Jun 2026 12:01:00 GMT"
SOON_AFTER = "Wed, 03 Jun 2026 12:00:59 GMT"


@pytest.mark.parametrize(
    ("headers", "if_range"),
    [
        ({}, None),
        ({"ETag": '"abc"'}, '"abc"'),
        ({"ETag": 'W/"abc"'}, None),
        ({"ETag": '"é"'.encode()}, None),
        ({"Last-Modified": MODIFIED, "Date": LONG_AFTER}, MODIFIED),
        ({"Last-Modified": MODIFIED, "Date": SOON_AFTER}, None),
        ({"Last-Modified": MODIFIED}, None),
        ({"Last-Modified": "yesterday", "Date": LONG_AFTER}, None),
        ({"Last-Modified": MODIFIED.replace("GMT", "-0000"), "Date": LONG_AFTER}, None),
        ({"Last-Modified": MODIFIED, "Date": LONG_AFTER, "ETag": '"abc"'}, '"abc"'),
        ({"Last-Modified": MODIFIED, "Date": LONG_AFTER, "ETag": 'W/"abc"'}, None),
    ],
)
def test_a_download_goes_on_where_it_broke_off(
    call: Caller, tmp_path: Path, pauses: list[float], headers: Any, if_range: str | None
) -> None:
    server = Server(first(400, **headers), rest(400, **headers))
    assert download(call, server, tmp_path) == SOUND
    assert server.ranges == [None, "bytes=400-"]
    asked = server.requests[1].headers
    assert asked.get("If-Range") == if_range
    assert asked["Accept-Encoding"] == "identity"
    assert asked["X-PolyAI-Correlation-Id"] == server.requests[0].headers["X-PolyAI-Correlation-Id"]
    assert len(pauses) == 1
    assert server.all_closed()


def test_it_goes_on_as_often_as_there_are_retries(call: Caller, tmp_path: Path) -> None:
    told: list[Retry] = []
    again = rest(400)
    again.stream = Pieces(SOUND[400:700])
    server = Server(first(400), again, rest(700))
    assert download(call, server, tmp_path, on_retry=told.append) == SOUND
    assert server.ranges == [None, "bytes=400-", "bytes=700-"]
    assert [(retry.operation, retry.attempt) for retry in told] == [
        ("get_recording", 1),
        ("get_recording", 2),
    ]


def test_a_body_that_ends_early_without_a_word_is_gone_on_with(
    call: Caller, tmp_path: Path
) -> None:
    server = Server(first(400, breaks=False), rest(400))
    assert download(call, server, tmp_path) == SOUND


@pytest.mark.parametrize("how", ["read", "iterate"])
def test_a_stream_goes_on_where_it_broke_off(call: Caller, how: str) -> None:
    server = Server(first(400), rest(400))
    assert read(call, server, how) == SOUND
    assert server.all_closed()


NO_REST: dict[str, Callable[[], list[httpx.Response]]] = {
    "ignores ranges": lambda: [whole()],
    "of another start": lambda: [rest(300, f"bytes 300-{len(SOUND) - 1}/{len(SOUND)}"), whole()],
    "of another length": lambda: [rest(400, "bytes 400-1027/9999"), whole()],
    "without a place": lambda: [rest(400, " "), whole()],
    "out of range": lambda: [httpx.Response(416), whole()],
    "of other bytes": lambda: [rest(400, ETag='"other"'), whole()],
    "changed since": lambda: [rest(400, **{"Last-Modified": LONG_AFTER}), whole()],
    "compressed": lambda: [rest(400, **{"Content-Encoding": "gzip"}), whole()],
}
WITH_VALIDATORS: dict[str, Any] = {"ETag": '"abc"', "Last-Modified": MODIFIED}


@pytest.mark.parametrize("case", NO_REST)
def test_where_the_rest_is_not_to_be_had_it_starts_over(
    call: Caller, tmp_path: Path, case: str
) -> None:
    server = Server(first(400, **WITH_VALIDATORS), *NO_REST[case]())
    assert download(call, server, tmp_path) == SOUND
    assert (server.answers, server.all_closed()) == ([], True)
    assert read(call, Server(first(400, **WITH_VALIDATORS), *NO_REST[case]())) == SOUND


@pytest.mark.parametrize("case", NO_REST)
def test_bytes_that_were_handed_over_are_never_followed_by_others(call: Caller, case: str) -> None:
    server = Server(first(400, **WITH_VALIDATORS), NO_REST[case]()[0])
    with pytest.raises(APIConnectionError) as caught:
        read(call, server, "iterate")
    assert "reset" in str(caught.value)
    assert caught.value.attempts == 2
    assert server.all_closed()


def test_a_part_of_another_place_counts_as_an_attempt(call: Caller, tmp_path: Path) -> None:
    server = Server(first(400), rest(300), whole())
    with pytest.raises(APIConnectionError, match="reset") as caught:
        download(call, server, tmp_path, max_retries=1)
    assert caught.value.attempts == len(server.requests) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_is_compressed_is_started_over(call: Caller, tmp_path: Path) -> None:
    packed = gzip.compress(SOUND)
    headers: dict[str, Any] = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    broken = first(0, **headers)
    broken.stream = Pieces(packed[:100])
    server = Server(broken, whole())
    assert download(call, server, tmp_path) == SOUND
    assert server.ranges == [None, None]
    assert [request.headers["Accept-Encoding"] for request in server.requests] == ["identity"] * 2


@pytest.mark.parametrize("starts_over", [False, True])
def test_progress_goes_up_or_says_that_it_starts_over(
    call: Caller, tmp_path: Path, starts_over: bool
) -> None:
    told: list[int] = []
    server = Server(first(400), whole() if starts_over else rest(400))
    run(
        call,
        server,
        lambda client: client.download_recording(
            "CA1", tmp_path, progress=lambda so_far, _: told.append(so_far)
        ),
    )
    before, after = [100, 200, 300, 400], [500, 600, 700, 800, 900, 1000, len(SOUND)]
    assert told == before + ([0, *before] if starts_over else []) + after


def test_the_errors_of_a_recording_tell_its_attempts(call: Caller) -> None:
    no_length: dict[str, Any] = {"Content-Length": "x"}
    unmeasured = first(400, **no_length)
    words = httpx.Response(
        200, headers={"Content-Type": "audio/wav"}, stream=Pieces(b"Sorry. " * 20)
    )
    for answer, kind in ((unmeasured, APIConnectionError), (words, ResponseDecodeError)):
        with pytest.raises(kind) as caught:
            read(call, Server(httpx.Response(503), answer), "iterate")
        assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda: first(400, breaks=True, **{"Content-Length": "x"}),
        lambda: first(0),
    ],
    ids=["no length", "no bytes"],
)
def test_without_a_length_or_a_byte_there_is_no_rest_to_ask_for(
    call: Caller, tmp_path: Path, answer: Any
) -> None:
    server = Server(answer(), whole())
    assert download(call, server, tmp_path) == SOUND
    assert server.ranges == [None, None]
    server = Server(answer(), whole())
    with pytest.raises(APIConnectionError):
        read(call, server, "iterate")
    assert len(server.requests) == 1


def test_what_breaks_off_once_too_often_leaves_nothing(call: Caller, tmp_path: Path) -> None:
    with pytest.raises(APIConnectionError) as caught:
        download(call, Server(first(400), first(500), first(600)), tmp_path)
    assert caught.value.attempts == 3
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_vanished_meanwhile_leaves_nothing(call: Caller, tmp_path: Path) -> None:
    gone = httpx.Response(404, json={"error": "There is no recording."})
    with pytest.raises(RecordingNotFoundError):
        download(call, Server(first(400), gone), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_retries_nothing_is_asked_for_twice(call: Caller, tmp_path: Path) -> None:
    server = Server(first(400), rest(400))
    with pytest.raises(APIConnectionError):
        download(call, server, tmp_path, max_retries=0)
    assert len(server.requests) == 1


def test_a_part_that_nobody_asked_for_is_no_recording(call: Caller, tmp_path: Path) -> None:
    server = Server(rest(400))
    with pytest.raises(ResponseDecodeError, match="Only a part of the recording came, unasked"):
        download(call, server, tmp_path)
    assert server.all_closed()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_a_recording_that_is_compressed_unasked_is_none_and_is_not_unpacked(
    call: Caller, tmp_path: Path, encoding: str
) -> None:
    headers: dict[str, Any] = {"Content-Encoding": encoding}
    answer = first(0, breaks=False, **headers)
    answer.stream = Pieces(gzip.compress(gzip.compress(SOUND)), breaks=False)
    with pytest.raises(ResponseDecodeError, match=rf"not asked for \({encoding}\)"):
        download(call, Server(answer), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_encoding_that_is_none_does_no_harm(call: Caller, tmp_path: Path) -> None:
    headers: dict[str, Any] = {"Content-Encoding": "aws-chunked"}
    answer = first(len(SOUND), breaks=False, **headers)
    run(call, Server(answer), lambda client: client.download_recording("CA1", tmp_path))
    assert (tmp_path / "CA1.wav").read_bytes() == SOUND


@pytest.mark.parametrize("cut", ["in the middle of a body", "while it waits"])
def test_ctrl_c_leaves_nothing_and_closes_the_stream(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    def interrupt(_: float) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(_retry, "sleep", interrupt)
    monkeypatch.setattr(_retry, "sleep_asynchronously", interrupt)
    answer = first(400)
    if cut == "in the middle of a body":
        answer.stream = Pieces(SOUND[:400], failure=KeyboardInterrupt())
    server = Server(answer)
    with pytest.raises(KeyboardInterrupt):
        download(call, server, tmp_path)
    assert server.all_closed()
    assert (len(server.requests), list(tmp_path.iterdir())) == (1, [])


def test_a_deadline_bounds_the_download_too(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr(_retry, "monotonic", lambda: next(now))
    with pytest.raises(APITimeoutError, match="the deadline of 5 s has passed"):
        download(call, Server(first(len(SOUND), breaks=False)), tmp_path, deadline=5)
    assert list(tmp_path.iterdir()) == []


def test_meta_tells_how_many_attempts_a_recording_took(call: Caller) -> None:
    def script(client: Any) -> Any:
        opened = client.open_recording("CA1")
        is_async = hasattr(opened, "__aenter__")
        recording = yield opened.__aenter__() if is_async else opened.__enter__()
        yield recording.read()
        yield opened.__aexit__(None, None, None) if is_async else opened.__exit__(None, None, None)
        return recording.meta.attempts

    assert call.play(call.client(Server(first(400), rest(400)), **SETTINGS), script) == 2


def test_no_failure_between_two_attempts_holds_the_key(call: Caller, tmp_path: Path) -> None:
    with pytest.raises(PolyAIError) as caught:
        download(call, Server(first(400), first(500), first(600)), tmp_path)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_over_real_connections_a_download_goes_on_where_it_broke_off(
    call: Caller, tmp_path: Path, listening: Callable[..., Any]
) -> None:
    asked: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if not request:
            return
        asked.append(request)
        if len(asked) == 1:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: {len(SOUND)}"
            connection.sendall(f'{head}\r\nETag: "1"\r\n\r\n'.encode() + SOUND[:500])
        else:
            place = f"Content-Range: bytes 500-{len(SOUND) - 1}/{len(SOUND)}"
            head = f"HTTP/1.1 206 Partial Content\r\nContent-Type: audio/wav\r\n{place}"
            length = f"Content-Length: {len(SOUND) - 500}\r\nConnection: close"
            connection.sendall(f"{head}\r\n{length}\r\n\r\n".encode() + SOUND[500:])

    with listening(behave) as address:
        client = call.client(None, api_key="key", agent_id="A", base_url=f"http://{address}")
        (path,) = call.run(client, lambda client: client.download_recording("CA1", tmp_path))
    assert path.read_bytes() == SOUND
    assert [b"Range: bytes=500-" in request for request in asked] == [False, True]
    assert b'If-Range: "1"' in asked[1]


def test_over_real_connections_a_read_is_sent_again_after_a_dropped_answer(
    call: Caller, listening: Callable[..., Any], sample: Callable[..., Any]
) -> None:
    body = json.dumps(sample()).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    asked: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if not request:
            return
        asked.append(request)
        content = [b"", body[:100], body][len(asked) - 1]
        if len(asked) > 1:
            connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + content)

    with listening(behave) as address:
        client = call.client(None, api_key="key", agent_id="A", base_url=f"http://{address}")
        (conversation,) = call.run(client, lambda client: client.get_conversation("CA1"))
    assert conversation.meta.attempts == len(asked) == 3
