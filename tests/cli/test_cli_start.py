"""Tests start-up: help, imports, a missing extra, and completion."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polyai_data
import pytest
import typer
from polyai_data import cli
from polyai_data.cli import _commands, _options
from polyai_data.cli._install import install_command

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

Environment = Callable[..., dict[str, str]]
VERSION = f"polyai-data {polyai_data.__version__} (Data API {polyai_data.__spec_version__})\n"
ALL = [
    *("list", "search", "get", "transcript", "audio", "export", "sync", "query"),
    *("annotate", "note", "chat", "doctor"),
    *("regions", "login", "logout", "sandbox"),
]
ID = "CA22d437f4405070690f8906b76c8ea4ed"


def test_help_lists_every_command(run: Run) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        ended = run(*arguments)
        assert (ended.code, ended.err) == (0, "")
        for name in ALL:
            assert f"│ {name} " in ended.out
    assert [command.name for command in _commands.app.registered_commands] == ALL


@pytest.mark.parametrize("name", ALL)
def test_help_fits_eighty_columns(run: Run, name: str) -> None:
    ended = run(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80


@pytest.mark.parametrize("name", ALL)
def test_help_shows_no_python_types(run: Run, name: str) -> None:
    for arguments in ((), (name,)):
        assert not re.search("<bool>|<list|<float|<int", run(*arguments, "--help").out)
    command: Any = typer.main.get_command(_commands.app)
    for found in (command, command.commands[name]):
        with found.make_context(name, [], resilient_parsing=True) as context:
            for parameter in found.get_params(context):
                if parameter.param_type_name == "argument":
                    assert parameter.display_type_rich(ctx=context) is None
                elif parameter.is_flag:
                    assert parameter.metavar == ""


def test_help_says_that_filters_are_applied_locally(run: Run) -> None:
    for name in ("list", "export"):
        assert "applied on this machine; the API has none" in run(name, "--help").out


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == (0, VERSION, "")


def imported(*arguments: str) -> set[str]:
    """Return the modules that a command imports."""
    code = (
        "import sys\nfrom polyai_data.cli import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print('modules:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("modules:")[2].split())


HEAVY = {"aiohttp", "keyring", "msgspec"}


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["--show-completion"]])
def test_help_loads_nothing_that_only_commands_need(arguments: list[str]) -> None:
    assert not HEAVY & imported(*arguments)


def test_the_command_line_uses_only_the_public_api() -> None:
    for path in Path(str(cli.__file__)).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "polyai_data._" not in source, path
        assert "from .._" not in source, path
        assert "polyai_data_generated" not in source, path


def test_the_module_runs_the_command_line(sandbox: Sandbox, child_environment: Environment) -> None:
    sandbox()
    command = [sys.executable, "-m", "polyai_data", "get", ID, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=child_environment()
    )
    assert json.loads(done.stdout)["conversationId"] == ID


def without(path: Path, missing: str) -> str:
    """Create a module that fails to import, as if it were not installed; return its directory."""
    (path / f"{missing}.py").write_text(  # shadows the real one
        f"raise ModuleNotFoundError('No module named {missing}', name={missing!r})"
    )
    return str(path)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, child_environment: Environment, missing: str
) -> None:
    environment = child_environment()
    environment["PYTHONPATH"] = f"{without(tmp_path, missing)}:{environment['PYTHONPATH']}"
    code = "import sys; from polyai_data.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "list"], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"polyai-data: the command line needs more than the library: {install_command('cli')}\n"
    )


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_the_exit_code_is_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert cli.main([]) == 1
    assert install_command("cli") in capsys.readouterr().err


def test_other_missing_modules_are_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Absent:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "typer":
                raise ModuleNotFoundError("No module named 'shellingham'", name="shellingham")

    monkeypatch.delitem(sys.modules, "typer")
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="shellingham"):
        cli.main([])


def test_arguments_default_to_those_of_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["polyai-data", "--version"])
    assert cli.main() == 0
    assert capsys.readouterr().out == VERSION


def test_the_command_is_installed_under_its_name() -> None:
    (command,) = [
        entry
        for entry in importlib.metadata.entry_points(group="console_scripts")
        if entry.name == "polyai-data"
    ]
    assert command.load() is cli.main


# --- Completion ------------------------------------------------------------------------------


def completed(environment: dict[str, str], shell: str, line: str) -> list[str]:
    """Return the completions that a shell is offered for a command line."""
    words = line.split(" ")
    asked = {
        "_POLYAI_DATA_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [sys.executable, "-m", "polyai_data"],
        capture_output=True,
        text=True,
        env={**environment, **asked},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_regions(
    child_environment: Environment, shell: str
) -> None:
    environment = child_environment()
    assert "transcript" in "".join(completed(environment, shell, "polyai-data tr"))
    assert "--min-score" in "".join(completed(environment, shell, "polyai-data list --mi"))
    regions = "".join(completed(environment, shell, "polyai-data list --region u"))
    assert "us" in regions
    assert "uk" in regions
    assert "eu" not in regions
    refused = "".join(completed(environment, shell, "polyai-data list --api-k"))
    assert "--api-key-file" in refused
    assert "--api-key\n" not in refused


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("list --env ", {"sandbox", "pre-release", "live"}),
        ("list --env p", {"pre-release"}),
        ("export --channel V", {"VOICE-SIP"}),
        ("chat --env ", {"sandbox", "pre-release", "live"}),
        ("chat --channel c", {"chat.polyai"}),
    ],
)
def test_shells_complete_environments_and_channels(
    child_environment: Environment, line: str, offered: set[str]
) -> None:
    assert set(completed(child_environment(), "fish", f"polyai-data {line}")) == offered


def test_completion_offers_the_values_that_conversations_have(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    found = [json.loads(line) for line in run("list", "--json").out.splitlines()]
    assert {one["channel"] for one in found} == set(_options._channels())
    assert {one["clientEnv"] for one in found} == set(_options._environments())


def test_completion_offers_all_regions() -> None:
    assert _options._regions() == [region.value for region in polyai_data.Region]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_installed(
    child_environment: Environment, home: Path, shell: str
) -> None:
    environment = child_environment(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    command = [sys.executable, "-m", "polyai_data"]
    shown = subprocess.run(
        [*command, "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert "_POLYAI_DATA_COMPLETE" in shown.stdout
    subprocess.run(
        [*command, "--install-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    kept = {
        "bash": ".bash_completions/polyai-data.sh",
        "zsh": ".zfunc/_polyai-data",
        "fish": ".config/fish/completions/polyai-data.fish",
    }
    assert (home / kept[shell]).read_text().strip() == shown.stdout.strip()
