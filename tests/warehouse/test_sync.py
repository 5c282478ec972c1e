"""A sync fetches what changed, loses nothing when it is killed, and leaves other files alone."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from polyai_data import Annotation, AuthenticationError, DataClient, ServerError, warehouse
from polyai_data.frames import SCHEMAS
from polyai_data.sandbox import Fault, Sandbox, serve

from tests.warehouse.copies import NOW, Syncs, client_for, contents, read

DAY = timedelta(days=1)
KILLS = int(os.environ.get("KILLS", "5"))


def count(path: Path, table: str, where: str = "true") -> int:
    found: int = read(path, f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"]
    return found


def ids(path: Path, where: str = "true") -> list[str]:
    query = f"SELECT conversation_id FROM conversations WHERE {where} ORDER BY started_at DESC"
    return [row["conversation_id"] for row in read(path, query)]


def add(sandbox: Sandbox, name: str, *, days: float = 0, **fields: Any) -> None:
    """Add a conversation, or change it."""
    started = datetime.now(UTC) - days * DAY
    sandbox.add_conversation(
        {"conversationId": name, "startedAt": started.isoformat(), "inProgress": False, **fields}
    )


# --- What is fetched -------------------------------------------------------------------------


def test_the_first_sync_copies_everything(sync: Syncs, client: DataClient, path: Path) -> None:
    result = sync()
    assert (result.looked_at, result.fetched, result.failed) == (30, 30, 0)
    models = {one.id: one.value for one in client.get_conversations(ids(path))}
    assert len(models) == 30
    for row in read(path, "SELECT * FROM conversations"):
        model = models[row["conversation_id"]]
        assert (row["heading"], row["started_at"]) == (model.heading, model.started_at)
        assert row["vanished_at"] is None
        assert row["fetched_at"] is not None
    assert count(path, "turns") == sum(len(model.turns or ()) for model in models.values())
    calls = sum(len(model.function_calls) for model in models.values())
    assert count(path, "function_calls") == calls
    (run,) = read(path, "SELECT * FROM sync_runs")
    assert (run["fetched"], run["ended_early"], run["details"]) == (30, False, True)
    assert run["finished_at"] >= run["started_at"]


def test_the_tables_have_the_columns_of_the_frames(sync: Syncs, path: Path) -> None:
    sync()
    for name, schema in SCHEMAS.items():
        with warehouse.connect(path, read_only=True) as connection:
            found = connection.sql(f"SELECT * FROM {name} LIMIT 0").to_arrow_table().schema
        more = ["raw", "fetched_at", "vanished_at"] if name == "conversations" else []
        assert found.names == [*schema.names, *more]
        assert [found.field(each.name).type for each in schema] == schema.types


def test_the_next_sync_fetches_only_what_changed(
    sync: Syncs, sandbox: Sandbox, client: DataClient, path: Path
) -> None:
    add(sandbox, "CA-new-1")
    sync()
    was_in_progress = count(path, "sync_seen", "in_progress")
    add(sandbox, "CA-new-2", turns=[("Hi", "Hello")])
    add(sandbox, "CA-new-1", channel="CHAT", turns=[("a", "b"), ("c", "d")])
    client.set_note(ids(path)[3], "Changed.")
    result = sync()
    assert result.fetched == 3 + was_in_progress
    assert result.unchanged == result.looked_at - result.fetched
    assert count(path, "turns", "conversation_id = 'CA-new-1'") == 2
    assert ids(path, "channel = 'CHAT'") == ["CA-new-1"]
    assert count(path, "conversations", "note = 'Changed.'") == 1
    add(sandbox, "CA-new-1", channel="CHAT", turns=[("a", "b")])
    sync(refresh=DAY)  # turns do not show in the list
    assert count(path, "turns", "conversation_id = 'CA-new-1'") == 1


def test_a_sync_ends_at_the_last_complete_one_less_the_lookback(path: Path) -> None:
    options: dict[str, Any] = {"details": False, "page_size": 20}
    with serve(conversations=300) as url, client_for(url) as client:
        target = f"duckdb:{path}"
        first = warehouse.sync(client, target, **options)
        second = warehouse.sync(client, target, lookback=DAY, **options)
        whole = warehouse.sync(client, target, lookback=DAY, full=True, **options)
        long = warehouse.sync(client, target, refresh=1000 * DAY, **options)
    assert (first.looked_at, first.ended_early) == (300, False)
    assert (20 < second.looked_at < 280, second.ended_early) == (True, True)
    assert (whole.looked_at, whole.ended_early, long.ended_early) == (300, False, False)


def test_only_a_complete_sync_with_details_is_a_reason_to_end_early(
    sync: Syncs, sandbox: Sandbox, path: Path
) -> None:
    sync(details=False)
    sandbox.faults.add(Fault(503, path="*/conversations/*"))
    add(sandbox, "CA-new")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sync(on_progress=interrupt)
    assert count(path, "sync_runs", "finished_at IS NULL") == 2
    sandbox.faults.clear()
    result = sync()
    assert (result.ended_early, result.fetched) == (False, 31)


def test_a_sync_without_details_leaves_no_gap(path: Path) -> None:
    target = f"duckdb:{path}"
    with serve(conversations=100) as url, client_for(url) as client:
        warehouse.sync(client, target)
        oldest = ids(path)[-1]
        client.set_note(oldest, "Changed.")
        client.add_annotations(oldest, [Annotation(turn=0, role="agent", type="wrong_info")])
        listed = warehouse.sync(client, target, full=True, details=False)
        assert listed.unchanged >= 98  # what is known with details is known
        reviewed = f"conversation_id = '{oldest}' AND reviews LIKE '%wrong_info%'"
        assert ids(path, "note = 'Changed.'") == [oldest]
        assert count(path, "turns", reviewed) == 0
        options: dict[str, Any] = {"lookback": timedelta(0), "page_size": 10}
        again = warehouse.sync(client, target, details=False, **options)
        assert again.ended_early
        result = warehouse.sync(client, target, **options)
        assert (result.ended_early, result.looked_at < 100) == (True, True)
    assert count(path, "turns", reviewed) == 1


def test_a_sync_ends_if_every_conversation_fails(path: Path) -> None:
    with serve(conversations=150) as url, client_for(url) as client:
        url.faults.add(Fault(503, path="*/conversations/*"))
        with pytest.raises(ServerError):
            warehouse.sync(client, f"duckdb:{path}")
    assert count(path, "sync_runs", "finished_at IS NULL") == 1


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_time_in_the_future_does_not_end_the_next_sync(
    sync: Syncs, sandbox: Sandbox, path: Path
) -> None:
    add(sandbox, "CA-undated", startedAt="soon")
    add(sandbox, "CA-future", days=-10_000)
    sync()
    assert ids(path, "list_contains(problems, 'startedAt')") == ["CA-undated"]
    (run,) = read(path, "SELECT * FROM sync_runs")
    assert run["covered_until"] == run["started_at"]


def test_what_was_in_progress_is_fetched_by_id(path: Path) -> None:
    target = f"duckdb:{path}"
    with serve(conversations=100) as url, client_for(url) as client:
        warehouse.sync(client, target)
        oldest = ids(path)[-1]
        with duckdb.connect(str(path)) as connection:  # as if it had still been in progress
            state = f"in_progress = (conversation_id = '{oldest}'), digest = ''"
            connection.execute(f"UPDATE sync_seen SET {state}")
            connection.execute("UPDATE conversations SET channel = 'old'")
        url.faults.clear()
        result = warehouse.sync(client, target, lookback=timedelta(0), page_size=10)
    assert (result.ended_early, result.looked_at < 100) == (True, True)
    assert oldest not in ids(path, "channel = 'old'")
    assert count(path, "sync_seen", f"in_progress AND conversation_id = '{oldest}'") == 0


# --- What fails --------------------------------------------------------------------------------


def test_a_conversation_that_cannot_be_fetched_is_tried_again(
    sync: Syncs, sandbox: Sandbox, path: Path
) -> None:
    add(sandbox, "CA-bad")
    sandbox.faults.add(Fault(500, path="*/conversations/CA-bad"))
    for attempts in (1, 2):
        result = sync()
        assert result.failed == 1
        (row,) = read(path, "SELECT * FROM sync_failed")
        assert (row["conversation_id"], row["attempts"]) == ("CA-bad", attempts)
        assert "500" in row["reason"]
    sandbox.faults.clear()
    assert sync().failed == 0
    assert count(path, "sync_failed") == 0
    assert ids(path, "conversation_id = 'CA-bad'") == ["CA-bad"]


def test_a_rejected_key_ends_the_sync(sync: Syncs, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(401, path="*/conversations/*"))
    with pytest.raises(AuthenticationError):
        sync()
    sandbox.faults.clear()
    assert sync().fetched == 30


@pytest.mark.parametrize("record", [{"channel": "CHAT"}, 5, {"conversationId": 7}])
def test_a_record_without_an_id_is_one_of_the_failures(
    sync: Syncs, sandbox: Sandbox, path: Path, record: Any
) -> None:
    page = {"conversations": [record], "count": 1, "limit": 50, "offset": 0}
    sandbox.faults.add(Fault(200, json_bytes(page), {"content-type": "application/json"}))
    result = sync()
    assert (result.looked_at, result.failed, result.fetched) == (1, 1, 0)
    assert count(path, "sync_failed", "starts_with(conversation_id, 'unreadable:')") == 1
    sandbox.faults.clear()
    assert sync().failed == 0
    assert count(path, "sync_failed") == 0


def json_bytes(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


def test_a_conversation_that_vanished_is_marked(sync: Syncs, path: Path) -> None:
    sync()
    renamed = read(path, "SELECT conversation_id FROM turns")[5]["conversation_id"]
    with duckdb.connect(str(path)) as connection:
        for table in ("conversations", "turns", "sync_seen"):
            connection.execute(
                f"UPDATE {table} SET conversation_id = 'gone-' || conversation_id "
                f"WHERE conversation_id = '{renamed}'"
            )
    result = sync(full=True)
    assert (result.vanished, count(path, "conversations")) == (1, 31)
    assert len(ids(path, "vanished_at IS NOT NULL")) == 1
    assert sync(full=True).vanished == 0
    assert count(path, "turns", "starts_with(conversation_id, 'gone-')") > 0
    result = sync(full=True, delete_vanished=True)
    assert (result.vanished, count(path, "conversations")) == (1, 30)
    assert count(path, "turns", "starts_with(conversation_id, 'gone-')") == 0
    assert count(path, "sync_seen") == 30


@pytest.mark.parametrize(("total", "left"), [(29, 29), (28, 30), (30, 30), (31, 30), (None, 30)])
def test_nothing_is_deleted_unless_the_counts_agree(
    sync: Syncs,
    client: DataClient,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    total: int | None,
    left: int,
) -> None:
    sync()
    page = client.get_page(limit=1000)
    page.conversations.pop()
    listing = SimpleNamespace(pages=lambda: iter([page]), total=total)
    monkeypatch.setattr(client, "list_conversations", lambda **_: listing)
    result = sync(full=True, delete_vanished=True)
    assert count(path, "conversations") == left
    assert result.vanished == 30 - left


def test_an_empty_list_proves_nothing(
    sync: Syncs, client: DataClient, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync()
    page = client.get_page(limit=1000)
    page.conversations.clear()
    listing = SimpleNamespace(pages=lambda: iter([page]), total=0)
    monkeypatch.setattr(client, "list_conversations", lambda **_: listing)
    assert sync(full=True, delete_vanished=True).vanished == 0
    assert count(path, "conversations") == 30


def test_what_was_in_progress_and_vanished_is_marked(sync: Syncs, path: Path) -> None:
    sync()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO sync_seen VALUES ('CA-gone', '', true, now())")
        connection.execute("INSERT INTO conversations (conversation_id) VALUES ('CA-gone')")
    assert sync().vanished == 1
    assert ids(path, "vanished_at IS NOT NULL") == ["CA-gone"]
    assert sync().vanished == 0


# --- Options ---------------------------------------------------------------------------------


def test_redact_leaves_columns_empty(sync: Syncs, sandbox: Sandbox, path: Path) -> None:
    secret: dict[str, Any] = {
        "fromNumber": "SECRET",
        "toNumber": "SECRET",
        "note": "SECRET",
        "new": "SECRET",
    }
    summary = {"heading": "SECRET", "content": "SECRET"}
    turn = {"user_input": "SECRET", "entities": ["SECRET"], "llm_requests": [{"a": "SECRET"}]}
    event = {"arguments": {"a": "SECRET"}, "content": "SECRET", "state_changes": {"a": "SECRET"}}
    details: dict[str, Any] = {
        "turns": [turn],
        "functionEvents": {"0": [event]},
        "shortSummary": summary,
    }
    add(sandbox, "CA-secret", **secret, **details)
    sync(redact=True)
    assert count(path, "turns", "conversation_id = 'CA-secret'") == 1
    assert count(path, "function_calls", "conversation_id = 'CA-secret'") == 1
    for table, columns in warehouse.REDACTED.items():
        for row in read(path, f"SELECT * FROM {table}"):
            assert {column: row[column] for column in columns} == dict.fromkeys(columns)
            assert row.get("raw") is None
    assert b"SECRET" not in path.read_bytes()
    with pytest.raises(warehouse.CopyError, match="was made with redaction"):
        sync()


def test_a_copy_with_personal_data_does_not_become_a_redacted_one(sync: Syncs) -> None:
    sync()
    with pytest.raises(warehouse.CopyError, match="was made without redaction"):
        sync(redact=True)


def test_without_raw_and_without_details(sync: Syncs, path: Path) -> None:
    sync(raw=False, details=False)
    assert count(path, "conversations", "raw IS NOT NULL") == 0
    assert count(path, "conversations") == 30
    assert count(path, "turns") == 0
    sync()
    assert count(path, "conversations", "raw IS NULL") == 0
    assert count(path, "turns") > 0


def test_the_conversations_of_another_agent_are_refused(sync: Syncs, path: Path) -> None:
    sync()
    with serve(conversations=3, agent_id="OTHER") as url:
        client = DataClient(base_url=url, api_key="sandbox", agent_id="OTHER")
        with client, pytest.raises(warehouse.CopyError, match="PROJECT-DEMO, not of OTHER"):
            warehouse.sync(client, f"duckdb:{path}")


def test_an_agent_without_conversations(path: Path) -> None:
    with serve(conversations=0) as url, client_for(url) as client:
        assert warehouse.sync(client, f"duckdb:{path}").looked_at <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "postgres:x"}, "expected duckdb: and a path"),
        ({"target": "duckdb:"}, "expected duckdb: and a path"),
        ({"batch_size": 0}, "batch_size=0: expected 1 or more"),
        ({"lookback": -DAY}, "must not be negative"),
        ({"refresh": -DAY}, "must not be negative"),
    ],
)
def test_arguments_that_make_no_sense_are_errors(
    client: DataClient, options: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        warehouse.sync(client, **options)


def test_progress_is_reported(sync: Syncs) -> None:
    seen: list[tuple[int, int | None]] = []
    sync(batch_size=10, on_progress=lambda result, total: seen.append((result.fetched, total)))
    assert seen[0][1] == 30
    assert seen[-1][0] == 30


# --- Files -----------------------------------------------------------------------------------


def test_files_are_readable_by_their_owner_alone(sync: Syncs, path: Path) -> None:
    modes: set[int] = set()

    def look(*_: Any) -> None:
        modes.update(stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir())

    before = os.umask(0o022)
    try:
        sync(on_progress=look)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [PermissionError, FileExistsError])
def test_a_file_system_without_hard_links_and_a_faster_sync(
    sync: Syncs, path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    link = os.link

    def fail(new: Path, name: Path) -> None:
        if error is FileExistsError:
            link(new, name)
        raise error

    monkeypatch.setattr(os, "link", fail)
    assert sync().fetched == 30
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_two_syncs_on_one_file_in_a_process(sync: Syncs) -> None:
    errors = []

    def second(*_: Any) -> None:
        try:
            sync()
        except warehouse.CopyError as error:
            errors.append(str(error))

    sync(on_progress=second)
    assert errors
    assert "in use" in errors[0]
    sync()


def test_a_file_that_another_program_has_open_is_refused(sync: Syncs, path: Path) -> None:
    sync()
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(warehouse.CopyError, match="in use"):
            sync()
        other.communicate(b"\n", timeout=60)
    with duckdb.connect(str(path)), pytest.raises(warehouse.CopyError, match="in use"):
        sync()


def test_a_file_that_is_not_a_copy_is_refused(sync: Syncs, path: Path) -> None:
    path.write_text("not a database" * 1000)
    with pytest.raises(warehouse.CopyError, match="Cannot open"):
        sync()
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine (a INTEGER)")
    with pytest.raises(warehouse.CopyError, match="is not a copy"):
        sync()


def test_a_copy_of_an_older_version_gets_the_new_columns(sync: Syncs, path: Path) -> None:
    sync()
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE turns DROP COLUMN barge_in")
        connection.execute("ALTER TABLE sync_runs DROP COLUMN ended_early")
    sync(full=True, refresh=100_000 * DAY)
    assert count(path, "turns", "barge_in IS NOT NULL") > 0


def test_a_failed_batch_changes_nothing(sync: Syncs, sandbox: Sandbox, path: Path) -> None:
    sync()
    before = contents(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE metrics ALTER value TYPE INTEGER USING 1")
    add(sandbox, "CA-new", metrics={"M": [{"value": "text"}]})
    with pytest.raises(duckdb.ConversionException):
        sync()
    after = contents(path)
    assert after["conversations"] == before["conversations"]
    assert after["sync_seen"] == before["sync_seen"]


# --- Kills ------------------------------------------------------------------------------------

_SYNC = """
import sys
from polyai_data import DataClient, warehouse
print("ready", flush=True)
client = DataClient(base_url=sys.argv[1], api_key="sandbox", agent_id="PROJECT-DEMO")
warehouse.sync(client, f"duckdb:{sys.argv[2]}", batch_size=10, recordings=sys.argv[3])
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, float, Any]]:
    """A sandbox, how long a sync of it takes, and the tables that the sync makes."""
    path = tmp_path_factory.mktemp("copies") / "undisturbed.duckdb"
    with serve(conversations=80, now=NOW, recording_bytes=1000) as url, client_for(url) as client:
        started = time.monotonic()
        warehouse.sync(client, f"duckdb:{path}", batch_size=10, recordings=path.parent / "calls")
        yield url, time.monotonic() - started, contents(path)


@pytest.mark.parametrize("seed", range(KILLS))
def test_after_a_kill_the_next_sync_ends_with_the_same_tables(
    path: Path, undisturbed: tuple[str, float, Any], seed: int
) -> None:
    url, duration, expected = undisturbed
    calls = path.parent / "calls"
    command = [sys.executable, "-c", _SYNC, str(url), str(path), str(calls)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(duration * random.Random(seed).random())
        process.send_signal(signal.SIGKILL)
    with client_for(url) as client:
        result = warehouse.sync(
            client, f"duckdb:{path}", batch_size=10, recordings=calls, verify=True
        )
    assert contents(path) == expected
    assert result.recordings_damaged == 0


def test_an_interrupt_ends_a_sync(sync: Syncs) -> None:
    with pytest.raises(KeyboardInterrupt):
        sync(on_progress=interrupt)
    assert sync().looked_at == 30


def test_importing_without_duckdb_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("polyai_data.warehouse")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ImportError, match=r"needs DuckDB and pyarrow: pip install .*\[sync\]"):
        import polyai_data.warehouse  # noqa: F401


def test_dir_lists_public_names_only() -> None:
    assert dir(warehouse) == sorted(warehouse.__all__)
