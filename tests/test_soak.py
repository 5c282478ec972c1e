"""A small run of `make soak`, and a test that it detects problems."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import soak
from polyai_data import PolyAIError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FEW = ["--conversations", "200", "--recordings", "60"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "skip_backoff", lambda: None)  # conftest.py skips it already
    monkeypatch.setattr(soak, "MAX_GROWTH", 1000.0)  # other tests leave garbage to collect


def test_everything_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(FEW) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines[:2]] == [
        "DataClient: 200 conversations",
        "AsyncDataClient: 200 conversations",
    ]
    assert lines[-1].endswith("0 problems")


def test_without_retries_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "RETRIES", 0)
    with pytest.raises(PolyAIError):
        soak.main(FEW)


def test_growth() -> None:
    monitor = soak.Monitor()
    monitor.samples = [(5.0, 1, 1)] * 3 + [(9.0, 4, 2)] * 3 + [(12.0, 6, 9)] * 3
    assert monitor.growth() == (3.0, 2, 7)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MAX_GROWTH", -1000.0, "resources leak"),
        ("RETRIES", 10, "no request failed"),
    ],
)
def test_problems_are_reported(
    name: str,
    value: Any,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(soak, name, value)
    if message == "no request failed":
        monkeypatch.setattr(soak.Monitor, "on_retry", lambda *_: None)
    assert soak.main(FEW) == 1
    assert message in capsys.readouterr().out
