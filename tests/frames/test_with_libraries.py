"""pandas and Polars get typed columns, where they are installed: `make test-data` has them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from polyai_data import frames
from polyai_data.sandbox import serve

from tests.pages import read

PAGE = read("how-to/frames.md")
RAW: list[Any] = [
    {"conversationId": "CA1", "startedAt": "2026-06-03T13:19:06Z", "duration": 5, "tags": ["a"]},
    {"conversationId": "CA2", "startedAt": None, "duration": None, "handoff": True},
]


def test_pandas_columns_are_typed() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = frames.to_pandas(RAW)
    assert str(frame["duration_seconds"].dtype) == "int64[pyarrow]"
    assert str(frame["started_at"].dtype) == "timestamp[us, tz=UTC][pyarrow]"
    assert frame["started_at"].dt.hour.tolist()[0] == 13
    assert list(frames.to_pandas([]).columns) == frames.SCHEMAS["conversations"].names


def test_polars_columns_are_typed() -> None:
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    frame = frames.to_polars(RAW)
    assert frame["duration_seconds"].dtype == polars.Int64
    assert frame["started_at"].dtype == polars.Datetime("us", "UTC")
    assert frames.to_polars([]).columns == frames.SCHEMAS["conversations"].names


def test_the_notebook_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("agg")
    (source,) = re.findall(r"```python notebook\n(.*?)```", PAGE, re.S)
    with serve() as url:
        monkeypatch.setenv("POLYAI_BASE_URL", url)
        monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
        exec(source, {})  # the page is ours
