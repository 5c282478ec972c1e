# Written by `make sync` from _async/recording.py. Do not edit: the next run overwrites it.
"""A recording, as a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import httpx

from .._data.recordings import SNIFF_BYTES, Progress, check_start, has_end, wav_size
from .._files import part_file, recording_target
from .._http.compression import content_encoding
from .._http.error_map import incomplete_download, to_error, unverified_download
from .._http.response import RawResponse
from .._http.retry import RetryState
from .._models.decode import ResponseMeta
from ..errors import PolyAIError
from .body import iter_body
from .io import deadline_scope


class Recording:
    """A recording that can be read once; from `DataClient.open_recording`.

    Attributes:
        conversation_id: The conversation's ID.
        direction: `combined`, `user` or `agent`.
        redacted: Whether personal data was removed.
        content_length: The size in bytes, or None if the server did not say.
        content_type: The media type, such as `audio/wav`, or None.
        is_complete: True once all of it was read. None before that, and if neither the response
            nor the WAV header states its length.
        meta: The HTTP side of the response.
    """

    def __init__(
        self,
        response: httpx.Response,
        raw: RawResponse,
        state: RetryState,
        reopen: Callable[[], Any],
        sleep: Callable[[RetryState, float], None],
        conversation_id: str,
        direction: str,
        redacted: bool,
    ) -> None:
        self.conversation_id: str = conversation_id
        self.direction: str = direction
        self.redacted: bool = redacted
        self.content_length: int | None
        self.content_type: str | None
        self.meta: ResponseMeta
        self._state = state
        self._reopen = reopen
        self._sleep = sleep
        self._was_read = False
        self._is_closed = False
        self._set_response(response, raw)

    def _set_response(self, response: httpx.Response, raw: RawResponse) -> None:
        self.content_type = raw.headers.get("content-type")
        self.is_complete: bool | None = None
        self.meta = raw.meta()
        length = raw.headers.get("content-length", "")
        has_length = length.isdecimal() and not content_encoding(raw.headers)
        self.content_length = int(length) if has_length else None
        self._response = response
        self._raw = raw
        self._received = 0
        self._start = b""

    def __repr__(self) -> str:
        size = "size unknown" if self.content_length is None else f"{self.content_length:,} bytes"
        return f"<{type(self).__name__} {self.conversation_id} {self.direction} {size}>"

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the recording in chunks, as they arrive.

        Raises:
            APIConnectionError: if the download is interrupted. It does not resume.
            ResponseDecodeError: if it is not audio.
        """
        with closing(self._chunks(allow_restart=False)) as chunks:
            for chunk in chunks:
                yield cast(bytes, chunk)

    def read(self) -> bytes:
        """Return the whole recording. It may be large; `save` does not hold it in memory.

        Raises:
            APIConnectionError: if the download is interrupted, and retries do not help.
            ResponseDecodeError: if it is not audio.
        """
        content = bytearray()
        with closing(self._chunks(allow_restart=True)) as chunks:
            for chunk in chunks:
                if chunk is None:
                    content.clear()
                else:
                    content += chunk
        return bytes(content)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        allow_unverified: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Save the recording and return its path.

        It is written as `<name>.<random>.part`, and renamed when it is complete.

        Args:
            path: The file, or a directory; then the file is named after the conversation.
            overwrite: Whether to replace an existing file.
            allow_unverified: Whether to save it even if `is_complete` is None at the end.
            progress: Called with the bytes so far, and the total or None.

        Raises:
            FileExistsError: if the file exists, unless `overwrite` is set, or if it is a device, a
                pipe or a symbolic link.
            APIConnectionError: if the download is interrupted, and retries do not help.
            ResponseDecodeError: if it is not audio, or there is no way to tell if it is complete.
        """
        target = recording_target(
            path, self.conversation_id, self.direction, self.redacted, overwrite=overwrite
        )
        with part_file(target, overwrite=overwrite) as file:
            with closing(self._chunks(allow_restart=True)) as chunks:
                for chunk in chunks:
                    if chunk is None:
                        file.seek(0)
                        file.truncate()
                    else:
                        file.write(chunk)
                    if progress is not None:
                        progress(self._received, self.content_length)
            if not (self.is_complete or allow_unverified):
                raise unverified_download(self._raw)
        return target

    def _chunks(self, *, allow_restart: bool) -> Generator[bytes | None]:
        """Yield the chunks; None if the recording starts over from its first byte."""
        if self._was_read:
            raise PolyAIError(
                "This recording was read already, and its bytes are not kept. Open it again."
            )
        if self._is_closed:
            raise PolyAIError(
                "This recording is closed. Read it inside the with statement that opens it."
            )
        self._was_read = True
        while True:
            body = iter(iter_body(self._response, self._raw.headers))
            while True:
                try:
                    self._state.check()
                    with deadline_scope(self._state):
                        chunk = next(body, None)
                except BaseException as failure:
                    error: BaseException | None = to_error(
                        self._raw.request,
                        self._response,
                        failure,
                        deadline_exceeded=self._state.deadline_exceeded,
                        sent=True,
                    )
                    break
                error = self._accept(chunk)
                if chunk is None or error is not None:
                    break
                yield chunk
            if error is None:
                return
            # Outside the except clause: the frames of the failure hold the key.
            self._sleep(self._state, self._next_delay(error, allow_restart=allow_restart))
            self._response.close()
            response, raw = self._reopen()
            self._set_response(response, raw)
            if allow_restart:
                yield None

    def _accept(self, chunk: bytes | None) -> PolyAIError | None:
        """Count a chunk; None is the end. Return an exception if this is not a whole recording."""
        is_start = len(self._start) < SNIFF_BYTES
        if chunk is None:
            is_framed = has_end(self._response, self._raw.headers)
            expected = self.content_length if is_framed else wav_size(self._start)
            if expected is not None and (
                self._received < expected or (is_framed and self._received > expected)
            ):
                return incomplete_download(self._raw.request, self._received, expected)
            self.is_complete = True if is_framed or expected is not None else None
        else:
            self._received += len(chunk)
            if is_start:
                self._start += chunk[: SNIFF_BYTES - len(self._start)]
        if is_start and (chunk is None or len(self._start) == SNIFF_BYTES):
            return check_start(self._raw, self._start)
        return None

    def _next_delay(self, error: BaseException, *, allow_restart: bool) -> float:
        """Return the seconds until the download starts over, or raise the exception."""
        if isinstance(error, PolyAIError):
            delay = self._state.next_delay(error, retryable=allow_restart or not self._received)
            if delay is not None:
                return delay
        raise error
