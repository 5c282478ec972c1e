"""Vendors a new version of the OpenAPI spec, and reports what it changes.

`python scripts/vendor.py SOURCE…` replaces openapi.json, prints what changed and what to do about
it, and writes a report to build/spec-diff.md. An invalid spec changes nothing. With DOCUMENT in the
environment, it replaces another of the specs that are listed in scripts/documents.py.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import committed
import console
from documents import MAIN, file_name
from generate import PACKAGE
from impact import Impact, measure
from openapi import AdaptationError
from overlay import DATA, MAPS
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
        path.write_text(json.dumps(without_links(json.loads(document))), encoding="utf-8")
        errors = lint(path)
    if errors:
        more = [f"and {len(errors) - MAX_SHOWN} more"] if len(errors) > MAX_SHOWN else []
        raise SourceError("\n  ".join(["The spec is invalid:", *errors[:MAX_SHOWN], *more]))


def without_links(node: Any, *, has_names: bool = False) -> Any:
    """Return a copy of the spec without what Redocly would follow to other files and to URLs.

    These are the mappings of discriminators, and references in examples and other data.
    """
    if isinstance(node, list):
        return [without_links(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_links(value, has_names=key in MAPS and not has_names)
        for key, value in node.items()
        if has_names
        or not (
            (key in DATA and isinstance(value, dict | list) and "$ref" in json.dumps(value))
            or (key in ("mapping", "externalValue", "operationRef"))
        )
    }


def vendor(sources: list[str], *, merge_pages: bool | None = None, name: str = MAIN) -> Impact:
    """Replace the spec with the one from the sources, and write the report.

    Args:
        sources: The sources.
        merge_pages: What to do with pages that do not have all operations of the vendored spec.
        name: The file name of the spec to replace.

    Raises:
        SourceError: if the spec is invalid. Nothing is changed.
        RedoclyError: if Redocly fails. Nothing is changed.
    """
    document = DOCUMENT.with_name(name) if name != MAIN else DOCUMENT
    present = json.loads(document.read_bytes())
    new = to_json(read_document(sources, present, merge_pages=merge_pages))
    check(new)
    with tempfile.TemporaryDirectory() as directory:
        package = committed.extract(ROOT, PACKAGE, Path(directory))
        old = committed.read(ROOT, document) if package != PACKAGE else None
        impact = measure(document.read_bytes() if old is None else old, new, package, name)
    text = impact.as_markdown()
    # Vendoring the same spec again must not overwrite the report about it.
    is_again = not impact.changes and REPORT.exists() and impact.mark in REPORT.read_text("utf-8")
    if not is_again:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text, encoding="utf-8")
    fresh = document.with_name(f"{document.name}.part")
    try:
        fresh.write_bytes(new)
        os.replace(fresh, document)
    finally:
        fresh.unlink(missing_ok=True)
    return impact


def main() -> int:
    """Vendor, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    what = "a file, an https URL, or documentation pages"
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=what)
    given = parser.parse_args().sources or console.sources()
    try:
        name = file_name(console.document())
        impact = vendor(given, merge_pages=console.merge_pages(), name=name)
    except (SourceError, RedoclyError, AdaptationError) as error:
        print(f"Nothing was changed.\n{error}")
        return 1
    print(impact.as_text())
    print(f"\nWrote {name}. Full report: {REPORT.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    console.run(main)
