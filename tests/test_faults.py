"""Faults of the sandbox: a sample of `make faults`, which would notice a broken promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faults
import pytest
from attrs import evolve
from polyai_data import APIConnectionError, AsyncDataClient, DataClient, PolyAIError, ServerError
from polyai_data.sandbox._faults import KINDS

TRIALS = {trial.name: trial for trial in faults.trials("http://127.0.0.1:9/")}


@pytest.fixture(scope="module")
def places() -> dict[str, faults.Place]:
    return {place.name: place for place in faults.places(faults.find_recorded())}


@pytest.fixture(scope="module")
def whole(places: dict[str, faults.Place]) -> Callable[[str], faults.Outcome]:
    """What comes of an operation when nothing fails."""
    outcomes = {}

    def whole(name: str) -> faults.Outcome:
        if name not in outcomes:
            outcomes[name] = faults.try_out(DataClient, places[name], None, "once")
        return outcomes[name]

    return whole


@pytest.mark.parametrize("name", TRIALS)
@pytest.mark.parametrize(
    ("kind", "operation", "mode"),
    [
        (DataClient, "walk, second page", "always"),
        (AsyncDataClient, "get_recording", "once"),
        (AsyncDataClient, "add_annotations", "once"),
    ],
)
def test_faults_break_no_promise(
    kind: faults.Kind,
    operation: str,
    mode: faults.Mode,
    name: str,
    places: dict[str, faults.Place],
    whole: Callable[[str], faults.Outcome],
) -> None:
    place, trial = places[operation], TRIALS[name]
    outcome = faults.try_out(kind, place, trial, mode)
    assert list(faults.broken_promises(place, trial, mode, outcome, whole(operation))) == []


def test_every_kind_of_fault_is_tried() -> None:
    assert {trial.fault.get("kind", "answer") for trial in TRIALS.values()} == set(KINDS)


def failed(error: PolyAIError, *, attempts: int = 1, outcome_unknown: bool = True) -> PolyAIError:
    error.attempts = attempts
    error.outcome_unknown = outcome_unknown
    return error


LOST = APIConnectionError


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"result": None}, "None instead of APIConnectionError"),
        ({"result": failed(ServerError("x"))}, "ServerError('x') instead of APIConnectionError"),
        ({"result": failed(LOST("x"), outcome_unknown=False)}, "outcome_unknown=False"),
        ({"result": failed(LOST("x"), attempts=0)}, "0 attempts instead of 1"),
        ({"result": failed(LOST(faults.KEY))}, "the key is in the error"),
        ({"requests": 2}, "2 requests instead of 1"),
        ({"effects": 0}, "0 effects instead of 1"),
        ({"files": {"call.wav.part": 5}}, "the files {'call.wav.part': 5}"),
        ({"seconds": 60}, "60.0 s"),
        ({"left": ["the thread x"]}, "left behind: the thread x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_promise_is_noticed(
    change: dict[str, Any],
    said: str,
    places: dict[str, faults.Place],
    whole: Callable[[str], faults.Outcome],
) -> None:
    place, trial = places["add_annotations"], TRIALS["close in body"]
    kept = faults.Outcome(
        result=failed(LOST("x")), requests=1, effects=1, files={}, left=[], seconds=0
    )
    whole_one = whole("add_annotations")
    assert list(faults.broken_promises(place, trial, "once", kept, whole_one)) == []
    outcome = evolve(kept, **change)
    assert list(faults.broken_promises(place, trial, "once", outcome, whole_one)) == [said]


def test_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(faults, "ROOT", tmp_path)
    monkeypatch.setattr(faults, "REPORT", tmp_path / "build" / "faults.md")
    monkeypatch.setattr(faults, "spare_pauses", lambda: None)  # the tests spare them already
    assert faults.main(["--only", "close in body"]) == 0
    assert "32 cases, 0 broken promises: build/faults.md" in capsys.readouterr().out
    table = faults.REPORT.read_text(encoding="utf-8")
    read, written = "recovers; APIConnectionError after 3", "APIConnectionError, outcome unknown"
    cells = ["close in body", *[read] * 4, written, read, written, written]
    assert f"| {' | '.join(cells)} |" in table
    assert faults.main(["--only", "no such fault"]) == 1
