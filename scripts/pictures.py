"""Draws the README's pictures of the command line as SVG files.

    make pictures                                   # the pictures of the README
    make pictures PICTURES="--to build/pictures --columns 80 --columns 140"

Each picture shows what the command prints on a terminal, with the sandbox as the server. The same
code always draws the same files.
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
from scenarios import CONVERSATION_ID, NOW

ROOT = Path(__file__).resolve().parent.parent
PROMPT = b"you    "


class Picture(NamedTuple):
    """A command to draw.

    Attributes:
        name: The name of the files.
        columns: The width of the terminal in the README.
        arguments: The arguments of the command.
        typed: The lines to type at the prompt.
        is_volatile: Whether the output differs from run to run, as durations do.
        key: The API key to use.
    """

    name: str
    columns: int
    arguments: tuple[str, ...]
    typed: tuple[str, ...] = ()
    is_volatile: bool = False
    key: str = "sandbox"


PICTURES = (
    Picture("list", 150, ("list", "--limit", "12")),
    Picture("transcript", 92, ("transcript", CONVERSATION_ID)),
    Picture(
        *("chat", 80, ("chat",)),
        typed=("May I bring my dog?", "I'd like to talk to a person", "Thanks, bye!", "/end"),
        is_volatile=True,
    ),
    Picture("doctor", 92, ("doctor",), is_volatile=True, key="expired"),
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
VOLATILE = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8765"),
    (re.compile(r"(?<![\d.])\d+\.\d\ds\b"), "0.21s"),
    (re.compile(r"[\d,]+s (ahead of|behind) the server"), "0s ahead of the server"),
    (re.compile(r"(?<=polyai-data-)[0-9a-f]{32}"), f"{7:032x}"),
    (re.compile(r"Python \d+\.\d+\.\d+"), "Python 3.11"),
    (re.compile(r"[\w.]+, Data API [\w.]+"), "0.1.0, Data API 1.0.9"),
)
"""Patterns of output that differs from run to run, and their replacements."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the pictures and return the exit code."""
    parser = argparse.ArgumentParser(description="Draw the README's pictures of the command line.")
    parser.add_argument("--to", type=Path, default=ROOT / "pictures", help="output directory")
    parser.add_argument(
        "--columns",
        type=int,
        action="append",
        help="draw at this width instead; repeat for more than one",
    )
    options = parser.parse_args(argv)
    options.to.mkdir(parents=True, exist_ok=True)
    for name, drawn in draw(PICTURES, options.columns):
        (options.to / name).write_text(drawn, encoding="utf-8")
    return 0


def draw(
    pictures: Sequence[Picture], widths: Sequence[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the name and content of each file."""
    for picture in pictures:
        for columns in widths or [picture.columns]:
            with serve(now=NOW) as base_url:
                output = run_on_terminal(picture, columns, base_url)
            for theme in THEMES:
                width = f"-{columns}" if widths else ""
                yield f"{picture.name}{width}-{theme}.svg", svg(picture, output, columns, theme)


def run_on_terminal(picture: Picture, columns: int, base_url: str) -> str:
    """Run the command on a terminal and return its output, with the colours as escape sequences."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "INPUTRC": os.devnull,
        "LANG": "C.UTF-8",
        "POLYAI_AGENT_ID": "PROJECT-DEMO",
        "POLYAI_API_KEY": picture.key,
        "POLYAI_BASE_URL": base_url,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TERM": "xterm-256color",
        "TTY_INTERACTIVE": "0",  # no spinners or progress bars
        "TZ": "UTC",
    }
    controller, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "polyai_data", *picture.arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    os.close(terminal)
    printed, lines = b"", list(picture.typed)
    while chunk := read(controller):
        printed += chunk
        if lines and printed.rpartition(b"\n")[2].replace(b"\x1b[0m", b"").endswith(PROMPT):
            os.write(controller, f"{lines.pop(0)}\n".encode())
    os.close(controller)
    process.wait()
    output = OTHER_SEQUENCES.sub("", printed.decode().replace("\r\n", "\n"))
    return stabilise(output) if picture.is_volatile else output


def read(terminal: int) -> bytes:
    """Read from a terminal; return nothing if the other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux raises an error instead of reporting the end of the file
        return b""


def stabilise(output: str) -> str:
    """Replace everything in the output that differs from run to run."""
    for pattern, replacement in VOLATILE:
        output = pattern.sub(replacement, output)
    return output


def svg(picture: Picture, output: str, columns: int, theme: str) -> str:
    """Draw a terminal with the output of a command."""
    console = Console(
        record=True, width=columns, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    command = " ".join(("polyai-data", *picture.arguments))
    console.print(Text.assemble(("$ ", "dim"), command))
    console.print(Text.from_ansi(output))
    drawn = console.export_svg(
        title=command, theme=THEMES[theme], unique_id=f"{picture.name}-{theme}"
    )
    # The picture loads no fonts from elsewhere; any monospaced font will do.
    return re.sub(r"\n *@font-face \{.*?\n *\}", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
