"""Tests the command in a subprocess: on a terminal, interrupted, killed, with a closed pipe."""

from __future__ import annotations

import codecs
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path
from select import select
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient
from polyai_data.sandbox import Fault, Received

if TYPE_CHECKING:
    from tests.cli.conftest import Sandbox

    Environment = Callable[..., dict[str, str]]

COMMAND = [sys.executable, "-m", "polyai_data"]
ID = "CA22d437f4405070690f8906b76c8ea4ed"
CHAT = "AS_CHAT_2cb5d710-936c-3194-7b6e-a9690d836dcb"
PATIENCE = 60
"""Seconds to wait for what a command does at once, on a machine that does other things too."""


class Arrivals(list[Received]):
    """A list of received requests that a test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = threading.Condition()

    def append(self, request: Received) -> None:
        with self._arrived:
            super().append(request)
            self._arrived.notify_all()

    def wait_for(self, count: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self) >= count, PATIENCE), list(self)


class OnTerminal:
    """A command on a terminal of its own."""

    def __init__(self, environment: dict[str, str], columns: int, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C there reaches it
        )
        os.close(theirs)
        self.shown = ""
        self._seen = 0
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, text: str) -> None:
        """Wait until a text is shown, after the one that was waited for before."""
        deadline = monotonic() + PATIENCE
        while (found := self.shown.find(text, self._seen)) < 0:
            assert self._read(deadline), f"It ended without {text!r}: {self.shown!r}"
        self._seen = found + len(text)

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = monotonic() + PATIENCE
        while self._read(deadline):
            pass
        os.close(self._ours)
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        """Wait for more to be shown; return whether there was more."""
        if not select([self._ours], [], [], max(0, deadline - monotonic()))[0]:
            self.process.kill()
            pytest.fail(f"It did not come to that within {PATIENCE} s: {self.shown!r}")
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # on Linux, the end of a terminal is an error
            return False
        self.shown += self._decode(piece)
        return bool(piece)


def test_waiting_for_a_text_forgets_nothing_that_was_shown_with_it(
    child_environment: Environment,
) -> None:
    terminal = OnTerminal(child_environment(), 80, "regions")
    terminal.process.wait(PATIENCE)  # so that all of it is read at once
    terminal.until("eu")
    terminal.until("uk")
    with pytest.raises(AssertionError, match="It ended without 'eu'"):
        terminal.until("eu")
    assert terminal.end() == 0


def test_waiting_for_what_is_never_shown_fails(
    child_environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = OnTerminal(child_environment(), 80, "login", "--region", "us")
    terminal.until("API key for region us: ")
    monkeypatch.setattr(sys.modules[__name__], "PATIENCE", 0)
    with pytest.raises(pytest.fail.Exception, match="did not come to that within 0 s"):
        terminal.until("what is never shown")
    monkeypatch.undo()
    assert terminal.end() == -signal.SIGKILL


@pytest.mark.parametrize("columns", [80, 140])
def test_a_terminal_shows_colours_and_the_columns_that_fit(
    sandbox: Sandbox, child_environment: Environment, columns: int
) -> None:
    sandbox()
    terminal = OnTerminal(child_environment(), columns, "list", "-n", "5")
    assert terminal.end() == 0
    assert "\x1b[32m● " in terminal.shown
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown).splitlines()
    assert max(map(len, lines)) <= columns
    assert ("Channel" in lines[0]) == (columns == 140)
    assert lines[2].endswith(ID + " " * 10)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_switched_off(
    sandbox: Sandbox, child_environment: Environment, variables: dict[str, str]
) -> None:
    sandbox()
    terminal = OnTerminal(child_environment(**variables), 80, "get", ID)
    assert terminal.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3\d", terminal.shown)


def test_a_person_chats_and_leaves_with_ctrl_d(
    sandbox: Sandbox, child_environment: Environment
) -> None:
    sandbox()
    terminal = OnTerminal(child_environment(INPUTRC=os.devnull), 100, "chat")
    terminal.until("you ")
    for line in ("May I bring my dog?", "\x1b[A"):  # recalls the first line from the history
        terminal.type(f"{line}\n")
        terminal.until("can bear them.")
        terminal.until("you ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert terminal.shown.count("Dogs are very welcome") == 2
    assert f"polyai-data chat --resume {CHAT} --env sandbox" in terminal.shown


def test_ctrl_c_on_a_terminal_prints_one_line(
    sandbox: Sandbox, child_environment: Environment
) -> None:
    arrivals = Arrivals()
    sandbox(received=arrivals, faults=[Fault(kind="late", delay=600, path="*/debug-chat/*")])
    terminal = OnTerminal(child_environment(), 100, "chat")
    terminal.until("you ")
    terminal.type("hello\n")
    arrivals.wait_for(2)
    terminal.type("\x03")
    assert terminal.end() == 130
    last = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown).splitlines()[-1]
    assert last == f"Interrupted. To resume: polyai-data chat --resume {CHAT} --env sandbox"
    assert "Traceback" not in terminal.shown


def test_a_typed_key_is_not_shown(child_environment: Environment) -> None:
    environment = child_environment(PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    terminal = OnTerminal(environment, 100, "login", "--region", "us")
    terminal.until("API key for region us: ")
    terminal.type("made-up-key-8f3a61\n")
    assert terminal.end() == 1
    assert "The system keyring could not save the key" in terminal.shown
    assert "8f3a61" not in terminal.shown


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["get", ID], ["regions"]])
def test_a_closed_pipe(
    sandbox: Sandbox, child_environment: Environment, arguments: list[str]
) -> None:
    sandbox(conversations=5000)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(),
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["--version"]])
def test_help_to_a_closed_pipe(child_environment: Environment, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(),
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_pipe_can_be_closed_early(sandbox: Sandbox, child_environment: Environment) -> None:
    sandbox(conversations=5000)
    process = subprocess.Popen(
        [*COMMAND, "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "conversationId" in json.loads(process.stdout.readline())
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (141, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_always_utf_8(
    sandbox: Sandbox,
    child_environment: Environment,
    sample: Callable[..., dict[str, Any]],
    encoding: str,
) -> None:
    sandbox(faults=[Fault(200, sample(note="Zoë → 日本"))])
    environment = child_environment(PYTHONIOENCODING=encoding)
    done = subprocess.run([*COMMAND, "get", "CA1", "--json"], capture_output=True, env=environment)
    assert json.loads(done.stdout.decode("utf-8"))["note"] == "Zoë → 日本"
    assert "日本".encode() in done.stdout
    shown = subprocess.run([*COMMAND, "get", "CA1"], capture_output=True, env=environment)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert rb"\u65e5\u672c" in shown.stdout


# --- Interrupted exports ---------------------------------------------------------------------

EXPORT = [*COMMAND, "export", "-o", "calls.jsonl", "--details", "--concurrency", "2"]
PART = Path("calls.jsonl.part")


@pytest.fixture
def begun(sandbox: Sandbox, child_environment: Environment) -> Iterator[subprocess.Popen[str]]:
    """An export that waits for two conversations that the server never sends."""
    arrivals = Arrivals()
    late = [Fault(kind="late", delay=600, path="*/conversations/*", nth=n) for n in (10, 11)]
    sandbox(received=arrivals, faults=late)
    with subprocess.Popen(
        EXPORT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(),
    ) as process:
        arrivals.wait_for(12)  # including the list
        yield process


def check_resumed(sandbox: Sandbox, environment: Callable[..., dict[str, str]]) -> None:
    there = [json.loads(line)["conversationId"] for line in PART.read_text().splitlines()]
    assert 0 < len(there) < 12
    received: list[Received] = []
    base_url = sandbox(received=received)
    done = subprocess.run([*EXPORT, "--resume"], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout) == (0, "")
    asked = {request.path.rpartition("/")[2] for request in received}
    assert not asked & set(there)
    written = [json.loads(line) for line in Path("calls.jsonl").read_text().splitlines()]
    with DataClient(base_url=base_url) as client:
        listed = [one.conversation_id for one in client.list_conversations()]
    assert sorted(one["conversationId"] for one in written) == sorted(listed)


def test_a_killed_export_can_be_resumed(
    sandbox: Sandbox, child_environment: Environment, begun: subprocess.Popen[str]
) -> None:
    begun.kill()
    begun.communicate()
    assert begun.returncode == -signal.SIGKILL
    check_resumed(sandbox, child_environment)
