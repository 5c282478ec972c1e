"""A recording as a stream: bounded in memory, and complete or an error."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

import attrs
import httpx

from . import _retry, errors
from ._answer import (
    Answer,
    async_body_of,
    body_of,
    is_compressed,
    is_compression_known,
    is_text,
    not_audio,
)
from ._failure import broken_off, failed
from ._files import PartFile, recording_target
from ._request import Call
from ._retry import Attempts

_ENOUGH = 64
"""How many bytes of a body tell sound from text."""

_LEAST_AGE = timedelta(seconds=60)
"""What was changed less than this before it was sent may have changed again since."""

Progress = Callable[[int, int | None], object]
"""Is called with the bytes so far and the bytes in all, None where the server did not say."""


def _strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what only the very same bytes have, for If-Range: an entity tag, or else a date."""
    tag = headers.get("etag")
    if tag is not None:
        return None if tag.startswith("W/") or not tag.isascii() else tag
    try:
        modified, sent = (parsedate_to_datetime(headers[n]) for n in ("last-modified", "date"))
        return headers["last-modified"] if sent - modified >= _LEAST_AGE else None
    except (KeyError, ValueError, TypeError):  # absent, unreadable, or only one has a zone
        return None


class _Recording:
    """What both kinds of recording share: the checks, without the I/O."""

    def __init__(
        self,
        call: Call[Any],
        response: httpx.Response,
        answer: Answer,
        *,
        attempts: Attempts,
        open_again: Callable[[Mapping[str, str]], Any],
        conversation_id: str,
        direction: str,
        redacted: bool,
    ) -> None:
        self.conversation_id = conversation_id
        self.direction = direction
        self.redacted = redacted
        self._call = call
        self._attempts = attempts
        self._open_again = open_again
        self._begun = False
        self._is_closed = False
        self._is_rest_refused = False
        self._response = response
        self._start(answer)

    def _start(self, answer: Answer) -> None:
        """Take an answer that holds the recording from its first byte on."""
        self.content_type = answer.headers.get("content-type")
        self.meta = answer.meta(self._call)
        length = answer.headers.get("content-length", "")
        has_length = length.isdecimal() and not is_compressed(answer.headers)
        self.content_length = int(length) if has_length else None
        self._answer = answer
        self._received = 0
        self._head = b""

    def __repr__(self) -> str:
        size = "size unknown" if self.content_length is None else f"{self.content_length:,} bytes"
        return f"<{type(self).__name__} {self.conversation_id} {self.direction} {size}>"

    def _begin(self) -> None:
        if self._begun:
            raise errors.PolyAIError(
                "This recording was read already: its bytes are not kept. Open it again."
            )
        if self._is_closed:
            raise errors.PolyAIError(
                "This recording is closed: read it in the with statement that opened it."
            )
        self._begun = True

    def _take(self, chunk: bytes) -> None:
        """Count the bytes, and refuse what only claims to be audio."""
        self._received += len(chunk)
        if len(self._head) < _ENOUGH:
            self._head += chunk[: _ENOUGH - len(self._head)]
            if len(self._head) == _ENOUGH:
                self._check_head()

    def _end(self) -> errors.PolyAIError | None:
        """Return the error if it is not whole; refuse what only claims to be audio."""
        if self.content_length not in (None, self._received):
            return broken_off(self._call, self._received, self.content_length)
        if self._received < _ENOUGH:
            self._check_head()
        return None

    def _retry_after(self, error: BaseException, *, may_start_over: bool) -> float:
        """Return the seconds to wait before the rest is asked for; raise what cannot be mended."""
        can_be_mended = may_start_over or self._can_go_on
        delay = self._attempts.failed(error, can_be_mended=can_be_mended)
        if delay is None:
            raise error
        return delay

    @property
    def _can_go_on(self) -> bool:
        """Whether the rest of what came so far could be known as such."""
        return not self._is_rest_refused and 0 < self._received < (self.content_length or 0)

    def _rest(self) -> dict[str, str]:
        """Return the headers that ask for the rest alone; none to ask for all of it."""
        if not self._can_go_on:
            return {}
        validator = _strong_validator(self._answer.headers)
        same = {"If-Range": validator} if validator else {}
        return {"Range": f"bytes={self._received}-", **same}

    def _go_on(
        self, answer: Answer, error: BaseException, *, may_start_over: bool
    ) -> BaseException | None:
        """Take the answer to that; return the error once more if it holds nothing of use."""
        if self._is_rest(answer):
            self.meta = attrs.evolve(self.meta, attempts=answer.attempts)
            return None
        if not may_start_over:
            self._attempts.failed(error, can_be_mended=False)
            raise error
        if answer.status in (206, 416):  # of another place than asked for, or of none
            self._is_rest_refused = True
            return error
        self._start(answer)
        return None

    def _is_rest(self, answer: Answer) -> bool:
        """Whether it is the same recording, from where it broke off."""
        place = f"bytes {self._received}-{(self.content_length or 0) - 1}/{self.content_length}"
        return (
            answer.status == 206
            and answer.headers.get("content-range", "").strip() == place
            and not is_compressed(answer.headers)
            and all(
                answer.headers.get(name) in (None, self._answer.headers.get(name))
                for name in ("etag", "last-modified")
            )
        )

    def _check_head(self) -> None:
        """Refuse text: sound begins with RIFF, or with bytes that are no text."""
        is_known = is_compression_known(self._answer.headers)
        if not self._head.startswith((b"RIFF", b"RF64", b"RIFX")) and (
            is_text(self._head) or not is_known
        ):
            error = not_audio(self._call, attrs.evolve(self._answer, content=self._head))
            self._attempts.failed(error, can_be_mended=False)
            raise error

    def _failed(self, failure: BaseException) -> BaseException:
        return failed(self._call, self._response, failure, is_late=self._attempts.are_late)

    def _target(self, path: str | os.PathLike[str], *, overwrite: bool) -> Path:
        return recording_target(
            path, self.conversation_id, self.direction, self.redacted, overwrite=overwrite
        )

    def _report(self, progress: Progress | None) -> None:
        if progress is not None:
            progress(self._received, self.content_length)


class Recording(_Recording):
    """A recording, to be read once; from `DataClient.open_recording`.

    Attributes:
        conversation_id: The conversation that was recorded.
        direction: `combined`, `user` or `agent`.
        redacted: Whether personal data was removed.
        content_length: Its size in bytes, or None where the server did not say.
        content_type: Its media type, such as `audio/wav`, or None.
        meta: Where the answer came from.
    """

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the recording in pieces as they arrive.

        Where it breaks off, it goes on if the server gives the rest alone.

        Raises:
            APIConnectionError: if it breaks off for good.
            ResponseDecodeError: if it is no audio.
        """
        yield from cast(Iterator[bytes], self._pieces(may_start_over=False))

    def _pieces(self, *, may_start_over: bool) -> Iterator[bytes | None]:
        """Yield the recording in pieces; None where it starts over from its first byte."""
        self._begin()
        error: BaseException | None = None
        while True:
            coming = iter(body_of(self._response, self._answer.headers))
            while error is None:
                try:
                    self._attempts.check_deadline()
                    piece = next(coming, None)
                except BaseException as failure:
                    error = self._failed(failure)
                    break
                if piece is None:
                    break
                self._take(piece)
                yield piece
            error = error or self._end()
            if error is None:
                return
            # Outside of the except clause, as in the client.
            self._attempts.sleep(self._retry_after(error, may_start_over=may_start_over))
            self._response.close()
            self._response, answer = self._open_again(self._rest())
            error = self._go_on(answer, error, may_start_over=may_start_over)
            if error is None and self._received == 0:
                yield None

    def read(self) -> bytes:
        """Return the whole recording. It may be large: `save` needs no memory for it.

        Raises:
            APIConnectionError: if it breaks off.
            ResponseDecodeError: if it is no audio.
        """
        content = bytearray()
        for piece in self._pieces(may_start_over=True):
            if piece is None:
                content.clear()
            else:
                content += piece
        return bytes(content)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Save the recording and return its path.

        It is written as `<name>.part` and takes its name when it is complete, so that nothing
        stands under that name which is not whole.

        Args:
            path: The file, or a directory: in it the file is named after the conversation.
            overwrite: Whether to replace a file that is there.
            progress: Is called with the bytes so far and the bytes in all, or None.

        Raises:
            FileExistsError: if the file is there, unless `overwrite` is set.
            APIConnectionError: if it breaks off for good; nothing is left of it.
            ResponseDecodeError: if it is no audio.
        """
        target = self._target(path, overwrite=overwrite)
        with PartFile(target, overwrite=overwrite) as file:
            for piece in self._pieces(may_start_over=True):
                if piece is None:
                    file.start_over()
                else:
                    file.write(piece)
                self._report(progress)
        return target


class AsyncRecording(_Recording):
    """A recording, to be read once; from `AsyncDataClient.open_recording`.

    Attributes:
        conversation_id: The conversation that was recorded.
        direction: `combined`, `user` or `agent`.
        redacted: Whether personal data was removed.
        content_length: Its size in bytes, or None where the server did not say.
        content_type: Its media type, such as `audio/wav`, or None.
        meta: Where the answer came from.
    """

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the recording in pieces as they arrive.

        Where it breaks off, it goes on if the server gives the rest alone.

        Raises:
            APIConnectionError: if it breaks off for good.
            ResponseDecodeError: if it is no audio.
        """
        async with aclosing(self._pieces(may_start_over=False)) as pieces:
            async for piece in pieces:
                yield cast(bytes, piece)

    async def _pieces(self, *, may_start_over: bool) -> AsyncGenerator[bytes | None, None]:
        """Yield the recording in pieces; None where it starts over from its first byte."""
        self._begin()
        error: BaseException | None = None
        while True:
            coming = aiter(async_body_of(self._response, self._answer.headers))
            while error is None:
                try:
                    self._attempts.check_deadline()
                    piece = await anext(coming, None)
                except BaseException as failure:
                    error = self._failed(failure)
                    break
                if piece is None:
                    break
                self._take(piece)
                yield piece
            error = error or self._end()
            if error is None:
                return
            # Outside of the except clause, as in the client.
            delay = self._retry_after(error, may_start_over=may_start_over)
            await _retry.sleep_asynchronously(delay)
            await self._response.aclose()
            self._response, answer = await self._open_again(self._rest())
            error = self._go_on(answer, error, may_start_over=may_start_over)
            if error is None and self._received == 0:
                yield None

    async def read(self) -> bytes:
        """Return the whole recording. It may be large: `save` needs no memory for it.

        Raises:
            APIConnectionError: if it breaks off.
            ResponseDecodeError: if it is no audio.
        """
        content = bytearray()
        async with aclosing(self._pieces(may_start_over=True)) as pieces:
            async for piece in pieces:
                if piece is None:
                    content.clear()
                else:
                    content += piece
        return bytes(content)

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Save the recording and return its path.

        It is written as `<name>.part` and takes its name when it is complete, so that nothing
        stands under that name which is not whole.

        Args:
            path: The file, or a directory: in it the file is named after the conversation.
            overwrite: Whether to replace a file that is there.
            progress: Is called with the bytes so far and the bytes in all, or None.

        Raises:
            FileExistsError: if the file is there, unless `overwrite` is set.
            APIConnectionError: if it breaks off for good; nothing is left of it.
            ResponseDecodeError: if it is no audio.
        """
        target = self._target(path, overwrite=overwrite)
        with PartFile(target, overwrite=overwrite) as file:
            async with aclosing(self._pieces(may_start_over=True)) as pieces:
                async for piece in pieces:
                    if piece is None:
                        file.start_over()
                    else:
                        file.write(piece)
                    self._report(progress)
        return target
