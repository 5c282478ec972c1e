"""Writes JSON Lines files that can be resumed: `<name>.part` until they are complete."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ._command import CommandError
from ._text import to_json


class JsonLinesFile:
    """A JSON Lines file, written under a temporary name until it is complete.

    If the `with` block ends early, the `.part` file stays, so that an export can resume it.

    Attributes:
        part: The path of the incomplete file.
        count: The number of lines.
        first: The first line of the file that is being resumed, or None.
    """

    def __init__(self, target: Path, *, resume: bool, overwrite: bool) -> None:
        self.part = target.parent / f"{target.name}.part"
        self.count = 0
        self.first: Any = None
        self._target = target
        self._resume = resume
        self._overwrite = overwrite
        self._existing_keys: set[str] = set()
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._check_target()
        try:
            # Unbuffered, so that no line is lost if the process is killed.
            self._file = self.part.open("ab" if self._resume else "xb", buffering=0)
        except FileExistsError:
            raise CommandError(
                f"{self.part} exists: another export was interrupted or is still running.",
                f"Use --resume to continue it. To start over, delete {self.part}.",
            ) from None
        if self._resume:
            self._file.truncate(self._load_existing())
        return self

    def _check_target(self) -> None:
        if self._target.is_dir():
            raise CommandError(f"{self._target} is a directory.", "Pass a file to -o.")
        if self._target.exists() and not self._overwrite:
            raise CommandError(f"{self._target} already exists.", "Use --overwrite to replace it.")

    def _load_existing(self) -> int:
        """Read the complete lines of the file; return their length in bytes."""
        length = 0
        with self.part.open("rb") as file:
            for line in file:
                try:
                    value = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                self.first = self.first or value
                self._existing_keys.add(record_key(value))
                self.count += 1
                length += len(line)
        return length

    def has(self, value: Any) -> bool:
        """Whether the resumed file has this record."""
        return bool(self._existing_keys) and record_key(value) in self._existing_keys

    def add(self, value: Any) -> None:
        """Write a line to the file."""
        rest = memoryview(f"{to_json(value)}\n".encode())
        while rest:  # an unbuffered write may be partial
            rest = rest[self._file.write(rest) :]
        self.count += 1

    def __iter__(self) -> Iterator[Any]:
        """Yield the records, read from the file again to save memory."""
        with self.part.open("rb") as file:
            yield from map(json.loads, file)

    def complete(self) -> None:
        """Flush the file to disk and rename it."""
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


def record_key(value: Any) -> str:
    """Return the ID of a record, or the whole record as JSON if it has none."""
    found = value.get("conversationId") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else to_json(value)
