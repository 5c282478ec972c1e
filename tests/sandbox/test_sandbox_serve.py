"""Serving: the thread, the sockets, the command, and what happens without the extra."""

import asyncio
import inspect
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from polyai_data import sandbox
from polyai_data.sandbox import __main__ as command
from polyai_data.sandbox import create_app, serve

HEADERS = {"X-API-KEY": "sandbox"}
PATH = "/v1/agents/PROJECT-DEMO/conversations"


def is_listening(base_url: str) -> bool:
    """Return whether anybody accepts connections there."""
    url = httpx.URL(base_url)
    try:
        socket.create_connection((url.host, url.port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_serve() -> None:
    """It answers as soon as the block begins, and leaves no thread and no socket."""
    threads = threading.enumerate()
    with serve(conversations=3) as base_url, httpx.Client(base_url=base_url) as client:
        assert base_url.startswith("http://127.0.0.1:")
        assert client.get(PATH, headers=HEADERS).json()["count"] == 3
        (thread,) = set(threading.enumerate()) - set(threads)
        assert thread.daemon
    assert threading.enumerate() == threads
    assert not is_listening(base_url)


def test_serve_after_error() -> None:
    """It also ends if the block raises, and lets the error pass."""
    threads = threading.enumerate()
    with pytest.raises(KeyError, match="mine"), serve() as base_url:
        raise KeyError("mine")
    assert threading.enumerate() == threads
    assert not is_listening(base_url)


def test_serve_twice() -> None:
    """Two of them do not get in each other's way."""
    with serve(conversations=1) as one, serve(conversations=2) as two:
        counts = [httpx.get(url + PATH, headers=HEADERS).json()["count"] for url in (one, two)]
    assert counts == [1, 2]


def test_serve_in_event_loop() -> None:
    """It can be used from a running event loop."""

    async def use() -> int:
        with serve() as base_url:
            async with httpx.AsyncClient() as client:
                return (await client.get(base_url + PATH, headers=HEADERS)).status_code

    assert asyncio.run(use()) == 200


def test_serve_is_no_nuisance() -> None:
    """It leaves the signal handlers and the loggers of the process alone."""
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
    """A client that stops reading does not keep the server from ending."""
    with serve(recording_bytes=2**28) as base_url:
        found = httpx.get(base_url + PATH, headers=HEADERS).json()["conversations"][1]
        url = f"{base_url}{PATH}/{found['conversationId']}/audio"
        connection = httpx.stream("GET", url, headers=HEADERS)
        answer = connection.__enter__()
        assert answer.headers["content-length"] == str(2**28)
    assert not is_listening(base_url)
    connection.__exit__(None, None, None)


def test_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listening socket does not hold small packets back."""
    made = []
    create_server = socket.create_server

    def remember(*args: Any, **kwargs: Any) -> socket.socket:
        made.append(create_server(*args, **kwargs))
        return made[0]

    monkeypatch.setattr(socket, "create_server", remember)
    with serve():
        assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_port() -> None:
    """A port can be chosen; a taken one is an OSError, an impossible one a ValueError."""
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
    """An IPv6 address stands in brackets in the URL."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serve(host="::1") as base_url:
        assert base_url.startswith("http://[::1]:")
        assert httpx.get(base_url + PATH, headers=HEADERS).status_code == 200


def test_same_options() -> None:
    """`serve` takes the options of `create_app`, with the same defaults, and two of its own."""
    ours = dict(inspect.signature(serve).parameters)
    assert ours.pop("host").default == "127.0.0.1"
    assert ours.pop("port").default == 0
    assert list(ours.values()) == list(inspect.signature(create_app).parameters.values())
    assert all(each.kind == each.KEYWORD_ONLY for each in ours.values())


def test_options_are_passed_on() -> None:
    """Every option of `serve` arrives."""
    received: list[sandbox.Received] = []
    options: dict[str, Any] = {
        "api_key": "k",
        "agent_id": "a",
        "conversations": 9,
        "seed": 5,
        "faults": [sandbox.Fault(path="/fault", status=418)],
        "received": received,
        "max_page_size": 4,
        "recording_bytes": 1000,
        "ranges": False,
    }
    assert options.keys() == inspect.signature(create_app).parameters.keys()
    with serve(**options) as base_url, httpx.Client(headers={"X-API-KEY": "k"}) as client:
        page = client.get(f"{base_url}/v1/agents/a/conversations").json()
        ids = [one["conversationId"] for one in page["conversations"]]
        audio = client.get(f"{base_url}/v1/agents/a/conversations/{ids[1]}/audio")
        assert client.get(f"{base_url}/fault").status_code == 418
    assert (page["count"], len(ids), len(audio.content)) == (9, 4, 1000)
    assert len(received) == 3
    assert "accept-ranges" not in audio.headers
    with serve() as base_url:
        default = httpx.get(base_url + PATH, headers=HEADERS).json()["conversations"]
    assert ids[0] != default[0]["conversationId"]


def test_all() -> None:
    """The public names are sorted and there."""
    assert sandbox.__all__ == sorted(sandbox.__all__)
    assert all(hasattr(sandbox, name) for name in sandbox.__all__)


def environment(*first: str) -> dict[str, str]:
    """Return an environment in which a new interpreter finds what this one does."""
    path = os.pathsep.join([*first, *sys.path])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error::ResourceWarning"}


def test_command() -> None:
    """The command serves what it announces, until Ctrl-C."""
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
    """Press Ctrl-C when the command begins to wait."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)


@pytest.mark.usefixtures("no_waiting")
def test_command_in_process(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with status 0, and warns of nothing on loopback."""
    assert command.main(["--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert "PROJECT-DEMO" in out
    assert err == ""


@pytest.mark.usefixtures("no_waiting")
def test_command_warns_of_other_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    """An address that others can reach is allowed, with a warning."""
    assert command.main(["--port", "0", "--host", "0.0.0.0"]) == 0
    assert capsys.readouterr().err.startswith("warning: 0.0.0.0 may be reached")


def test_command_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port is one clear line and status 1."""
    with serve() as base_url:
        port = int(base_url.rpartition(":")[2])
        assert command.main(["--port", str(port)]) == 1
    err = capsys.readouterr().err
    assert err == f"cannot listen on 127.0.0.1 port {port}: Address already in use (try --port 0)\n"


def test_command_bad_option(capsys: pytest.CaptureFixture[str]) -> None:
    """An option out of range is a usage error."""
    with pytest.raises(SystemExit) as raised:
        command.main(["--conversations", "-1"])
    assert raised.value.code == 2
    assert "conversations must be from 0" in capsys.readouterr().err


def test_command_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments it listens on port 8765."""
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
    """`python -m` runs the command and ends with its status."""
    monkeypatch.delitem(sys.modules, command.__name__)
    monkeypatch.setattr(sys, "argv", ["sandbox", "--help"])
    with pytest.raises(SystemExit) as raised:
        runpy.run_module("polyai_data.sandbox", run_name="__main__")
    assert raised.value.code == 0


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_missing_package(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two packages is missed on import."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "polyai-data\[sandbox\]"'):
        runpy.run_path(str(sandbox.__file__))


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_missing_extra(missing: str, tmp_path: Path) -> None:
    """Without the extra, an import says what to install, and the command says it in one line."""
    # Found before the real one, and as absent as if that had never been installed.
    (tmp_path / f"{missing}.py").write_text(
        f"raise ModuleNotFoundError('No module named {missing}', name={missing!r})"
    )
    env = environment(str(tmp_path))
    hint = 'pip install "polyai-data[sandbox]"'
    code = f"try: import polyai_data.sandbox\nexcept ImportError as e: assert {hint!r} in str(e)"
    code += "\nelse: raise SystemExit('it was imported')"
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    ended = subprocess.run(
        [sys.executable, "-m", "polyai_data.sandbox"], capture_output=True, text=True, env=env
    )
    assert ended.returncode == 1
    assert hint in ended.stderr
    assert ended.stderr.count("\n") == 1
