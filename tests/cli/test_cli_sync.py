"""`sync` keeps a local copy, and `query` reads it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from polyai_data.sandbox import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

EVIL = "\x1b[31mred\x1b]0;title\x07\u202e"


def test_a_sync_a_query_and_another_sync(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=20)
    ended = run("sync")
    assert ended.code == 0
    assert "Looked at 20 conversations: 20 fetched, 0 unchanged. Copy: polyai.duckdb" in ended.err
    assert Path("polyai.duckdb").stat().st_mode & 0o077 == 0
    assert run("query", "SELECT count(*) AS n FROM conversations").out.split() == ["n", "20"]
    ended = run("sync", "--json", "--lookback", "12h", "--refresh", "0")
    assert json.loads(ended.out)["unchanged"] >= 19
    assert run("sync", "--refresh", "90m").code == 0


def test_the_options_reach_the_sync(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=10)
    assert run("sync", "--to", "duckdb:a.db", "--no-details", "--no-raw", "--redact").code == 0
    query = "SELECT (SELECT count(*) FROM turns), count(raw), count(from_number), count(*) "
    ended = run("query", "--copy", "a.db", "--format", "csv", query + "FROM conversations")
    assert ended.out.splitlines()[1] == "0,0,0,10"
    assert run("sync", "--to", "duckdb:a.db", "--full", "--delete-vanished", "--redact").code == 0


def test_what_vanished_is_mentioned(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    run("sync")
    with duckdb.connect("polyai.duckdb") as connection:
        connection.execute("INSERT INTO conversations (conversation_id) VALUES ('CA-gone')")
    assert ", 1 vanished." in run("sync", "--full").err


def test_a_failed_conversation_is_reported(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=3, faults=[Fault(400, path="*/conversations/*", nth=1)])
    ended = run("sync")
    assert ended.code == 1
    assert "1 conversation could not be fetched." in ended.err
    assert run("query", "SELECT reason FROM sync_failed").code == 0
    assert run("sync").code == 0


def test_recordings_are_saved_and_checked(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox(conversations=8, recording_bytes=1000, faults=[Fault(400, path="*/audio", nth=1)])
    ended = run("sync", "--recordings", "calls")
    assert ended.code == 1
    count = len([*Path("calls").rglob("*.wav")])
    assert f"Saved {count} recordings in calls." in ended.err
    assert "1 recording could not be saved." in ended.err
    assert "Saved 1 recording in calls." in run("sync", "--recordings", "calls").err
    min(Path("calls").rglob("*.wav")).unlink()
    on_terminal()
    ended = run("sync", "--recordings", "calls", "--verify")
    assert ended.code == 0
    assert "1 recording differed or had no file." in ended.err
    assert "conversations, 1 recording" in ended.err


@pytest.mark.usefixtures("with_searches")
def test_a_copy_from_v3(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox(conversations=20)
    monkeypatch.delenv("POLYAI_API_KEY")
    ended = run("sync", "--source", "v3")
    assert ended.code == 0
    assert "Looked at 20 conversations: 20 fetched, 0 unchanged." in ended.err
    assert run("query", "SELECT count(*) > 0 AS any FROM turns").out.split() == ["any", "true"]
    monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
    ended = run("sync")
    assert ended.code == 2
    assert "polyai.duckdb was made from the source v3." in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "v3", "--recordings", "x"], "--recordings cannot be combined with"),
        (["--source", "v3", "--delete-vanished"], "--delete-vanished cannot be combined with"),
        (["--verify"], "--verify needs --recordings."),
        (["--recordings", "text"], "text is a file, not a directory."),
        (["--lookback", "soon"], "--lookback is not a time."),
        (["--refresh", "7"], "--refresh is not a time."),
        (["--to", "postgres:x"], "expected duckdb: and a path"),
        (["--to", "duckdb:text"], "Cannot open text"),
    ],
)
def test_options_that_make_no_sense(
    run: Run, sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    sandbox(conversations=1)
    Path("text").write_text("text" * 5000)
    ended = run("sync", *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_a_copy_in_use_is_refused_by_both_commands(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox(conversations=1)
    assert run("sync").code == 0

    def refuse(*_: Any, **__: Any) -> None:
        raise duckdb.IOException("Could not set lock on file")

    monkeypatch.setattr(duckdb, "connect", refuse)
    for command in (("sync",), ("query", "SELECT 1")):
        ended = run(*command)
        assert ended.code == 2
        assert "polyai.duckdb is in use: another sync or program has it open." in ended.err


@pytest.mark.parametrize("command", [("sync",), ("query", "SELECT 1")])
def test_without_the_extra_the_command_says_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for name in [one for one in sys.modules if one.startswith("polyai_data.warehouse")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("polyai_data.warehouse", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    ended = run(*command)
    assert ended.code == 1
    assert "[sync]" in ended.err


# --- Queries -----------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "polyai.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE texts (text VARCHAR)")
        connection.execute("INSERT INTO texts VALUES (?), ('a,\"b'), (NULL)", [EVIL])
    return path


VALUES = """
SELECT 1 AS i, 1.5::DOUBLE AS f, 2.5::DECIMAL(4,2) AS d, true AS b, NULL AS n, 'x' AS s,
    TIMESTAMPTZ '2026-06-03 13:19:06+02' AS t, DATE '2026-06-03' AS day, TIME '13:19' AS clock,
    INTERVAL 90 SECOND AS span, ['a', NULL] AS l, {'k': DATE '2026-06-03'} AS m, 'a'::BLOB AS blob
"""


@pytest.mark.usefixtures("copy")
def test_every_type_is_printed(run: Run) -> None:
    row = json.loads(run("query", VALUES, "--format", "json").out)
    assert row == {
        "i": 1,
        "f": 1.5,
        "d": 2.5,
        "b": True,
        "n": None,
        "s": "x",
        "t": "2026-06-03T11:19:06+00:00",
        "day": "2026-06-03",
        "clock": "13:19:00",
        "span": 90.0,
        "l": ["a", None],
        "m": {"k": "2026-06-03"},
        "blob": "b'a'",
    }
    header, line = csv.reader(io.StringIO(run("query", VALUES, "--format", "csv").out))
    assert dict(zip(header, line, strict=True)) | {"l": "", "m": ""} == {
        name: "" if value is None else str(value) for name, value in row.items()
    } | {"b": "true", "l": "", "m": ""}
    assert '["a",null]' in run("query", VALUES).out


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("output_format", ["table", "csv", "json"])
def test_control_characters_are_escaped(run: Run, output_format: str) -> None:
    ended = run("query", "SELECT * FROM texts", "--format", output_format)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "\u202e" not in ended.out
    assert "red" in ended.out
    ended = run("query", f"SELECT '{EVIL}' FROM nowhere")
    assert "\x1b" not in ended.err


@pytest.mark.usefixtures("copy")
def test_a_query_can_come_from_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT count(*) AS n FROM texts"))
    assert run("query", "-").out.split() == ["n", "3"]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO texts VALUES ('a')",
        "DROP TABLE texts",
        "COPY texts TO 'out.csv'",
        "ATTACH 'other.duckdb'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT * FROM nowhere",
        "SELEC 1",
    ],
)
def test_a_query_changes_and_reads_nothing_else(run: Run, copy: Path, sql: str) -> None:
    before = copy.read_bytes()
    ended = run("query", sql)
    assert ended.code == 2
    assert "error:" in ended.err
    assert copy.read_bytes() == before
    assert [one.name for one in copy.parent.iterdir()] == [copy.name]


@pytest.mark.usefixtures("copy")
def test_a_statement_without_a_result_prints_nothing(run: Run) -> None:
    assert run("query", "SELECT * FROM texts WHERE false", "--format", "json").out == ""


def test_a_missing_copy_is_an_error(run: Run) -> None:
    ended = run("query", "SELECT 1")
    assert ended.code == 2
    assert "polyai.duckdb does not exist. " not in ended.out
    assert "Run `polyai-data sync`, or pass --copy." in ended.err
    assert not Path("polyai.duckdb").exists()
