# Written by `make sync` from _async/body.py. Do not edit: the next run overwrites it.
"""The body of a response, decompressed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import httpx

from .._http.compression import ACCEPTED_ENCODINGS, Decompressor, content_encoding


def iter_body(response: httpx.Response, headers: Mapping[str, str]) -> Iterable[bytes]:
    """Return the chunks of the body, even if a transport has already read it.

    Only encodings that the request accepts are decompressed: with others, a few hundred bytes
    become gigabytes before any limit applies.
    """
    if response.is_stream_consumed:
        return response.iter_bytes()
    stream = cast(httpx.SyncByteStream, response.stream)  # as it is, which is faster
    encoding = content_encoding(headers)
    if encoding in ACCEPTED_ENCODINGS:
        return _decompress(stream, Decompressor(encoding))
    return stream


def _decompress(stream: Iterable[bytes], decompressor: Decompressor) -> Iterator[bytes]:
    for chunk in stream:
        yield b""  # for the reader to check the deadline, even if there is nothing to read
        for piece in decompressor.feed(chunk):
            yield piece
    decompressor.finish()
