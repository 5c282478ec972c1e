"""Tests settings, keys, login, regions and the sandbox command."""

from __future__ import annotations

import getpass
import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from keyring.backends import fail
from polyai_data import DataClient, Region
from polyai_data.cli import _connect
from polyai_data.cli._install import install_command
from polyai_data.cli._keys import Keyring, variable_names
from polyai_data.cli._options import ConnectionOptions
from polyai_data.sandbox import Fault, Received
from polyai_data.sandbox import __main__ as sandbox_command

from tests.pages import read

if TYPE_CHECKING:
    from tests.cli.conftest import Memory, Run, Sandbox

KEY = "made-up-key-8f3a61"


# --- Missing settings ------------------------------------------------------------------------


def test_missing_settings_are_explained(run: Run) -> None:
    ended = run("list")
    assert (ended.code, ended.out) == (2, "")
    first, *rest = ended.err.splitlines()
    assert first == "error: Missing API key, region and agent."
    text = "\n".join(rest)
    for needed in (
        "export POLYAI_API_KEY=",
        "--api-key-file",
        "polyai-data login",
        "Create one in Agent Studio",
        "export POLYAI_REGION=us",
        "studio.<region>.poly.ai",
        "export POLYAI_AGENT_ID=",
        "studio.us.poly.ai/<account>/<agent>/",
        "--studio-url",
        install_command("sandbox"),
        "polyai-data sandbox",
        "POLYAI_BASE_URL=http://127.0.0.1:8765 POLYAI_API_KEY=sandbox",
        "POLYAI_AGENT_ID=PROJECT-DEMO",
    ):
        assert needed in text
    assert max(map(len, rest)) <= 80
    for name in Region:
        assert name.value in text


def test_only_missing_settings_are_explained(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    monkeypatch.delenv("POLYAI_AGENT_ID")
    ended = run("list")
    assert ended.code == 2
    assert ended.err.startswith("error: Missing agent.\n")
    assert "export POLYAI_API_KEY" not in ended.err
    monkeypatch.delenv("POLYAI_API_KEY")
    ended = run("list")
    assert ended.err.startswith("error: Missing API key and agent.\n")


# --- Settings --------------------------------------------------------------------------------


def setup(**options: Any) -> _connect.ResolvedSettings:
    return _connect.ResolvedSettings.from_options(ConnectionOptions(**options))


def test_options_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("REGION", "us"), ("AGENT_ID", "A"), ("BASE_URL", "https://a.example")):
        monkeypatch.setenv(f"POLYAI_{name}", f" {value} ")
    found = setup()
    assert (found.region, found.agent_id, found.address) == ("us", "A", "https://a.example")
    found = setup(region="euw-1", agent="B", base_url="https://b.example")
    assert (found.region, found.agent_id, found.address) == ("eu", "B", "https://b.example")


def test_a_studio_url_sets_region_and_agent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYAI_BASE_URL", "https://proxy.example")
    monkeypatch.setenv("POLYAI_API_KEY_UK", KEY)
    found = setup(studio_url="studio.uk.poly.ai/acme/PROJECT-1/home")
    assert (found.region, found.agent_id) == ("uk", "PROJECT-1")
    assert repr(found.key) == "<Key from POLYAI_API_KEY_UK>"
    assert found.address == Region.UK.base_url  # overrides the environment
    assert found.key is not None
    assert found.key.source == "POLYAI_API_KEY_UK"
    for extra in ("--region", "--agent", "--base-url"):
        ended = run("list", "--studio-url", "studio.uk.poly.ai/acme/P", extra, "us")
        assert ended.code == 2
        assert "Remove --region, --agent and --base-url." in ended.err
    ended = run("list", "--studio-url", "https://example.com/a/b")
    assert ended.code == 2
    assert "is not the URL of an agent in Agent Studio" in ended.err


def test_a_studio_url_reaches_its_region(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = sandbox()
    monkeypatch.setattr(Region, "base_url", base_url)
    monkeypatch.setenv("POLYAI_BASE_URL", "http://127.0.0.1:1")
    ended = run("list", "-n", 1, "--studio-url", "https://studio.uk.poly.ai/acme/PROJECT-DEMO")
    assert ended.code == 0


@pytest.mark.parametrize(
    "option",
    [("--region", "uk"), ("--studio-url", "https://studio.uk.poly.ai/acme/PROJECT-DEMO")],
    ids=lambda option: option[0],
)
def test_an_ignored_variable_is_named(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]
) -> None:
    base_url = sandbox(conversations=3)
    monkeypatch.setattr(Region, "base_url", base_url)
    monkeypatch.setenv("POLYAI_BASE_URL", "http://127.0.0.1:1")
    for command in (("list", "-n", "1", "--json"), ("doctor",), ("export", "-o", "-")):
        ended = run(*command, *option)
        assert ended.code == 0
        assert f"POLYAI_BASE_URL is ignored, because of {option[0]}.\n" in ended.err
    assert "ignored" not in run("list", *option[:0], "--base-url", base_url).err
    monkeypatch.delenv("POLYAI_BASE_URL")
    assert "ignored" not in run("list", *option).err


def test_an_unknown_region_is_rejected(run: Run) -> None:
    ended = run("list", "--region", "mars")
    assert ended.code == 2
    assert "Unknown region 'mars'. The regions are us, eu, uk, studio" in ended.err


# --- The key ---------------------------------------------------------------------------------


def source(**options: Any) -> str | None:
    key = setup(**options).key
    return None if key is None else key.source


def test_the_order_of_the_sources_of_the_key(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert source(region="us") is None
    memory.set_password("polyai-data", "us", KEY)
    assert source(region="us") == "the keyring (us)"
    assert source(region="eu") is None  # a key belongs to one region
    assert source() is None
    monkeypatch.setenv("POLYAI_API_KEY", "general")
    assert source(region="us") == source() == "POLYAI_API_KEY"
    monkeypatch.setenv("POLYAI_API_KEY_US", "of us")
    assert source(region="us") == "POLYAI_API_KEY_US"
    assert source(region="eu") == "POLYAI_API_KEY"
    Path("key").write_text("in a file")
    assert source(region="us", api_key_file=Path("key")) == "key"


def test_the_environment_is_read_as_the_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for region in (None, *Region):
        base_url = None if region else "https://proxy.example"
        for name in variable_names(region):
            with monkeypatch.context() as environment:
                environment.setenv(name, KEY)
                DataClient(region=region, base_url=base_url).close()
                found = setup(region=region, base_url=base_url)
                assert found.key is not None
                assert (found.key.source, found.key.reveal()) == (name, KEY)


def sent(received: list[Received]) -> str:
    return received[-1].headers["x-api-key"]


def test_each_source_of_the_key_is_sent(
    run: Run, sandbox: Sandbox, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Received] = []
    sandbox(received=received)
    run("list")
    assert sent(received) == "sandbox"
    Path("key").write_text(f"\n  {KEY}\n")
    Path("key").chmod(0o600)
    ended = run("list", "--api-key-file", "key")
    assert (sent(received), ended.code) == (KEY, 3)
    assert "warning" not in ended.err
    monkeypatch.delenv("POLYAI_API_KEY")
    memory.set_password("polyai-data", "eu", "from-the-keyring")
    monkeypatch.setenv("POLYAI_REGION", "eu")
    run("list")
    assert sent(received) == "from-the-keyring"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_file_that_others_can_read_causes_a_warning(
    run: Run, sandbox: Sandbox, mode: int
) -> None:
    sandbox()
    Path("my key").write_text("sandbox")
    Path("my key").chmod(mode)
    ended = run("list", "-n", 1, "--json", "--api-key-file", "my key")
    assert ended.code == 0
    assert ended.err.startswith(
        "warning: Other users can read my key. To fix this: chmod 600 'my key'\n"
    )
    assert "sandbox" not in ended.err


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe", "schlüssel".encode()])
def test_an_invalid_key_file_is_rejected_and_not_shown(
    run: Run, sandbox: Sandbox, content: bytes
) -> None:
    sandbox()
    Path("key").write_bytes(content)
    ended = run("list", "--api-key-file", "key")
    assert ended.code == 2
    assert "API key" in ended.err
    assert "lines" not in ended.err.replace("line breaks", "")
    assert run("list", "--api-key-file", "none").code == 2


@pytest.mark.usefixtures("broken_keyring")
def test_a_broken_keyring_does_not_break_other_sources(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    monkeypatch.setenv("POLYAI_REGION", "us")
    assert run("list", "-n", 1).code == 0
    monkeypatch.delenv("POLYAI_API_KEY")
    ended = run("list", "-n", 1)
    assert ended.code == 2
    assert "Could not read the system keyring: the bus is" in ended.err


def test_a_missing_keyring_package_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    found = Keyring()
    assert found.find(Region.US) is None
    assert "keyring" in found.problem


def test_a_keyring_error_without_a_message_shows_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: str) -> None:
        raise LookupError

    monkeypatch.setattr(keyring, "get_password", fail)
    found = Keyring()
    found.find(Region.US)
    assert found.problem == "LookupError"


# --- login and logout ------------------------------------------------------------------------


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_typed_key_is_hidden_and_stored_for_its_region(
    run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def type_key(prompt: str) -> str:
        asked.append(prompt)
        return f" {KEY} "

    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(getpass, "getpass", type_key)
    ended = run("login", "--region", "euw-1")
    assert asked == ["API key for region eu: "]
    assert ended.code == 0
    assert ended.err.startswith("Saved the key for region eu in the system keyring.\n")
    assert memory.kept == {("polyai-data", "eu"): KEY}
    assert KEY not in ended.out + ended.err


def test_a_key_is_read_from_stdin(
    run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYAI_REGION", "us")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\nmore\n"))
    assert run("login").code == 0
    assert memory.kept == {("polyai-data", "us"): KEY}
    monkeypatch.setattr(sys, "stdin", io.StringIO("other"))
    assert run("login", "--studio-url", "https://studio.uk.poly.ai/a/b").code == 0
    assert memory.kept["polyai-data", "uk"] == "other"


def test_the_key_for_searches_is_stored_beside_the_other(
    run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.set_password("polyai-data", "us", "other")
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY))
    ended = run("login", "--region", "us", "--searches")
    assert ended.err.startswith("Saved the key for searches in region us in the system keyring.\n")
    names = {("polyai-data", "us"): "other", ("polyai-data", "us conversations"): KEY}
    assert memory.kept == names
    ended = run("logout", "--region", "us", "--searches")
    assert ended.err == "No key for searches in region us is stored in the system keyring.\n"
    assert memory.kept == {("polyai-data", "us"): "other"}


def test_a_region_without_searches_has_no_key_for_them(run: Run, memory: Memory) -> None:
    ended = run("login", "--region", "studio", "--searches")
    assert (ended.code, memory.kept) == (2, {})
    assert "no server for search_conversations in region 'studio'" in ended.err


@pytest.mark.usefixtures("broken_keyring")
def test_a_keyring_that_cannot_save_the_key_for_searches(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY))
    ended = run("login", "--region", "us", "--searches")
    assert ended.code == 1
    assert "POLYAI_CONVERSATIONS_API_KEY" in ended.err
    assert "--api-key-file" not in ended.err


@pytest.mark.parametrize("text", ["", "two words", "schlüssel"])
def test_an_invalid_key_is_not_stored(
    run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    ended = run("login", "--region", "us")
    assert (ended.code, memory.kept) == (2, {})
    assert not text or text not in ended.err


def test_logout_deletes_the_key(run: Run, memory: Memory) -> None:
    memory.set_password("polyai-data", "us", KEY)
    memory.set_password("polyai-data", "eu", KEY)
    for _ in range(2):  # deleting a missing key is not an error
        ended = run("logout", "--region", "us")
        assert ended.code == 0
        assert "No key for region us is stored in the system keyring.\n" in ended.err
    assert list(memory.kept) == [("polyai-data", "eu")]


@pytest.mark.parametrize("command", ["login", "logout"])
def test_a_region_is_required(run: Run, command: str) -> None:
    ended = run(command)
    assert ended.code == 2
    assert "`polyai-data regions`" in ended.err


def test_without_a_keyring_alternatives_are_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # as if there were no backend
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY))
    ended = run("login", "--region", "us")
    assert ended.code == 1
    assert "The system keyring could not save the key: No recommended backend was" in ended.err
    assert "--api-key-file" in ended.err
    assert "POLYAI_API_KEY" in ended.err
    assert KEY not in ended.err
    assert ended.err.count("\n") == 2
    ended = run("logout", "--region", "us")
    assert ended.code == 1
    assert "The system keyring could not delete the key: " in ended.err


# --- regions and sandbox ---------------------------------------------------------------------


def test_regions_are_listed_with_their_aliases(run: Run) -> None:
    ended = run("regions")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split() == ["Region", "Alias", "Agent", "Studio", "API"]
    for region, line in zip(Region, lines[1:], strict=True):
        assert line.split()[0] == region.value
        assert line.split()[-2:] == [region.studio_url, region.base_url]
    as_json = [json.loads(line) for line in run("regions", "--json").out.splitlines()]
    assert as_json[1] == {
        "region": "eu",
        "aliases": ["euw-1"],
        "studio": "https://studio.eu.poly.ai",
        "api": "https://api.eu.poly.ai",
    }
    readme = read("reference/settings.md")
    for found in as_json:
        for name in found["aliases"]:
            assert f'| `"{found["region"]}"` | `"{name}"` |' in readme


def test_the_sandbox_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    ended = run("sandbox", "--port", "0", "--agent", "MINE")
    assert (ended.code, ended.err) == (0, "")
    assert "agent ID  MINE" in ended.out


def test_the_sandbox_has_its_own_help_and_errors(run: Run) -> None:
    ended = run("sandbox", "--help")
    assert ended.code == 0
    assert "--conversations" in ended.out
    assert run("sandbox", "--conversations", "-1").code == 2


def test_without_its_extra_the_sandbox_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in list(sys.modules):
        if name.startswith("polyai_data.sandbox"):
            monkeypatch.delitem(sys.modules, name)
    ended = run("sandbox")
    assert ended.code == 1
    assert ended.err == (
        f"error: the sandbox needs Starlette and uvicorn: {install_command('sandbox')}\n"
    )
    assert "--conversations" in run("sandbox", "--help").out


def test_both_sandbox_commands_have_the_same_options(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(sandbox_command, "run", lambda **options: seen.append(options))
    given = ["--port", "1", "--host", "::1", "--key", "k", "--agent", "A", "--conversations", "2"]
    for arguments in ([], [*given, "--seed", "3"]):
        assert run("sandbox", *arguments).code == 0
        sandbox_command.main(arguments)
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_a_port_in_use_is_an_error(run: Run, sandbox: Sandbox) -> None:
    port = sandbox().rpartition(":")[2]
    ended = run("sandbox", "--port", port)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: cannot listen on 127.0.0.1 port {port}: ")


# --- Retries ---------------------------------------------------------------------------------


def test_only_long_retry_delays_are_announced(run: Run, sandbox: Sandbox) -> None:
    for delay, message in (
        ("1", ""),
        ("20", "Retrying in 20 s after: Too Many Requests\n"),
    ):
        sandbox(faults=[Fault(429, headers={"Retry-After": delay}, nth=1)])
        ended = run("get", "CA22d437f4405070690f8906b76c8ea4ed", "--json")
        assert (ended.code, ended.err) == (0, message)
