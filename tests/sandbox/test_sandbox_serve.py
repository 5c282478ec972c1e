"""Serving: threads, sockets, the command and missing dependencies."""

import asyncio
import inspect
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Unpack, get_type_hints

import httpx
import pytest
from polyai_data import sandbox
from polyai_data.cli._install import install_command
from polyai_data.sandbox import __main__ as command
from polyai_data.sandbox import _serve, create_app, serve

HEADERS = {"X-API-KEY": "sandbox"}
PATH = "/v1/agents/PROJECT-DEMO/conversations"


def is_listening(base_url: str) -> bool:
    """Return whether a server accepts connections at this address."""
    url = httpx.URL(base_url)
    try:
        socket.create_connection((url.host, url.port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_serve() -> None:
    """The server is ready when the block starts, and leaves no thread or socket behind."""
    threads = threading.enumerate()
    with serve(conversations=3) as base_url, httpx.Client(base_url=base_url) as client:
        assert base_url.startswith("http://127.0.0.1:")
        assert client.get(PATH, headers=HEADERS).json()["count"] == 3
        (thread,) = set(threading.enumerate()) - set(threads)
        assert thread.daemon
    assert threading.enumerate() == threads
    assert not is_listening(base_url)


def test_serve_after_error() -> None:
    """The server stops if the block raises, and the exception propagates."""
    threads = threading.enumerate()
    with pytest.raises(KeyError, match="mine"), serve() as base_url:
        raise KeyError("mine")
    assert threading.enumerate() == threads
    assert not is_listening(base_url)


def test_serve_twice() -> None:
    """Two servers can run at the same time."""
    with serve(conversations=1) as one, serve(conversations=2) as two:
        counts = [httpx.get(url + PATH, headers=HEADERS).json()["count"] for url in (one, two)]
    assert counts == [1, 2]


def test_serve_in_event_loop() -> None:
    """`serve` works inside a running event loop."""

    async def use() -> int:
        with serve() as base_url:
            async with httpx.AsyncClient() as client:
                return (await client.get(base_url + PATH, headers=HEADERS)).status_code

    assert asyncio.run(use()) == 200


def test_serve_has_no_side_effects() -> None:
    """`serve` does not change the signal handlers and loggers of the process."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with serve():
        during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert during == handlers
    code = (
        "import logging, polyai_data.sandbox as s\n"
        "with s.serve(): pass\n"
        "assert not logging.getLogger('uvicorn').handlers"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


def test_unread_recording() -> None:
    """The server stops even if a client has not read its response."""
    with serve(recording_bytes=2**28) as base_url:
        found = httpx.get(base_url + PATH, headers=HEADERS).json()["conversations"][1]
        url = f"{base_url}{PATH}/{found['conversationId']}/audio"
        connection = httpx.stream("GET", url, headers=HEADERS)
        response = connection.__enter__()
        assert response.headers["content-length"] == str(2**28)
    assert not is_listening(base_url)
    connection.__exit__(None, None, None)


def test_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listening socket sets TCP_NODELAY."""
    listeners = []
    create_server = socket.create_server

    def remember(*args: Any, **kwargs: Any) -> socket.socket:
        listeners.append(create_server(*args, **kwargs))
        return listeners[0]

    monkeypatch.setattr(socket, "create_server", remember)
    with serve():
        assert listeners[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_port() -> None:
    """The port can be set. A port in use raises `OSError`, an invalid one `ValueError`."""
    with serve() as base_url:
        port = int(base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), serve(port=port):
            pass
    with serve(port=port) as again:
        assert again == base_url
    with (
        pytest.raises(ValueError, match="port must be from 0 to 65535, not 65536"),
        serve(port=65536),
    ):
        pass


def test_ipv6() -> None:
    """The URL has an IPv6 address in brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serve(host="::1") as base_url:
        assert base_url.startswith("http://[::1]:")
        assert httpx.get(base_url + PATH, headers=HEADERS).status_code == 200


def test_same_options() -> None:
    """`serve` takes the options of `create_app`, and two more."""
    parameters = dict(inspect.signature(serve).parameters)
    assert parameters.pop("host").default == "127.0.0.1"
    assert parameters.pop("port").default == 0
    assert [each.annotation for each in parameters.values()] == [Unpack[sandbox.SandboxOptions]]
    options = inspect.signature(create_app).parameters
    assert {name: each.annotation for name, each in options.items()} == get_type_hints(
        sandbox.SandboxOptions
    )
    assert all(each.kind == each.KEYWORD_ONLY for each in options.values())


def test_options_are_passed_on() -> None:
    """`serve` passes on every option."""
    received: list[sandbox.Received] = []
    options: dict[str, Any] = {
        "api_key": "k",
        "conversations_api_key": "v",
        "agent_id": "a",
        "conversations": 9,
        "seed": 5,
        "faults": [sandbox.Fault(path="/fault", status=418)],
        "received": received,
        "max_page_size": 4,
        "recording_bytes": 1000,
        "ranges": False,
        "now": datetime(2020, 1, 2, 3, 4, tzinfo=UTC),
    }
    assert options.keys() == inspect.signature(create_app).parameters.keys()
    with serve(**options) as base_url, httpx.Client(headers={"X-API-KEY": "k"}) as client:
        page = client.get(f"{base_url}/v1/agents/a/conversations").json()
        ids = [one["conversationId"] for one in page["conversations"]]
        audio = client.get(f"{base_url}/v1/agents/a/conversations/{ids[1]}/audio")
        found = client.get(
            f"{base_url}/v3/ACCOUNT-DEMO/a/conversations", headers={"X-API-KEY": "v"}
        )
        assert client.get(f"{base_url}/fault").status_code == 418
    assert page["conversations"][0]["startedAt"] == "2020-01-02T03:03:00.000000+00:00"
    assert (page["count"], len(ids), len(audio.content)) == (9, 4, 1000)
    assert len(received) == 4
    assert found.json()["conversations"]
    assert "accept-ranges" not in audio.headers
    with serve() as base_url:
        default = httpx.get(base_url + PATH, headers=HEADERS).json()["conversations"]
    assert ids[0] != default[0]["conversationId"]


def test_all() -> None:
    """`__all__` is sorted, and all of its names exist."""
    assert sandbox.__all__ == sorted(sandbox.__all__)
    assert all(hasattr(sandbox, name) for name in sandbox.__all__)


def environment(*first: str) -> dict[str, str]:
    """Return environment variables with this interpreter's import path."""
    path = os.pathsep.join([*first, *sys.path])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error::ResourceWarning"}


def test_command() -> None:
    """The command serves the sandbox as printed, until Ctrl-C."""
    arguments = [
        *("--port", "0", "--key", "it's", "--agent", "my agent", "--conversations", "7"),
        *("--seed", "5"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "polyai_data.sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("Ctrl-C"):
            break
    (export,) = [line for line in lines if line.startswith("export ")]
    (curl,) = [line for line in lines if line.startswith("curl ")]
    assert "POLYAI_ACCOUNT_ID=ACCOUNT-DEMO POLYAI_CONVERSATIONS_API_KEY=sandbox-v3" in export
    echo = 'echo "$POLYAI_BASE_URL|$POLYAI_API_KEY|$POLYAI_AGENT_ID"'
    shell = subprocess.run(
        ["sh", "-c", f"{export}; {echo}; set -- {curl[5:]}; printf '%s|' \"$@\""],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    base_url, key, rest = shell.split("|", 2)
    agent, _, header, url, _ = rest.replace("\n", "|").split("|")
    assert (key, agent, header) == ("it's", "my agent", "X-API-KEY: it's")
    assert url == f"{base_url}/v1/agents/my%20agent/conversations?limit=2"
    page = httpx.get(url, headers=dict([header.split(": ")])).json()
    assert (page["count"], len(page["conversations"])) == (7, 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C when the command starts to wait."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)


@pytest.mark.usefixtures("no_waiting")
def test_command_in_process(capsys: pytest.CaptureFixture[str]) -> None:
    """The command exits with code 0 and prints no warning on loopback."""
    assert command.main(["--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert "PROJECT-DEMO" in out
    assert err == ""


@pytest.mark.usefixtures("no_waiting")
def test_command_warns_about_public_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    """An address that other machines can reach is allowed, with a warning."""
    assert command.main(["--port", "0", "--host", "0.0.0.0"]) == 0
    assert capsys.readouterr().err.startswith("warning: 0.0.0.0 may be reachable")


def test_command_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port in use gives a one-line error and exit code 1."""
    with serve() as base_url:
        port = int(base_url.rpartition(":")[2])
        assert command.main(["--port", str(port)]) == 1
    err = capsys.readouterr().err
    assert err == (
        f"error: cannot listen on 127.0.0.1 port {port}: Address already in use. Try --port 0.\n"
    )


def test_command_bad_option(capsys: pytest.CaptureFixture[str]) -> None:
    """An option out of range is a usage error."""
    with pytest.raises(SystemExit) as raised:
        command.main(["--conversations", "-1"])
    assert raised.value.code == 2
    assert "conversations must be from 0" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["the-key"], ["--port", "the-key"], ["--the-key"]])
def test_command_repeats_no_argument(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was typed in the wrong place may be a real key."""
    with pytest.raises(SystemExit) as raised:
        command.main(arguments)
    assert raised.value.code == 2
    assert "the-key" not in capsys.readouterr().err


def test_command_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default port is 8765."""
    seen: dict[str, Any] = {}

    def stop(**options: Any) -> None:
        seen.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "serve", stop)
    assert command.main([]) == 0
    assert seen == {
        "host": "127.0.0.1",
        "port": 8765,
        "api_key": "sandbox",
        "agent_id": "PROJECT-DEMO",
        "conversations": 200,
        "seed": 0,
    }


def test_command_as_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m` runs the command and exits with its code."""
    monkeypatch.delitem(sys.modules, command.__name__)
    monkeypatch.setattr(sys, "argv", ["sandbox", "--help"])
    with pytest.raises(SystemExit) as raised:
        runpy.run_module("polyai_data.sandbox", run_name="__main__")
    assert raised.value.code == 0


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_missing_package(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the sandbox without one of its dependencies fails with a hint."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=re.escape(install_command("sandbox"))):
        runpy.run_path(str(sandbox.__file__))


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_missing_extra(missing: str, tmp_path: Path) -> None:
    """Without the extra, the import and the command say what to install, in one line."""
    # This module hides the real one and behaves as if it was not installed.
    (tmp_path / f"{missing}.py").write_text(
        f"raise ModuleNotFoundError('No module named {missing}', name={missing!r})"
    )
    env = environment(str(tmp_path))
    hint = install_command("sandbox")
    code = f"try: import polyai_data.sandbox\nexcept ImportError as e: assert {hint!r} in str(e)"
    code += "\nelse: raise SystemExit('it was imported')"
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    completed = subprocess.run(
        [sys.executable, "-m", "polyai_data.sandbox"], capture_output=True, text=True, env=env
    )
    assert completed.returncode == 1
    assert hint in completed.stderr
    assert completed.stderr.count("\n") == 1


def test_an_interrupt_while_it_starts_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is raised, whenever it comes, and the server ends."""

    class Interrupted(threading.Event):
        waits = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt
            is_set = super().wait(timeout)
            time.sleep(0.3)  # by now, a server that had already been told to stop would be gone
            return is_set

    names = SimpleNamespace(Event=Interrupted, Thread=threading.Thread)
    monkeypatch.setattr(_serve, "threading", names)
    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt), serve():
        pytest.fail("not reached")
    assert threading.enumerate() == before
