"""The Makefile, where what it needs cannot be had."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

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
            ["make", "--old-file=.venv/ready", ".venv/redocly-ready"],
            cwd=tmp_path,
            env={**os.environ, **{f"npm_config_{name}": value for name, value in npm.items()}},
            capture_output=True,
            text=True,
        )
    assert done.returncode != 0
    assert "npm could not install Redocly CLI" in done.stdout
    assert "ECONNREFUSED" in done.stderr
    assert not (tmp_path / ".venv" / "redocly-ready").exists()
