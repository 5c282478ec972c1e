"""Tests `polyai-data export`."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import runpy
import socket
import stat
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient
from polyai_data.cli import _locks, _part, _times, main
from polyai_data.cli._terminal import Terminal
from polyai_data.sandbox import Fault, Received

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

FILE = Path("calls.jsonl")
PART = Path("calls.jsonl.part")
EXPORT = ("export", "-o", FILE)
CHAT = "AS_CHAT_fb8e9b87-c00c-8c8e-07d4-1b11182fafb9"


def written(path: Path = FILE) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids(path: Path = FILE) -> list[str]:
    return [one["conversationId"] for one in written(path)]


def listed(base_url: str) -> list[dict[str, Any]]:
    with DataClient(base_url=base_url) as client:
        return [one.raw for one in client.list_conversations()]


def asked(received: list[Received], ending: str = "") -> Counter[str]:
    """Count the requests for each conversation or recording."""
    parts = [request.path.split("/conversations/") for request in received]
    return Counter(path[1] for path in parts if len(path) == 2 and path[1].endswith(ending))


def test_each_line_is_a_conversation_as_the_server_sent_it(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    ended = run(*EXPORT)
    said = "Wrote calls.jsonl: 200 conversations, 1 still in progress.\n"
    assert ended == (0, "", said)
    assert written() == listed(base_url)
    assert not PART.exists()


def test_details_are_exported_as_the_server_sent_them(run: Run, sandbox: Sandbox) -> None:
    received: list[Received] = []
    base_url = sandbox(conversations=30, received=received)
    assert run(*EXPORT, "--details", "--concurrency", 8).code == 0
    assert set(asked(received).values()) == {1}
    with DataClient(base_url=base_url) as client:
        expected = [client.get_conversation(one["conversationId"]).raw for one in listed(base_url)]
    assert written() == expected  # in the order of the list


def test_recordings_are_saved_if_there_are_any(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox(conversations=20, recording_bytes=1000)
    ended = run(*EXPORT, "--recordings", "some/calls", "--direction", "agent", "--redacted")
    recorded = {one["conversationId"] for one in listed(base_url) if one["audioUrl"]}
    saved = {path.name.partition(".")[0] for path in Path("some/calls").iterdir()}
    assert saved == recorded
    assert all(path.name.endswith(".agent.redacted.wav") for path in Path("some/calls").iterdir())
    assert f", {len(recorded)} recordings saved.\n" in ended.err


def test_filters_select_what_is_exported(run: Run, sandbox: Sandbox) -> None:
    received: list[Received] = []
    base_url = sandbox(received=received)
    run(*EXPORT, "--since", "2026-06-03", "--channel", "VOICE-SIP", "--details")
    expected = [
        one["conversationId"]
        for one in listed(base_url)
        if one["startedAt"] > "2026-06-03" and one["channel"] == "VOICE-SIP"
    ]
    assert ids() == expected
    assert len(asked(received)) == len(expected)


# --- Existing files --------------------------------------------------------------------------


def test_an_existing_file_is_replaced_only_on_request(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    FILE.write_text("mine")
    ended = run(*EXPORT)
    assert ended.code == 2
    assert ended.err == "error: calls.jsonl already exists.\nhint: Use --overwrite to replace it.\n"
    assert run(*EXPORT, "--resume").code == 2
    assert FILE.read_text() == "mine"
    assert run(*EXPORT, "--overwrite").code == 0
    assert len(written()) == 200


def test_the_target_cannot_be_a_directory(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    assert run("export", "-o", ".", "--overwrite").err.startswith("error: . is a directory.")
    ended = run("export", "-o", "none/calls.jsonl")
    assert (ended.code, ended.err) == (2, "error: The directory none does not exist.\n")


def test_a_file_created_meanwhile_is_kept(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    monkeypatch.setattr(os, "fsync", lambda _: FILE.write_text("mine"))
    ended = run(*EXPORT)
    assert (ended.code, FILE.read_text()) == (2, "mine")
    assert len(ids(PART)) == 200


def test_the_file_is_flushed_to_disk_before_it_is_renamed(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    synced: list[tuple[bool, int]] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append((FILE.exists(), os.fstat(fd).st_size))
    )
    run(*EXPORT)
    assert synced == [(False, FILE.stat().st_size)]


def test_a_partial_export_is_not_overwritten(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    PART.write_text("mine")
    ended = run(*EXPORT, "--overwrite")
    assert ended.code == 2
    assert "Use --resume to continue it. To start over, delete calls.jsonl.part." in ended.err
    assert PART.read_text() == "mine"


# --- Resuming --------------------------------------------------------------------------------


def interrupted(run: Run, sandbox: Sandbox, *options: object, conversations: int = 200) -> None:
    """Leave the `.part` file of an export that failed after its first page or two."""
    sandbox(conversations=conversations, faults=[Fault(401, path="*/conversations", nth=3)])
    ended = run(*EXPORT, "--page-size", 20, *options)
    assert ended.code == 3
    kept = len(ids(PART))
    assert kept == 39 or (options and 20 < kept < 39)  # except requests in flight
    assert f"Saved {kept} conversations in calls.jsonl.part. Use --resume to continue." in ended.err
    assert not FILE.exists()


def test_an_interrupted_export_can_be_resumed(run: Run, sandbox: Sandbox) -> None:
    interrupted(run, sandbox)
    base_url = sandbox()
    ended = run(*EXPORT, "--resume")
    assert ended.code == 0
    assert written() == listed(base_url)
    assert not PART.exists()


def test_nothing_is_fetched_twice(run: Run, sandbox: Sandbox) -> None:
    interrupted(run, sandbox, "--details")
    there = ids(PART)
    received: list[Received] = []
    sandbox(received=received, recording_bytes=1000)
    calls = ("--recordings", "calls")
    assert run(*EXPORT, "--resume", "--details", *calls).code == 0
    assert not set(there) & set(asked(received))  # except their recordings
    assert Counter(ids()) == Counter(dict.fromkeys(ids(), 1))
    assert len(ids()) == 200
    # Again, as if it had been interrupted just before the rename: recordings are kept.
    FILE.rename(PART)
    received.clear()
    ended = run(*EXPORT, "--resume", "--details", *calls)
    assert asked(received) == {}
    assert ", 0 recordings saved." in ended.err


@pytest.mark.parametrize(
    "damage",
    [
        b'{"conversationId": "CA',
        b"{\n",
        b"\x00\x00\x00\n",
        b"not JSON\n{}\n",
        b'{"a": 1}',
        b"\xff\n",
    ],
)
def test_damaged_lines_are_removed(run: Run, sandbox: Sandbox, damage: bytes) -> None:
    interrupted(run, sandbox)
    with PART.open("ab") as file:
        file.write(damage)
    base_url = sandbox()
    assert run(*EXPORT, "--resume").code == 0
    assert written() == listed(base_url)


def test_a_line_cut_within_a_character_is_removed(run: Run, sandbox: Sandbox) -> None:
    interrupted(run, sandbox)
    for length in range(PART.stat().st_size, PART.stat().st_size - 400, -37):
        os.truncate(PART, length)
        before = PART.read_bytes()
        base_url = sandbox()
        assert run(*EXPORT, "--resume").code == 0
        assert written() == listed(base_url)
        FILE.unlink()
        PART.write_bytes(before)


def test_resume_without_a_partial_export_starts_one(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    assert run(*EXPORT, "--resume").code == 0
    assert len(ids()) == 5


DIFFERENT = [
    ([], ["--details"], "--agent PROJECT-DEMO."),
    (["--details"], [], "--agent PROJECT-DEMO --details."),
    (["--since", "2026-06-01"], ["--since", "7d"], "--agent PROJECT-DEMO --since 2026-06-01."),
    (["--until", "today"], [], "--agent PROJECT-DEMO --until today."),
    ([], ["--min-score", "4"], "--agent PROJECT-DEMO."),
    (["--no-handoff"], ["--handoff"], "--agent PROJECT-DEMO --no-handoff."),
    (
        ["--channel", "VOICE-SIP", "--channel", "WEBCHAT"],
        ["--channel", "VOICE-SIP"],
        "--agent PROJECT-DEMO --channel VOICE-SIP --channel WEBCHAT.",
    ),
    (["--env", "live"], ["--env", "sandbox"], "--agent PROJECT-DEMO --env live."),
    (["--limit", "150"], [], "--agent PROJECT-DEMO --limit 150."),
]


@pytest.mark.parametrize(("first", "then", "started_with"), DIFFERENT, ids=str)
def test_resume_requires_the_same_options(
    run: Run, sandbox: Sandbox, first: list[str], then: list[str], started_with: str
) -> None:
    sandbox(faults=[Fault(401, path="*/conversations", nth=2)])
    assert run(*EXPORT, "--page-size", 20, *first).code == 3
    kept = PART.read_bytes()
    sandbox()
    ended = run(*EXPORT, "--resume", *then)
    assert ended.code == 2
    assert f"calls.jsonl.part was started with other options: {started_with}\n" in ended.err
    assert PART.read_bytes() == kept
    assert run(*EXPORT, "--resume", *first).code == 0
    assert sorted(path.name for path in Path().iterdir()) == ["calls.jsonl"]


def test_resume_requires_the_same_agent(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(run, sandbox)
    monkeypatch.setenv("POLYAI_AGENT_ID", "PROJECT-OTHER")
    ended = run(*EXPORT, "--resume")
    assert ended.code == 2
    assert "other options: --agent PROJECT-DEMO." in ended.err


def test_relative_times_mean_the_same_after_a_resume(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime(2026, 6, 3, 20, tzinfo=UTC)
    monkeypatch.setattr(_times, "now", lambda: day)
    monkeypatch.setattr(_part, "now", lambda: day)
    options = ("--since", "24h", "--until", "today")
    sandbox(faults=[Fault(401, path="*/conversations", nth=2)])
    assert run(*EXPORT, "--page-size", 5, *options).code == 3
    base_url = sandbox()
    day = datetime(2026, 7, 1, tzinfo=UTC)
    assert run(*EXPORT, "--resume", *options).code == 0
    expected = [
        one["conversationId"] for one in listed(base_url) if one["startedAt"] > "2026-06-02T20"
    ]
    assert ids() == expected


@pytest.mark.parametrize("damage", [None, b"", b"{"])
def test_an_export_killed_at_its_start_can_be_resumed(
    run: Run, sandbox: Sandbox, damage: bytes | None
) -> None:
    sandbox(conversations=5)
    PART.touch()
    if damage is not None:
        Path("calls.jsonl.options").write_bytes(damage)
    assert run(*EXPORT, "--resume").code == 0
    assert sorted(path.name for path in Path().iterdir()) == ["calls.jsonl"]


# --- One process, regular files ---------------------------------------------------------------


def test_a_second_export_is_refused(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    with PART.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ended = run(*EXPORT, "--resume")
    assert ended.code == 2
    assert ended.err.startswith("error: Another export is writing calls.jsonl.part.\n")
    assert PART.stat().st_size == 0
    assert run(*EXPORT, "--resume").code == 0


def test_an_export_is_locked_while_it_is_written(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox(conversations=5)
    add = _part.JsonLinesFile.add
    seen: list[int] = []

    def compete(self: _part.JsonLinesFile, value: Any) -> None:
        if not seen:
            seen.append(-1)
            seen.append(main(["export", "-o", "calls.jsonl", "--resume"]))
        add(self, value)

    monkeypatch.setattr(_part.JsonLinesFile, "add", compete)
    assert run(*EXPORT).code == 0
    assert seen == [-1, 2]
    assert len(ids()) == len(set(ids())) == 5


@pytest.mark.parametrize("change", [PART.unlink, lambda: os.replace(PART, FILE)])
def test_a_file_completed_before_it_is_locked_is_left_alone(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]
) -> None:
    sandbox(conversations=5)
    lock = _locks.lock
    PART.write_text("{}\n")

    def lock_late(file: Any) -> None:
        change()
        lock(file)

    monkeypatch.setattr(_locks, "lock", lock_late)
    assert run(*EXPORT, "--resume").code == 2
    assert not FILE.exists() or FILE.read_text() == "{}\n"


def test_on_windows_a_byte_behind_the_end_is_locked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    locked: list[tuple[int, int]] = []

    def locking(descriptor: int, mode: int, size: int) -> None:
        if locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        assert mode == 2
        locked.append((os.lseek(descriptor, 0, os.SEEK_CUR), size))

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "win32")
        windows = runpy.run_path(str(_locks.__file__))
    assert windows["CAN_RENAME_OPEN_FILES"] is False
    path = tmp_path / "calls.jsonl.part"
    path.write_bytes(b"{}\n")
    with path.open("ab", buffering=0) as file:
        windows["lock"](file)
        assert locked == [(2**40, 1)]
        assert file.tell() == 3
        with pytest.raises(PermissionError):
            windows["lock"](file)
    assert path.read_bytes() == b"{}\n"


def test_a_lock_that_windows_refuses_means_another_export(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    sandbox(conversations=5)
    monkeypatch.setattr(_locks, "lock", refuse)
    ended = run(*EXPORT)
    assert ended.code == 2
    assert ended.err.startswith("error: Another export is writing calls.jsonl.part.\n")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("can_rename", [False, True])
def test_a_file_is_closed_before_it_is_renamed_where_that_is_necessary(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, can_rename: bool, overwrite: bool
) -> None:
    sandbox(conversations=5)
    opened: list[Any] = []
    closed: list[bool] = []
    lock, move = _locks.lock, os.replace if overwrite else os.link

    def lock_and_note(file: Any) -> None:
        opened.append(file)
        lock(file)

    def note_and_move(*paths: Any) -> None:
        closed.append(opened[0].closed)
        move(*paths)

    monkeypatch.setattr(_locks, "CAN_RENAME_OPEN_FILES", can_rename)
    monkeypatch.setattr(_locks, "lock", lock_and_note)
    monkeypatch.setattr(os, move.__name__, note_and_move)
    assert run(*EXPORT, *["--overwrite"] * overwrite).code == 0
    assert closed == [not can_rename]
    assert len(ids()) == 5


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


SPECIAL: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "symbolic link": lambda path: path.symlink_to("elsewhere"),
    "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3)),
}


@pytest.mark.parametrize("options", [[], ["--overwrite"], ["--resume"]], ids=str)
@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("path", [FILE, PART, Path("calls.jsonl.options")], ids=str)
def test_only_regular_files_are_written(
    run: Run, sandbox: Sandbox, path: Path, kind: str, options: list[str]
) -> None:
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("only root can create a device")
    sandbox(conversations=5)
    SPECIAL[kind](path)
    before = os.lstat(path)
    ended = run(*EXPORT, *options)
    if path.suffix == ".options" and options != ["--resume"]:
        assert ended.code == 0  # it is replaced
    else:
        assert ended.code == 2
        assert f"error: {path} is a {kind}, not a regular file.\n" in ended.err
        assert os.path.samestat(before, os.lstat(path))
    assert not Path("elsewhere").exists()


def test_a_link_to_a_file_is_not_followed(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    Path("elsewhere").write_text("mine")
    for path in (FILE, PART):
        path.symlink_to("elsewhere")
        assert run(*EXPORT, "--overwrite", "--resume").code == 2
        path.unlink()
    assert Path("elsewhere").read_text() == "mine"


def test_an_export_killed_after_it_was_complete(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    FILE.write_text("{}\n")
    os.link(FILE, PART)
    assert "already exists" in run(*EXPORT, "--resume").err
    assert not PART.exists()
    assert FILE.read_text() == "{}\n"


@pytest.mark.parametrize("without_links", [True, False])
def test_a_file_that_appears_at_the_last_moment_is_kept(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, without_links: bool
) -> None:
    sandbox(conversations=5)
    link = os.link

    def late(source: Path, target: Path) -> None:
        if without_links:
            raise OSError(errno.EPERM, "no links here")
        FILE.write_text("mine")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    ended = run(*EXPORT)
    assert ended.code == (0 if without_links else 2)
    assert len(written(PART if FILE.read_text() == "mine" else FILE)) == 5


def test_the_directory_for_recordings_may_be_a_file(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    Path("calls").touch()
    ended = run(*EXPORT, "--recordings", "calls")
    assert ended.code == 2
    assert "error: calls is not a directory.\nhint: " in ended.err


# --- Standard output, limit -------------------------------------------------------------------


def test_export_to_stdout(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox(conversations=20)
    ended = run("export", "-o", "-", "--details", "--limit", 3)
    assert ended.code == 0
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["conversationId"] for one in found] == [
        one["conversationId"] for one in listed(base_url)[:3]
    ]
    assert all("turns" in one for one in found)
    assert "Wrote standard output: 3 conversations" in ended.err
    assert list(Path().iterdir()) == []
    assert run("export", "-o", "./-").code == 0
    assert len(Path("-").read_text().splitlines()) == 20


def test_a_failed_export_to_stdout(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=20, faults=[Fault(401, path="*/conversations", nth=2)])
    ended = run("export", "-o", "-", "--page-size", 5)
    assert ended.code == 3
    assert len(ended.out.splitlines()) == 5
    assert "Printed 5 conversations." in ended.err
    assert "--resume" not in ended.err


def test_what_was_printed_is_not_read_again() -> None:
    assert list(_part.StandardOutput(Terminal())) == []


@pytest.mark.parametrize("option", [["--resume"], ["--recordings", "calls"]], ids=str)
def test_what_needs_a_file(run: Run, sandbox: Sandbox, option: list[str]) -> None:
    sandbox(conversations=5)
    ended = run("export", "-o", "-", *option)
    assert (ended.code, ended.out) == (2, "")
    assert f"{option[0]} needs an output file." in ended.err


def test_a_limited_export(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    assert run(*EXPORT, "--limit", 7, "--channel", "WEBCHAT").code == 0
    chats = [one["conversationId"] for one in listed(base_url) if one["channel"] == "WEBCHAT"]
    assert ids() == chats[:7]


# --- Failures --------------------------------------------------------------------------------


def test_failed_conversations_are_listed_and_retried(run: Run, sandbox: Sandbox) -> None:
    faults = [Fault(500, path="*/conversations/CA5*"), Fault(410, {}, path=f"*/{CHAT}")]
    sandbox(conversations=30, faults=faults)
    ended = run(*EXPORT, "--details")
    assert ended.code == 6
    failed = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert f"error: {CHAT}: Gone (410" in ended.err
    missing = len(failed) - 1
    assert f"error: {missing} failed.\n" in ended.err
    kept = f"Saved {30 - missing} conversations in calls.jsonl.part. Use --resume to continue."
    assert kept in ended.err
    assert len(ids(PART)) == 30 - missing
    assert not FILE.exists()
    base_url = sandbox(conversations=30)
    assert run(*EXPORT, "--details", "--resume").code == 0
    assert sorted(ids()) == sorted(one["conversationId"] for one in listed(base_url))


def test_failed_recordings_are_retried(run: Run, sandbox: Sandbox) -> None:
    options = ("--recordings", "calls")
    sandbox(conversations=10, recording_bytes=99, faults=[Fault(500, path="*/CA2*/audio")])
    ended = run(*EXPORT, *options)
    assert ended.code == 6
    assert "error: recording of CA22d437f4405070690f8906b76c8ea4ed: " in ended.err
    received: list[Received] = []
    sandbox(conversations=10, recording_bytes=99, received=received)
    ended = run(*EXPORT, *options, "--resume")
    assert ended.code == 0
    assert ", 1 recording saved.\n" in ended.err
    assert set(asked(received, "/audio")) == {"CA22d437f4405070690f8906b76c8ea4ed/audio"}


def test_a_missing_recording_is_not_a_failure(run: Run, sandbox: Sandbox) -> None:
    missing = {"error_code": "CONVERSATIONS_RECORDING_NOT_FOUND", "error": "none"}
    sandbox(conversations=10, faults=[Fault(404, missing, path="*/audio")])
    ended = run(*EXPORT, "--recordings", "calls")
    assert ended.code == 0
    assert ", 0 recordings saved." in ended.err


def page(*records: Any) -> Fault:
    found = {"conversations": list(records), "count": len(records), "limit": 50, "offset": 0}
    return Fault(200, found, path="*/conversations")


@pytest.mark.parametrize("options", [[], ["--details", "--recordings", "calls"]])
def test_records_without_an_id_are_exported(run: Run, sandbox: Sandbox, options: list[str]) -> None:
    odd = [{"x": 1}, None, 7, {"conversationId": 5, "audioUrl": "x"}, {"conversationId": ""}]
    readable = {"conversationId": CHAT}
    sandbox(conversations=5, faults=[page(*odd, readable)])
    ended = run(*EXPORT, *options)
    assert ended.code == 0
    assert "6 conversations, 5 without an ID" in ended.err
    assert written()[:5] == odd
    # When resumed, they are recognised by their content.
    FILE.rename(PART)
    assert run(*EXPORT, *options, "--resume").code == 0
    assert len(written()) == 6


class Full(io.FileIO):
    """A file on a disk that gets full."""

    room = 20_000

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(bytes(data)[: self.room]) or 0
        self.room -= taken
        return taken


def test_an_export_survives_a_full_disk(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = sandbox()
    opened = Path.open

    def open_full(self: Path, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if mode in ("xb", "ab"):
            return Full(self, mode)
        return opened(self, mode, buffering, **options)

    monkeypatch.setattr(Path, "open", open_full)
    ended = run(*EXPORT)
    assert ended.code == 1
    assert ended.err.startswith("error: No space left on device\nhint: Saved ")
    assert PART.stat().st_size == 20_000
    assert not PART.read_bytes().endswith(b"\n")
    monkeypatch.setattr(Path, "open", opened)
    assert run(*EXPORT, "--resume").code == 0
    assert written() == listed(base_url)


def test_ctrl_c_says_how_to_resume(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    add = _part.JsonLinesFile.add

    def interrupt(self: _part.JsonLinesFile, value: Any) -> None:
        if self.count == 7:
            raise KeyboardInterrupt
        add(self, value)

    with monkeypatch.context() as patched:
        patched.setattr(_part.JsonLinesFile, "add", interrupt)
        ended = run(*EXPORT)
    assert ended.code == 130
    assert ended.err == (
        "Interrupted. Saved 7 conversations in calls.jsonl.part. Use --resume to continue.\n"
    )
    assert run(*EXPORT, "--resume").code == 0
    assert len(ids()) == 200


def test_progress_is_shown_only_on_a_terminal(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox(conversations=20, recording_bytes=99)
    on_terminal(120)
    ended = run(*EXPORT, "--details", "--recordings", "calls")
    assert ended.code == 0
    assert "conversations" in ended.err
    assert "20/20" in ended.err
    assert "recordings" in ended.err


def test_the_rate_is_empty_until_it_is_known() -> None:
    from polyai_data.cli._terminal import _Rate
    from rich.progress import Progress

    progress = Progress(disable=True)
    task = progress.add_task("x", total=None)
    assert _Rate().render(progress.tasks[0]).plain == ""
    progress.tasks[0].finished_speed = 1234.5
    assert _Rate().render(progress.tasks[0]).plain == "1,234/s"
    progress.remove_task(task)
