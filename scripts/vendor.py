"""Takes in a version of the document: reads, validates and writes it, and tells what it changes.

`python scripts/vendor.py SOURCE…` replaces openapi.json, prints what changed and what there is to
do, and writes it to build/spec-diff.md. What is no valid document changes nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from impact import Impact, measure
from redocly import RedoclyError, lint
from sources import SourceError, read_document, to_json

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi.json"
REPORT = ROOT / "build" / "spec-diff.md"
MAX_SHOWN = 20
"""How many faults of a document are shown; they tend to repeat."""


def check(document: bytes) -> None:
    """Refuse a document that is not valid OpenAPI.

    Raises:
        SourceError: naming what is wrong, and where.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "openapi.json"
        path.write_bytes(document)
        faults = lint(path)
    if faults:
        more = [f"and {len(faults) - MAX_SHOWN} more"] if len(faults) > MAX_SHOWN else []
        raise SourceError("\n  ".join(["It is not valid:", *faults[:MAX_SHOWN], *more]))


def vendor(sources: list[str]) -> Impact:
    """Replace the document with what the sources give, and write the report.

    Raises:
        SourceError: if they give no valid document; nothing is changed then.
        RedoclyError: if it cannot be told; nothing is changed then.
    """
    new = to_json(read_document(sources))
    check(new)
    impact = measure(DOCUMENT.read_bytes(), new)
    text = impact.as_markdown()
    # Vendoring the same once more, after a correction elsewhere, must not lose the report of it.
    is_again = not impact.changes and REPORT.exists() and impact.mark in REPORT.read_text("utf-8")
    if not is_again:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text, encoding="utf-8")
    fresh = DOCUMENT.with_name(f"{DOCUMENT.name}.part")
    fresh.write_bytes(new)
    os.replace(fresh, DOCUMENT)
    return impact


def main() -> int:
    """Vendor, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    what = "a file, an https URL, or documentation pages"
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=what)
    try:
        impact = vendor(parser.parse_args().sources)
    except (SourceError, RedoclyError) as error:
        print(f"Nothing was changed.\n{error}")
        return 1
    print(impact.as_text())
    print(f"\nWrote {DOCUMENT.relative_to(ROOT)}. The whole report: {REPORT.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
