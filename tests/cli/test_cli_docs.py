"""The commands that the README and the documentation show run as they stand, on the sandbox."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data.sandbox import __main__ as sandbox_command

from tests.pages import PAGES, ROOT, console_examples, fences, read

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

EXAMPLES = dict(console_examples())
# What the examples do with jq, which is not installed everywhere.
JQ: dict[str, Callable[[Any], Any]] = {
    "select(.audioUrl).conversationId": lambda one: one["audioUrl"] and one["conversationId"],
    ".response": lambda one: one["response"],
}


class Console:
    """Runs the commands of an example in this process."""

    def __init__(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = run
        self._monkeypatch = monkeypatch

    def check(self, command: str, shown: str) -> None:
        """Run a command, and compare its output with what the page shows, if it shows any."""
        text = ""
        for part in re.split(r" \| (?=(?:[^']*'[^']*')*[^']*$)", command):
            first, *arguments = shlex.split(part, comments=True)
            text = getattr(self, f"_{first.replace('-', '_')}")(arguments, text)
        if shown:
            assert text == shown

    def _polyai_data(self, arguments: list[str], typed: str) -> str:
        if arguments[0] == "login":
            self._monkeypatch.setenv("POLYAI_REGION", "us")
            typed = "a-key"
        if "--probe-regions" in arguments:  # which asks the real servers
            arguments = ["doctor", "--help"]
        if "--resume" in arguments:
            Path("calls.jsonl").unlink()
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        ended = self._run(*arguments)
        assert ended.code == 0, ended.err
        assert ended.out or arguments[0] != "search"
        return ended.out

    def _jq(self, arguments: list[str], text: str) -> str:
        found = [JQ[arguments[-1]](json.loads(line)) for line in text.splitlines()]
        assert any(found)
        return "".join(f"{one}\n" for one in found if one)

    def _printf(self, arguments: list[str], _: str) -> str:
        return arguments[0].replace("\\n", "\n")

    def _python(self, arguments: list[str], _: str) -> str:
        """Start the sandbox, and stop it at once."""
        assert arguments[:2] == ["-m", "polyai_data.sandbox"]

        def interrupt(_: float) -> None:
            raise KeyboardInterrupt

        with self._monkeypatch.context() as patch:
            patch.setattr(time, "sleep", interrupt)
            assert sandbox_command.main([*arguments[2:], "--port", "0"]) == 0
        return ""

    def _export(self, arguments: list[str], _: str) -> str:
        page = read("reference/settings.md")
        for name, _, value in (argument.partition("=") for argument in arguments):
            assert value
            assert f"`{name}`" in page
        return ""

    def _unset(self, arguments: list[str], _: str) -> str:
        page = read("reference/settings.md")
        assert all(f"`{name}`" in page for name in arguments)
        return ""

    def _pip(self, arguments: list[str], _: str) -> str:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        install, target = arguments
        found = re.fullmatch(r"\.(?:\[([\w,]+)\])?", target)
        assert install == "install"
        assert found
        assert {*(found[1] or "cli").split(",")} <= {*project["optional-dependencies"]}
        return ""

    def _make(self, arguments: list[str], _: str) -> str:
        assert re.search(rf"^{arguments[0]}:.*##", (ROOT / "Makefile").read_text(), re.M)
        return ""


@pytest.fixture
def console(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Console:
    sandbox(now=None, conversations=40, recording_bytes=1000)
    return Console(run, monkeypatch)


@pytest.mark.usefixtures("with_searches")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_commands_of_a_page_run(console: Console, name: str) -> None:
    for command, shown in EXAMPLES[name]:
        console.check(command, shown)


def scheduled_commands() -> list[str]:
    """Return the commands in the scripts, units and tasks of pages about jobs."""
    return [
        command
        for page in PAGES
        for block in fences(page)
        if block.info.split()[0] in ("ini", "sh", "python")
        for command in re.findall(r"polyai-data (sync[\w -]*)", block.content)
    ]


@pytest.mark.parametrize("command", [*scheduled_commands(), "sync --lookback never"])
def test_the_commands_of_scheduled_jobs_run(console: Console, command: str) -> None:
    ended = console._run(*shlex.split(command))
    assert ended.code == (2 if "never" in command else 0), ended.err


def test_a_wrong_output_fails(console: Console) -> None:
    command, shown = next(one for each in EXAMPLES.values() for one in each if one[1])
    console.check(command, shown)
    for wrong in (shown[:-1], shown + "more\n"):
        with pytest.raises(AssertionError):
            console.check(command, wrong)


@pytest.mark.usefixtures("with_searches")
@pytest.mark.parametrize(
    "command",
    [
        "polyai-data list --no-such-option",
        "make no-such-target",
        "pip install '.[nothing]'",
        "export POLYAI_REGOIN=us",
        "unset POLYAI_REGOIN",
        'polyai-data search "said by nobody" --since 7d',
        "unknown-command",
        "polyai-data list --json | jq .unknown",
        "python -m polyai_data.nothing",
    ],
)
def test_a_wrong_command_fails(console: Console, command: str) -> None:
    with pytest.raises((AssertionError, AttributeError, KeyError)):
        console.check(command, "")
