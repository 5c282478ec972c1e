"""Runs the notebooks of the documentation, and writes their outputs: `make notebooks`.

They run on a sandbox with a fixed time, so that the same code gives the same outputs.
tests/data/test_notebooks.py compares them.
"""

from __future__ import annotations

import base64
import io
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import matplotlib.image
import nbformat
import numpy as np
from nbclient import NotebookClient
from polyai_data.sandbox import serve
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
NOW = datetime(2026, 6, 15, 17, 30, tzinfo=UTC)
# The share of pixels that may differ clearly. Builds of the libraries smooth edges differently.
MAX_DIFFERENCE = 0.001


def execute(notebook: Any) -> None:
    """Run a notebook in a kernel of its own, and replace its outputs."""
    with serve(now=NOW) as sandbox, tempfile.TemporaryDirectory() as directory:
        # Neither this machine's settings nor its user's change the outputs.
        environment = {name: value for name, value in os.environ.items() if "POLYAI" not in name}
        environment |= {
            "POLYAI_BASE_URL": sandbox,
            "POLYAI_API_KEY": "sandbox",
            "IPYTHONDIR": directory,
            "JUPYTER_CONFIG_DIR": directory,
            "JUPYTER_RUNTIME_DIR": directory,
            "MPLCONFIGDIR": directory,
            "TZ": "UTC",
        }
        client = NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            record_timing=False,
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{directory}/kernel"}}),
            resources={"metadata": {"path": directory}},
        )
        with patch.dict(os.environ, environment, clear=True):
            client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def differences(committed: Any, executed: Any) -> list[str]:
    """Return what the outputs of an executed notebook have and the committed ones lack."""
    found = []
    for number, (old, new) in enumerate(zip(committed.cells, executed.cells, strict=True), 1):
        for output in new.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"cell {number} prints to stderr: {output.text}")
        before, after = (list(map(_comparable, cell.get("outputs", []))) for cell in (old, new))
        if len(before) != len(after) or not all(map(_same, before, after)):
            found.append(f"cell {number} has another output")
    return found


def _comparable(output: Any) -> dict[str, Any]:
    if output.output_type == "stream":
        return {output.name: output.text}
    return dict(output.data)


def _same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    before, after = dict(before), dict(after)
    pictures = [data.pop("image/png", None) for data in (before, after)]
    if before != after or (pictures[0] is None) != (pictures[1] is None):
        return False
    return pictures[0] is None or _look_the_same(*pictures)


def _look_the_same(*pictures: str) -> bool:
    first, second = (
        matplotlib.image.imread(io.BytesIO(base64.b64decode(picture))) for picture in pictures
    )
    if first.shape != second.shape:
        return False
    return bool((np.abs(first - second) > 0.5).mean() < MAX_DIFFERENCE)


def main() -> None:
    """Write the outputs of the notebooks."""
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        execute(notebook)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
