"""Builds the sdist and the wheel, checks them, and prints what is left to do for a release.

They are built twice: here, and in a clone of the last commit, where the wheel is built from the
sdist, as pip does it. Both must have the same bytes. Each time in the archives is that of the last
commit, so that anyone can build them again and compare the hashes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import check_wheel
import polyai_data

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


class ReleaseError(Exception):
    """There is nothing to release, or it is not ready."""


def main(tag: str) -> int:
    """Build, check and report; return the exit code.

    Args:
        tag: The tag of the release, such as `v0.2.0`; empty for a trial run.
    """
    try:
        todo = changes_before_release(
            polyai_data.__version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), tag
        )
        if git("status", "--porcelain"):
            raise ReleaseError("There are changes that are not committed. Commit them first.")
        hashes = build_twice()
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    if check_wheel.main(["--extras", *(str(DIST / name) for name in sorted(hashes))]):
        return 1
    print(f"\nBuilt in {DIST.name}/, twice with the same bytes:\n")
    for name, digest in sorted(hashes.items()):
        print(f"  {digest}  {name}")
    print(f"\nWhat to do next:\n\n{next_steps(polyai_data.__version__, todo)}")
    return 0


def changes_before_release(version: str, changelog: str, tag: str) -> list[str]:
    """Return what must be changed in the files before the release.

    Raises:
        ReleaseError: if something must be changed, and there is a tag already.
    """
    todo = []
    newest = re.search(r"^## (.*)$", changelog, re.MULTILINE)
    if newest is None or newest[1] != version:
        todo.append(f"Make `## {version}` the first heading of a version in CHANGELOG.md.")
    if tag and tag != f"v{version}":
        todo.append(f"The tag is {tag}, the version {version}: set facade/polyai_data/_version.py.")
    if tag and todo:
        raise ReleaseError("\n".join(todo))
    return todo


def next_steps(version: str, todo: list[str]) -> str:
    """Return the steps that a person takes, numbered."""
    steps = [
        *todo,
        "Wait until the tests of this commit have passed on every system.",
        f"git tag --annotate v{version} --message 'Version {version}'",
        f"git push origin v{version}",
        "Compare the hashes that the release workflow prints with those above, and approve its "
        "environment `pypi`.",
        f"Try it in an empty environment: pip install polyai-data=={version}",
        "Set the next version in facade/polyai_data/_version.py, and begin its section in "
        "CHANGELOG.md.",
    ]
    return "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1))


def build_twice() -> dict[str, str]:
    """Build into `dist/`; return the hash of each file.

    Raises:
        ReleaseError: if a second build has other bytes.
    """
    epoch = git("log", "-1", "--format=%ct")
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        clone, unpacked = Path(directory, "clone"), Path(directory, "unpacked")
        git("clone", "--quiet", str(ROOT), str(clone))
        build(ROOT, epoch)
        build(clone, epoch, "sdist")
        (sdist,) = (clone / "dist").glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(unpacked, filter="data")
        (source,) = unpacked.iterdir()
        build(source, epoch, "wheel")
        first = hashes_of(DIST)
        second = hashes_of(clone / "dist") | hashes_of(source / "dist")
    if first != second:
        raise ReleaseError(f"Two builds differ:\n{first}\n{second}")
    return first


def build(source: Path, epoch: str, *targets: str) -> None:
    """Build into `dist/` of a directory."""
    wanted = [word for target in targets for word in ("--target", target)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *wanted],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def hashes_of(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a directory."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()
    }


def git(*arguments: str) -> str:
    """Return the output of a git command in this repository."""
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(os.environ.get("TAG", "")))
