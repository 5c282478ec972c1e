"""Reads files as they were last committed, to compare a new spec with them.

The working tree may hold the result of an earlier trial.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path


def read(root: Path, path: Path) -> bytes | None:
    """Return the committed content of a file; None outside a repository, or if it has none."""
    done = _git(root, "show", f"HEAD:{path.relative_to(root).as_posix()}")
    return done if done is not None and _is_repository(root) else None


def extract(root: Path, path: Path, directory: Path) -> Path:
    """Write the committed content of a directory below another; return where it is.

    Outside a repository, return the path itself.
    """
    name = path.relative_to(root).as_posix()
    archive = _git(root, "archive", "--format=tar", "HEAD", name) if _is_repository(root) else None
    if archive is None:
        return path
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    return directory / name


def _is_repository(root: Path) -> bool:
    top = _git(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(top.decode().strip()).resolve() == root.resolve()


def _git(root: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)  # noqa: S607
    except OSError:
        return None  # Git is not installed
    return done.stdout if done.returncode == 0 else None
