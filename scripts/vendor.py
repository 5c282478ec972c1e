"""Vendors a new version of the OpenAPI spec, and reports what it changes.

`python scripts/vendor.py SOURCE…` replaces openapi.json, prints what changed and what to do about
it, and writes a report to build/spec-diff.md. An invalid spec changes nothing.
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
"""Maximum number of errors in a spec to print; they tend to repeat."""


def check(document: bytes) -> None:
    """Reject an invalid OpenAPI spec.

    Raises:
        SourceError: if it is invalid. The message lists the errors.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "openapi.json"
        path.write_bytes(document)
        errors = lint(path)
    if errors:
        more = [f"and {len(errors) - MAX_SHOWN} more"] if len(errors) > MAX_SHOWN else []
        raise SourceError("\n  ".join(["The spec is invalid:", *errors[:MAX_SHOWN], *more]))


def vendor(sources: list[str]) -> Impact:
    """Replace the spec with the one from the sources, and write the report.

    Raises:
        SourceError: if the spec is invalid. Nothing is changed.
        RedoclyError: if Redocly fails. Nothing is changed.
    """
    new = to_json(read_document(sources))
    check(new)
    impact = measure(DOCUMENT.read_bytes(), new)
    text = impact.as_markdown()
    # Vendoring the same spec again must not overwrite the report about it.
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
    print(f"\nWrote {DOCUMENT.relative_to(ROOT)}. Full report: {REPORT.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
