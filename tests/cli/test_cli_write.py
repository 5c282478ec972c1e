"""Tests `polyai-data annotate` and `polyai-data note`."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from polyai_data import AnnotationRole, AnnotationType, DataClient
from polyai_data.cli._write import _DEFAULT_ROLES
from polyai_data.sandbox import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

ID = "CA22d437f4405070690f8906b76c8ea4ed"


@pytest.mark.parametrize(
    ("options", "role"),
    [
        (("--type", "wrong_info"), "agent"),
        (("--type", "missing_topic"), "user"),
        (("--type", "wrong_transcript"), "user"),
        (("--type", "wrong_info", "--role", "user"), "user"),
    ],
)
def test_an_annotation_is_sent(
    run: Run, sandbox: Sandbox, options: tuple[str, ...], role: str
) -> None:
    base_url = sandbox()
    ended = run("annotate", ID, "--turn", 3, *options)
    assert ended == (0, "", f"Annotated turn 3 ({role}): {options[1]}.\n")
    with DataClient(base_url=base_url) as client:
        turns = client.get_conversation(ID).turns
    assert turns is not None
    assert turns[3].reviews == [{"role": role, "annotation_type": options[1]}]


def test_every_type_and_role_of_the_api_can_be_given(run: Run) -> None:
    shown = run("annotate", "--help").out
    for member in (*AnnotationType, *AnnotationRole):
        assert member.value in shown
    assert set(_DEFAULT_ROLES) == {kind.value for kind in AnnotationType}


def test_an_invalid_annotation_is_not_sent(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    for options in (
        ("--turn", "-1", "--type", "wrong_info"),
        ("--turn", "1", "--type", "wrong"),
        ("--type", "wrong_info"),
        ("--turn", "1"),
    ):
        assert run("annotate", ID, *options).code == 2
    ended = run("annotate", ID, "--turn", 99, "--type", "wrong_info")
    assert ended.code == 1
    assert "no turn 99" in ended.err


@pytest.mark.parametrize("text", ["hi", "-"])
def test_a_note_is_sent(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    base_url = sandbox()
    monkeypatch.setattr(sys, "stdin", io.StringIO("from\n stdin \n"))
    assert run("note", ID, text) == (0, "", "Note saved.\n")
    with DataClient(base_url=base_url) as client:
        assert client.get_conversation(ID).note == {"hi": "hi", "-": "from\n stdin "}[text]


def test_json_prints_the_response(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    annotate = ("annotate", ID, "--turn", "0", "--type", "wrong_info")
    for command in (annotate, ("note", ID, "x")):
        ended = run(*command, "--json")
        assert (ended.code, json.loads(ended.out), ended.err) == (0, {"success": True}, "")


def test_an_unknown_outcome_is_reported(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(kind="close-before-headers")])
    ended = run("annotate", ID, "--turn", 0, "--type", "wrong_info")
    assert ended.code == 6
    assert "The change may have been made anyway: check before you retry." in ended.err
