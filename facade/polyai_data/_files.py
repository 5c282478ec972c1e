"""Where a recording is saved, and that nothing stands under its name which is not whole."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_LONGEST_NAME = 120
_PREFIXES = ("CA", "KA-", "LOCAL-", "AS_CHAT_")
"""What the API's IDs begin with; the rest of them is in lower case."""
_HASHED = re.compile(r"_[0-9a-f]{16}$")
_MISUNDERSTOOD = re.compile(r"(?i)-|(con|prn|aux|nul|com\d|lpt\d)$")
"""Names that Windows takes for devices, and those that look like an option of a command."""


def _file_name(conversation_id: str, direction: str, redacted: bool) -> str:
    """Return a file name for a recording that is safe on every system.

    Characters other than ASCII letters, digits, `_` and `-` become `_`, long IDs are cut, and a
    hash keeps such names apart; likewise IDs that are not written as the API does, which another
    may differ from in case alone.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", conversation_id)[:_LONGEST_NAME]
    if _MISUNDERSTOOD.match(stem):
        stem = f"_{stem}"
    if stem != _as_usual(conversation_id) or _HASHED.search(stem):
        stem += f"_{hashlib.sha256(conversation_id.encode()).hexdigest()[:16]}"
    parts = [stem, *([direction] if direction != "combined" else []), *(["redacted"] * redacted)]
    return f"{'.'.join(parts)}.wav"


def _as_usual(conversation_id: str) -> str:
    """Return the ID in the case that the API writes it in."""
    folded = conversation_id.lower()
    prefix = next((one for one in _PREFIXES if folded.startswith(one.lower())), "")
    return prefix + folded[len(prefix) :]


def recording_target(
    path: str | os.PathLike[str],
    conversation_id: str,
    direction: str,
    redacted: bool,
    *,
    overwrite: bool,
) -> Path:
    """Return the file to write: the path itself, or one in it if it is a directory.

    Raises:
        FileExistsError: if the file is there and must not be overwritten.
        FileNotFoundError: if its directory is not there.
    """
    target = Path(path)
    if os.fspath(path).endswith(("/", os.sep)) and not target.is_dir():
        raise FileNotFoundError(f"There is no directory {target}.")
    if target.is_dir():
        target /= _file_name(conversation_id, direction, redacted)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; pass overwrite=True to replace it.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no directory {target.parent} to save {target.name} in.")
    with suppress(FileNotFoundError):  # that a file can have this name shows before it is fetched
        os.lstat(_part_of(target))
    return target


def _part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


_BUFFER = 2**20
"""Bytes that are written at once; pieces come in smaller ones, and each write costs."""


class PartFile:
    """A file that is written as `<name>.part` beside the target, and takes its name when complete.

    Used in a `with` statement; what raises in it leaves neither file behind.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        self._target = target
        self._overwrite = overwrite
        self._part = _part_of(target)
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._part.unlink(missing_ok=True)  # left over, or another download's, which will notice
        self._file = self._part.open("xb", buffering=_BUFFER)
        return self

    def start_over(self) -> None:
        """Throw away what was written."""
        self._file.seek(0)
        self._file.truncate()

    def write(self, chunk: bytes) -> None:
        """Append the bytes."""
        self._file.write(chunk)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_ours = self._is_ours()
        try:
            self._file.close()  # a full disk may show only now
            if exc_type is None:
                self._rename(is_ours)
        finally:
            if is_ours:
                self._part.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether the `.part` file is still the one that was written here."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._part.stat())
        except FileNotFoundError:
            return False

    def _rename(self, is_ours: bool) -> None:
        if not is_ours:
            raise FileExistsError(f"Another download to {self._target} began meanwhile.")
        if self._target.exists() and not self._overwrite:
            raise FileExistsError(f"{self._target} appeared meanwhile; it was not replaced.")
        os.replace(self._part, self._target)
