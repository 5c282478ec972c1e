"""Vendors a new version of the OpenAPI spec, generates, checks, and says what is left to do.

`python scripts/bump.py SOURCE…` runs `make vendor`, `make generate` and `make check-bump`.
"""

from __future__ import annotations

import subprocess
import sys

import console
from documents import MAIN, file_name
from impact import Impact
from openapi import AdaptationError
from redocly import RedoclyError
from sources import SourceError
from vendor import REPORT, ROOT, vendor

STEPS = (
    ("generate", "writes generated/ (seconds)", "generated/ is up to date"),
    ("check-bump", "types, and the tests that depend on the spec (minutes)", "its checks pass"),
)


def main() -> int:
    """Run the steps until one fails; return the exit code."""
    print(
        "--- make vendor: validates and compares the spec, and tries it out (a minute)", flush=True
    )
    try:
        name = file_name(console.document())
        given = sys.argv[1:] or console.sources()
        impact = vendor(given, merge_pages=console.merge_pages(), name=name)
    except (SourceError, RedoclyError, AdaptationError) as error:
        print(f"Nothing was changed.\n{error}")
        return 1
    print(impact.as_text(), flush=True)
    done, failed = [f"{name} is updated"], ""
    for target, what, meaning in STEPS:
        print(f"\n--- make {target}: {what}", flush=True)
        if subprocess.run(["make", "--no-print-directory", target], cwd=ROOT).returncode:  # noqa: S607
            failed = f"make {target}"
            break
        done.append(meaning)
    print(f"\n{summary(impact, done, failed, name)}")
    return 1 if failed else 0


def summary(impact: Impact, done: list[str], failed: str, name: str = MAIN) -> str:
    """Return what was done, and what is left to do."""
    lines = [f"Done: {'; '.join(done)}."]
    if failed:
        lines.append(f"Failed: {failed} (see above).")
    if impact.tasks:
        tasks = "1 task" if len(impact.tasks) == 1 else f"{len(impact.tasks)} tasks"
        lines.append(f"Left to do: {tasks}, listed in {REPORT.relative_to(ROOT)}.")
    if impact.changes:
        lines.append(
            f"Then edit CHANGELOG.md, set version {impact.next_version} in "
            f"facade/polyai_data/_version.py, run `make check`, and commit {name} with "
            "generated/."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    console.run(main)
