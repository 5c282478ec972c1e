"""Decompression in small steps, so that a few bytes cannot fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

import httpx

ACCEPTED_ENCODINGS = ("gzip", "deflate")  # they decompress to at most a thousand times their size
STEP = 64 * 1024  # bytes

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's names for the formats


def content_encoding(headers: Mapping[str, str]) -> str:
    """Return the Content-Encoding, or an empty string if there is none."""
    encoding = headers.get("content-encoding", "").strip().lower()
    return {"identity": "", "x-gzip": "gzip"}.get(encoding, encoding)


def is_readable(headers: Mapping[str, str]) -> bool:
    """Whether the body is uncompressed, or compressed once in an accepted way."""
    return content_encoding(headers) in ("", *ACCEPTED_ENCODINGS)


class Decompressor:
    """Decompresses gzip, of one member or several, or deflate, with or without zlib's header."""

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding == "gzip"
        self._stream = zlib.decompressobj(_GZIP) if self._is_gzip else None
        self._start = b""  # of deflate, too short to tell whether there is a header

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data in pieces of at most 64 KiB.

        Raises:
            httpx.DecodingError: if the data is invalid, or other bytes follow its end.
        """
        self._start = data = self._start + data
        if self._stream is None and len(data) > 1:
            has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj(_ZLIB if has_header else _RAW)
        if self._stream is None:
            return
        self._start = b""
        piece = b""
        while data or len(piece) == STEP:
            if self._stream.eof and data:
                if not self._is_gzip:
                    raise httpx.DecodingError("other bytes follow the compressed data")
                self._stream = zlib.decompressobj(_GZIP)  # the next member
            try:
                piece = self._stream.decompress(data, STEP)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from None
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if piece:
                yield piece

    def finish(self) -> None:
        """Raise httpx.DecodingError if the compressed data has not ended."""
        if self._start or (self._stream is not None and not self._stream.eof):
            raise httpx.DecodingError("the compressed data was cut off")
