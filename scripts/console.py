"""What the commands have in common: UTF-8 on every terminal, and a clear end if interrupted."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

INTERRUPTED = (
    "\nInterrupted. openapi.json and generated/ are each complete, old or new. "
    "Run the same command again."
)


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command, and exit with its code; 130 if it was interrupted."""
    for stream in (sys.stdout, sys.stderr):
        # The report has arrows, and specs have any text, whatever the locale is.
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = main()
    except KeyboardInterrupt:
        print(INTERRUPTED, flush=True)
        code = 130
    sys.exit(code)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def sources() -> list[str]:
    """Return the sources that SPEC names: one, or several with spaces between them.

    A path may have spaces and quotes itself: what is a file is one source.
    """
    return split(os.environ.get("SPEC", ""))


def merge_pages() -> bool | None:
    """Return what MERGE says: `ok`, `no` or nothing."""
    return {"ok": True, "no": False}.get(os.environ.get("MERGE", ""))


def document() -> str:
    """Return which spec DOCUMENT names, such as `conversations-v3`; "" for openapi.json."""
    return os.environ.get("DOCUMENT", "")


def split(text: str) -> list[str]:
    """Return the files and URLs in the text."""
    words = text.split(" ")
    found: list[str] = []
    while words:
        count = next(
            (n for n in range(len(words), 0, -1) if Path(" ".join(words[:n])).is_file()), 0
        )
        if count:
            found.append(" ".join(words[:count]))
            words = words[count:]
        elif words[0].startswith(("'", '"')):  # quoted as for a shell
            try:
                return [*found, *shlex.split(" ".join(words))]
            except ValueError:
                found.append(words.pop(0))
        else:
            found += words[0].split()
            words = words[1:]
    return found
