"""Where recordings are saved. A file under its final name is always complete."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import short_repr

_MAX_LENGTH = 120
_PREFIXES = ("CA", "KA-", "LOCAL-", "AS_CHAT_")
"""How the API's IDs start; the rest is in lower case."""
_HASHED = re.compile(r"_[0-9a-f]{16}$")
_RESERVED_NAMES = re.compile(r"(?i)-|(con|prn|aux|nul|com\d|lpt\d)$")
"""Names of devices on Windows, and names that look like a command line option."""


def recording_file_name(conversation_id: str, direction: str, redacted: bool) -> str:
    """Return a file name that is safe on every system, and differs for different IDs.

    Characters other than ASCII letters, digits, `_` and `-` become `_`, and long IDs are cut. A
    hash distinguishes such names, and IDs in a case that the API does not use: another ID may
    differ in case only.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", conversation_id)[:_MAX_LENGTH]
    if _RESERVED_NAMES.match(stem):
        stem = f"_{stem}"
    # The ID in the case that the API uses:
    prefix = next((p for p in _PREFIXES if conversation_id.lower().startswith(p.lower())), "")
    canonical = prefix + conversation_id[len(prefix) :].lower()
    if stem != canonical or _HASHED.search(stem):
        stem += f"_{hashlib.sha256(conversation_id.encode()).hexdigest()[:16]}"
    parts = [stem, *([direction] if direction != "combined" else []), *(["redacted"] * redacted)]
    return f"{'.'.join(parts)}.wav"


_BUFFER_SIZE = 2**20
"""Bytes per write. Chunks are smaller, and each write costs time."""


def recording_target(
    path: str | os.PathLike[str],
    conversation_id: str,
    direction: str,
    redacted: bool,
    *,
    overwrite: bool,
) -> Path:
    """Return the file to write: the path itself, or a file in it if it is a directory."""
    target = Path(path)
    if os.fspath(path).endswith(("/", os.sep)):
        make_directory(path)
    if target.is_dir():
        target /= recording_file_name(conversation_id, direction, redacted)
    check_target(target, overwrite=overwrite)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"The directory {_quoted(target.parent)} does not exist.")
    with suppress(FileNotFoundError):  # an invalid file name raises now, before anything is sent
        os.lstat(_part_path(target))
    return target


def make_directory(path: str | os.PathLike[str]) -> Path:
    """Create a directory if it does not exist."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"{_quoted(path)} is a file, not a directory.") from None
    return Path(path)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise FileExistsError if a file may not be written there."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise FileExistsError(
            f"{_quoted(target)} is not a regular file, and is not replaced. Choose another name."
        )
    if not overwrite:
        raise FileExistsError(f"{target} exists. Pass overwrite=True to replace it.")


def _quoted(path: str | os.PathLike[str]) -> str:
    return short_repr(os.fspath(path))


def _part_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.{os.urandom(4).hex()}.part")


@contextmanager
def part_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file for writing under a temporary name; rename it when the `with` block ends.

    The name is `<name>.<random>.part`, so two downloads never share a file. The content is on
    disk before the file gets its name. If the block raises, no file is left.
    """
    part = _part_path(target)
    file: BinaryIO = part.open("xb", buffering=_BUFFER_SIZE)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check_target(target, overwrite=True)  # it may exist by now
        if overwrite:
            os.replace(part, target)
        else:
            link_new(part, target)
    finally:
        part.unlink(missing_ok=True)


def link_new(part: Path, target: Path) -> None:
    """Give a file its final name. Raise FileExistsError if that name is taken."""
    try:
        os.link(part, target)
    except OSError as failure:
        if isinstance(failure, FileExistsError) or target.exists():
            raise FileExistsError(f"{target} was created meanwhile. It was not replaced.") from None
        os.replace(part, target)  # a file system without hard links
