"""The Makefile, where what it needs cannot be had."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_what_npm_could_not_install_is_named(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "scripts" / "redocly", tmp_path / "scripts" / "redocly")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    with socket.socket() as nobody:  # bound, but nobody listens
        nobody.bind(("127.0.0.1", 0))
        npm = {
            "registry": f"http://127.0.0.1:{nobody.getsockname()[1]}",
            "fetch_retries": "0",
            "cache": str(tmp_path / "cache"),
        }
        done = subprocess.run(
            ["make", "--no-print-directory", "--old-file=.venv/ready", ".venv/redocly-ready"],
            cwd=tmp_path,
            env={**os.environ, **{f"npm_config_{name}": value for name, value in npm.items()}},
            capture_output=True,
            text=True,
        )
    assert done.returncode != 0
    assert "npm could not install Redocly CLI" in done.stdout
    assert "ECONNREFUSED" in done.stderr
    assert not (tmp_path / ".venv" / "redocly-ready").exists()


@pytest.mark.parametrize("name", ["a spec.json", "it's.json", 'a "b".json', "a;b&c.json", "ü.json"])
@pytest.mark.parametrize("target", ["vendor", "bump"])
def test_a_spec_may_have_any_name(tmp_path: Path, target: str, name: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / name).touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import console; "
    code += "print(console.sources())"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c \"{code}\"\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "--old-file=.venv/redocly-ready", target, f"SPEC={name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{[name]}\n", done.stderr


def test_a_bump_runs_the_tests_that_read_the_spec() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--old-file=.venv/ready", "check-bump"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ignored = re.findall(r"--ignore=(\S+)", done.stdout)
    assert all((ROOT / path).exists() for path in ignored)
    assert "tests/test_bumps.py" in ignored
    assert "tests/sandbox/test_sandbox_http.py" in ignored
    for path in ("test_generate.py", "test_generated.py", "sandbox/test_sandbox_contract.py"):
        assert f"tests/{path}" not in ignored
    assert not {"tests/sandbox", "tests"} & set(ignored)
