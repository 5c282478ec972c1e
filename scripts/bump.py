"""Vendors a new version of the OpenAPI spec, generates, checks, and says what is left to do.

`python scripts/bump.py SOURCE…` runs `make vendor`, `make generate` and `make check`.
"""

from __future__ import annotations

import subprocess
import sys

from impact import Impact
from redocly import RedoclyError
from sources import SourceError
from vendor import REPORT, ROOT, vendor


def main() -> int:
    """Run the steps until one fails; return the exit code."""
    try:
        impact = vendor(sys.argv[1:])
    except (SourceError, RedoclyError) as error:
        print(f"Nothing was changed.\n{error}")
        return 1
    print(impact.as_text(), flush=True)
    done, failed = ["openapi.json is updated"], ""
    for target, meaning in (
        ("generate", "generated/ is up to date"),
        ("check", "all checks pass"),
    ):
        print(f"\n--- make {target}", flush=True)
        if subprocess.run(["make", "--no-print-directory", target], cwd=ROOT).returncode:  # noqa: S607
            failed = f"make {target}"
            break
        done.append(meaning)
    print(f"\n{summary(impact, done, failed)}")
    return 1 if failed else 0


def summary(impact: Impact, done: list[str], failed: str) -> str:
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
            "facade/polyai_data/_version.py, and commit openapi.json with generated/."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
