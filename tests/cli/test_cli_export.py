"""`polyai-data export`: one line a conversation, whatever happens on the way."""

from __future__ import annotations

import errno
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient
from polyai_data.cli import _part
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
    """Count the requests for each conversation, or for its recording."""
    parts = [request.path.split("/conversations/") for request in received]
    return Counter(path[1] for path in parts if len(path) == 2 and path[1].endswith(ending))


def test_every_conversation_is_a_line_as_the_server_sent_it(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    ended = run(*EXPORT)
    said = "Wrote calls.jsonl: 200 conversations, 1 of them still in progress.\n"
    assert ended == (0, "", said)
    assert written() == listed(base_url)
    assert not PART.exists()


def test_details_are_what_the_server_sends_for_each(run: Run, sandbox: Sandbox) -> None:
    received: list[Received] = []
    base_url = sandbox(conversations=30, received=received)
    assert run(*EXPORT, "--details", "--concurrency", 8).code == 0
    assert set(asked(received).values()) == {1}
    with DataClient(base_url=base_url) as client:
        expected = [client.get_conversation(one["conversationId"]).raw for one in listed(base_url)]
    assert written() == expected  # in the order of the list, however they came


def test_recordings_are_saved_where_there_are_any(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox(conversations=20, recording_bytes=1000)
    ended = run(*EXPORT, "--recordings", "some/calls", "--direction", "agent", "--redacted")
    recorded = {one["conversationId"] for one in listed(base_url) if one["audioUrl"]}
    saved = {path.name.partition(".")[0] for path in Path("some/calls").iterdir()}
    assert saved == recorded
    assert all(path.name.endswith(".agent.redacted.wav") for path in Path("some/calls").iterdir())
    assert f", {len(recorded)} recordings saved.\n" in ended.err


def test_filters_choose_what_is_written(run: Run, sandbox: Sandbox) -> None:
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


# --- What is there is not lost ---------------------------------------------------------------


def test_a_file_that_is_there_is_replaced_only_on_demand(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    FILE.write_text("mine")
    ended = run(*EXPORT)
    assert ended.code == 2
    assert ended.err == "error: calls.jsonl exists.\nhint: --overwrite replaces it.\n"
    assert run(*EXPORT, "--resume").code == 2
    assert FILE.read_text() == "mine"
    assert run(*EXPORT, "--overwrite").code == 0
    assert len(written()) == 200


def test_a_directory_is_no_file(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    assert run("export", "-o", ".", "--overwrite").err.startswith("error: . is a directory.")
    ended = run("export", "-o", "none/calls.jsonl")
    assert ended.code == 1
    assert "No such file or directory: none/calls.jsonl.part" in ended.err


def test_a_file_that_appears_meanwhile_stays(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    monkeypatch.setattr(os, "fsync", lambda _: FILE.write_text("mine"))
    ended = run(*EXPORT)
    assert (ended.code, FILE.read_text()) == (2, "mine")
    assert len(ids(PART)) == 200


def test_it_is_on_the_disk_before_it_has_its_name(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    synced: list[tuple[bool, int]] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append((FILE.exists(), os.fstat(fd).st_size))
    )
    run(*EXPORT)
    assert synced == [(False, FILE.stat().st_size)]


def test_what_an_interrupted_one_left_is_not_thrown_away(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    PART.write_text("mine")
    ended = run(*EXPORT, "--overwrite")
    assert ended.code == 2
    assert "--resume goes on with it. To begin anew, delete calls.jsonl.part." in ended.err
    assert PART.read_text() == "mine"


# --- To go on --------------------------------------------------------------------------------


def interrupted(run: Run, sandbox: Sandbox, *options: object, conversations: int = 200) -> None:
    """Leave the `.part` file of an export that broke off after its first page or two."""
    sandbox(conversations=conversations, faults=[Fault(401, path="*/conversations", nth=3)])
    ended = run(*EXPORT, "--page-size", 20, *options)
    assert ended.code == 3
    kept = len(ids(PART))
    assert kept == 39 or (options and 20 < kept < 39)  # but for what was on its way
    assert f"calls.jsonl.part keeps {kept} conversations: --resume goes on." in ended.err
    assert not FILE.exists()


def test_an_interrupted_export_goes_on(run: Run, sandbox: Sandbox) -> None:
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
    assert not set(there) & set(asked(received))  # but for their recordings
    assert Counter(ids()) == Counter(dict.fromkeys(ids(), 1))
    assert len(ids()) == 200
    # Once more, as if it had been interrupted at its very end: recordings stay as well.
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
def test_what_is_no_whole_line_is_cut_off(run: Run, sandbox: Sandbox, damage: bytes) -> None:
    interrupted(run, sandbox)
    with PART.open("ab") as file:
        file.write(damage)
    base_url = sandbox()
    assert run(*EXPORT, "--resume").code == 0
    assert written() == listed(base_url)


def test_half_a_line_in_the_middle_of_a_character(run: Run, sandbox: Sandbox) -> None:
    interrupted(run, sandbox)
    for length in range(PART.stat().st_size, PART.stat().st_size - 400, -37):
        os.truncate(PART, length)
        before = PART.read_bytes()
        base_url = sandbox()
        assert run(*EXPORT, "--resume").code == 0
        assert written() == listed(base_url)
        FILE.unlink()
        PART.write_bytes(before)


def test_with_nothing_to_go_on_with_it_begins(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=5)
    assert run(*EXPORT, "--resume").code == 0
    assert len(ids()) == 5


@pytest.mark.parametrize("first", [[], ["--details"]])
def test_one_with_details_does_not_go_on_without(
    run: Run, sandbox: Sandbox, first: list[str]
) -> None:
    interrupted(run, sandbox, *first)
    kept = PART.read_bytes()
    sandbox()
    then = [] if first else ["--details"]
    ended = run(*EXPORT, "--resume", *then)
    assert ended.code == 2
    assert f"was begun {'with' if first else 'without'} --details." in ended.err
    assert PART.read_bytes() == kept


# --- What fails ------------------------------------------------------------------------------


def test_conversations_that_fail_are_listed_and_tried_again(run: Run, sandbox: Sandbox) -> None:
    faults = [Fault(500, path="*/conversations/CA5*"), Fault(410, {}, path=f"*/{CHAT}")]
    sandbox(conversations=30, faults=faults)
    ended = run(*EXPORT, "--details")
    assert ended.code == 6
    failed = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert f"error: {CHAT}: Gone (410" in ended.err
    missing = len(failed) - 1
    assert f"error: {missing} failed.\n" in ended.err
    kept = f"calls.jsonl.part keeps {30 - missing} conversations: --resume tries the rest."
    assert kept in ended.err
    assert len(ids(PART)) == 30 - missing
    assert not FILE.exists()
    base_url = sandbox(conversations=30)
    assert run(*EXPORT, "--details", "--resume").code == 0
    assert sorted(ids()) == sorted(one["conversationId"] for one in listed(base_url))


def test_recordings_that_fail_are_tried_again(run: Run, sandbox: Sandbox) -> None:
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


def test_a_recording_that_is_not_there_after_all_is_no_failure(run: Run, sandbox: Sandbox) -> None:
    missing = {"error_code": "CONVERSATIONS_RECORDING_NOT_FOUND", "error": "none"}
    sandbox(conversations=10, faults=[Fault(404, missing, path="*/audio")])
    ended = run(*EXPORT, "--recordings", "calls")
    assert ended.code == 0
    assert ", 0 recordings saved." in ended.err


def page(*records: Any) -> Fault:
    found = {"conversations": list(records), "count": len(records), "limit": 50, "offset": 0}
    return Fault(200, found, path="*/conversations")


@pytest.mark.parametrize("options", [[], ["--details", "--recordings", "calls"]])
def test_a_record_without_an_id_is_kept_as_it_came(
    run: Run, sandbox: Sandbox, options: list[str]
) -> None:
    odd = [{"x": 1}, None, 7, {"conversationId": 5, "audioUrl": "x"}, {"conversationId": ""}]
    readable = {"conversationId": CHAT}
    sandbox(conversations=5, faults=[page(*odd, readable)])
    ended = run(*EXPORT, *options)
    assert ended.code == 0
    assert "6 conversations, 5 of them without an ID, as the server sent them" in ended.err
    assert written()[:5] == odd
    # They are known again, by all that they are.
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


def test_a_full_disk_keeps_what_fits(
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
    assert ended.err.startswith("error: No space left on device\nhint: calls.jsonl.part keeps ")
    assert PART.stat().st_size == 20_000
    assert not PART.read_bytes().endswith(b"\n")
    monkeypatch.setattr(Path, "open", opened)
    assert run(*EXPORT, "--resume").code == 0
    assert written() == listed(base_url)


def test_ctrl_c_says_how_to_go_on_in_one_line(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    add = _part.Lines.add

    def interrupt(self: _part.Lines, value: Any) -> None:
        if self.count == 7:
            raise KeyboardInterrupt
        add(self, value)

    with monkeypatch.context() as patched:
        patched.setattr(_part.Lines, "add", interrupt)
        ended = run(*EXPORT)
    assert ended.code == 130
    assert ended.err == ("Interrupted. calls.jsonl.part keeps 7 conversations: --resume goes on.\n")
    assert run(*EXPORT, "--resume").code == 0
    assert len(ids()) == 200


def test_progress_is_shown_on_a_terminal_alone(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox(conversations=20, recording_bytes=99)
    on_terminal(120)
    ended = run(*EXPORT, "--details", "--recordings", "calls")
    assert ended.code == 0
    assert "conversations" in ended.err
    assert "20/20" in ended.err
    assert "recordings" in ended.err


def test_a_bar_without_a_rate_is_empty() -> None:
    from polyai_data.cli._terminal import _Rate
    from rich.progress import Progress

    progress = Progress(disable=True)
    task = progress.add_task("x", total=None)
    assert _Rate().render(progress.tasks[0]).plain == ""
    progress.tasks[0].finished_speed = 1234.5
    assert _Rate().render(progress.tasks[0]).plain == "1,234/s"
    progress.remove_task(task)
