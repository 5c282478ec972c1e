"""Writes facade/polyai_data/_sync from _async, as `make generate` writes generated/.

`python scripts/sync.py` writes the files; with `--check` it fails if one of them differs. Only
names and `async`/`await` change. Where threads and asyncio differ in more, the difference is in
`io.py`, which is written by hand on both sides.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "facade" / "polyai_data"
FILES = (
    *("body.py", "chats.py", "client.py", "list.py", "pages.py", "recording.py", "search.py"),
    "sender.py",
)
HEADER = "# Written by `make sync` from _async/{name}. Do not edit: the next run overwrites it.\n"
RULES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bawait ", ""),
        (r"\basync (?=def|with|for)", ""),
        (r" \| AsyncIterable\[str\]", ""),
        (r"\bAsync(?=ByteStream)", "Sync"),
        (r"Awaitable\[(\w+)\]", r"\1"),
        (r"\bAsync(?=[A-Z])", ""),
        (r"\basynchronous client:", "synchronous client:"),
        (r"\bAn asynchronous\b", "A synchronous"),
        (r"\ban `with`", "a `with`"),
        (r"\baclosing\b", "closing"),
        (r"\baclose\b", "close"),
        (r"\basynccontextmanager\b", "contextmanager"),
        (r"\bhandle_async_request\b", "handle_request"),
        (r"\b__a(?=enter__|exit__|iter__)", "__"),
        (r"\ba(?=(iter|next|iter_bytes)\()", ""),
        (r"\baiter_body\b", "iter_body"),
    )
]


def to_sync(text: str, name: str) -> str:
    """Return the synchronous module for an asynchronous one, formatted."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    text = HEADER.format(name=name) + text
    for command in (["check", "--fix-only", "--select=I,F401"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet"]
        file = ["--stdin-filename", str(PACKAGE / "_sync" / name), "-"]
        done = subprocess.run(
            [*ruff, *file], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def main() -> int:
    """Write the files or compare them, and return the exit code."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name in FILES:
        source = (PACKAGE / "_async" / name).read_text(encoding="utf-8")
        target = PACKAGE / "_sync" / name
        fresh = to_sync(source, name)
        if not target.exists() or target.read_text(encoding="utf-8") != fresh:
            stale.append(name)
            if not check:
                target.write_text(fresh, encoding="utf-8")
    if check and stale:
        print(f"_sync is not up to date: {', '.join(stale)}. Run `make sync` and commit.")
        return 1
    print("_sync is up to date." if check else f"Wrote {', '.join(stale) or 'nothing'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
