"""`export --format csv` writes the columns of the table of conversations, and no formulas."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient, frames
from polyai_data.cli import _csv
from polyai_data.sandbox import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

FILE = Path("calls.csv")
EXPORT = ("export", "--format", "csv", "-o")
COLUMNS = frames.SCHEMAS["conversations"].names
EVIL = "\x1b[31mred\u202e\x9b"


def rows(text: str) -> list[dict[str, str]]:
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert header == COLUMNS
    return [dict(zip(header, line, strict=True)) for line in lines]


def page(*records: Any) -> Fault:
    body = {"conversations": records, "count": len(records), "limit": 50, "offset": 0}
    headers = {"content-type": "application/json"}
    return Fault(200, json.dumps(body).encode(), headers, path="*/conversations")


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def expected(base_url: str) -> list[dict[str, str]]:
    """Return the rows of the table, with every value as the text of a cell."""
    with DataClient(base_url=base_url) as client:
        table = frames.to_arrow(client.list_conversations()).to_pylist()
    found = []
    for row in table:
        row |= {name: row[name] and row[name].isoformat() for name in row if name.endswith("_at")}
        row |= {name: as_json(row[name]) for name in ("handoff", "in_progress", "tags", "problems")}
        found.append({name: "" if value is None else str(value) for name, value in row.items()})
    return found


def test_a_file_has_the_columns_of_the_table(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    ended = run(*EXPORT, FILE)
    said = "Wrote calls.csv: 200 conversations, 1 still in progress.\n"
    assert ended == (0, "", said)
    assert rows(FILE.read_text(encoding="utf-8")) == expected(base_url)
    assert [one.name for one in Path().iterdir()] == ["calls.csv"]
    assert b"\r" not in FILE.read_bytes()


def test_stdout_has_the_same(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox()
    run(*EXPORT, FILE)
    monkeypatch.setattr(_csv, "_ROWS_AT_A_TIME", 80)
    ended = run(*EXPORT, "-")
    assert ended.out == FILE.read_text(encoding="utf-8")
    assert "Wrote standard output: 200 conversations" in ended.err


@pytest.mark.parametrize("output", [FILE, "-"])
def test_without_conversations_there_is_a_header(run: Run, sandbox: Sandbox, output: Any) -> None:
    sandbox(faults=[page()])
    ended = run(*EXPORT, output)
    assert (ended.code, rows(ended.out or FILE.read_text())) == (0, [])


def test_an_interrupted_export_is_resumed(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox(faults=[Fault(400, path="*/conversations", nth=3)])
    ended = run(*EXPORT, FILE, "--page-size", 20)
    assert ended.code == 1
    assert "Saved 39 conversations in calls.csv.part. Use --resume" in ended.err
    Path("calls.csv.part.csv").write_text("of a run that was killed")
    refused = run("export", "-o", FILE, "--resume")
    assert "was started with other options" in refused.err
    assert "--format csv" in refused.err
    assert run(*EXPORT, FILE, "--page-size", 20, "--resume").code == 0
    assert sorted(rows(FILE.read_text()), key=str) == sorted(expected(base_url), key=str)
    assert [one.name for one in Path().iterdir()] == ["calls.csv"]


@pytest.mark.usefixtures("with_searches")
def test_conversations_of_v3_have_the_same_columns(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox(conversations=20)
    assert run(*EXPORT, FILE, "--source", "v3").code == 0
    known = {row["conversation_id"]: row for row in expected(base_url)}
    found = rows(FILE.read_text())
    assert {row["conversation_id"] for row in found} == known.keys()
    for row in found:
        for name in ("started_at", "channel", "client_env", "total_duration_seconds", "problems"):
            assert row[name] == known[row["conversation_id"]][name]
        assert "variant_name" in json.loads(row["other"])


def test_an_existing_file_is_replaced_only_on_request(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=3)
    FILE.write_text("mine")
    assert run(*EXPORT, FILE).code == 2
    assert FILE.read_text() == "mine"
    assert run(*EXPORT, FILE, "--overwrite").code == 0
    assert len(rows(FILE.read_text())) == 3


def test_a_file_that_appears_at_the_last_moment_is_kept(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox(conversations=3)
    monkeypatch.setattr(os, "fsync", lambda _: FILE.write_text("mine"))
    ended = run(*EXPORT, FILE)
    assert (ended.code, FILE.read_text()) == (2, "mine")
    assert len(Path("calls.csv.part").read_text().splitlines()) == 3
    assert not Path("calls.csv.part.csv").exists()


def test_recordings_are_saved(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5, recording_bytes=1000)
    ended = run(*EXPORT, FILE, "--recordings", "calls")
    assert ended.code == 0
    assert f", {len(list(Path('calls').iterdir()))} recordings saved.\n" in ended.err


def test_what_did_not_go_to_stdout_is_not_counted(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(400, path="*/conversations", nth=2)])
    ended = run(*EXPORT, "-", "--page-size", 20)
    assert ended.code == 1
    assert "Printed 0 conversations." in ended.err
    assert rows(ended.out) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--details"], "--details cannot be combined with --format csv"),
        (["-o", "-", "--resume"], "--resume needs an output file."),
    ],
    ids=str,
)
def test_options_that_do_not_fit(
    run: Run, sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    sandbox(conversations=1)
    ended = run(*EXPORT, FILE, *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("output", [FILE, "-"])
def test_without_the_extra_the_command_says_how_to_install_it(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, output: Any
) -> None:
    sandbox(conversations=1)
    for name in [one for one in sys.modules if one.startswith("polyai_data.frames")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("polyai_data.frames", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = run(*EXPORT, output)
    assert (ended.code, ended.out) == (1, "")
    assert "[arrow]" in ended.err
    assert list(Path().iterdir()) == []


# --- Cells -----------------------------------------------------------------------------------

CELLS = [
    ("=1+1", "'=1+1"),
    ("+1+1", "'+1+1"),
    ("-1+1", "'-1+1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "' =1"),
    ("\r\n=1", "'\n=1"),
    (" =1", "' =1"),
    ("＝1", "'＝1"),
    ("- a list", "'- a list"),
    ("+44 20 7946 0958", "'+44 20 7946 0958"),
    ("+14155550167", "+14155550167"),
    ("-1.5", "-1.5"),
    ("1=1", "1=1"),
    ("a\nb", "a\nb"),
    ('a,"b";', 'a,"b";'),
    ("", ""),
]


@pytest.mark.parametrize(("text", "shown"), CELLS, ids=ascii)
def test_no_text_is_a_formula(run: Run, sandbox: Sandbox, text: str, shown: str) -> None:
    sandbox(faults=[page({"conversationId": "CA1", "note": text, "polyScore": -1, "tags": [text]})])
    assert run(*EXPORT, FILE, "--limit", 1).code == 0
    (row,) = rows(FILE.read_text(encoding="utf-8"))
    assert (row["note"], row["poly_score"]) == (shown, "-1.0")
    assert json.loads(row["tags"]) == [text]


@pytest.mark.parametrize(("text", "shown"), CELLS, ids=ascii)
def test_no_text_of_a_query_is_a_formula(run: Run, copy: Path, text: str, shown: str) -> None:
    ended = run("query", "--copy", copy, "--format", "csv", f"SELECT '{text}' AS text")
    (name,), (cell,) = csv.reader(io.StringIO(ended.out, newline=""))
    assert (name, cell) == ("text", shown)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    import duckdb

    path = tmp_path / "any.duckdb"
    duckdb.connect(str(path)).close()
    return path


@pytest.mark.parametrize("output", [FILE, "-"])
def test_control_characters_are_codes(run: Run, sandbox: Sandbox, output: Any) -> None:
    record = {"conversationId": EVIL, "note": EVIL, "tags": [EVIL], "new": {EVIL: EVIL}}
    sandbox(faults=[page(record, EVIL)])
    text = run(*EXPORT, output).out or FILE.read_text(encoding="utf-8")
    assert not set(EVIL[-2:] + "\x1b") & set(text)
    row, odd = rows(text)
    assert row["note"] == r"\x1b[31mred\u202e\x9b"
    assert json.loads(row["other"]) == {"new": {EVIL: EVIL}}
    assert json.loads(row["tags"]) == [EVIL]
    assert json.loads(odd["other"]) == {"value": EVIL}
