"""The hint how to install an extra works for each way of installing the package."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from polyai_data.cli import _install

FOLDER = Path(__file__).resolve().parent
WHEEL = "https://example.com/polyai_data-1-py3-none-any.whl"
GIT = "https://example.com/polyai-data.git"


class Installed:
    def __init__(self, origin: Any) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, 'pip install "polyai-data[cli]"'),
        (
            {"url": FOLDER.as_uri(), "dir_info": {"editable": True}},
            f'pip install -e "{FOLDER}[cli]"',
        ),
        ({"url": FOLDER.as_uri(), "dir_info": {}}, f'pip install "{FOLDER}[cli]"'),
        ({"url": WHEEL, "archive_info": {}}, f'pip install "polyai-data[cli] @ {WHEEL}"'),
        (
            {"url": GIT, "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            f'pip install "polyai-data[cli] @ git+{GIT}@abc"',
        ),
    ],
)
def test_the_command_installs_from_the_same_place(
    monkeypatch: pytest.MonkeyPatch, origin: Any, command: str
) -> None:
    monkeypatch.setattr(_install, "distribution", lambda _: Installed(origin))
    assert _install.install_command("cli") == command


def test_the_command_in_the_directory_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    origin = {"url": Path.cwd().as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(_install, "distribution", lambda _: Installed(origin))
    assert _install.install_command("sandbox") == 'pip install -e ".[sandbox]"'


@pytest.mark.parametrize("is_checkout", [True, False])
def test_the_command_without_an_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_checkout: bool
) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_install, "distribution", missing)
    root = tmp_path / "a checkout"
    source = root / "facade" / "polyai_data" / "cli" / "_install.py"
    source.parent.mkdir(parents=True)
    monkeypatch.setattr(_install, "__file__", str(source))
    if is_checkout:
        (root / "pyproject.toml").touch()
    expected = f'-e "{root}[cli]"' if is_checkout else '"polyai-data[cli]"'
    assert _install.install_command("cli") == f"pip install {expected}"
