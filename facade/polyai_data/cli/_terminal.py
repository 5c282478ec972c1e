"""Prints data to stdout and messages to stderr, with control characters escaped."""

import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.segment import Segment
from rich.text import Text

from ._hide import hide_keys
from ._text import clean, clean_lines, to_json

_UNLIMITED_WIDTH = 100_000
"""Columns. If the output is not a terminal, nothing is cut or wrapped."""


class _SafeConsole(Console):
    """A console without markup that escapes control characters."""

    def __init__(self, *, stderr: bool) -> None:
        stream = sys.stderr if stderr else sys.stdout
        self.is_tty = stream.isatty()
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            width=None if self.is_tty else _UNLIMITED_WIDTH,
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as usual and escape control characters, as the last step before the terminal."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield Segment(clean_lines(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Re-raise the error, so that the command can handle it."""
        raise  # rich calls this while it handles a BrokenPipeError


class Terminal:
    """The standard output and standard error of the process."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a test may replace it
                with suppress(OSError):  # it flushes, and the disk may be full
                    stream.reconfigure(errors="backslashreplace")
        self._out = _SafeConsole(stderr=False)
        self._err = _SafeConsole(stderr=True)
        self._progress_active = False

    @property
    def is_piped(self) -> bool:
        """Whether stdout is not a terminal, so that data need not fit its width."""
        return not self._out.is_tty

    @property
    def feeds_a_command(self) -> bool:
        """Whether another command reads stdout, and shows its own messages on this terminal."""
        try:
            is_pipe = stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
        except (OSError, ValueError):  # replaced by something that is not a file
            return False
        return is_pipe and self._err.is_tty

    @property
    def width(self) -> int:
        """The number of columns of stdout."""
        return self._out.width

    @property
    def is_interactive(self) -> bool:
        """Whether stderr can show progress bars and spinners."""
        return self._err.is_tty and self._err.is_interactive

    def show(self, *renderables: RenderableType) -> None:
        """Print data."""
        if not self.is_piped:
            for renderable in renderables:
                self._out.print(renderable)
            return
        with self._out.capture() as captured:
            for renderable in renderables:
                self._out.print(renderable)
        # Remove the padding of the last column.
        lines = captured.get().splitlines()
        self._write("".join(f"{line.rstrip()}\n" for line in lines))

    def show_plain(self, text: str) -> None:
        """Print data as plain text, neither coloured nor wrapped."""
        self._write(f"{clean_lines(text)}\n")

    def show_json(self, value: Any) -> None:
        """Print data as one line of JSON."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        self._write(f"{to_json(value)}\n")

    def write_bytes(self, data: bytes) -> None:
        """Write binary data to stdout.

        Raises:
            BrokenPipeError: if stdout is closed.
        """
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            raise BrokenPipeError
        buffer.write(data)

    def _write(self, text: str) -> None:
        if self._progress_active and self._out.is_tty:  # on the same terminal: print above the bar
            self._err.print(Text(text), end="", soft_wrap=True)
            return
        sys.stdout.write(text)
        sys.stdout.flush()

    def _tell(self, text: Text, **options: Any) -> None:
        # A message that cannot be printed, as on a full disk, must not stop the command.
        with suppress(OSError):
            self._err.print(text, **options)

    def info(self, text: str, style: str = "") -> None:
        """Print a message to stderr."""
        self._tell(Text(clean(hide_keys(text)), style), soft_wrap=True)

    def interrupted(self, text: str) -> None:
        """Print a message to stderr, on a new line: on a terminal, the current one shows ^C."""
        self._tell(
            Text(clean_lines(hide_keys(f"\n{text}" if self._err.is_tty else text))), soft_wrap=True
        )

    def info_lines(self, text: str) -> None:
        """Print several lines to stderr."""
        self._tell(Text(clean_lines(hide_keys(text))), soft_wrap=True)

    def error(self, message: str, remedy: str) -> None:
        """Print an error and its remedy to stderr."""
        self._label("error:", "bold red", message)
        if remedy:
            self._label("hint:", "bold", remedy)

    def warning(self, text: str) -> None:
        """Print a warning to stderr."""
        self._label("warning:", "bold yellow", text)

    def _label(self, word: str, style: str, text: str) -> None:
        # Wrapped at words; the terminal itself would break lines anywhere.
        self._tell(Text.assemble((word, style), " ", clean(hide_keys(text))))

    def hint(self, text: str) -> None:
        """Print a hint to stderr."""
        self.info(text, "dim")

    def prompt(self, text: str, *, for_readline: bool) -> str:
        """Return a prompt for `input`; if stdout is piped, print it to stderr instead.

        Only readline knows which parts of a prompt are colours.
        """
        if self.is_piped:
            self._err.print(Text(text), end="")
            return ""
        if not for_readline or self._out.color_system is None or self._out.no_color:
            return text
        # \001 and \002 enclose what readline must not count as columns.
        return f"\001\033[1;36m\002{text}\001\033[0m\002"

    def spinner(self, text: str) -> AbstractContextManager[Any]:
        """Show a spinner while a `with` block runs."""
        return self._err.status(Text(clean(text))) if self.is_interactive else nullcontext()

    def item_progress(self) -> AbstractContextManager[Progress]:
        """Return a progress bar that counts items, for a `with` statement."""
        return self._progress(MofNCompleteColumn(), _Rate())

    def byte_progress(self) -> AbstractContextManager[Progress]:
        """Return a progress bar that counts bytes, for a `with` statement."""
        return self._progress(DownloadColumn(), TransferSpeedColumn())

    @contextmanager
    def _progress(self, *columns: ProgressColumn) -> Iterator[Progress]:
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *columns,
            TimeRemainingColumn(compact=True),
            console=self._err,
            disable=not self.is_interactive,
            transient=True,
            redirect_stdout=False,  # _write keeps data apart from the bar
            redirect_stderr=False,
        )
        self._progress_active = self.is_interactive
        try:
            with progress if self._progress_active else nullcontext():
                yield progress
        finally:
            self._progress_active = False


class _Rate(ProgressColumn):
    """A column with the number of items per second."""

    def render(self, task: Task) -> Text:
        """Return the rate; empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", "progress.data.speed")
