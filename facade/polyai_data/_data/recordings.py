"""Which responses are audio, and whether it is complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import httpx

from .._http import response
from .._http.compression import ACCEPTED_ENCODINGS, content_encoding, is_readable
from .._http.error_map import unchained
from .._http.response import RawResponse, unreadable
from ..errors import APIStatusError, PolyAIError, ResponseDecodeError

SNIFF_BYTES = 64
"""How much of a body tells audio from text."""

Progress = Callable[[int, int | None], object]
"""A callback that gets the bytes so far, and the total or None."""


def is_audio_type(headers: Mapping[str, str]) -> bool:
    """Whether the Content-Type is audio, bytes, or missing."""
    kind = headers.get("content-type", "").lower().strip()
    return not kind or kind.startswith(("audio/", "application/octet-stream", "binary/"))


def check_audio(raw: RawResponse) -> RawResponse:
    """Return the response, or raise an exception if its status or headers exclude a recording."""
    if raw.status == 206:
        raise unreadable(raw, "The server sent a part of the recording only")
    if raw.is_success and is_audio_type(raw.headers):
        return raw
    raise _not_audio_error(raw)


def check_start(raw: RawResponse, start: bytes) -> PolyAIError | None:
    """Return an exception for text: audio starts with RIFF, or with bytes that are not text."""
    is_audio = is_readable(raw.headers) and not is_text(start)
    if is_audio or start.startswith((b"RIFF", b"RF64", b"RIFX")):
        return None
    return _not_audio_error(attrs.evolve(raw, content=start))


def has_end(response: httpx.Response, headers: Mapping[str, str]) -> bool:
    """Whether the response says where it ends, so that the transport notices if it is cut off."""
    return (
        "content-length" in headers
        or "chunked" in headers.get("transfer-encoding", "").lower()
        or content_encoding(headers) in ACCEPTED_ENCODINGS
        or response.http_version == "HTTP/2"
    )


def wav_size(start: bytes) -> int | None:
    """Return the size in bytes that a WAV header states, or None if it states none.

    A header that was written before the end was known has 0 or 0xFFFFFFFF.
    """
    if start.startswith(b"RF64") and start[12:16] == b"ds64" and len(start) >= 28:
        size = int.from_bytes(start[20:28], "little")
    elif start.startswith((b"RIFF", b"RIFX")) and len(start) >= 8:
        size = int.from_bytes(start[4:8], "little" if start.startswith(b"RIFF") else "big")
    else:
        return None
    return None if size in (0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF) else size + 8


def is_text(start: bytes) -> bool:
    """Whether a body that starts like this is text, such as JSON or HTML, or empty."""
    text = start.decode("utf-8-sig", errors="ignore")
    undecoded = len(start) - len(text.encode())
    return undecoded <= 6 and all(c.isprintable() or c.isspace() for c in text)


def _not_audio_error(raw: RawResponse) -> PolyAIError:
    try:
        response.load_json(raw)
    except APIStatusError as error:
        return unchained(error)
    except ResponseDecodeError:
        pass
    if not raw.content:
        return unreadable(raw, "The recording is empty")
    if not is_readable(raw.headers):
        return unreadable(raw, response.describe_body(raw))
    if response.is_html(raw):
        return unreadable(raw, "Expected audio, got an HTML page")
    kind = "text" if is_audio_type(raw.headers) else response.media_type(raw.headers)
    return unreadable(raw, f"Expected audio, got {kind}")
