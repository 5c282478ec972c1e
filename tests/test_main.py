"""The command `python -m polyai_data`: the command line, or the versions without its extra."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from pathlib import Path

import polyai_data
import pytest
from polyai_data.__main__ import main
from polyai_data.cli._install import install_command

DOCUMENT = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["polyai_data", *arguments])
    monkeypatch.delitem(sys.modules, "polyai_data.__main__")
    runpy.run_module("polyai_data", run_name="__main__")


@pytest.fixture(params=["typer", "rich", None], ids=["without typer", "without rich", "complete"])
def missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """What of the extra `cli` is not installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == request.param else found(name)
    )
    name: str | None = request.param
    return name


@pytest.mark.usefixtures("missing")
def test_the_version_of_the_package_and_of_the_document_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert polyai_data.__spec_version__ == DOCUMENT["info"]["version"]
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == (
        f"polyai-data {polyai_data.__version__} (Data API {DOCUMENT['info']['version']})\n"
    )


def test_without_arguments_it_says_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str | None
) -> None:
    monkeypatch.setattr(sys, "argv", ["polyai_data"])
    assert main() == 0
    out = capsys.readouterr().out
    assert "--version" in out
    assert ("transcript" in out) is (missing is None)
    assert (install_command("cli") in " ".join(out.split())) is (missing is not None)
    assert ("python -m polyai_data.sandbox" in out) is (missing is not None)


def test_commands_without_the_command_line_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["polyai_data", "list", "the-key"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    err = " ".join(capsys.readouterr().err.split())
    assert f"this needs the command line: {install_command('cli')}" in err
    assert "the-key" not in err
