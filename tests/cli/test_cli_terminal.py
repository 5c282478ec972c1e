"""The command in a process of its own: on a terminal, interrupted, killed, without a reader."""

from __future__ import annotations

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


class Arrivals(list[Received]):
    """The requests that a sandbox received, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = threading.Condition()

    def append(self, request: Received) -> None:
        with self._arrived:
            super().append(request)
            self._arrived.notify_all()

    def wait_for(self, count: int) -> None:
        with self._arrived:
            self._arrived.wait_for(lambda: len(self) >= count)


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

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, text: str) -> None:
        """Read until a text was shown since the last time, or the end."""
        begin = len(self.shown)
        while text not in self.shown[begin:] and (piece := self._read()):
            self.shown += piece.decode()

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while piece := self._read():
            self.shown += piece.decode()
        os.close(self._ours)
        return self.process.wait()

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:  # on Linux, the end of a terminal is an error
            return b""


@pytest.mark.parametrize("columns", [80, 140])
def test_a_terminal_shows_colours_and_as_much_as_fits(
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
def test_a_terminal_shows_no_colours_where_none_are_wanted(
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
    for line in ("May I bring my dog?", "\x1b[A"):  # the history has it
        terminal.type(f"{line}\n")
        terminal.until("can bear them.")
        terminal.until("you ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert terminal.shown.count("Dogs are very welcome") == 2
    assert f"polyai-data chat --resume {CHAT} --env sandbox" in terminal.shown


def test_ctrl_c_on_a_terminal_is_one_line_of_its_own(
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
    assert last == f"Interrupted. To go on: polyai-data chat --resume {CHAT} --env sandbox"
    assert "Traceback" not in terminal.shown


def test_a_key_that_is_typed_is_not_shown(child_environment: Environment) -> None:
    environment = child_environment(PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    terminal = OnTerminal(environment, 100, "login", "--region", "us")
    terminal.until("API key for the region us: ")
    terminal.type("made-up-key-8f3a61\n")
    assert terminal.end() == 1
    assert "The system's keyring cannot store it" in terminal.shown
    assert "8f3a61" not in terminal.shown


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["get", ID], ["regions"]])
def test_a_reader_that_goes_is_no_trouble(
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


def test_a_reader_gets_what_it_wants(sandbox: Sandbox, child_environment: Environment) -> None:
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
def test_json_is_utf_8_whatever_the_terminal_speaks(
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


# --- Exports that are interrupted ------------------------------------------------------------

EXPORT = [*COMMAND, "export", "-o", "calls.jsonl", "--details", "--concurrency", "2"]
PART = Path("calls.jsonl.part")


@pytest.fixture
def begun(sandbox: Sandbox, child_environment: Environment) -> Iterator[subprocess.Popen[str]]:
    """An export that waits for two conversations that the server does not send."""
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
        arrivals.wait_for(12)  # the list among them
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


def test_an_export_that_is_killed_goes_on(
    sandbox: Sandbox, child_environment: Environment, begun: subprocess.Popen[str]
) -> None:
    begun.kill()
    begun.communicate()
    assert begun.returncode == -signal.SIGKILL
    check_resumed(sandbox, child_environment)
