"""Writes JSON Lines files that can be resumed: `<name>.part` until they are complete."""

import json
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from . import _locks
from ._command import CommandError
from ._format import pluralize
from ._terminal import Terminal
from ._text import to_json
from ._times import now


class JsonLinesFile:
    """A JSON Lines file, written under a temporary name until it is complete.

    If the `with` block ends early, the `.part` file stays, so that an export can resume it. It is
    locked, so that only one process writes it. The file `.options` beside it keeps the options of
    the export, so that a resumed export does not mix records of two searches.

    Attributes:
        name: The path of the complete file, for messages.
        part: The path of the incomplete file.
        count: The number of lines.
        started: When the export was first started.
    """

    def __init__(
        self, target: Path, options: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> None:
        self.name = str(target)
        self.part = target.parent / f"{target.name}.part"
        self.count = 0
        self.started = now()
        self._options = options
        self._options_path = target.parent / f"{target.name}.options"
        self._target = target
        self._resume = resume
        self._overwrite = overwrite
        self._existing_keys: set[str] = set()
        self._file: BinaryIO

    def __enter__(self) -> Self:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(self.part), os.lstat(self._target)):
                self.part.unlink()  # an export was killed just after it was completed
        self._check_target()
        _require_regular(self.part)
        try:
            # Unbuffered, so that no line is lost if the process is killed.
            self._file = self.part.open("ab" if self._resume else "xb", buffering=0)
        except FileExistsError:
            raise CommandError(
                f"{self.part} exists: another export was interrupted or is still running.",
                f"Use --resume to continue it. To start over, delete {self.part}.",
            ) from None
        try:
            self._lock()
            if self._resume:
                self._check_options()
                self._file.truncate(self._load_existing())
            self._save_options()
        except BaseException:
            self._file.close()
            raise
        return self

    def _check_target(self) -> None:
        if self._target.is_dir():
            raise CommandError(f"{self._target} is a directory.", "Pass a file to -o.")
        if not self._target.parent.is_dir():
            raise CommandError(f"The directory {self._target.parent} does not exist.")
        _require_regular(self._target)
        if self._target.exists() and not self._overwrite:
            raise _exists(self._target)

    def _lock(self) -> None:
        """Lock the file until it is closed, which the system does if the process is killed."""
        try:
            _locks.lock(self._file)
            # Another process may have completed the file before it was locked here.
            is_current = os.path.samestat(os.fstat(self._file.fileno()), os.lstat(self.part))
        except (BlockingIOError, PermissionError, FileNotFoundError):
            is_current = False
        if not is_current:
            raise CommandError(
                f"Another export is writing {self.part}.",
                "Wait for it, or pass another file to -o.",
            )

    def _check_options(self) -> None:
        """Reject options that differ from those that the file was started with."""
        _require_regular(self._options_path)
        try:
            saved = json.loads(self._options_path.read_bytes())
            options, started = saved["options"], datetime.fromisoformat(saved["started"])
        except (FileNotFoundError, ValueError):  # killed before they were saved
            return
        if options != self._options:
            raise CommandError(
                f"{self.part} was started with other options: {_as_arguments(options) or 'none'}.",
                f"Resume it with the same options, or delete {self.part}.",
            )
        self.started = started

    def _save_options(self) -> None:
        saved = {"options": self._options, "started": self.started.isoformat()}
        self._options_path.unlink(missing_ok=True)  # a link is replaced, not followed
        with self._options_path.open("x", encoding="utf-8") as file:
            file.write(f"{to_json(saved)}\n")

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
                self._existing_keys.add(record_key(value))
                self.count += 1
                length += len(line)
        return length

    @property
    def kept(self) -> str:
        """What is saved, and how to continue, for messages after a failure."""
        saved = f"Saved {pluralize(self.count, 'conversation')} in {self.part}"
        return f"{saved}. Use --resume to continue."

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
        if not _locks.CAN_RENAME_OPEN_FILES:
            self._file.close()
        self.publish(self.part)

    def publish(self, source: Path) -> None:
        """Give a complete file the final name."""
        self._check_target()
        if self._overwrite:
            os.replace(source, self._target)
        else:
            self._rename_without_overwriting(source)
        self._options_path.unlink(missing_ok=True)

    def _rename_without_overwriting(self, source: Path) -> None:
        try:
            os.link(source, self._target)
        except FileExistsError:
            raise _exists(self._target) from None
        except OSError:  # a file system without hard links
            os.replace(source, self._target)
        else:
            source.unlink()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


class StandardOutput:
    """Standard output, as JSON Lines.

    Attributes:
        name: Its name, for messages.
        count: The number of lines.
        started: When the export was started.
    """

    name = "standard output"

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.count = 0
        self.started = now()

    def __enter__(self) -> Self:
        return self

    @property
    def kept(self) -> str:
        """What was printed, for messages after a failure."""
        return f"Printed {pluralize(self.count, 'conversation')}."

    def has(self, value: Any) -> bool:  # noqa: ARG002
        """Return False: there is nothing to resume."""
        return False

    def add(self, value: Any) -> None:
        """Print a line."""
        self._terminal.show_json(value)
        self.count += 1

    def __iter__(self) -> Iterator[Any]:
        """Yield nothing: what was printed cannot be read again."""
        return iter(())

    def complete(self) -> None:
        """Do nothing: what was printed is complete."""

    def __exit__(self, *_: object) -> None:
        pass


def record_key(value: Any) -> str:
    """Return the ID of a record, or the whole record as JSON if it has none."""
    found = value.get("conversationId", value.get("id")) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else to_json(value)


def _require_regular(path: Path) -> None:
    """Reject anything that is neither missing nor a regular file or a directory."""
    kinds = {stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise CommandError(
            f"{path} is a {kinds.get(stat.S_IFMT(mode), 'device')}, not a regular file.",
            "Pass another file to -o, or - for standard output.",
        )


def _exists(target: Path) -> CommandError:
    return CommandError(f"{target} already exists.", "Use --overwrite to replace it.")


def _as_arguments(options: Mapping[str, Any]) -> str:
    """Return options as they are written on the command line."""
    arguments = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            arguments += [name] if one is True else [name, str(one)]
    return shlex.join(arguments)


def make_directory(path: Path, option: str) -> None:
    """Create a directory unless it exists.

    Raises:
        CommandError: if the path is something else.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise CommandError(
            f"{path} is not a directory.", f"Pass a directory to {option}."
        ) from None
