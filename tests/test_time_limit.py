"""The tests themselves: one that hangs fails, and does not hold up the others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import threading

def test_that_hangs():
    threading.Event().wait()

def test_that_runs_after_it():
    pass
"""


def test_every_test_has_a_time_limit(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) <= 300


@pytest.mark.parametrize("processes", [[], ["--numprocesses=1"]], ids=["", "xdist"])
def test_a_test_that_hangs_fails_alone(
    processes: list[str], pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    plugins = ["pytest_socket", "pytest_timeout", "xdist.plugin", "no:cacheprovider"]
    options = [f"--config-file={pytestconfig.inipath}", f"--rootdir={tmp_path}", "-o", "timeout=1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *processes, tmp_path],
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the others take long to import
            "PYTEST_ADDOPTS": " ".join(f"-p {plugin}" for plugin in plugins),
        },
        capture_output=True,
        text=True,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "Timeout (>1.0s) from pytest-timeout" in done.stdout
