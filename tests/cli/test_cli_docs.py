"""The commands that the README and the documentation show run as they stand, on the sandbox."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[tuple[str, list[str]]]:
    """Return the commands of each block, with its page; pipelines and settings are left out."""
    found = []
    for page in [ROOT / "README.md", *(ROOT / "docs" / n for n in ("command-line.md", "data.md"))]:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
            lines = re.findall(r"^\$ (polyai-data [^#|\n]*)", block, re.M)
            if lines:
                found.append((page.name, lines))
    return found


@pytest.mark.usefixtures("with_searches")
@pytest.mark.parametrize(("page", "lines"), commands())
def test_the_commands_of_a_page_run(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, page: str, lines: list[str]
) -> None:
    sandbox(now=None, recording_bytes=1000)
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        if arguments[0] == "login":
            monkeypatch.setenv("POLYAI_REGION", "us")
            monkeypatch.setattr(sys, "stdin", io.StringIO("a-key"))
        if "--resume" in arguments:
            Path("calls.jsonl").unlink()
        ended = run(*arguments)
        assert ended.code == 0, (page, line, ended.err)
        if arguments[0] in ("list", "transcript"):
            assert len(ended.out.splitlines()) > 5
