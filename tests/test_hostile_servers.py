"""Surplus bytes, half recordings, bombs, and other things that servers should not send."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import (
    Annotation,
    APIConnectionError,
    AsyncDataClient,
    BadRequestError,
    DataClient,
    PolyAIError,
    ResponseDecodeError,
)
from polyai_data._data.recordings import wav_size
from polyai_data._http.compression import STEP, Decompressor
from polyai_data.sandbox import Fault, serve

if TYPE_CHECKING:
    from tests.conftest import Caller

Listening = Callable[..., AbstractContextManager[str]]

SETTINGS: dict[str, Any] = {"api_key": "k", "agent_id": "A", "max_retries": 0, "timeout": 10}
ANNOTATIONS = [Annotation(turn=0, role="agent", type="wrong_info")]


def reply(body: Any, status: str = "200 OK", *headers: str) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


# --- Bytes after a response ---------------------------------------------------------------------

SURPLUS = {
    "a whole response": reply({"conversationId": "CA1", "note": "forged"}),
    "a success": reply({"success": True}),
    "a refusal": reply({}, "429 Too Many Requests", "Retry-After: 0"),
    "a part of a response": b"HTTP/1.1 200 OK\r\nContent-",
    "an interim response": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a line break": b"\r\n",
    "one byte": b"H",
    "garbage": b"garbage",
}


def recorder(surplus: bytes, *, late: bool) -> tuple[Callable[[socket.socket], None], list[bytes]]:
    """Return a server that sends surplus bytes after its first response to anybody."""
    received: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        while request := connection.recv(65_536):
            if not request.startswith((b"GET", b"POST")):
                continue  # the body of a POST
            received.append(request)
            if request.startswith(b"POST"):
                connection.sendall(reply({"success": False, "error": "no"}, "400 Bad"))
            elif len(received) > 1:
                connection.sendall(reply({"conversationId": "CA1"}))
            elif late:
                connection.sendall(reply({"conversationId": "CA1"}))
                time.sleep(0.05)
                connection.sendall(surplus)
            else:
                connection.sendall(reply({"conversationId": "CA1"}) + surplus)

    return behave, received


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
def test_surplus_bytes_are_not_the_next_response(
    call: Caller, listening: Listening, surplus: bytes, late: bool, busy: bool
) -> None:
    behave, received = recorder(surplus, late=late)

    async def asynchronously(url: str) -> Any:
        async with AsyncDataClient(base_url=url, **SETTINGS) as client:
            await client.get_conversation("CA1")
            if busy:
                time.sleep(0.1)  # the event loop does not run meanwhile
            else:
                await asyncio.sleep(0.1)
            read = await client.get_conversation("CA1")
            with pytest.raises(BadRequestError) as caught:
                await client.add_annotations("CA1", ANNOTATIONS)
            return read, caught.value

    def synchronously(url: str) -> Any:
        with DataClient(base_url=url, **SETTINGS) as client:
            client.get_conversation("CA1")
            time.sleep(0.1)
            read = client.get_conversation("CA1")
            with pytest.raises(BadRequestError) as caught:
                client.add_annotations("CA1", ANNOTATIONS)
            return read, caught.value

    with listening(behave) as address:
        url = f"http://{address}"
        is_sync = call.kind is DataClient
        read, error = synchronously(url) if is_sync else asyncio.run(asynchronously(url))
    assert read.raw == {"conversationId": "CA1"}
    assert error.message == "no"
    assert len(received) == 3


# --- Whether a recording is whole ---------------------------------------------------------------


def wav(size: int, stated: int | None = None, magic: bytes = b"RIFF") -> bytes:
    order = ">" if magic == b"RIFX" else "<"
    sizes = struct.pack(f"{order}I", 36 + size if stated is None else stated)
    return magic + sizes + b"WAVEfmt " + bytes(20) + b"data" + bytes(4) + b"\x11\xee" * (size // 2)


WHOLE = wav(100_000)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n"
LINGER = struct.pack("ii", 1, 0)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body) + end


def encoded(name: bytes, body: bytes) -> bytes:
    return b"Content-Encoding: %s\r\n\r\n%s" % (name, body)


PACKED = gzip.compress(WHOLE)
MEMBERS = gzip.compress(WHOLE[:9]) + gzip.compress(WHOLE[9:])
SOUND = {
    "until the connection ends": HEAD + b"\r\n" + WHOLE,
    "big-endian": HEAD + b"\r\n" + wav(1_000, magic=b"RIFX"),
    "chunks": HEAD + chunked(WHOLE),
    "chunks of a stream": HEAD + chunked(wav(1_000, 0xFFFF_FFFF)),
    "gzip": HEAD + encoded(b"gzip", PACKED),
    "gzip of several members": HEAD
    + encoded(b"gzip", gzip.compress(WHOLE[:9]) + gzip.compress(WHOLE[9:])),
    "gzip of a stream": HEAD + encoded(b"x-gzip", gzip.compress(wav(1_000, 0))),
    "deflate": HEAD + encoded(b"deflate", zlib.compress(WHOLE)),
}
HALVES = {
    "until the connection ends": HEAD + b"\r\n" + WHOLE[:50_000],
    "one byte is missing": HEAD + b"\r\n" + WHOLE[:-1],
    "big-endian": HEAD + b"\r\n" + wav(1_000, magic=b"RIFX")[:-1],
    "chunks": HEAD + chunked(WHOLE, b""),
    "a length": HEAD + b"Content-Length: 100044\r\n\r\n" + WHOLE[:50_000],
    "gzip": HEAD + encoded(b"gzip", PACKED[: len(PACKED) // 2]),
    "gzip in whole chunks": HEAD + b"Content-Encoding: gzip\r\n" + chunked(PACKED[:-1]),
    "gzip cut between members": HEAD + encoded(b"gzip", gzip.compress(WHOLE[:9]) + PACKED[:5]),
    "deflate": HEAD + encoded(b"deflate", zlib.compress(WHOLE)[:-1]),
}


def sending(content: bytes, *, reset: bool = False) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        if connection.recv(65_536):
            connection.sendall(content)
            if reset:
                time.sleep(0.05)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)

    return behave


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND)
def test_a_whole_recording_is_saved(
    call: Caller, listening: Listening, tmp_path: Path, content: bytes
) -> None:
    with listening(sending(content)) as address:
        saved = call(
            do=lambda client: client.download_recording("CA1", tmp_path / "a.wav"),
            base_url=f"http://{address}",
        )
    size = wav_size(saved.read_bytes()[:64])
    assert size in (None, saved.stat().st_size)


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("content", HALVES.values(), ids=HALVES)
def test_half_a_recording_is_an_error(
    call: Caller, listening: Listening, tmp_path: Path, content: bytes, reset: bool
) -> None:
    with listening(sending(content, reset=reset)) as address:
        error = call.fails(
            do=lambda client: client.download_recording(
                "CA1", tmp_path / "a.wav", allow_unverified=True
            ),
            base_url=f"http://{address}",
        )
    assert isinstance(error, APIConnectionError | ResponseDecodeError)
    assert list(tmp_path.iterdir()) == []


def test_a_reset_is_not_the_end_of_a_recording(
    call: Caller, listening: Listening, tmp_path: Path
) -> None:
    """Nothing else tells that it is incomplete."""
    content = HEAD + b"\r\n" + wav(50_000, 0)
    with listening(sending(content, reset=True)) as address:
        error = call.fails(
            do=lambda client: client.download_recording(
                "CA1", tmp_path / "a.wav", allow_unverified=True
            ),
            base_url=f"http://{address}",
        )
    assert type(error) is APIConnectionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sound", [wav(1_000, 0), wav(1_000, 0xFFFF_FFFF), b"OggS\0\2 and more"], ids=["0", "max", "ogg"]
)
def test_a_recording_of_unknown_length_is_saved_if_that_is_allowed(
    call: Caller, listening: Listening, tmp_path: Path, sound: bytes
) -> None:
    seen: list[Any] = []

    def save(client: Any, **options: Any) -> Any:
        return client.download_recording("CA1", tmp_path / "a.wav", **options)

    with listening(sending(HEAD + b"\r\n" + sound)) as address:
        url = f"http://{address}"
        error = call.fails(do=save, base_url=url)
        assert list(tmp_path.iterdir()) == []
        saved = call(do=lambda client: save(client, allow_unverified=True), base_url=url)

        async def asynchronously() -> None:
            async with (
                AsyncDataClient(base_url=url, **SETTINGS) as client,
                client.open_recording("CA1") as recording,
            ):
                seen.extend([await recording.read(), recording.is_complete])

        if call.kind is DataClient:
            with (
                DataClient(base_url=url, **SETTINGS) as client,
                client.open_recording("CA1") as recording,
            ):
                seen.extend([recording.read(), recording.is_complete])
        else:
            asyncio.run(asynchronously())
    assert type(error) is ResponseDecodeError
    assert "allow_unverified=True" in error.message
    assert saved.read_bytes() == sound
    assert seen == [sound, None]


@pytest.mark.parametrize(
    ("start", "size"),
    [
        (b"", None),
        (b"RIFF", None),
        (b"RIFF\x24\x00\x00\x00WAVE", 44),
        (b"RIFX\x00\x00\x00\x24WAVE", 44),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"RIFF\xff\xff\xff\xffWAVE", None),
        (b"RF64\xff\xff\xff\xffWAVEds64" + bytes(4) + struct.pack("<Q", 2**33), 2**33 + 8),
        (b"RF64\xff\xff\xff\xffWAVEds64" + bytes(4) + b"\xff" * 8, None),
        (b"RF64\xff\xff\xff\xffWAVEfmt " + bytes(12), None),
        (b"OggS\x24\x00\x00\x00", None),
    ],
)
def test_the_size_in_a_wav_header(start: bytes, size: int | None) -> None:
    assert wav_size(start) == size


# --- Where it is saved ---------------------------------------------------------------------------


def answer(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=WHOLE, headers={"Content-Type": "audio/wav"})


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.close()


def make_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs the special files of POSIX")
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("make", [make_pipe, make_socket, make_link])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_only_regular_files_are_replaced(
    call: Caller,
    tmp_path: Path,
    make: Callable[[Path], None],
    overwrite: bool,
    when: str,
) -> None:
    target = tmp_path / "a.wav"
    sent: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if when == "meanwhile":
            make(target)
        return answer(request)

    if when == "before":
        make(target)
    mode = os.lstat(target).st_mode if when == "before" else None
    with pytest.raises(FileExistsError, match="is not a regular file"):
        call(
            serve,
            lambda client: client.download_recording("CA1", target, overwrite=overwrite),
        )
    if when == "before":
        assert os.lstat(target).st_mode == mode
        assert sent == []
    assert not stat.S_ISREG(os.lstat(target).st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_the_content_is_on_the_disk_before_the_file_gets_its_name(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fsync, link = os.fsync, os.link

    def note_fsync(descriptor: int) -> None:
        assert os.fstat(descriptor).st_size == len(WHOLE)
        seen.append("fsync")
        fsync(descriptor)

    def note_link(*paths: Any) -> None:
        seen.append("link")
        link(*paths)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "link", note_link)
    call(answer, lambda client: client.download_recording("CA1", tmp_path / "a.wav"))
    assert seen == ["fsync", "link"]


def test_many_recordings_create_their_directory(call: Caller, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    def collect(client: Any) -> Any:
        results = client.download_recordings(["CA1"], folder)
        if isinstance(client, DataClient):
            return list(results)

        async def asynchronously() -> list[Any]:
            return [result async for result in results]

        return asynchronously()

    (result,) = call(answer, collect)
    assert result.value == folder / "CA1.wav"


# --- Memory --------------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [bomb(32 * 2**20), gzip.compress(b"{}") + bomb(32 * 2**20), gzip.compress(b"") * 20_000],
    ids=["a bomb", "a bomb after the end", "many members"],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_bomb_needs_no_more_memory_than_allowed(
    call: Caller, content: bytes, status: int
) -> None:
    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            for start in range(0, len(content), 65_536):
                yield content[start : start + 65_536]

        async def __aiter__(self) -> Any:
            for start in range(0, len(content), 65_536):
                yield content[start : start + 65_536]

    limit = 2**20
    tracemalloc.start()
    try:
        error = call.fails(
            lambda _: httpx.Response(status, stream=Stream(), headers={"Content-Encoding": "gzip"}),
            max_response_bytes=limit,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, PolyAIError)
    assert peak < 4 * limit


def test_decompression_goes_in_small_steps() -> None:
    content = bomb(8 * 2**20)
    pieces = list(Decompressor("gzip").feed(content))
    assert max(map(len, pieces)) <= STEP
    assert sum(map(len, pieces)) == 8 * 2**20


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, STEP - 1, STEP, STEP + 1, 3 * STEP])
@pytest.mark.parametrize("cut", [1, 2, 7, 10**9])
def test_decompression_gives_what_was_compressed(encoding: str, size: int, cut: int) -> None:
    data = bytes(i * i % 251 for i in range(size))
    formats = {"gzip": [31], "deflate": [15, -15]}[encoding]
    for wbits in formats:
        packer = zlib.compressobj(wbits=wbits)
        packed = packer.compress(data) + packer.flush()
        decompressor = Decompressor(encoding)
        pieces = [packed[start : start + cut] for start in range(0, len(packed), cut)]
        assert b"".join(b"".join(decompressor.feed(piece)) for piece in pieces) == data
        decompressor.finish()


# --- Single values -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 205])
@pytest.mark.parametrize(
    "do",
    [
        lambda client: client.set_note("CA1", "x"),
        lambda client: client.add_annotations("CA1", ANNOTATIONS),
    ],
    ids=["set_note", "add_annotations"],
)
def test_no_content_is_a_success_for_a_write(
    call: Caller, status: int, do: Callable[[Any], Any]
) -> None:
    result = call(lambda _: httpx.Response(status), do)
    assert result.success is True
    assert result.meta.status_code == status


def test_no_content_is_no_conversation(call: Caller) -> None:
    assert type(call.fails(lambda _: httpx.Response(204))) is ResponseDecodeError


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 529, 530])
def test_the_statuses_of_gateways_are_retried(call: Caller, status: int) -> None:
    answers = [httpx.Response(status)]

    def reading(_: httpx.Request) -> httpx.Response:
        return answers.pop() if answers else httpx.Response(200, json={"conversationId": "CA1"})

    assert call(reading, max_retries=1).conversation_id == "CA1"
    error = call.fails(
        lambda _: httpx.Response(status),
        lambda client: client.add_annotations("CA1", ANNOTATIONS),
        max_retries=1,
    )
    assert (error.attempts, error.outcome_unknown) == (1, True)


@pytest.mark.parametrize("skew", [-86_400, -300, 0, 300, 86_400])
@pytest.mark.parametrize("has_date", [True, False])
def test_a_date_in_retry_after_is_compared_with_the_servers_clock(
    call: Caller, skew: int, has_date: bool
) -> None:
    now = time.time() + (skew if has_date else 0)
    headers = {"Retry-After": formatdate(now + 7, usegmt=True)}
    if has_date:
        headers["Date"] = formatdate(now, usegmt=True)
    error = call.fails(lambda _: httpx.Response(429, headers=headers))
    assert error.retry_after == pytest.approx(7, abs=0 if has_date else 1.5)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_key_in_quotation_marks_is_refused_by_name(call: Caller, quote: str) -> None:
    with pytest.raises(ValueError, match=r"quotation marks") as caught:
        call.kind(api_key=f"{quote}made-up-key{quote}", region="us")
    assert "made-up-key" not in str(caught.value)


# --- The end of a program ------------------------------------------------------------------------

PROGRAM = """
import atexit, sys, threading, time
from polyai_data import DataClient
import httpx

mode, url, folder = sys.argv[1:]
transport = httpx.HTTPTransport() if "custom" in mode else None
client = DataClient(base_url=url, api_key="sandbox", agent_id="PROJECT-DEMO", transport=transport)
ids = [one.conversation_id for one in client.list_conversations() if one.audio_url][:3]

def work():
    time.sleep(0.2)
    try:
        if "list" in mode:
            found = len(list(client.list_conversations(page_size=5)))
        elif "bulk" in mode:
            found = sum(result.error is None for result in client.get_conversations(ids))
        else:
            found = sum(result.error is None for result in client.download_recordings(ids, folder))
        print("found", found, flush=True)
    except BaseException as error:
        print(type(error).__mro__, error, flush=True)

if "atexit" in mode:
    atexit.register(work)
else:
    threading.Thread(target=work).start()
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["thread", "atexit"])
@pytest.mark.parametrize("what", ["list", "bulk", "bulk custom", "download", "download custom"])
def test_calls_work_while_the_program_ends(tmp_path: Path, what: str, when: str) -> None:
    with serve(conversations=20) as url:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, f"{what} {when}", url, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    text = done.stdout + done.stderr
    expected = 20 if what == "list" else 3
    assert f"found {expected}" in text or ("PolyAIError" in text and "shutting down" in text), text


SANDBOX: dict[str, Any] = {"api_key": "sandbox", "agent_id": "PROJECT-DEMO", "max_retries": 0}
SHOWCASE = "CA22d437f4405070690f8906b76c8ea4ed"


def test_the_sandbox_sends_surplus_bytes(call: Caller) -> None:
    with serve(faults=[Fault(kind="surplus")]) as url:
        raw = httpx.get(f"{url}/v1/agents/A/conversations", headers={"X-API-KEY": "no"})
        assert raw.status_code == 401  # a client that reads one response does not notice
        found = call(
            None, lambda client: client.get_conversation(SHOWCASE), base_url=url, **SANDBOX
        )
    assert found.conversation_id == SHOWCASE


def test_the_sandbox_cuts_a_body_without_a_length(call: Caller, tmp_path: Path) -> None:
    with serve(faults=[Fault(kind="close-without-length")]) as url:
        settings = {**SANDBOX, "base_url": url}
        error = call.fails(None, lambda client: client.get_conversation(SHOWCASE), **settings)
        assert type(error) is ResponseDecodeError
        error = call.fails(
            None, lambda client: client.download_recording(SHOWCASE, tmp_path), **settings
        )
        assert type(error) is APIConnectionError
    assert list(tmp_path.iterdir()) == []
