"""Recordings: valid WAV files of the right length, one for each direction."""

import io
import wave
from array import array
from collections.abc import Callable
from typing import Any

import httpx
import pytest

CONVERSATIONS = "/v1/agents/PROJECT-DEMO/conversations"


def nth(client: httpx.Client, k: int) -> Any:
    """Return a conversation of the list, 0 being the newest."""
    page = client.get(CONVERSATIONS, params={"offset": k, "limit": 1})
    return page.json()["conversations"][0]


def recording(client: httpx.Client, k: int, **query: str) -> bytes:
    """Return the recording of a conversation, after a check of its headers."""
    answer = client.get(f"{CONVERSATIONS}/{nth(client, k)['conversationId']}/audio", params=query)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "X-PolyAI-Correlation-Id" in answer.headers
    return answer.content


def loud_seconds(content: bytes) -> set[int]:
    """Return the seconds of a recording in which something can be heard."""
    with wave.open(io.BytesIO(content)) as file:
        assert file.getparams()[:3] == (1, 2, 8000)
        seconds = [array("h", file.readframes(8000)) for _ in range(file.getnframes() // 8000)]
    return {number for number, samples in enumerate(seconds) if max(samples) > 3000}


def test_length(api: httpx.Client) -> None:
    """A recording is as long as its conversation and made of 16-bit mono samples at 8 kHz."""
    for k in (1, 3, 5):
        content = recording(api, k)
        with wave.open(io.BytesIO(content)) as file:
            assert file.getparams()[:4] == (1, 2, 8000, 8000 * nth(api, k)["duration"])
        assert len(content) == 44 + 16_000 * nth(api, k)["duration"]


def test_directions(api: httpx.Client) -> None:
    """User and agent speak in turn, and the combined recording has both."""
    user, agent, both = (
        loud_seconds(recording(api, 1, direction=name)) for name in ("user", "agent", "combined")
    )
    assert user
    assert agent
    assert not user & agent
    assert both == user | agent
    assert 0 in agent | {0}
    assert min(agent) < min(user)
    assert recording(api, 1) == recording(api, 1, direction="combined", redacted="false")


@pytest.mark.parametrize("direction", ["combined", "user", "agent"])
def test_redacted(api: httpx.Client, direction: str) -> None:
    """A redacted recording is as long, with parts of the speech muted."""
    open_, redacted = (
        recording(api, 1, direction=direction, redacted=value) for value in ("false", "true")
    )
    assert len(open_) == len(redacted)
    assert set() < loud_seconds(redacted) < loud_seconds(open_)


def test_silent_caller(api: httpx.Client) -> None:
    """A caller who said nothing is not heard."""
    assert loud_seconds(recording(api, 5, direction="user")) == set()
    assert loud_seconds(recording(api, 5, direction="agent"))


def test_same_again(connect: Callable[..., httpx.Client]) -> None:
    """The same recording is the same bytes."""
    assert recording(connect(), 1) == recording(connect(), 1)


@pytest.mark.parametrize("k", [0, 2])
def test_no_recording(api: httpx.Client, k: int) -> None:
    """There is none of a call in progress, nor of a chat."""
    answer = api.get(f"{CONVERSATIONS}/{nth(api, k)['conversationId']}/audio")
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "CONVERSATIONS_RECORDING_NOT_FOUND"


@pytest.mark.parametrize(
    ("asked", "given"), [(44, 44), (45, 44), (1001, 1000), (5_000_000, 5_000_000)]
)
def test_size(connect: Callable[..., httpx.Client], asked: int, given: int) -> None:
    """The size can be chosen; the file stays valid, and long ones keep speaking."""
    content = recording(connect(recording_bytes=asked), 1)
    assert len(content) == given
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes() == (given - 44) // 2
    if given > 10**6:
        assert max(loud_seconds(content)) > 300


@pytest.fixture
def audio(connect: Callable[..., httpx.Client]) -> Callable[..., httpx.Response]:
    """Ask for a recording of 100,000 bytes with these headers."""

    def ask(*, ranges: bool = True, **headers: str) -> httpx.Response:
        client = connect(recording_bytes=100_000, ranges=ranges)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(
            f"{CONVERSATIONS}/{nth(client, 1)['conversationId']}/audio", headers=named
        )

    return ask


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 10), (0, 99_999), (43, 45), (44, 50_000), (16_043, 48_100), (99_999, 99_999)],
)
def test_parts(audio: Callable[..., httpx.Response], start: int, end: int) -> None:
    """A part has the bytes that it names, and those alone."""
    whole = audio()
    part = audio(Range=f"bytes={start}-{end}", If_Range=whole.headers["etag"])
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.content == whole.content[start : end + 1]
    assert part.headers["content-range"] == f"bytes {start}-{end}/100000"
    assert int(part.headers["content-length"]) == len(part.content)
    assert part.headers["etag"] == whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"


def test_the_rest(audio: Callable[..., httpx.Response]) -> None:
    """A part without an end, or with one beyond the end, is the rest."""
    whole = audio().content
    for asked in ("bytes=70000-", "bytes=70000-200000"):
        part = audio(Range=asked)
        assert (part.status_code, part.content) == (206, whole[70_000:])
        assert part.headers["content-range"] == "bytes 70000-99999/100000"


def test_no_such_part(audio: Callable[..., httpx.Response]) -> None:
    """A part beyond the end, or that ends before it begins, is an error with the size."""
    for asked in ("bytes=100000-", "bytes=5-4"):
        part = audio(Range=asked)
        assert (part.status_code, part.headers["content-range"]) == (416, "bytes */100000")


def test_whole_instead_of_a_part(audio: Callable[..., httpx.Response]) -> None:
    """All of it comes where it has changed, where ranges are off, and for what is no range."""
    whole = audio().content
    for part in (
        audio(Range="bytes=5-", If_Range='"another"'),
        audio(Range="bytes=5-", ranges=False),
        audio(Range="seconds=5-"),
        audio(Range="bytes=-5"),
    ):
        assert (part.status_code, part.content) == (200, whole)
        assert "content-range" not in part.headers
    assert "etag" not in audio(ranges=False).headers
