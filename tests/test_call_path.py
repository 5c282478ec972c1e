"""The functions that a call goes through are counted as they are called."""

from __future__ import annotations

import json

import call_path
import pytest
from call_path import Recorder, Step, summary
from polyai_data import Region, parse_studio_url


def test_the_functions_of_the_package_are_recorded_in_order_with_their_depth() -> None:
    with Recorder() as recorder:
        parse_studio_url(Region.UK.studio_url + "/account/A/PROJECT-1")
        json.dumps({}, default=str)
    functions = [(step.function, step.depth) for step in recorder.steps]
    assert functions[0] == ("Region.studio_url", 0)
    assert ("parse_studio_url", 0) in functions
    assert max(depth for _, depth in functions) > 0
    assert {step.file.split("/")[0] for step in recorder.steps} == {"polyai_data"}


def test_the_summary_counts_functions_once_and_changes_of_file_each_time() -> None:
    steps = [Step("f", "a.py", 1, 0), Step("g", "b.py", 1, 1), Step("f", "a.py", 1, 0)]
    assert summary(steps) == "2 functions, 3 calls, 2 changes of file"


def test_get_conversation_goes_through_the_facade_and_the_generated_client(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_path.main()
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("DataClient.get_conversation  polyai_data/")
    assert any(line.lstrip().startswith("_get_kwargs  polyai_data_generated/") for line in lines)
    assert lines[-1].endswith(" changes of file")
