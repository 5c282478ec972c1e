"""What a release is checked for, and the workflows that build it."""

from __future__ import annotations

import re
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import check_wheel
import pytest
import release
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}


def test_every_extra_is_tried() -> None:
    assert check_wheel.USE_EXTRAS.keys() == PROJECT["optional-dependencies"].keys()


def test_a_dated_changelog_leaves_nothing_to_change() -> None:
    changelog = "# Changelog\n\n## 1.2.0\n\n## 1.1.0\n"
    assert release.changes_before_release("1.2.0", changelog, "") == []
    assert release.changes_before_release("1.2.0", changelog, "v1.2.0") == []
    assert "  1. Wait until the tests" in release.next_steps("1.2.0", [])
    assert "git push origin v1.2.0\n" in release.next_steps("1.2.0", [])


@pytest.mark.parametrize(
    "changelog", ["## 1.2.0 (unreleased)\n", "## 1.1.0\n\n## 1.2.0\n", "# Changelog\n"]
)
def test_a_changelog_that_is_not_ready_is_named_first(changelog: str) -> None:
    todo = release.changes_before_release("1.2.0", changelog, "")
    assert todo == ["Make `## 1.2.0` the first heading of a version in CHANGELOG.md."]
    assert release.next_steps("1.2.0", todo).startswith("  1. Make `## 1.2.0` the first")


def test_a_tag_must_name_the_version_and_the_changelog_be_ready() -> None:
    with pytest.raises(release.ReleaseError, match=r"The tag is v1\.3\.0, the version 1\.2\.0"):
        release.changes_before_release("1.2.0", "## 1.2.0\n", "v1.3.0")
    with pytest.raises(release.ReleaseError, match="CHANGELOG"):
        release.changes_before_release("1.2.0", "## 1.2.0 (unreleased)\n", "v1.2.0")


def test_builds_that_differ_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builds: list[str] = []

    def build(source: Path, epoch: str, *targets: str) -> None:
        builds.append(epoch)
        (source / "dist").mkdir(exist_ok=True)
        for kind in targets or ("sdist", "wheel"):
            if kind == "sdist":
                with tarfile.open(source / "dist" / "a.tar.gz", "w:") as archive:
                    archive.add(ROOT / "LICENSE", "a/LICENSE")
            else:
                (source / "dist" / "a.whl").write_text(differs and str(source))

    def git(*arguments: str) -> str:
        if arguments[0] == "clone":
            Path(arguments[-1]).mkdir()
        return "1700000000"

    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "DIST", tmp_path / "dist")
    monkeypatch.setattr(release, "build", build)
    monkeypatch.setattr(release, "git", git)
    differs = ""
    assert sorted(release.build_twice()) == ["a.tar.gz", "a.whl"]
    assert builds == ["1700000000"] * 3
    differs = "yes"
    with pytest.raises(release.ReleaseError, match="Two builds differ"):
        release.build_twice()


# --- Workflows -----------------------------------------------------------------------------------


def matrices() -> list[Any]:
    return [
        job.get("strategy", {}).get("matrix", {})
        for workflow in WORKFLOWS.values()
        for job in workflow["jobs"].values()
    ]


def test_every_python_that_is_supported_is_tested() -> None:
    name = "Programming Language :: Python :: 3."
    supported = [f"3.{each[len(name) :]}" for each in PROJECT["classifiers"] if name in each]
    tested = [matrix["python"] for matrix in matrices() if "python" in matrix]
    assert tested == [supported, supported]


def test_the_targets_of_matrices_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {target for matrix in matrices() for target in matrix.get("target", ())}
    targets |= {row["target"] for matrix in matrices() for row in matrix.get("include", ())}
    assert {"audit", "test-lowest"} <= targets
    assert {
        each for each in targets if not re.search(rf"^{each}:", makefile, re.MULTILINE)
    } == set()


def test_the_hooks_of_pre_commit_run_scripts_that_exist() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"].split() for hook in hooks["repos"][0]["hooks"]]
    assert all(entry[0] == ".venv/bin/python" for entry in entries)
    scripts = [entry[1] for entry in entries if entry[1] != "-m"]
    assert "scripts/sync.py" in scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
