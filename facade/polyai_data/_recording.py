"""A recording as a stream: bounded in memory, and complete or an error."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx

from . import errors
from ._answer import Answer, is_text, not_audio
from ._failure import broken_off, failed
from ._files import PartFile, recording_target
from ._request import Call

_ENOUGH = 64
"""How many bytes of a body tell sound from text."""

Progress = Callable[[int, int | None], object]
"""Is called with the bytes so far and the bytes in all, None where the server did not say."""


class _Recording:
    """What both kinds of recording share: the checks, without the I/O."""

    def __init__(
        self,
        call: Call[Any],
        response: httpx.Response,
        answer: Answer,
        *,
        conversation_id: str,
        direction: str,
        redacted: bool,
    ) -> None:
        self.conversation_id = conversation_id
        self.direction = direction
        self.redacted = redacted
        self.content_type = answer.headers.get("Content-Type")
        self.meta = answer.meta(call)
        length = answer.headers.get("Content-Length", "")
        is_encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
        self.content_length = int(length) if length.isdecimal() and not is_encoded else None
        self._call = call
        self._response = response
        self._answer = answer
        self._received = 0
        self._head = b""
        self._begun = False

    def __repr__(self) -> str:
        size = "size unknown" if self.content_length is None else f"{self.content_length:,} bytes"
        return f"<{type(self).__name__} {self.conversation_id} {self.direction} {size}>"

    def _begin(self) -> None:
        if self._begun:
            raise errors.PolyAIError(
                "This recording was read already: its bytes are not kept. Open it again."
            )
        self._begun = True

    def _take(self, chunk: bytes) -> None:
        """Count the bytes, and refuse what only claims to be audio."""
        self._received += len(chunk)
        if len(self._head) < _ENOUGH:
            self._head += chunk[: _ENOUGH - len(self._head)]
            if len(self._head) == _ENOUGH:
                self._check_head()

    def _end(self) -> None:
        """Refuse what is not whole."""
        if self._received < _ENOUGH:
            self._check_head()
        if self.content_length not in (None, self._received):
            raise broken_off(self._call, self._received, self.content_length)

    def _check_head(self) -> None:
        """Refuse text: sound begins with RIFF, or with bytes that are no text."""
        if not self._head.startswith((b"RIFF", b"RF64", b"RIFX")) and is_text(self._head):
            raise not_audio(self._call, attrs.evolve(self._answer, content=self._head))

    def _failed(self, failure: BaseException) -> BaseException:
        if isinstance(failure, httpx.StreamClosed):
            return errors.PolyAIError(
                "This recording is closed: read it in the with statement that opened it."
            )
        return failed(self._call, self._response, failure)

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

        Raises:
            APIConnectionError: if it breaks off.
            ResponseDecodeError: if it is no audio.
        """
        self._begin()
        pieces = self._response.iter_bytes()
        while True:
            error = None
            try:
                piece = next(pieces, None)
            except BaseException as failure:
                error = self._failed(failure)
            if error is not None:  # outside of the except clause, as in the client
                raise error
            if piece is None:
                break
            self._take(piece)
            yield piece
        self._end()

    def read(self) -> bytes:
        """Return the whole recording. It may be large: `save` needs no memory for it.

        Raises:
            APIConnectionError: if it breaks off.
            ResponseDecodeError: if it is no audio.
        """
        return b"".join(self.iter_bytes())

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
            APIConnectionError: if it breaks off; nothing is left of it.
            ResponseDecodeError: if it is no audio.
        """
        target = self._target(path, overwrite=overwrite)
        with PartFile(target, overwrite=overwrite) as file:
            for piece in self.iter_bytes():
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

        Raises:
            APIConnectionError: if it breaks off.
            ResponseDecodeError: if it is no audio.
        """
        self._begin()
        pieces = self._response.aiter_bytes()
        while True:
            error = None
            try:
                piece = await anext(pieces, None)
            except BaseException as failure:
                error = self._failed(failure)
            if error is not None:  # outside of the except clause, as in the client
                raise error
            if piece is None:
                break
            self._take(piece)
            yield piece
        self._end()

    async def read(self) -> bytes:
        """Return the whole recording. It may be large: `save` needs no memory for it.

        Raises:
            APIConnectionError: if it breaks off.
            ResponseDecodeError: if it is no audio.
        """
        return b"".join([piece async for piece in self.iter_bytes()])

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
            APIConnectionError: if it breaks off; nothing is left of it.
            ResponseDecodeError: if it is no audio.
        """
        target = self._target(path, overwrite=overwrite)
        with PartFile(target, overwrite=overwrite) as file:
            async for piece in self.iter_bytes():
                file.write(piece)
                self._report(progress)
        return target
