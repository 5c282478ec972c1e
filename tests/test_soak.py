"""A sample of `make soak`, and that it would notice what it looks for."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import soak
from polyai_data import PolyAIError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FEW = ["--conversations", "300", "--recordings", "100"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "spare_pauses", lambda: None)  # the tests spare them already
    monkeypatch.setattr(soak, "MAX_GROWTH", 1000.0)  # other tests left what can be collected


def test_everything_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(FEW) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines[:2]] == [
        "DataClient: 300 conversations",
        "AsyncDataClient: 300 conversations",
    ]
    assert lines[-1].endswith("0 things wrong")


def test_without_retries_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "RETRIES", 0)
    with pytest.raises(PolyAIError):
        soak.main(FEW)


def test_growth() -> None:
    watch = soak.Watch()
    watch.samples = [(5.0, 1, 1)] * 3 + [(9.0, 4, 2)] * 3 + [(12.0, 6, 9)] * 3
    assert watch.growth() == (3.0, 2, 7)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_GROWTH", -1000.0, "it grows"),
        ("RETRIES", 10, "nothing failed"),
    ],
)
def test_what_is_wrong_is_said(
    name: str,
    value: Any,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(soak, name, value)
    if said == "nothing failed":
        monkeypatch.setattr(soak.Watch, "retried", lambda *_: None)
    assert soak.main(FEW) == 1
    assert said in capsys.readouterr().out
