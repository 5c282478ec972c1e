"""What came back: success to model, or to the error that it is after all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, cast

import httpx
from attrs import frozen

from . import errors
from ._decode import IdentityMissing
from ._failure import correlation_id, decode_error, status_error
from ._json import read_json
from ._meta import Meta
from ._request import COMPRESSIONS, Call

_KIND = r"[A-Za-z][A-Za-z0-9.+-]{0,40}([/,] ?[A-Za-z][A-Za-z0-9.+-]{0,60}){0,3}"

_T = TypeVar("_T")


@frozen(repr=False)
class Answer:
    """An answer as it came. Its repr shows nothing of it: a server may echo the key.

    Attributes:
        status: Its status.
        headers: Its headers, with their names in lower case.
        content: Its body, decompressed; empty if it was not read.
        elapsed: Seconds from the request to the end of the answer, or to its headers.
        attempts: How many requests it took.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    elapsed: float
    attempts: int = 1

    def whole(self, call: Call[Any]) -> tuple[Call[Any], int, Mapping[str, str], bytes]:
        """Return what errors are made from."""
        return call, self.status, self.headers, self.content

    def meta(self, call: Call[Any]) -> Meta:
        """Return where it came from."""
        redact = call.config.key.redact
        return Meta(
            status_code=self.status,
            headers={name: redact(value) for name, value in self.headers.items()},
            correlation_id=correlation_id(call, self.headers),
            elapsed=timedelta(seconds=self.elapsed),
            attempts=self.attempts,
        )


def headers_of(response: httpx.Response) -> dict[str, str]:
    """Return the headers, with their names in lower case; one that came twice has both values."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode()
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def body_of(response: httpx.Response, headers: Mapping[str, str]) -> Iterable[bytes]:
    """Return the body of an answer in pieces as they come, unpacked."""
    packed = _is_to_be_unpacked(headers)
    return response.iter_bytes() if packed else cast(httpx.SyncByteStream, response.stream)


def async_body_of(response: httpx.Response, headers: Mapping[str, str]) -> AsyncIterable[bytes]:
    """Return the same of an asynchronous client's."""
    packed = _is_to_be_unpacked(headers)
    return response.aiter_bytes() if packed else cast(httpx.AsyncByteStream, response.stream)


def _is_to_be_unpacked(headers: Mapping[str, str]) -> bool:
    """Whether the body is compressed in a way that was asked for.

    Of some other ways a few hundred bytes unpack to gigabytes, before any bound can tell.
    """
    return is_compressed(headers) and is_compression_known(headers)


def is_compressed(headers: Mapping[str, str]) -> bool:
    """Whether the headers say that the body is compressed."""
    return headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def is_compression_known(headers: Mapping[str, str]) -> bool:
    """Whether the body is compressed in a way that this client asks for, and once, if at all."""
    encoding = headers.get("content-encoding", "").strip().lower()
    return not is_compressed(headers) or encoding in COMPRESSIONS


def read_answer(call: Call[_T], answer: Answer) -> _T | errors.PolyAIError:
    """Return what the answer means: a model, or the error for what is none."""
    result = _result_or_error(call, answer)
    if not isinstance(result, errors.PolyAIError):
        cast(Any, result).meta = answer.meta(call)
    return result


class Incoming:
    """An answer as it comes. Its body is bounded in size.

    A success that is larger is refused; of an error the beginning is enough.

    Attributes:
        headers: Its headers, with their names in lower case.
        is_success: Whether its status says so.
    """

    def __init__(self, call: Call[Any], response: httpx.Response) -> None:
        self.headers = headers_of(response)
        self.is_success = 200 <= response.status_code < 300
        self._call = call
        self._status = response.status_code
        self._content: bytes | bytearray = b""

    def take(self, piece: bytes) -> bool:
        """Keep a piece; return whether there may be more.

        Raises:
            ResponseDecodeError: if the answer is too large.
        """
        limit = self._call.config.max_response_bytes
        if not self._content:
            self._content = piece  # most come in one, which need not be copied
        elif isinstance(self._content, bytes):
            self._content = bytearray(self._content) + piece
        else:
            self._content += piece
        if len(self._content) <= limit:
            return True
        if self.is_success:
            raise decode_error(
                self._call,
                self._status,
                self.headers,
                b"",
                f"The answer is larger than {limit:,} bytes; max_response_bytes= allows for more",
            )
        return False

    def answer(self, elapsed: float, attempts: int) -> Answer:
        """Return the answer with as much of its body as was taken."""
        content = bytes(self._content[: self._call.config.max_response_bytes])
        return Answer(self._status, self.headers, content, elapsed, attempts)


def _result_or_error(call: Call[_T], answer: Answer) -> _T | errors.PolyAIError:
    whole = answer.whole(call)
    if not 200 <= answer.status < 300:
        return status_error(*whole)
    try:
        data = read_json(answer.content)
    except (ValueError, RecursionError):
        return decode_error(*whole, _describe_body(answer))
    if isinstance(data, dict) and data.get("success") is False and "conversationId" not in data:
        return status_error(*whole)
    try:
        result = call.read(data)
    except IdentityMissing as error:
        reason = f"The answer is not what this operation returns: {error}"
        return decode_error(*whole, reason)
    if hasattr(result, "success"):  # a write: what it says of itself counts, not its status alone
        success = data.get("success")
        if success is not True and (success is not None or "error" in data):
            return status_error(*whole)
    return result


def _describe_body(answer: Answer) -> str:
    if not answer.content.strip():
        return "The body is empty"
    if not is_compression_known(answer.headers):
        encoding = _named(answer.headers, "content-encoding")
        return f"The body is compressed in a way that was not asked for ({encoding})"
    if is_html(answer):
        return (
            "The body is an HTML page, probably a gateway's or a proxy's, where JSON was expected"
        )
    kind = _named(answer.headers, "content-type")
    size = len(answer.content)
    return f"The body is not readable as JSON ({size:,} bytes, Content-Type {kind})"


def _named(headers: Mapping[str, str], name: str) -> str:
    """Return what a header names, without its parameters, and only if it is the name of a kind."""
    kind = headers.get(name, "").partition(";")[0].strip()
    if not kind:
        return "not given"
    return kind if re.fullmatch(_KIND, kind) else "that makes no sense"


def is_html(answer: Answer) -> bool:
    """Whether the answer is a page for people."""
    kind = answer.headers.get("content-type", "")
    return "html" in kind.lower() or answer.content.lstrip().startswith(b"<")


def is_text(beginning: bytes) -> bool:
    """Whether a body that begins so is text, as JSON and HTML are; an empty one is."""
    text = beginning.decode("utf-8-sig", errors="ignore")
    missing = len(beginning) - len(text.encode())
    return missing <= 6 and all(c.isprintable() or c.isspace() for c in text)


def claims_audio(headers: Mapping[str, str]) -> bool:
    """Whether the headers allow for audio: they name it, or bytes, or nothing at all."""
    kind = headers.get("content-type", "").lower().strip()
    return not kind or kind.startswith(("audio/", "application/octet-stream", "binary/"))


def not_audio(call: Call[Any], answer: Answer) -> errors.PolyAIError:
    """Return the error for an answer that was to be a recording, and is none."""
    whole = answer.whole(call)
    error = _result_or_error(call, answer)
    if isinstance(error, errors.APIStatusError):
        return error
    if not answer.content:
        return decode_error(*whole, "The recording is empty")
    if not is_compression_known(answer.headers):
        return decode_error(*whole, _describe_body(answer))
    what = "text" if claims_audio(answer.headers) else _named(answer.headers, "content-type")
    what = "an HTML page" if is_html(answer) else what
    return decode_error(*whole, f"The body is {what}, where audio was expected")


def audio_or_error(call: Call[Any], answer: Answer) -> Answer | errors.PolyAIError:
    """Return the answer if a recording may follow, or its rest may not; else the error for it."""
    if answer.status == 206 and not call.range_headers:
        return decode_error(*answer.whole(call), "Only a part of the recording came, unasked")
    if answer.status == 416 and call.range_headers:
        return answer
    if 200 <= answer.status < 300 and claims_audio(answer.headers):
        return answer
    return not_audio(call, answer)
