"""Where output goes: data to stdout, all else to stderr, and nothing that a terminal obeys."""

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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

from ._text import clean, clean_lines, to_json

_NO_LIMIT = 100_000
"""Columns. Where no terminal is, nothing is cut or wrapped."""


class _SafeConsole(Console):
    """A console that takes no text for markup, and lets no control character of one through."""

    def __init__(self, *, stderr: bool) -> None:
        stream = sys.stderr if stderr else sys.stdout
        self.is_real = stream.isatty()
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            width=None if self.is_real else _NO_LIMIT,
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as usual, and clean each piece of text: the last place before the terminal."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield Segment(clean_lines(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Leave it to the command what becomes of a reader that has gone."""
        raise  # rich calls this while it handles the BrokenPipeError


class Terminal:
    """The standard output and the standard error of the process, as they are now."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a tool's stand-in may be another thing
                stream.reconfigure(errors="backslashreplace")
        self._out = _SafeConsole(stderr=False)
        self._err = _SafeConsole(stderr=True)
        self._is_moving = False

    @property
    def is_wide(self) -> bool:
        """Whether data may be as wide as it is, since no terminal shows it."""
        return not self._out.is_real

    @property
    def width(self) -> int:
        """How many columns there are for data."""
        return self._out.width

    @property
    def is_interactive(self) -> bool:
        """Whether a person sees what goes to stderr, and it can move."""
        return self._err.is_real and self._err.is_interactive

    def show(self, *renderables: RenderableType) -> None:
        """Print data."""
        if not self.is_wide:
            for renderable in renderables:
                self._out.print(renderable)
            return
        with self._out.capture() as captured:
            for renderable in renderables:
                self._out.print(renderable)
        # Columns are padded, which is of no use at the end of a line.
        lines = captured.get().splitlines()
        self._write("".join(f"{line.rstrip()}\n" for line in lines))

    def show_plain(self, text: str) -> None:
        """Print text that is data, neither coloured nor wrapped."""
        self._write(f"{clean_lines(text)}\n")

    def show_json(self, value: Any) -> None:
        """Print data as JSON, on a line of its own."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        self._write(f"{to_json(value)}\n")

    def _write(self, text: str) -> None:
        if self._is_moving and self._out.is_real:  # on the same screen: above the bar
            self._err.print(Text(text), end="", soft_wrap=True)
            return
        sys.stdout.write(text)
        sys.stdout.flush()

    def say(self, text: str, style: str = "") -> None:
        """Tell a person something, on stderr."""
        self._err.print(Text(clean(text), style), soft_wrap=True)

    def say_after_interrupt(self, text: str) -> None:
        """Tell a person something, on a line of its own: a terminal has put ^C on the last one."""
        self._err.print(
            Text(clean_lines(f"\n{text}" if self._err.is_real else text)), soft_wrap=True
        )

    def say_lines(self, text: str) -> None:
        """Tell a person several lines, on stderr."""
        self._err.print(Text(clean_lines(text)), soft_wrap=True)

    def fail(self, message: str, remedy: str) -> None:
        """Tell a person of an error and what to do about it, each on a line, on stderr."""
        self._label("error:", "bold red", message)
        if remedy:
            self._label("hint:", "bold", remedy)

    def warn(self, text: str) -> None:
        """Tell a person what might go wrong, on stderr."""
        self._label("warning:", "bold yellow", text)

    def _label(self, word: str, style: str, text: str) -> None:
        self._err.print(Text.assemble((word, style), " ", clean(text)), soft_wrap=True)

    def hint(self, text: str) -> None:
        """Tell a person what else there is, on stderr."""
        self.say(text, "dim")

    def prompt(self, text: str) -> str:
        """Return a prompt for `input`; where that would put it among the data, print it."""
        if self.is_wide:
            self._err.print(Text(text), end="")
            return ""
        if self._out.color_system is None or self._out.no_color:
            return text
        # What readline must not count as columns stands between these two.
        return f"\001\033[1;36m\002{text}\001\033[0m\002"

    def waiting(self, text: str) -> AbstractContextManager[Any]:
        """Show that something goes on, while a `with` block runs."""
        return self._err.status(Text(clean(text))) if self.is_interactive else nullcontext()

    def counting(self) -> AbstractContextManager[Progress]:
        """Return a progress bar of things, with rate and time left, for a `with` statement."""
        return self._progress(MofNCompleteColumn(), _Rate())

    def downloading(self) -> AbstractContextManager[Progress]:
        """Return progress bars of bytes, with speed and time left, for a `with` statement."""
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
            redirect_stdout=False,  # data is data, whatever moves
            redirect_stderr=False,
        )
        self._is_moving = self.is_interactive
        try:
            with progress if self._is_moving else nullcontext():
                yield progress
        finally:
            self._is_moving = False


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate as text; empty before there is one."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", "progress.data.speed")
