"""Interrupted downloads of recordings: which start over, and which raise."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Mapping
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
)
from polyai_data._async import io as async_io
from polyai_data._http import clock
from polyai_data._sync import io as sync_io

if TYPE_CHECKING:
    from tests.conftest import Caller

SETTINGS = {"api_key": "key", "region": "us", "agent_id": "PROJECT-1"}
SOUND = b"RIFF" + bytes(range(256)) * 4
LENGTH = len(SOUND)


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in chunks of 100 bytes, which ends with a failure or without."""

    def __init__(self, content: bytes, failure: BaseException | None = None) -> None:
        self.chunks = [content[i : i + 100] for i in range(0, len(content), 100)]
        self.failure = failure
        self.closed = 0

    def __iter__(self) -> Any:
        yield from self.chunks
        if self.failure is not None:
            raise self.failure

    async def __aiter__(self) -> Any:
        for chunk in self.chunks:
            yield chunk
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def responding(
    body: Chunks, headers: Mapping[str, str] | None = None, status: int = 200
) -> httpx.Response:
    sent = {"Content-Type": "audio/wav", "Content-Length": str(LENGTH), **(headers or {})}
    return httpx.Response(status, headers=sent, stream=body)


def dropped(at: int = 400, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return a response whose connection is reset after some bytes."""
    return responding(Chunks(SOUND[:at], httpx.ReadError("reset")), headers)


def short(at: int = 400) -> httpx.Response:
    """Return a response that ends early without a failure."""
    return responding(Chunks(SOUND[:at]))


def whole() -> httpx.Response:
    return responding(Chunks(SOUND))


class Server:
    """Sends the given responses, one after the other, and keeps the requests."""

    def __init__(self, *responses: httpx.Response) -> None:
        self.responses = list(responses)
        self.streams = [response.stream for response in responses]
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.responses.pop(0)

    def all_closed(self) -> bool:
        return all(stream.closed for stream in self.streams if isinstance(stream, Chunks))


def run(call: Caller, server: Server, do: Callable[[Any], Any], **options: Any) -> Any:
    return call(server, do, **{**SETTINGS, "max_retries": 2, **options})


def download(call: Caller, server: Server, directory: Path, **options: Any) -> bytes:
    run(call, server, lambda client: client.download_recording("CA1", directory), **options)
    return (directory / "CA1.wav").read_bytes()


def read(call: Caller, server: Server, how: str = "read", **options: Any) -> bytes:
    """Read a recording as a whole, or by `iter_bytes`."""

    def script(client: Any) -> Any:
        opened = client.open_recording("CA1")
        is_async = hasattr(opened, "__aenter__")
        recording = yield opened.__aenter__() if is_async else opened.__enter__()

        async def collect() -> bytes:
            return b"".join([chunk async for chunk in recording.iter_bytes()])

        try:
            if how == "read":
                return (yield recording.read())
            return (yield collect()) if is_async else b"".join(recording.iter_bytes())
        finally:
            leave = opened.__aexit__ if is_async else opened.__exit__
            yield leave(None, None, None)

    client = call.client(server, **{**SETTINGS, **options})
    found: bytes = call.play(client, script)
    return found


INTERRUPTIONS: dict[str, Callable[[], httpx.Response]] = {
    "dropped": dropped,
    "before the first byte": lambda: dropped(0),
    "short": short,
    "empty": lambda: short(0),
    "dropped without a length": lambda: dropped(headers={"Content-Length": "x"}),
    "too long": lambda: responding(Chunks(SOUND + b"more")),
}


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_an_interrupted_download_starts_over(
    call: Caller, tmp_path: Path, pauses: list[float], name: str
) -> None:
    server = Server(INTERRUPTIONS[name](), whole())
    assert download(call, server, tmp_path) == SOUND
    assert [path.name for path in tmp_path.iterdir()] == ["CA1.wav"]
    first, second = server.requests
    assert (first.url, first.headers) == (second.url, second.headers)
    assert not {"Range", "If-Range"} & set(first.headers)
    assert first.headers["Accept-Encoding"] == "identity"
    assert len(pauses) == 1
    assert server.all_closed()


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_an_interrupted_read_starts_over(call: Caller, name: str) -> None:
    server = Server(INTERRUPTIONS[name](), whole())
    assert read(call, server) == SOUND
    assert server.all_closed()


def test_a_download_starts_over_as_often_as_there_are_retries(call: Caller, tmp_path: Path) -> None:
    told: list[Retry] = []
    server = Server(dropped(400), dropped(700), whole())
    assert download(call, server, tmp_path, on_retry=told.append) == SOUND
    assert [(retry.operation, retry.attempt) for retry in told] == [
        ("get_recording", 1),
        ("get_recording", 2),
    ]
    assert all(isinstance(retry.cause, APIConnectionError) for retry in told)


def test_opening_and_downloading_share_the_retries(call: Caller, tmp_path: Path) -> None:
    server = Server(httpx.Response(503), dropped(), dropped(), whole())
    with pytest.raises(APIConnectionError) as caught:
        download(call, server, tmp_path)
    assert caught.value.attempts == len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_longer_first_attempt_leaves_no_bytes_behind(call: Caller, tmp_path: Path) -> None:
    other = b"RIFF" + b"\xff" * 100
    second = responding(Chunks(other), {"Content-Length": str(len(other))})
    assert download(call, Server(dropped(900), second), tmp_path) == other
    second = responding(Chunks(other), {"Content-Length": str(len(other))})
    assert read(call, Server(dropped(900), second)) == other


# --- iter_bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dropped", "short", "dropped without a length", "too long"])
def test_iter_bytes_raises_once_bytes_were_delivered(
    call: Caller, pauses: list[float], name: str
) -> None:
    server = Server(INTERRUPTIONS[name](), whole())
    with pytest.raises(APIConnectionError) as caught:
        read(call, server, "iterate", max_retries=5)
    assert caught.value.attempts == len(server.requests) == 1
    assert pauses == []
    assert server.streams[0].closed  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["before the first byte", "empty"])
def test_iter_bytes_starts_over_while_no_byte_was_delivered(call: Caller, name: str) -> None:
    server = Server(INTERRUPTIONS[name](), whole())
    assert read(call, server, "iterate") == SOUND
    assert len(server.requests) == 2
    assert server.all_closed()


def test_iter_bytes_delivers_what_arrived_before_it_raises(call: Caller) -> None:
    delivered: list[bytes] = []

    def deliver(client: Any) -> Any:
        opened = client.open_recording("CA1")

        async def deliver_asynchronously() -> None:
            async with opened as recording:
                async for chunk in recording.iter_bytes():
                    delivered.append(chunk)

        if hasattr(opened, "__aenter__"):
            return deliver_asynchronously()
        with opened as recording:
            for chunk in recording.iter_bytes():
                delivered.append(chunk)
        return None

    with pytest.raises(APIConnectionError, match="reset"):
        run(call, Server(dropped(400)), deliver)
    assert b"".join(delivered) == SOUND[:400]


# --- Errors --------------------------------------------------------------------------------------


def test_an_incomplete_recording_says_how_much_is_missing(call: Caller) -> None:
    with pytest.raises(APIConnectionError) as caught:
        read(call, Server(short(400)), max_retries=0)
    assert caught.value.message == "the recording is incomplete: 400 of 1,028 bytes"
    assert caught.value.status_code == 200


def test_a_download_that_is_interrupted_too_often_leaves_nothing(
    call: Caller, tmp_path: Path
) -> None:
    server = Server(dropped(400), dropped(500), dropped(600))
    with pytest.raises(APIConnectionError) as caught:
        download(call, server, tmp_path)
    assert caught.value.attempts == 3
    assert list(tmp_path.iterdir()) == []
    assert server.all_closed()


def test_without_retries_an_interrupted_download_raises(call: Caller, tmp_path: Path) -> None:
    server = Server(dropped(), whole())
    with pytest.raises(APIConnectionError):
        download(call, server, tmp_path, max_retries=0)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_vanished_meanwhile_leaves_nothing(call: Caller, tmp_path: Path) -> None:
    gone = httpx.Response(404, json={"error": "There is no recording."})
    with pytest.raises(RecordingNotFoundError):
        download(call, Server(dropped(), gone), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_partial_response_is_an_error(call: Caller, tmp_path: Path, attempt: int) -> None:
    place = f"bytes 400-{LENGTH - 1}/{LENGTH}"
    partial = responding(Chunks(SOUND[400:]), {"Content-Range": place}, status=206)
    server = Server(*[dropped()] * (attempt - 1), partial)
    with pytest.raises(ResponseDecodeError) as caught:
        download(call, server, tmp_path)
    assert caught.value.message == "The server sent a part of the recording only"
    assert (caught.value.status_code, caught.value.attempts) == (206, attempt)
    assert list(tmp_path.iterdir()) == []
    assert server.all_closed()


def test_the_errors_of_a_recording_have_its_attempts(call: Caller) -> None:
    words = responding(Chunks(b"Sorry. " * 20), {"Content-Length": "140"})
    for response, kind in ((dropped(), APIConnectionError), (words, ResponseDecodeError)):
        with pytest.raises(kind) as caught:
            read(call, Server(httpx.Response(503), response), "iterate")
        assert caught.value.attempts == 2


def test_meta_has_the_number_of_attempts(call: Caller) -> None:
    def script(client: Any) -> Any:
        opened = client.open_recording("CA1")
        is_async = hasattr(opened, "__aenter__")
        recording = yield opened.__aenter__() if is_async else opened.__enter__()
        yield recording.read()
        yield opened.__aexit__(None, None, None) if is_async else opened.__exit__(None, None, None)
        return recording.meta.attempts

    assert call.play(call.client(Server(dropped(), whole()), **SETTINGS), script) == 2


def test_no_failure_between_two_attempts_holds_the_key(call: Caller, tmp_path: Path) -> None:
    with pytest.raises(PolyAIError) as caught:
        download(call, Server(dropped(400), dropped(500), dropped(600)), tmp_path)
    assert caught.value.__cause__ is caught.value.__context__ is None


# --- Progress, compression, deadline, Ctrl-C -----------------------------------------------------


def test_progress_starts_over_too(call: Caller, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    run(
        call,
        Server(dropped(400), whole()),
        lambda client: client.download_recording(
            "CA1", tmp_path, progress=lambda *sizes: told.append(sizes)
        ),
    )
    before = [100, 200, 300, 400]
    after = [0, *before, 500, 600, 700, 800, 900, 1000, LENGTH]
    assert told == [(received, LENGTH) for received in before + after]


def test_a_compressed_recording_starts_over(call: Caller, tmp_path: Path) -> None:
    packed = gzip.compress(SOUND)
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    body = Chunks(packed[:100], httpx.ReadError("reset"))
    server = Server(responding(body, headers), responding(Chunks(packed), headers))
    assert download(call, server, tmp_path) == SOUND


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_a_recording_with_an_unsupported_encoding_is_not_decompressed(
    call: Caller, tmp_path: Path, encoding: str
) -> None:
    body = Chunks(gzip.compress(gzip.compress(SOUND)))
    with pytest.raises(ResponseDecodeError) as caught:
        download(call, Server(responding(body, {"Content-Encoding": encoding})), tmp_path)
    assert caught.value.message == (
        f"The response has an unsupported Content-Encoding ({encoding})"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_encoding_that_is_not_a_compression_does_no_harm(call: Caller, tmp_path: Path) -> None:
    server = Server(responding(Chunks(SOUND), {"Content-Encoding": "aws-chunked"}))
    assert download(call, server, tmp_path) == SOUND


@pytest.mark.parametrize("when", ["in the middle of a body", "before a retry"])
def test_ctrl_c_leaves_no_file_and_closes_the_stream(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def interrupt(_: float) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(sync_io, "_sleep", lambda _, seconds: interrupt(seconds))
    monkeypatch.setattr(async_io, "_sleep", interrupt)
    in_body = responding(Chunks(SOUND[:400], KeyboardInterrupt()))
    server = Server(in_body if when == "in the middle of a body" else dropped())
    with pytest.raises(KeyboardInterrupt):
        download(call, server, tmp_path)
    assert server.all_closed()
    assert (len(server.requests), list(tmp_path.iterdir())) == (1, [])


def test_a_deadline_limits_the_download_too(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr(clock, "monotonic", lambda: next(now))
    with pytest.raises(APITimeoutError, match="the deadline of 5 s has passed"):
        download(call, Server(whole()), tmp_path, deadline=5)
    assert list(tmp_path.iterdir()) == []


# --- Over sockets --------------------------------------------------------------------------------


def test_over_sockets_a_download_starts_over(
    call: Caller, tmp_path: Path, listening: Callable[..., Any]
) -> None:
    requests: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if not request:
            return
        requests.append(request)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: {LENGTH}"
        content = SOUND[:500] if len(requests) == 1 else SOUND
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + content)

    with listening(behave) as address:
        client = call.client(None, api_key="key", agent_id="A", base_url=f"http://{address}")
        (path,) = call.run(client, lambda client: client.download_recording("CA1", tmp_path))
    assert path.read_bytes() == SOUND
    assert len(requests) == 2
    assert not any(b"range:" in request.lower() for request in requests)


def test_over_sockets_a_read_is_sent_again_after_a_dropped_response(
    call: Caller, listening: Callable[..., Any], sample: Callable[..., Any]
) -> None:
    body = json.dumps(sample()).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    requests: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if not request:
            return
        requests.append(request)
        content = [b"", body[:100], body][len(requests) - 1]
        if len(requests) > 1:
            connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + content)

    with listening(behave) as address:
        client = call.client(None, api_key="key", agent_id="A", base_url=f"http://{address}")
        (conversation,) = call.run(client, lambda client: client.get_conversation("CA1"))
    assert conversation.meta.attempts == len(requests) == 3
