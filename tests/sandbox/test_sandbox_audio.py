"""Recordings: valid WAV files of the right length, for each direction."""

import io
import wave
from array import array
from collections.abc import Callable
from typing import Any

import httpx
import pytest

CONVERSATIONS = "/v1/agents/PROJECT-DEMO/conversations"


def nth(client: httpx.Client, index: int) -> Any:
    """Return a conversation from the list; index 0 is the newest."""
    page = client.get(CONVERSATIONS, params={"offset": index, "limit": 1})
    return page.json()["conversations"][0]


def recording(client: httpx.Client, index: int, **query: str) -> bytes:
    """Return the recording of a conversation after checking its headers."""
    response = client.get(
        f"{CONVERSATIONS}/{nth(client, index)['conversationId']}/audio", params=query
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/wav"
    assert int(response.headers["content-length"]) == len(response.content)
    assert "X-PolyAI-Correlation-Id" in response.headers
    return response.content


def loud_seconds(content: bytes) -> set[int]:
    """Return the seconds of a recording that are not silent."""
    with wave.open(io.BytesIO(content)) as file:
        assert file.getparams()[:3] == (1, 2, 8000)
        seconds = [array("h", file.readframes(8000)) for _ in range(file.getnframes() // 8000)]
    return {number for number, samples in enumerate(seconds) if max(samples) > 3000}


def test_length(api: httpx.Client) -> None:
    """A recording is 8 kHz, 16-bit, mono and as long as its conversation."""
    for index in (1, 3, 5):
        content = recording(api, index)
        with wave.open(io.BytesIO(content)) as file:
            assert file.getparams()[:4] == (1, 2, 8000, 8000 * nth(api, index)["duration"])
        assert len(content) == 44 + 16_000 * nth(api, index)["duration"]


def test_directions(api: httpx.Client) -> None:
    """User and agent alternate, and the combined recording has both."""
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
    """A redacted recording has the same length, with parts of the speech muted."""
    original, redacted = (
        recording(api, 1, direction=direction, redacted=value) for value in ("false", "true")
    )
    assert len(original) == len(redacted)
    assert set() < loud_seconds(redacted) < loud_seconds(original)


def test_silent_caller(api: httpx.Client) -> None:
    """The recording of a silent caller is silent."""
    assert loud_seconds(recording(api, 5, direction="user")) == set()
    assert loud_seconds(recording(api, 5, direction="agent"))


def test_same_again(connect: Callable[..., httpx.Client]) -> None:
    """A recording always has the same bytes."""
    assert recording(connect(), 1) == recording(connect(), 1)


@pytest.mark.parametrize("index", [0, 2])
def test_no_recording(api: httpx.Client, index: int) -> None:
    """Calls in progress and chats have no recording."""
    response = api.get(f"{CONVERSATIONS}/{nth(api, index)['conversationId']}/audio")
    assert response.status_code == 404
    assert response.json()["error_code"] == "CONVERSATIONS_RECORDING_NOT_FOUND"


@pytest.mark.parametrize(
    ("recording_bytes", "size"), [(44, 44), (45, 44), (1001, 1000), (5_000_000, 5_000_000)]
)
def test_size(connect: Callable[..., httpx.Client], recording_bytes: int, size: int) -> None:
    """The size can be set. The file stays valid, and the speech of long ones repeats."""
    content = recording(connect(recording_bytes=recording_bytes), 1)
    assert len(content) == size
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes() == (size - 44) // 2
    if size > 10**6:
        assert max(loud_seconds(content)) > 300


@pytest.fixture
def audio(connect: Callable[..., httpx.Client]) -> Callable[..., httpx.Response]:
    """Return a function that requests a recording of 100,000 bytes with the given headers."""

    def get(*, ranges: bool = True, **headers: str) -> httpx.Response:
        client = connect(recording_bytes=100_000, ranges=ranges)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(
            f"{CONVERSATIONS}/{nth(client, 1)['conversationId']}/audio", headers=named
        )

    return get


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 10), (0, 99_999), (43, 45), (44, 50_000), (16_043, 48_100), (99_999, 99_999)],
)
def test_ranges(audio: Callable[..., httpx.Response], start: int, end: int) -> None:
    """A partial response has exactly the requested bytes."""
    whole = audio()
    part = audio(Range=f"bytes={start}-{end}", If_Range=whole.headers["etag"])
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.content == whole.content[start : end + 1]
    assert part.headers["content-range"] == f"bytes {start}-{end}/100000"
    assert int(part.headers["content-length"]) == len(part.content)
    assert part.headers["etag"] == whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"


def test_range_to_the_end(audio: Callable[..., httpx.Response]) -> None:
    """A range without an end, or beyond the end, continues to the end."""
    whole = audio().content
    for requested in ("bytes=70000-", "bytes=70000-200000"):
        part = audio(Range=requested)
        assert (part.status_code, part.content) == (206, whole[70_000:])
        assert part.headers["content-range"] == "bytes 70000-99999/100000"


def test_unsatisfiable_range(audio: Callable[..., httpx.Response]) -> None:
    """A range that starts beyond the end, or ends before its start, is an error with the size."""
    for requested in ("bytes=100000-", "bytes=5-4"):
        response = audio(Range=requested)
        assert response.status_code == 416
        assert response.headers["content-range"] == "bytes */100000"
        assert response.json()["error"] == "The recording does not have this range."


def test_full_response_instead_of_a_range(audio: Callable[..., httpx.Response]) -> None:
    """The full recording is sent if it changed, if ranges are off or if the range is invalid."""
    whole = audio().content
    for response in (
        audio(Range="bytes=5-", If_Range='"another"'),
        audio(Range="bytes=5-", ranges=False),
        audio(Range="seconds=5-"),
        audio(Range="bytes=-5"),
    ):
        assert (response.status_code, response.content) == (200, whole)
        assert "content-range" not in response.headers
    assert "etag" not in audio(ranges=False).headers
