"""A sample of `make faults`, and a test that it detects violations."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import faults
import pytest
from attrs import evolve
from polyai_data import APIConnectionError, AsyncDataClient, DataClient, PolyAIError, ServerError
from polyai_data.sandbox._faults import KINDS

CASES = {case.name: case for case in faults.fault_cases("http://127.0.0.1:9/")}


@pytest.fixture(scope="module", autouse=True)
def only_new_objects_are_collected() -> Iterator[None]:
    """Each case ends with a garbage collection, which need not look at what was there before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def operations() -> dict[str, faults.Operation]:
    return {each.name: each for each in faults.operations(faults.find_recorded())}


@pytest.fixture(scope="module")
def baseline(operations: dict[str, faults.Operation]) -> Callable[[str], faults.Outcome]:
    """Return a function that returns the outcome of an operation without faults."""
    outcomes = {}

    def baseline(name: str) -> faults.Outcome:
        if name not in outcomes:
            outcomes[name] = faults.run_case(DataClient, operations[name], None, "once")
        return outcomes[name]

    return baseline


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("client_class", "operation_name", "mode"),
    [
        (DataClient, "list_conversations, second page", "always"),
        (AsyncDataClient, "search_conversations", "once"),
        (AsyncDataClient, "get_recording", "once"),
        (AsyncDataClient, "add_annotations", "once"),
    ],
)
def test_faults_violate_no_guarantee(
    client_class: faults.ClientClass,
    operation_name: str,
    mode: faults.Mode,
    name: str,
    operations: dict[str, faults.Operation],
    baseline: Callable[[str], faults.Outcome],
) -> None:
    operation, case = operations[operation_name], CASES[name]
    outcome = faults.run_case(client_class, operation, case, mode)
    expected = baseline(operation_name)
    assert list(faults.violations(operation, case, mode, outcome, expected)) == []


@pytest.mark.parametrize("client_class", [DataClient, AsyncDataClient])
def test_a_connection_that_is_not_released_is_found(client_class: faults.ClientClass) -> None:
    recorded_id = faults.find_recorded()

    with faults.sandbox([], []) as (base_url, _):
        settings: Any = {"api_key": faults.KEY, "agent_id": "PROJECT-DEMO", "base_url": base_url}
        leaks: list[list[str]] = []
        if client_class is DataClient:
            with DataClient(**settings) as client:
                with client.open_recording(recorded_id):
                    leaks.append(faults.in_use(client))
                leaks.append(faults.in_use(client))
        else:

            async def run() -> None:
                async with AsyncDataClient(**settings) as client:
                    async with client.open_recording(recorded_id):
                        leaks.append(faults.in_use(client))
                    leaks.append(faults.in_use(client))

            asyncio.run(run())
    (connection, request), released = leaks
    assert ("Connection" if client_class is DataClient else "Protocol") in connection
    assert (request, released) == ("1 unfinished requests", [])


def test_every_kind_of_fault_is_tested() -> None:
    assert {case.fault.get("kind", "response") for case in CASES.values()} == set(KINDS)


def failed(error: PolyAIError, *, attempts: int = 1, outcome_unknown: bool = True) -> PolyAIError:
    error.attempts = attempts
    error.outcome_unknown = outcome_unknown
    return error


LOST = APIConnectionError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"result": None}, "None instead of APIConnectionError"),
        ({"result": failed(ServerError("x"))}, "ServerError('x') instead of APIConnectionError"),
        ({"result": failed(LOST("x"), outcome_unknown=False)}, "outcome_unknown=False"),
        ({"result": failed(LOST("x"), attempts=0)}, "0 attempts instead of 1"),
        ({"result": failed(LOST(faults.KEY))}, "the key is in the error"),
        ({"requests": 2}, "2 requests instead of 1"),
        ({"effects": 0}, "0 effects instead of 1"),
        ({"files": {"call.wav.part": 5}}, "files {'call.wav.part': 5}"),
        ({"seconds": 60}, "took 60.0 s"),
        ({"leaks": ["thread x"]}, "leaked thread x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_violation_is_detected(
    change: dict[str, Any],
    message: str,
    operations: dict[str, faults.Operation],
    baseline: Callable[[str], faults.Outcome],
) -> None:
    operation, case = operations["add_annotations"], CASES["close in body"]
    valid = faults.Outcome(
        result=failed(LOST("x")), requests=1, effects=1, files={}, leaks=[], seconds=0
    )
    expected = baseline("add_annotations")
    assert list(faults.violations(operation, case, "once", valid, expected)) == []
    invalid = evolve(valid, **change)
    assert list(faults.violations(operation, case, "once", invalid, expected)) == [message]


def test_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(faults, "ROOT", tmp_path)
    monkeypatch.setattr(faults, "REPORT", tmp_path / "build" / "faults.md")
    monkeypatch.setattr(faults, "skip_backoff", lambda: None)  # conftest.py skips it already
    assert faults.main(["--only", "close in body"]) == 0
    assert "36 cases, 0 violations: build/faults.md" in capsys.readouterr().out
    table = faults.REPORT.read_text(encoding="utf-8")
    read, write = "recovers; APIConnectionError after 3", "APIConnectionError, outcome unknown"
    cells = ["close in body", *[read] * 5, write, read, write, write]
    assert f"| {' | '.join(cells)} |" in table
    assert faults.main(["--only", "no such fault"]) == 1
