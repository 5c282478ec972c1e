"""Fixtures of the command line tests: an isolated home, a sandbox, and the command."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import keyring
import keyring.backend
import keyring.errors
import pytest
import typer.main
from polyai_data.cli import main
from polyai_data.sandbox import serve

AGENT = "PROJECT-DEMO"
NOW = datetime(2026, 6, 3, 13, 19, 6, 370000, tzinfo=UTC)
"""The time of the sandbox."""


class Ended(NamedTuple):
    """The exit code and output of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]
Sandbox = Callable[..., str]


class Memory(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Broken(keyring.backend.KeyringBackend):
    """A keyring that always fails."""

    priority = 1

    def get_password(self, *_: str) -> str | None:
        raise RuntimeError("the bus is \x1b[31mdown")

    set_password = delete_password = get_password  # type: ignore[assignment]  # fails too


@pytest.fixture(autouse=True)
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def broken_keyring() -> None:
    keyring.set_keyring(Broken())  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty home directory, without the settings of the developer's terminal."""
    for name in (
        "COLUMNS",
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "LINES",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True, scope="session")
def quick_commands() -> Iterator[None]:
    """Builds the commands once. Typer builds them for every call, which would take 40 ms each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="package")
def in_background() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Run slow cleanup while the next tests run, and wait for it at the end."""
    threads: list[threading.Thread] = []

    def do(work: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield do
    for thread in threads:
        thread.join()


@pytest.fixture
def sandbox(
    monkeypatch: pytest.MonkeyPatch, in_background: Callable[[Callable[[], object]], None]
) -> Iterator[Sandbox]:
    """Start a sandbox and point the environment to it."""
    served = ExitStack()

    def start(**options: Any) -> str:
        base_url = served.enter_context(serve(**{"now": NOW} | options))
        monkeypatch.setenv("POLYAI_BASE_URL", base_url)
        monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
        monkeypatch.setenv("POLYAI_AGENT_ID", AGENT)
        return base_url

    yield start
    in_background(served.close)


@pytest.fixture
def with_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what searches need besides."""
    monkeypatch.setenv("POLYAI_ACCOUNT_ID", "ACCOUNT-DEMO")
    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", "sandbox-v3")


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make stdout and stderr look like a terminal of a given width."""

    def pretend(columns: int = 80, *, stdout: bool = True) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        if stdout:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return pretend


@pytest.fixture
def child_environment() -> Callable[..., dict[str, str]]:
    """Return the environment for a command in a subprocess."""

    def environment(**more: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            **more,
        }

    return environment
