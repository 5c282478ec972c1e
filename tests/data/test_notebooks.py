"""The notebooks of the documentation run in Jupyter, and have the outputs that are shown."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

for library in ("ipykernel", "matplotlib", "nbclient", "pandas"):
    pytest.importorskip(library, reason=f"{library} is not installed")

import nbformat  # noqa: E402
import notebooks  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib import image  # noqa: E402
from nbformat.v4 import new_code_cell, new_notebook, new_output  # noqa: E402


@pytest.mark.filterwarnings("default")  # of Jupyter's libraries
@pytest.mark.parametrize("path", notebooks.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_outputs_are_those_that_are_shown(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    executed = nbformat.read(path, as_version=4)
    notebooks.execute(executed)
    assert notebooks.differences(committed, executed) == []
    assert any(cell.get("outputs") for cell in executed.cells)


def with_outputs(*outputs: Any) -> Any:
    return new_notebook(cells=[new_code_cell(outputs=list(outputs))])


def result(**data: str) -> Any:
    return new_output(
        "execute_result", {kind.replace("_", "/"): text for kind, text in data.items()}
    )


def picture(height: int, edge: float = 1) -> str:
    """Return a picture of 100 x 100 pixels with a bar, whose edge has a brightness."""
    pixels = np.ones((100, 100, 3))
    pixels[:height, 20:80] = 0
    pixels[height, 20:80] = edge
    file = io.BytesIO()
    image.imsave(file, pixels, format="png")
    return base64.b64encode(file.getvalue()).decode()


OUTPUTS = [
    new_output("stream", name="stdout", text="3 calls\n"),
    new_output("stream", name="stdout", text="4 calls\n"),
    result(text_plain="3"),
    result(text_plain="4"),
    result(text_plain="3", text_html="<b>3</b>"),
    result(text_plain="3", text_html="<b>4</b>"),
    result(image_png=picture(50)),
    result(image_png=picture(51)),
]


def test_other_outputs_are_found() -> None:
    for shown in OUTPUTS:
        assert notebooks.differences(with_outputs(shown), with_outputs(shown)) == []
        assert notebooks.differences(with_outputs(), with_outputs(shown)) != []
        for other in OUTPUTS:
            if other is not shown:
                assert notebooks.differences(with_outputs(shown), with_outputs(other)) != []


def test_a_picture_may_differ_in_edges() -> None:
    shown, other = (result(image_png=picture(50, edge)) for edge in (1, 0.7))
    assert notebooks.differences(with_outputs(shown), with_outputs(other)) == []


def test_a_warning_is_found() -> None:
    warning = new_output("stream", name="stderr", text="DeprecationWarning")
    (found,) = notebooks.differences(with_outputs(warning), with_outputs(warning))
    assert "DeprecationWarning" in found
