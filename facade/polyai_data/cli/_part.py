"""The file of an export: whole lines, written as `<name>.part` until it is complete."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ._command import Refused
from ._text import to_json


class Lines:
    """Lines of JSON that become a file once they are all there.

    What ends the `with` block early leaves the `.part` file, for an export that goes on with it.

    Attributes:
        part: The file as long as it is not complete.
        count: How many lines there are.
        first: The first line of those that were there before; None if there are none.
    """

    def __init__(self, target: Path, *, resume: bool, overwrite: bool) -> None:
        self.part = target.parent / f"{target.name}.part"
        self.count = 0
        self.first: Any = None
        self._target = target
        self._resume = resume
        self._overwrite = overwrite
        self._there: set[str] = set()
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._check_target()
        try:
            # Without a buffer, so that what is written is in the file, however this ends.
            self._file = self.part.open("ab" if self._resume else "xb", buffering=0)
        except FileExistsError:
            raise Refused(
                f"{self.part} is there, of an export that was interrupted or still goes on.",
                f"--resume goes on with it. To begin anew, delete {self.part}.",
            ) from None
        if self._resume:
            self._file.truncate(self._take_up())
        return self

    def _check_target(self) -> None:
        if self._target.is_dir():
            raise Refused(f"{self._target} is a directory.", "Name a file.")
        if self._target.exists() and not self._overwrite:
            raise Refused(f"{self._target} exists.", "--overwrite replaces it.")

    def _take_up(self) -> int:
        """Note what is there; return its length, without what is no whole line and all after it."""
        length = 0
        with self.part.open("rb") as file:
            for line in file:
                try:
                    value = json.loads(line) if line.endswith(b"\n") else _BROKEN
                except ValueError:
                    value = _BROKEN
                if value is _BROKEN:
                    break
                self.first = self.first or value
                self._there.add(key_of(value))
                self.count += 1
                length += len(line)
        return length

    def has(self, value: Any) -> bool:
        """Whether a conversation was there before."""
        return bool(self._there) and key_of(value) in self._there

    def add(self, value: Any) -> None:
        """Write a line; it is in the file when this returns."""
        rest = memoryview(f"{to_json(value)}\n".encode())
        while rest:  # a file may take a part of it alone
            rest = rest[self._file.write(rest) :]
        self.count += 1

    def __iter__(self) -> Iterator[Any]:
        """Yield what was written, read once more: it may be more than memory holds."""
        with self.part.open("rb") as file:
            yield from map(json.loads, file)

    def complete(self) -> None:
        """Give the file its name, once all of it is on the disk."""
        os.fsync(self._file.fileno())
        self._file.close()
        self._check_target()
        os.replace(self.part, self._target)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


_BROKEN = object()


def key_of(value: Any) -> str:
    """Return what tells a record from all others: its ID, or all of it where it has none."""
    found = value.get("conversationId") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else to_json(value)
