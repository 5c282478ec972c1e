"""Standard input, output and error, as shells and other systems provide them."""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from typing import Literal, TextIO

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class ClosedStream(io.TextIOBase):
    """Standard input or output that is closed: writing fails as if the reader had left."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor, which leads to the null device."""
        return self._descriptor

    def write(self, text: str) -> int:  # noqa: ARG002
        """Raise BrokenPipeError."""
        raise BrokenPipeError


def replace_closed_streams() -> None:
    """Replace standard streams that are closed, which Python sets to None.

    Their descriptors are occupied, so that no file or connection gets one of them and receives what
    is written to stdout or stderr. Messages for a closed stderr are lost.
    """
    names: tuple[Literal["stdin", "stdout", "stderr"], ...] = ("stdin", "stdout", "stderr")
    for name in names:
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free one
            null = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, null if name == "stderr" else ClosedStream(descriptor))


def is_interactive() -> bool:
    """Whether stdin is a terminal.

    Raises:
        CommandError: if stdin is closed.
    """
    if isinstance(sys.stdin, ClosedStream):
        from ._command import CommandError  # imports typer, which may not be installed

        raise CommandError("Standard input is closed.", "Redirect it from a file or a pipe.")
    return sys.stdin.isatty()


def input_stream() -> TextIO:
    """Return stdin, decoded as its byte order mark says, if it has one.

    Raises:
        CommandError: if stdin is closed.
    """
    stream = sys.stdin
    if not is_interactive() and isinstance(stream, io.TextIOWrapper):
        start = stream.buffer.peek(3) if isinstance(stream.buffer, io.BufferedReader) else b""
        for mark, encoding in _BYTE_ORDER_MARKS.items():
            if start.startswith(mark):
                stream.reconfigure(encoding=encoding)
    return stream


def input_lines() -> Iterator[str]:
    """Yield the lines of stdin without their line ends, of any system, and skip empty lines."""
    for line in input_stream():
        if line.strip():
            yield line.rstrip("\r\n")


def input_text() -> str:
    """Return all of stdin, with the line ends of this system and without the last one."""
    return input_stream().read().replace("\r\n", "\n").removesuffix("\n")


def decode_file(content: bytes) -> str:
    """Decode the content of a text file, with or without a byte order mark."""
    encodings = (name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark))
    return content.decode(next(encodings, "utf-8"), errors="replace")
