"""A sync saves recordings once, and finds out which files are damaged."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from polyai_data import APIStatusError, PermissionDeniedError, warehouse
from polyai_data.sandbox import Fault, Received, Sandbox, serve
from polyai_data.warehouse._recordings import _place

from tests.warehouse.copies import NOW, Syncs, client_for, read

COLUMNS = "conversation_id, path, size, sha256, reason"
NOT_FOUND = {"error": "x", "error_code": "CONVERSATIONS_RECORDING_NOT_FOUND"}
RECORDINGS = "*/audio"


@pytest.fixture
def received() -> list[Received]:
    return []


@pytest.fixture
def sandbox(received: list[Received]) -> Iterator[Sandbox]:
    with serve(conversations=12, now=NOW, recording_bytes=1000, received=received) as served:
        yield served


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "some" / "calls"


def rows(path: Path) -> dict[str, dict[str, Any]]:
    found = read(path, f"SELECT {COLUMNS}, attempts FROM recordings ORDER BY conversation_id")
    return {row.pop("conversation_id"): row for row in found}


def files(calls: Path) -> dict[str, bytes]:
    return {
        one.relative_to(calls).as_posix(): one.read_bytes()
        for one in calls.rglob("*")
        if one.is_file()
    }


def asked(received: list[Received]) -> list[str]:
    """Return the conversations whose recordings were asked for, and forget the requests."""
    ids = [each.path.split("/")[-2] for each in received if each.path.endswith("/audio")]
    received.clear()
    return sorted(ids)


def add(sandbox: Sandbox, name: str, **fields: Any) -> None:
    moment = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    times = {"startedAt": moment, "finishedAt": moment}
    sandbox.add_conversation({"conversationId": name, "inProgress": False, **times, **fields})


def test_recordings_are_saved_by_agent_and_day(
    sync: Syncs, path: Path, calls: Path, received: list[Received]
) -> None:
    result = sync(recordings=calls)
    with_audio = read(
        path,
        "SELECT conversation_id AS id, started_at AS t FROM conversations "
        "WHERE audio_url IS NOT NULL AND NOT in_progress",
    )
    expected = {f"PROJECT-DEMO/{row['t']:%Y/%m/%d}/{row['id']}.wav" for row in with_audio}
    found = files(calls)
    assert found.keys() == expected
    assert result.recordings_saved == len(expected) > 3
    assert (result.recordings_failed, result.recordings_damaged) == (0, 0)
    for row in rows(path).values():
        content = found[row["path"]]
        assert row["size"] == len(content) == 1000
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert (row["reason"], row["attempts"]) == (None, 1)
    assert len(asked(received)) == len(expected)
    (run,) = read(path, "SELECT * FROM sync_runs")
    assert run["recordings_saved"] == len(expected)
    assert sync(recordings=calls).recordings_saved == 0
    assert asked(received) == []


def test_files_are_readable_by_their_owner_alone(sync: Syncs, calls: Path) -> None:
    before = os.umask(0o022)
    try:
        sync(recordings=calls)
    finally:
        os.umask(before)
    paths = [calls, *calls.rglob("*")]
    assert {stat.S_IMODE(one.stat().st_mode) for one in paths} == {0o600, 0o700}


def test_with_redact_recordings_are_without_personal_data(
    sync: Syncs, calls: Path, received: list[Received]
) -> None:
    sync(recordings=calls, redact=True)
    assert all(name.endswith(".redacted.wav") for name in files(calls))
    assert len(files(calls)) == len(asked(received)) > 3


# --- What is not there -------------------------------------------------------------------------


def test_a_conversation_in_progress_is_asked_for_when_it_is_over(
    sync: Syncs, sandbox: Sandbox, calls: Path, received: list[Received]
) -> None:
    add(sandbox, "CA-new", inProgress=True, audioUrl="https://x.example/a.wav")
    sync(recordings=calls)
    assert "CA-new" not in asked(received)
    add(sandbox, "CA-new", audioUrl="https://x.example/a.wav")
    assert sync(recordings=calls).recordings_saved == 1
    assert asked(received) == ["CA-new"]


@pytest.mark.parametrize(
    ("started", "asked_again"),
    [
        (timedelta(days=2), True),
        (timedelta(days=4), False),
        (timedelta(days=-10_000), True),  # a time that drifted does not count for ever
    ],
    ids=str,
)
def test_a_missing_recording_is_asked_for_until_the_lookback_is_over(
    sync: Syncs,
    sandbox: Sandbox,
    path: Path,
    calls: Path,
    received: list[Received],
    started: timedelta,
    asked_again: bool,
) -> None:
    sync()
    moment = (datetime.now(UTC) - started).isoformat()
    times = {"startedAt": moment, "finishedAt": moment}
    add(sandbox, "CA-none", **times, audioUrl="https://x.example/a.wav")
    sandbox.faults.add(Fault(404, NOT_FOUND, path="*/CA-none/audio"))
    for attempt in range(3):
        result = sync(recordings=calls)
        assert result.recordings_failed == 0
        assert rows(path)["CA-none"]["reason"] == "no recording"
        assert ("CA-none" in asked(received)) is (attempt == 0 or asked_again)
    with duckdb.connect(str(path)) as copy:  # as if it had ended long ago
        copy.execute(
            "UPDATE conversations SET finished_at = finished_at - INTERVAL 3 DAY, "
            "started_at = started_at - INTERVAL 3 DAY, fetched_at = fetched_at - INTERVAL 3 DAY"
        )
    sync(recordings=calls, lookback=timedelta(days=3))
    asked(received)
    sandbox.faults.clear()
    sync(recordings=calls)
    assert asked(received) == []


def test_a_recording_that_appears_later_is_saved(
    sync: Syncs, sandbox: Sandbox, path: Path, calls: Path
) -> None:
    add(sandbox, "CA-late", audioUrl="https://x.example/a.wav")
    sandbox.faults.add(Fault(404, NOT_FOUND, path="*/CA-late/audio"))
    sync(recordings=calls)
    sandbox.faults.clear()
    assert sync(recordings=calls).recordings_saved == 1
    row = rows(path)["CA-late"]
    assert (row["reason"], row["size"], row["attempts"]) == (None, 1000, 2)


def test_what_has_no_recording_is_not_asked_for(
    sync: Syncs, sandbox: Sandbox, calls: Path, received: list[Received]
) -> None:
    add(sandbox, "CA-chat", audioUrl=None)
    add(sandbox, "CA-drifted", audioUrl=5)
    sync(recordings=calls)
    ids = asked(received)
    assert "CA-chat" not in ids
    assert "CA-drifted" in ids


def test_a_failed_recording_is_tried_again(
    sync: Syncs, sandbox: Sandbox, path: Path, calls: Path
) -> None:
    sandbox.faults.add(Fault(500, path=RECORDINGS, nth=2))
    result = sync(recordings=calls)
    assert result.recordings_failed == 1
    (failed,) = [row for row in rows(path).values() if row["reason"]]
    assert "500" in failed["reason"]
    assert (failed["path"], failed["sha256"]) == (None, None)
    result = sync(recordings=calls)
    assert (result.recordings_saved, result.recordings_failed) == (1, 0)


@pytest.mark.parametrize("status", [403, 500])
def test_saving_ends_if_every_recording_fails(
    path: Path,
    calls: Path,
    sandbox: Sandbox,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    sync: Syncs,
) -> None:
    monkeypatch.setattr("polyai_data.frames._walk._MAX_CONSECUTIVE_FAILURES", 3)
    sandbox.faults.add(Fault(status, path=RECORDINGS))
    kind = PermissionDeniedError if status == 403 else APIStatusError
    with pytest.raises(kind):
        sync(recordings=calls)
    # The conversations are complete all the same.
    assert read(path, "SELECT finished_at FROM sync_runs")[0]["finished_at"] is not None
    sandbox.faults.clear()
    assert sync(recordings=calls).recordings_saved > 3


def test_after_an_interrupt_the_next_sync_ends_with_the_same_files(
    sync: Syncs, path: Path, calls: Path, tmp_path: Path
) -> None:
    sync(recordings=calls)
    expected, found = rows(path), files(calls)
    path.unlink()
    other = tmp_path / "other"

    def interrupt(result: warehouse.SyncResult, _: int | None) -> None:
        if result.recordings_saved == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(recordings=other, on_progress=interrupt)
    with duckdb.connect(str(path)) as copy:  # as if killed between the file and its row
        copy.execute(
            "DELETE FROM recordings WHERE conversation_id = "
            "(SELECT min(conversation_id) FROM recordings)"
        )
    sync(recordings=other)
    assert files(other) == found
    assert rows(path).keys() == expected.keys()
    assert [row["sha256"] for row in rows(path).values()] == [
        row["sha256"] for row in expected.values()
    ]


def test_what_a_killed_download_left_is_deleted(sync: Syncs, calls: Path) -> None:
    sync(recordings=calls)
    place = (calls / min(files(calls))).parent
    old, young, mine = (place / name for name in ("a.wav.1.part", "b.wav.2.part", "mine.part"))
    for part in (old, young, mine):
        part.write_bytes(b"x")
    for part in (old, mine):
        os.utime(part, (0, 0))
    sync(recordings=calls)  # nothing is missing here, so nobody looks
    assert old.exists()
    min(place.glob("*.wav")).unlink()
    sync(recordings=calls, verify=True)
    assert [part.exists() for part in (old, young, mine)] == [False, True, True]


# --- Files that are damaged --------------------------------------------------------------------


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "missing":
        file.unlink()
    elif how == "shorter":
        file.write_bytes(content[:-1])
    else:
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("how", ["missing", "shorter", "differs"])
def test_damaged_files_are_found_and_fetched_again(
    sync: Syncs, calls: Path, received: list[Received], how: str
) -> None:
    sync(recordings=calls)
    before = files(calls)
    asked(received)
    damage(calls / min(before), how)
    assert sync(recordings=calls).recordings_damaged == 0  # nothing is read without verify
    result = sync(recordings=calls, verify=True)
    assert (result.recordings_damaged, result.recordings_saved) == (1, 1)
    assert result.recordings_failed == 0
    assert files(calls) == before
    assert asked(received) == [Path(min(before)).stem]
    assert sync(recordings=calls, verify=True).recordings_damaged == 0


def test_a_directory_that_was_moved_is_still_right(
    sync: Syncs, calls: Path, tmp_path: Path
) -> None:
    sync(recordings=calls)
    calls.rename(tmp_path / "moved")
    result = sync(recordings=tmp_path / "moved", verify=True)
    assert (result.recordings_damaged, result.recordings_saved) == (0, 0)


def test_what_cannot_be_replaced_is_a_failure(
    sync: Syncs, path: Path, calls: Path, tmp_path: Path
) -> None:
    sync(recordings=calls)
    file = calls / min(files(calls))
    file.rename(tmp_path / "mine.wav")
    file.symlink_to(tmp_path / "mine.wav")
    result = sync(recordings=calls, verify=True)
    assert (result.recordings_damaged, result.recordings_failed) == (1, 1)
    assert file.is_symlink()
    row = rows(path)[file.stem]
    assert "is not a regular file" in row["reason"]
    assert row["sha256"] is not None
    file.unlink()
    assert sync(recordings=calls).recordings_saved == 1


def test_a_damaged_file_whose_recording_is_gone_is_a_failure_once(
    sync: Syncs, sandbox: Sandbox, path: Path, calls: Path
) -> None:
    sync(recordings=calls)
    (calls / min(files(calls))).unlink()
    sandbox.faults.add(Fault(404, NOT_FOUND, path=RECORDINGS))
    result = sync(recordings=calls, verify=True)
    assert (result.recordings_damaged, result.recordings_failed) == (1, 1)
    assert [row["reason"] for row in rows(path).values()].count("no recording") == 1
    assert sync(recordings=calls, lookback=timedelta(0)).recordings_failed == 0
    assert sync(recordings=calls, verify=True).recordings_failed == 1


def test_a_file_that_cannot_be_read_is_damaged(
    sync: Syncs, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(recordings=calls)

    def nothing(*_: Any) -> Iterator[bool]:
        yield from ()

    def fail(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("polyai_data.warehouse._recordings._fingerprint", fail)
    monkeypatch.setattr("polyai_data.warehouse._recordings.Recordings.save", nothing)
    result = sync(recordings=calls, verify=True)
    assert result.recordings_damaged == result.recordings_failed == len(files(calls))


# --- The rest ----------------------------------------------------------------------------------


def test_the_recordings_of_a_deleted_conversation_are_deleted(
    sync: Syncs, path: Path, calls: Path
) -> None:
    sync(recordings=calls)
    kept = files(calls)
    gone = calls / "PROJECT-DEMO" / "CA-gone.wav"
    gone.write_bytes(b"x")
    with duckdb.connect(str(path)) as copy:
        for name, file in (("CA-gone", "'PROJECT-DEMO/CA-gone.wav'"), ("CA-none", "NULL")):
            copy.execute(f"INSERT INTO conversations (conversation_id) VALUES ('{name}')")
            copy.execute(
                f"INSERT INTO recordings (conversation_id, path) VALUES ('{name}', {file})"
            )
    sync(recordings=calls, full=True)
    assert gone.exists()
    sync(full=True, delete_vanished=True)  # without the directory, the files stay
    assert gone.exists()
    sync(recordings=calls, delete_vanished=True)
    assert files(calls) == kept
    assert not {"CA-gone", "CA-none"} & rows(path).keys()


def test_a_copy_of_an_older_version_gets_the_table(sync: Syncs, path: Path, calls: Path) -> None:
    sync()
    with duckdb.connect(str(path)) as copy:
        copy.execute("DROP TABLE recordings")
    assert sync(recordings=calls).recordings_saved > 0


def test_the_directory_is_checked_first(sync: Syncs, calls: Path, received: list[Received]) -> None:
    calls.parent.mkdir()
    calls.write_text("mine")
    with pytest.raises(NotADirectoryError, match="calls is a file, not a directory"):
        sync(recordings=calls)
    assert received == []
    with pytest.raises(ValueError, match="verify needs recordings="):
        sync(verify=True)


@pytest.mark.parametrize(
    ("agent", "day", "place"),
    [
        ("PROJECT-1", datetime(2026, 6, 3), "PROJECT-1/2026/06/03"),
        ("PROJECT-1", datetime(33, 6, 3), "PROJECT-1/0033/06/03"),
        ("PROJECT-1", None, "PROJECT-1/undated"),
    ],
)
def test_places(agent: str, day: datetime | None, place: str) -> None:
    assert _place(agent, day and day.date()).as_posix() == place


@pytest.mark.parametrize("agent", ["", "..", "../x", "/etc", "a/b", "-x", "a\x00", "ä", "a" * 200])
def test_no_agent_leads_out_of_the_directory(agent: str) -> None:
    first, *rest = _place(agent, None).parts
    assert rest == ["undated"]
    assert first.startswith("agent_")
    assert first.replace("_", "").isalnum()
    assert first.isascii()
    assert first != _place(f"{agent}!", None).parts[0]


def test_one_call_at_a_time(calls: Path, path: Path, sandbox: Sandbox) -> None:
    with client_for(sandbox) as client:
        result = warehouse.sync(client, f"duckdb:{path}", recordings=str(calls), concurrency=1)
    assert result.recordings_saved == len(files(calls))
