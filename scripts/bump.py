"""Takes in a version of the document, generates and checks, and sums up what is left to a person.

`python scripts/bump.py SOURCE…` runs what `make vendor`, `make generate` and `make check` run.
"""

from __future__ import annotations

import subprocess
import sys

from impact import Impact
from redocly import RedoclyError
from sources import SourceError
from vendor import REPORT, ROOT, vendor


def main() -> int:
    """Run the steps as far as they go, and return the exit code."""
    try:
        impact = vendor(sys.argv[1:])
    except (SourceError, RedoclyError) as error:
        print(f"Nothing was changed.\n{error}")
        return 1
    print(impact.as_text(), flush=True)
    done, failed = ["openapi.json is the new document"], ""
    for target, meaning in (
        ("generate", "generated/ is up to date"),
        ("check", "every check passes"),
    ):
        print(f"\n--- make {target}", flush=True)
        if subprocess.run(["make", "--no-print-directory", target], cwd=ROOT).returncode:  # noqa: S607
            failed = f"make {target}"
            break
        done.append(meaning)
    print(f"\n{summary(impact, done, failed)}")
    return 1 if failed else 0


def summary(impact: Impact, done: list[str], failed: str) -> str:
    """Return what is done, and what a person must decide."""
    lines = [f"Done: {'; '.join(done)}."]
    if failed:
        lines.append(f"Failed: {failed}, as it says above.")
    open_tasks = len(impact.tasks)
    if open_tasks:
        lines.append(f"Yours to decide: {open_tasks} points, listed in {REPORT.relative_to(ROOT)}.")
    if impact.changes:
        lines.append(
            f"Then: CHANGELOG.md, version {impact.next_version} in facade/polyai_data/_version.py, "
            "and a commit of openapi.json with generated/."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
