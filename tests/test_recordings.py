"""Recordings: complete and under their final name, or an error and no file."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import (
    APIConnectionError,
    APIStatusError,
    DataClient,
    NotFoundError,
    PolyAIError,
    RecordingNotFoundError,
    ResponseDecodeError,
    ServerError,
)
from polyai_data._files import part_file, recording_file_name
from polyai_data.sandbox import serve

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

    Listening = Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]]

SANDBOX = {"api_key": "sandbox", "region": None, "agent_id": "PROJECT-DEMO"}
WAV = b"RIFF" + (2044).to_bytes(4, "little") + bytes(range(4, 256)) + bytes(range(256)) * 7
AUDIO = {"Content-Type": "audio/wav"}


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in chunks, and knows whether it was closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def opened(use: Callable[[Any], Any], **options: Any) -> Callable[[Any], Any]:
    """Return a step that opens the recording and uses it, for either client."""

    def do(client: Any) -> Any:
        if isinstance(client, DataClient):
            with client.open_recording("CA1", **options) as recording:
                return use(recording)

        async def wait() -> Any:
            async with client.open_recording("CA1", **options) as recording:
                result = use(recording)
                return await result if asyncio.iscoroutine(result) else result

        return wait()

    return do


def chunks_of(recording: Any) -> Any:
    async def gather() -> list[bytes]:
        return [chunk async for chunk in recording.iter_bytes()]

    return gather() if call_is_async(recording) else list(recording.iter_bytes())


def call_is_async(recording: Any) -> bool:
    return type(recording).__name__ == "AsyncRecording"


def download(path: Path | str, name: str = "CA1", **options: Any) -> Callable[[Any], Any]:
    return lambda client: client.download_recording(name, path, **options)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(conversations=12) as url:
        yield url


@pytest.mark.parametrize("redacted", [False, True])
@pytest.mark.parametrize("direction", ["combined", "user", "agent"])
def test_it_is_saved_as_the_server_gives_it(
    call: Caller, sandbox: str, tmp_path: Path, direction: str, redacted: bool
) -> None:
    headers = {"X-API-KEY": "sandbox"}
    root = f"{sandbox}/v1/agents/PROJECT-DEMO/conversations"
    records = httpx.get(root, headers=headers).json()["conversations"]
    name = next(record["conversationId"] for record in records if record["audioUrl"])
    query = f"direction={direction}&redacted={str(redacted).lower()}"
    expected = httpx.get(f"{root}/{name}/audio?{query}", headers=headers).content
    seen: list[tuple[int, int | None]] = []
    do = download(
        tmp_path,
        name,
        direction=direction,
        redacted=redacted,
        progress=lambda *figures: seen.append(figures),
    )
    path = call(None, do, base_url=sandbox, **SANDBOX)
    suffix = ("" if direction == "combined" else f".{direction}") + ".redacted" * redacted
    assert path == tmp_path / f"{name}{suffix}.wav"
    assert path.read_bytes() == expected
    assert names(tmp_path) == [path.name]
    assert seen == sorted(set(seen))
    assert {total for _, total in seen} == {len(expected)}
    assert seen[-1][0] == len(expected)


def test_an_open_recording_says_what_it_is_and_is_read_once(call: Caller) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept"] == "audio/wav"
        length = {"Content-Length": str(len(WAV))}
        return httpx.Response(200, stream=Chunks(WAV[:9], WAV[9:]), headers={**AUDIO, **length})

    recordings: list[Any] = []
    keep = recordings.append
    chunks = call(answer, opened(lambda r: (keep(r), chunks_of(r))[1], direction="user"))
    assert chunks == [WAV[:9], WAV[9:]]
    (recording,) = recordings
    assert (recording.conversation_id, recording.direction, recording.redacted) == (
        "CA1",
        "user",
        False,
    )
    assert (recording.content_length, recording.content_type) == (len(WAV), "audio/wav")
    assert recording.meta.status_code == 200
    assert repr(recording) == f"<{type(recording).__name__} CA1 user 2,052 bytes>"
    assert call(answer, opened(lambda r: r.read())) == WAV

    def twice(recording: Any) -> Any:
        async def read() -> None:
            await recording.read()
            await recording.read()

        return read() if call_is_async(recording) else (recording.read(), recording.read())

    assert call.fails(answer, opened(twice)).message == (
        "This recording was read already, and its bytes are not kept. Open it again."
    )


def test_outside_of_its_with_statement_it_is_closed(call: Caller) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Chunks(WAV), headers=AUDIO)

    client = call.client(answer, api_key="k", region="us", agent_id="A")
    (recording,) = call.use(client, opened(lambda recording: recording))
    with pytest.raises(PolyAIError) as caught:
        call.use(client, lambda _: recording.read())
    call.close(client)
    assert str(caught.value) == (
        "This recording is closed. Read it inside the with statement that opens it."
    )


def test_without_a_length_the_total_is_unknown(call: Caller, tmp_path: Path) -> None:
    seen: list[Any] = []

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Chunks(WAV[:9], WAV[9:]), headers=AUDIO)

    def progress(*figures: Any) -> None:
        seen.append((*figures, names(tmp_path)))

    path = call(answer, download(tmp_path / "a.wav", progress=progress))
    (part,) = seen[0][2]
    assert re.fullmatch(r"a\.wav\.[0-9a-f]{8}\.part", part)
    assert seen == [(9, None, [part]), (len(WAV), None, [part])]
    assert names(tmp_path) == ["a.wav"]
    assert path.read_bytes() == WAV
    assert call(answer, opened(repr)).endswith("Recording CA1 combined size unknown>")


def test_a_whole_answer_from_memory_is_read(call: Caller) -> None:
    assert call(lambda _: httpx.Response(200, content=WAV), opened(lambda r: r.read())) == WAV


# --- What is refused before anything is sent -----------------------------------------------------


def test_an_existing_file_is_kept_unless_asked(
    call: Caller, server: FakeServer, tmp_path: Path
) -> None:
    server.respond(200, content=WAV, headers=AUDIO)
    (tmp_path / "CA1.wav").write_bytes(b"mine")
    for path in (tmp_path, tmp_path / "CA1.wav"):
        with pytest.raises(FileExistsError, match="overwrite=True"):
            call(server, download(path))
    assert server.requests == []
    with pytest.raises(FileExistsError):
        call(server, opened(lambda recording: recording.save(tmp_path)))
    assert (tmp_path / "CA1.wav").read_bytes() == b"mine"
    call(server, download(tmp_path, overwrite=True))
    assert (tmp_path / "CA1.wav").read_bytes() == WAV


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        (
            "",
            {},
            ValueError,
            "conversation_id='' is not a valid ID. Pass the ID as PolyAI shows it.",
        ),
        (5, {}, TypeError, "conversation_id must be a string, not int."),
        ("CA1", {"direction": "a/b"}, ValueError, "'agent', 'combined', 'user'"),
        ("CA1", {"direction": 5}, ValueError, "direction=5"),
        ("CA1", {"redacted": "no"}, TypeError, "redacted must be a boolean, not str."),
    ],
)
def test_invalid_arguments_are_refused(
    call: Caller,
    server: FakeServer,
    tmp_path: Path,
    name: Any,
    options: Any,
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind) as caught:
        call(server, download(tmp_path, name, **options))
    assert message in str(caught.value)
    assert (server.requests, names(tmp_path)) == ([], [])


def test_a_missing_directory_is_refused(call: Caller, server: FakeServer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^The directory '.*nowhere' does not exist\.$"):
        call(server, download(tmp_path / "nowhere" / "a.wav"))
    assert server.requests == []


IDS = st.one_of(
    st.text(min_size=1, max_size=30),
    st.text("aAcCoOnNuUxXlLmMpPrR1-_./\\:", min_size=1, max_size=6),
    st.sampled_from(["../x", "/etc/x", "a\0b", "CON", "com1", "nul", "-rf", "Ä", "x" * 4000]),
).filter(lambda name: not any("\ud800" <= character <= "\udfff" for character in name))


@given(name=IDS, other=IDS)
def test_every_id_gives_a_safe_name_of_its_own(name: str, other: str) -> None:
    made = recording_file_name(name, "user", False)
    stem = made.removesuffix(".user.wav")
    assert stem != made
    assert 0 < len(made) < 160
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in stem)
    assert not stem.startswith("-")
    devices = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}
    assert stem.lower() not in devices
    assert (made == recording_file_name(other, "user", False)) == (name == other)


@pytest.mark.parametrize("name", ["CON", "nul", "Lpt1", "-rf", "../x", "a\\b", "x" * 121])
def test_what_is_unsafe_is_replaced_and_told_apart_by_a_hash(name: str) -> None:
    made = recording_file_name(name, "combined", False)
    assert made not in (f"{name}.wav", f"_{name}.wav")
    assert len(made.removesuffix(".wav").rpartition("_")[2]) == 16


# --- What goes wrong -----------------------------------------------------------------------------


def fails_and_can_be_tried_again(
    call: Caller, answer: Any, tmp_path: Path, **options: Any
) -> PolyAIError:
    """Return the error, after a look at what it left, and after a second try."""
    error = call.fails(answer, download(tmp_path), **options)
    assert names(tmp_path) == []
    assert error.__cause__ is error.__context__ is None
    again = download(tmp_path)
    call(lambda _: httpx.Response(200, stream=Chunks(WAV), headers=AUDIO), again)
    assert (tmp_path / "CA1.wav").read_bytes() == WAV
    return error


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: audio/wav", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    "raw",
    [
        head("Content-Length: 100") + WAV[:50],
        head("Content-Length: 100"),
        head("Transfer-Encoding: chunked") + b"32\r\n" + WAV[:50] + b"\r\n",
        head("Transfer-Encoding: chunked") + b"64\r\n" + WAV[:50],
    ],
)
def test_a_transfer_that_breaks_off_leaves_nothing(
    call: Caller, listening: Listening, tmp_path: Path, raw: bytes
) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(raw)

    with listening(behave) as address:
        error = fails_and_can_be_tried_again(call, None, tmp_path, base_url=f"http://{address}")
    assert type(error) is APIConnectionError
    assert "dropped the connection" in error.message


@pytest.mark.parametrize("length", [len(WAV) - 1, len(WAV) + 1])
def test_another_length_than_announced_is_an_error(
    call: Caller, tmp_path: Path, length: int
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        headers = {**AUDIO, "Content-Length": str(length)}
        return httpx.Response(200, stream=Chunks(WAV), headers=headers)

    error = fails_and_can_be_tried_again(call, answer, tmp_path)
    assert type(error) is APIConnectionError
    assert error.message == f"the recording is incomplete: 2,052 of {length:,} bytes"


def test_the_length_of_an_encoded_body_is_not_that_of_the_recording(
    call: Caller, tmp_path: Path
) -> None:
    body = gzip.compress(WAV)
    headers = {**AUDIO, "Content-Length": str(len(body)), "Content-Encoding": "gzip"}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Chunks(body), headers=headers)

    assert call(answer, opened(lambda recording: recording.content_length)) is None
    assert call(answer, download(tmp_path)).read_bytes() == WAV


HTML = b" \n<html>gateway</html>"
REFUSED = b'{"success": false, "error_message": "not now"}'


@pytest.mark.parametrize(
    ("kind", "body", "error", "message"),
    [
        ("audio/wav", b"", ResponseDecodeError, "The recording is empty"),
        ("text/html", HTML, ResponseDecodeError, "Expected audio, got an HTML page"),
        ("audio/wav", HTML, ResponseDecodeError, "Expected audio, got an HTML page"),
        (
            "application/json",
            b'{"a": 1}',
            ResponseDecodeError,
            "Expected audio, got application/json",
        ),
        ("audio/wav", b'{"a": 1}', ResponseDecodeError, "Expected audio, got text"),
        ("audio/wav", b"[1]", ResponseDecodeError, "Expected audio, got text"),
        ("application/json", REFUSED, APIStatusError, "not now"),
        ("audio/wav", REFUSED, APIStatusError, "not now"),
    ],
)
def test_a_success_that_is_not_audio_is_an_error(
    call: Caller, tmp_path: Path, kind: str, body: bytes, error: type[PolyAIError], message: str
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Chunks(body), headers={"Content-Type": kind})

    raised = fails_and_can_be_tried_again(call, answer, tmp_path)
    assert type(raised) is error
    assert raised.message == message
    assert raised.status_code == 200


def test_damaged_compression_is_an_error(call: Caller, tmp_path: Path) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        headers = {**AUDIO, "Content-Encoding": "gzip"}
        return httpx.Response(
            200, stream=Chunks(gzip.compress(WAV)[:-8], bytes(8)), headers=headers
        )

    error = fails_and_can_be_tried_again(call, answer, tmp_path)
    assert type(error) is ResponseDecodeError
    assert error.message.startswith("Invalid compressed data: Error -3")


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (
            404,
            {"json": {"error_code": "CONVERSATIONS_RECORDING_NOT_FOUND"}},
            RecordingNotFoundError,
        ),
        (404, {"json": {"error": "none"}}, RecordingNotFoundError),
        (404, {"html": "<p>gateway</p>"}, NotFoundError),
        (500, {"json": {"error": "odd"}}, ServerError),
        (500, {"content": WAV, "headers": AUDIO}, ServerError),
    ],
)
def test_a_status_is_the_error_it_says(
    call: Caller, server: FakeServer, tmp_path: Path, status: int, content: Any, kind: Any
) -> None:
    server.respond(status, **content)
    error = fails_and_can_be_tried_again(call, server, tmp_path)
    assert type(error) is kind
    assert error.status_code == status


def test_a_chat_has_no_recording(call: Caller, sandbox: str, tmp_path: Path) -> None:
    def chat(client: Any) -> Any:
        return client.get_page(limit=12)

    page = call(None, chat, base_url=sandbox, **SANDBOX)
    name = next(c.conversation_id for c in page.conversations if c.channel == "chat.polyai")
    error = call.fails(None, download(tmp_path, name), base_url=sandbox, **SANDBOX)
    assert type(error) is RecordingNotFoundError
    assert names(tmp_path) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("full", ["close", "rename"])
def test_a_disk_that_fails_at_the_end_leaves_nothing(
    call: Caller, tmp_path: Path, full: str, overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def progress(*_: Any) -> None:
        if full == "rename":
            monkeypatch.setattr("os.link", refuse)
            monkeypatch.setattr("os.replace", refuse)

    if full == "close":
        made = Path.open

        def open_full(path: Path, *arguments: Any, **options: Any) -> Any:
            file = made(path, *arguments, **options)

            class Full:
                write = file.write

                def __enter__(self) -> Any:
                    return self

                def __exit__(self, *_: object) -> None:
                    file.close()
                    refuse()

            return Full()

        monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OSError, match="No space left"):
        call(
            lambda _: httpx.Response(200, stream=Chunks(WAV), headers=AUDIO),
            download(tmp_path, progress=progress, overwrite=overwrite),
        )
    assert names(tmp_path) == []


class Boom(Exception):
    pass


@pytest.mark.parametrize("failure", [Boom(), KeyboardInterrupt(), httpx.ReadError("mine")])
def test_what_the_consumer_raises_passes_and_closes_the_stream(
    call: Caller, tmp_path: Path, failure: BaseException
) -> None:
    body = Chunks(WAV[:9], WAV[9:])

    def boom(*_: Any) -> None:
        raise failure

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=body, headers=AUDIO)

    with pytest.raises(type(failure)) as caught:
        call(answer, download(tmp_path, progress=boom))
    assert caught.value is failure
    assert body.closed
    assert names(tmp_path) == []
    body.closed = False
    with pytest.raises(type(failure)) as caught:
        call(answer, opened(boom))
    assert caught.value is failure
    assert body.closed


def test_leaving_early_closes_the_stream(call: Caller) -> None:
    body = Chunks(WAV[:9], WAV[9:])

    def first(recording: Any) -> Any:
        async def read() -> bytes:
            async for chunk in recording.iter_bytes():
                return bytes(chunk)
            return b""

        return read() if call_is_async(recording) else next(recording.iter_bytes())

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=body, headers=AUDIO)

    assert call(answer, opened(first)) == WAV[:9]
    assert body.closed


# --- Memory --------------------------------------------------------------------------------------

LARGE = 64 * 1024 * 1024
SERVER = f"""
import sys
from polyai_data.sandbox import serve
with serve(conversations=12, recording_bytes={LARGE}) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def large() -> Iterator[str]:
    """Serves large recordings from another process."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()  # the end of its input is its end


def test_memory_does_not_grow_with_the_recording(call: Caller, large: str, tmp_path: Path) -> None:
    options = {"base_url": large, **SANDBOX}
    page = call(None, lambda client: client.get_page(), **options)
    name = next(c.conversation_id for c in page.conversations if c.audio_url)
    tracemalloc.start()
    try:
        path = call(None, download(tmp_path, name), **options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size == LARGE
    assert peak < 4 * 1024 * 1024
    path.unlink()


TEXT = {
    "a page behind a byte order mark": b"\xef\xbb\xbf<html>",
    "JSON text": b'"oops"',
    "null": b"null",
    "words": "Service unavailable – später".encode(),
    "text longer than what is looked at": b"Sorry. " * 100,
}


@pytest.mark.parametrize("cut", [1, 1000], ids=["byte by byte", "at once"])
@pytest.mark.parametrize("body", TEXT.values(), ids=TEXT)
def test_text_is_not_a_recording_whatever_its_content_type(
    call: Caller, tmp_path: Path, body: bytes, cut: int
) -> None:
    chunks = [body[i : i + cut] for i in range(0, len(body), cut)]
    for headers in (AUDIO, {}):
        server = response_with(chunks, headers)
        error = call.fails(server, download(tmp_path))
        assert type(error) is ResponseDecodeError
    assert names(tmp_path) == []


@pytest.mark.parametrize("sound", [b"RIFF", b"RIFF $ text", b"\xff\xfb\x90d" * 9, b"OggS\0\2"])
def test_a_body_that_is_not_text_is_a_recording(call: Caller, tmp_path: Path, sound: bytes) -> None:
    headers = {**AUDIO, "Content-Length": str(len(sound))}
    saved = call(response_with([sound[:1], sound[1:]], headers), download(tmp_path))
    assert saved.read_bytes() == sound


def response_with(chunks: list[bytes], headers: dict[str, str]) -> Any:
    return lambda _: httpx.Response(200, stream=Chunks(*chunks), headers=headers)


@pytest.mark.parametrize("hard_links", [True, False])
def test_of_two_downloads_to_one_path_the_first_to_finish_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:
        monkeypatch.setattr("os.link", no_hard_links)
    target = tmp_path / "a.wav"
    with ExitStack() as stack:
        stack.enter_context(part_file(target, overwrite=False)).write(b"later")
        with part_file(target, overwrite=False) as first:
            first.write(b"first")
        with pytest.raises(
            FileExistsError, match=r"a\.wav was created meanwhile\. It was not repla"
        ):
            stack.close()
    assert (names(tmp_path), target.read_bytes()) == (["a.wav"], b"first")


def test_of_two_downloads_that_may_overwrite_the_last_to_finish_wins(tmp_path: Path) -> None:
    target = tmp_path / "a.wav"
    with part_file(target, overwrite=True) as last:
        last.write(b"la")
        with part_file(target, overwrite=True) as first:
            first.write(b"first")
        assert target.read_bytes() == b"first"
        last.write(b"st")
    assert (names(tmp_path), target.read_bytes()) == (["a.wav"], b"last")


def test_a_file_system_without_hard_links_is_enough(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", no_hard_links)
    assert call(response_with([WAV], AUDIO), download(tmp_path)).read_bytes() == WAV
    assert names(tmp_path) == ["CA1.wav"]


def no_hard_links(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_file_that_appears_meanwhile_is_kept(call: Caller, tmp_path: Path) -> None:
    target = tmp_path / "a.wav"
    with pytest.raises(
        FileExistsError, match=r"a\.wav was created meanwhile\. It was not replaced\.$"
    ):
        call(
            response_with([WAV], AUDIO),
            lambda client: client.download_recording(
                "CA1", target, progress=lambda *_: target.write_bytes(b"mine")
            ),
        )
    assert (names(tmp_path), target.read_bytes()) == (["a.wav"], b"mine")


def test_a_path_with_a_slash_at_the_end_is_a_directory(call: Caller, tmp_path: Path) -> None:
    saved = call(
        response_with([WAV], AUDIO),
        lambda client: client.download_recording("CA1", f"{tmp_path}/new/"),
    )
    assert saved == tmp_path / "new" / "CA1.wav"
    assert saved.read_bytes() == WAV
