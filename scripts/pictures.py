"""Draws what the command line shows, for the README: SVG files, the same for the same code.

    make pictures                                   # those of the README
    make pictures PICTURES="--to build/pictures --columns 80 --columns 140"

Each is what the command itself prints on a terminal, with the sandbox as its server.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from polyai_data.sandbox import serve
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from scenarios import CONVERSATION_ID

ROOT = Path(__file__).resolve().parent.parent
PROMPT = b"you    "


class Picture(NamedTuple):
    """A command to draw.

    Attributes:
        name: The name of the files.
        columns: How wide the terminal is in the README.
        arguments: The arguments of the command.
        typed: What is typed at its prompt, line by line.
        is_timed: Whether it shows how long something took, or other things that pass.
        key: The API key that it has.
    """

    name: str
    columns: int
    arguments: tuple[str, ...]
    typed: tuple[str, ...] = ()
    is_timed: bool = False
    key: str = "sandbox"


PICTURES = (
    Picture("list", 150, ("list", "--limit", "12")),
    Picture("transcript", 92, ("transcript", CONVERSATION_ID)),
    Picture(
        *("chat", 80, ("chat",)),
        typed=("May I bring my dog?", "I'd like to talk to a person", "Thanks, bye!", "/end"),
        is_timed=True,
    ),
    Picture("doctor", 92, ("doctor",), is_timed=True, key="expired"),
)

GREY = [(88, 96, 105), (215, 58, 73), (34, 134, 58), (176, 136, 0), (3, 102, 214), (111, 66, 193)]
LIGHT = TerminalTheme(
    (255, 255, 255),
    (36, 41, 46),
    [(36, 41, 46), *GREY[1:], (27, 124, 131), (106, 115, 125)],
    [(106, 115, 125), *GREY[1:], (27, 124, 131), (36, 41, 46)],
)
DARK = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        *((72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255)),
        *((188, 140, 255), (57, 197, 207), (177, 186, 196)),
    ],
)
THEMES = {"light": LIGHT, "dark": DARK}

OTHER_SEQUENCES = re.compile(r"\x1b\[[?>=]?[0-9;]*[A-Za-ln-z]|[\x01\x02\x07]")
PASSING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8765"),
    (re.compile(r"(?<![\d.])\d+\.\d\d s\b"), "0.21 s"),
    (re.compile(r"[\d,]+ s (ahead of|behind) the server's"), "0 s ahead of the server's"),
    (re.compile(r"(?<=polyai-data-)[0-9a-f]{32}"), f"{7:032x}"),
    (re.compile(r"Python \d+\.\d+\.\d+"), "Python 3.11"),
)
"""What differs from run to run, and what stands in its place."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the pictures; return the exit code."""
    parser = argparse.ArgumentParser(description="Draw what the command line shows.")
    parser.add_argument("--to", type=Path, default=ROOT / "pictures", help="the directory")
    parser.add_argument("--columns", type=int, action="append", help="draw them so wide instead")
    options = parser.parse_args(argv)
    options.to.mkdir(parents=True, exist_ok=True)
    for name, drawn in draw(PICTURES, options.columns):
        (options.to / name).write_text(drawn, encoding="utf-8")
    return 0


def draw(
    pictures: Sequence[Picture], widths: Sequence[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file."""
    for picture in pictures:
        for columns in widths or [picture.columns]:
            with serve() as base_url:
                shown = screen(picture, columns, base_url)
            for theme in THEMES:
                width = f"-{columns}" if widths else ""
                yield f"{picture.name}{width}-{theme}.svg", svg(picture, shown, columns, theme)


def screen(picture: Picture, columns: int, base_url: str) -> str:
    """Return what the command prints on a terminal, with the escape sequences for its colours."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "INPUTRC": os.devnull,
        "LANG": "C.UTF-8",
        "POLYAI_AGENT_ID": "PROJECT-DEMO",
        "POLYAI_API_KEY": picture.key,
        "POLYAI_BASE_URL": base_url,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TERM": "xterm-256color",
        "TTY_INTERACTIVE": "0",  # nothing that moves
        "TZ": "UTC",
    }
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "polyai_data", *picture.arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    printed, lines = b"", list(picture.typed)
    while piece := read(ours):
        printed += piece
        if lines and printed.rpartition(b"\n")[2].replace(b"\x1b[0m", b"").endswith(PROMPT):
            os.write(ours, f"{lines.pop(0)}\n".encode())
    os.close(ours)
    process.wait()
    shown = OTHER_SEQUENCES.sub("", printed.decode().replace("\r\n", "\n"))
    return settled(shown) if picture.is_timed else shown


def read(terminal: int) -> bytes:
    """Return what there is to read from a terminal; nothing where its other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # on Linux, it is no end of file but an error
        return b""


def settled(printed: str) -> str:
    """Return what was printed, with what differs from run to run replaced."""
    for passing, instead in PASSING:
        printed = passing.sub(instead, printed)
    return printed


def svg(picture: Picture, shown: str, columns: int, theme: str) -> str:
    """Return a drawing of a terminal."""
    console = Console(
        record=True, width=columns, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    command = " ".join(("polyai-data", *picture.arguments))
    console.print(Text.assemble(("$ ", "dim"), command))
    console.print(Text.from_ansi(shown))
    drawn = console.export_svg(
        title=command, theme=THEMES[theme], unique_id=f"{picture.name}-{theme}"
    )
    # A picture fetches nothing from elsewhere: any font of the reader's will do.
    return re.sub(r"\n *@font-face \{.*?\n *\}", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
