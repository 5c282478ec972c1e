"""Tests `polyai-data audio`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from polyai_data import DataClient
from polyai_data.cli import main
from polyai_data.cli._streams import ClosedStream
from polyai_data.sandbox import Fault, Received

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

ONE = "CA22d437f4405070690f8906b76c8ea4ed"
TWO = "CAd448ff1b3fc8a8b41f1f30f1bcafd95e"
CHAT = "AS_CHAT_fb8e9b87-c00c-8c8e-07d4-1b11182fafb9"


@pytest.fixture(autouse=True)
def served(sandbox: Sandbox) -> str:
    return sandbox(recording_bytes=1000)


def test_one_recording_is_saved_in_the_current_directory(run: Run) -> None:
    ended = run("audio", ONE)
    assert ended == (0, f"{ONE}.wav\n", "")
    assert Path(f"{ONE}.wav").stat().st_size == 1000


def test_one_recording_is_saved_to_the_given_file(run: Run) -> None:
    assert run("audio", ONE, "-o", "call.wav").out == "call.wav\n"
    Path("calls").mkdir()
    options = ("--direction", "user", "--redacted", "-o", "calls")
    assert run("audio", ONE, *options).out == f"calls/{ONE}.user.redacted.wav\n"
    ended = run("audio", ONE, "-o", "none/call.wav")
    assert ended.code == 1
    assert ended.err == f"error: {ONE}: The directory 'none' does not exist.\n"


def test_an_existing_file_is_skipped(run: Run) -> None:
    Path("call.wav").write_text("mine")
    ended = run("audio", ONE, "-o", "call.wav")
    assert ended == (0, "", f"Skipped {ONE}: the file exists. Use --overwrite to replace it.\n")
    assert Path("call.wav").read_text() == "mine"
    assert run("audio", ONE, "-o", "call.wav", "--overwrite").out == "call.wav\n"
    assert Path("call.wav").stat().st_size == 1000


def test_several_recordings_are_saved_in_a_new_directory(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TWO}\n\n  {ONE}\n"))
    ended = run("audio", ONE, "-", ONE, "-o", "some/calls", "--concurrency", 1)
    assert ended == (0, f"some/calls/{ONE}.wav\nsome/calls/{TWO}.wav\n", "")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TWO}\n"))
    assert "Skipped" in run("audio", "-", "-o", "some/calls").err


def test_several_recordings_cannot_go_to_a_file(run: Run) -> None:
    Path("calls").touch()
    ended = run("audio", ONE, TWO, "-o", "calls")
    assert (ended.code, ended.out) == (2, "")
    assert "error: calls is not a directory." in ended.err
    ended = run("audio", ONE, TWO, "-o", "call.wav")
    assert (ended.code, ended.out) == (2, "")
    assert "call.wav looks like a file. Several recordings need a directory." in ended.err
    assert not Path("call.wav").exists()
    assert run("audio", ONE, TWO, "-o", "call.wav/").code == 0
    assert run("audio", ONE, TWO, "-o", "call.wav").err.count("Skipped") == 2


@pytest.mark.parametrize("exists", [True, False])
def test_one_recording_is_saved_in_a_directory(run: Run, exists: bool) -> None:
    if exists:
        Path("some/calls").mkdir(parents=True)
        assert run("audio", ONE, "-o", "some/calls").out == f"some/calls/{ONE}.wav\n"
    else:
        assert run("audio", ONE, "-o", "some/calls/").out == f"some/calls/{ONE}.wav\n"
    assert Path(f"some/calls/{ONE}.wav").stat().st_size == 1000


def test_a_recording_is_written_to_stdout(
    served: str, child_environment: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "polyai_data", "audio", ONE, "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True, env=child_environment())
    with DataClient(base_url=served) as client, client.open_recording(ONE) as recording:
        assert done.stdout == recording.read()
    assert done.stderr == b""
    assert list(tmp_path.iterdir()) == []


def test_a_recording_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["audio", ONE, "-o", "-", "--direction", "user"]) == 0
    assert len(stream.buffer.getvalue()) == 1000
    monkeypatch.setattr(sys, "stdout", ClosedStream(1))
    assert main(["audio", ONE, "-o", "-"]) == 141


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((ONE, TWO), "Only one recording can go to stdout"),
        (("-",), "Only one recording can go to stdout"),
        ((ONE, "--json"), "Only one recording can go to stdout"),
    ],
)
def test_what_cannot_go_to_stdout(run: Run, arguments: tuple[str, ...], problem: str) -> None:
    ended = run("audio", *arguments, "-o", "-")
    assert (ended.code, ended.out) == (2, "")
    assert problem in ended.err


def test_a_recording_is_not_written_to_a_terminal(
    run: Run, on_terminal: Callable[..., None]
) -> None:
    on_terminal()
    ended = run("audio", ONE, "-o", "-")
    assert (ended.code, ended.out) == (2, "")
    assert "A terminal cannot show a recording." in ended.err


def test_one_conversation_without_a_recording_is_an_error(run: Run) -> None:
    ended = run("audio", CHAT)
    assert ended.code == 4
    assert "The conversation has no recording. (404 " in ended.err
    ended = run("audio", CHAT, "-o", "-")
    assert ended.code == 4
    assert "hint: Chats have no recording, and calls only when they are over.\n" in ended.err


def test_conversations_without_a_recording_are_skipped(run: Run) -> None:
    ended = run("audio", CHAT, ONE, "-o", "calls", "--concurrency", 1)
    assert ended == (0, f"calls/{ONE}.wav\n", f"Skipped {CHAT}: it has no recording.\n")


def test_failures_are_listed_and_the_rest_is_saved(run: Run) -> None:
    ended = run("audio", "CA0", ONE, "-o", "calls", "--concurrency", 1)
    assert (ended.code, ended.out) == (4, f"calls/{ONE}.wav\n")
    assert ended.err.startswith("error: CA0: Conversation ID does not exist. (404 ")


def test_json_reports_each_result(run: Run) -> None:
    run("audio", TWO, "-o", ".")
    ended = run("audio", ONE, TWO, CHAT, "CA0", "--json", "--concurrency", 1)
    saved, there, missing, failed = map(json.loads, ended.out.splitlines())
    assert ended.code == 4
    assert saved == {"conversationId": ONE, "status": "saved", "path": f"{ONE}.wav"}
    assert there == {"conversationId": TWO, "status": "exists"}
    assert missing == {"conversationId": CHAT, "status": "no recording"}
    assert failed["status"] == "failed"
    assert failed["error"].startswith("Conversation ID does not exist. (404")


def test_the_exit_code_is_that_of_the_most_severe_failure(run: Run, sandbox: Sandbox) -> None:
    broken = Fault(500, path=f"*/{ONE}/audio")
    sandbox(faults=[broken], recording_bytes=1000)
    assert run("audio", "CA0", ONE, TWO, "-o", "calls").code == 6
    limited = Fault(429, path=f"*/{ONE}/audio", headers={"Retry-After": "1000"})
    sandbox(faults=[limited], recording_bytes=1000)
    assert run("audio", "CA0", ONE, TWO, "-o", "calls").code == 5


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_key_ends_the_batch(run: Run, sandbox: Sandbox, status: int) -> None:
    received: list[Received] = []
    sandbox(faults=[Fault(status)], received=received)
    ended = run("audio", *[f"CA{n}" for n in range(50)], "--concurrency", 2)
    assert (ended.code, ended.err.count("error:")) == (3, 1)
    assert len(received) < 5


def test_too_many_failures_in_a_row_end_the_batch(run: Run, sandbox: Sandbox) -> None:
    received: list[Received] = []
    sandbox(faults=[Fault(404, {"error": "gone"})], received=received)
    ended = run("audio", *[f"CA{n}" for n in range(150)], "--concurrency", 2)
    assert (ended.code, ended.err.count("error:")) == (4, 1)
    assert ended.err.startswith("error: 100 in a row failed, the last one with: gone")
    assert len(received) < 105


def test_progress_is_shown_only_on_a_terminal(run: Run, on_terminal: Callable[..., None]) -> None:
    on_terminal(100, stdout=False)
    ended = run("audio", ONE)
    assert ended.out == f"{ONE}.wav\n"
    assert "1.0/1.0 kB" in ended.err
    many = run("audio", TWO, ONE, "-o", "calls")
    assert "2 recordings" in many.err
    assert sorted(many.out.splitlines()) == [f"calls/{ONE}.wav", f"calls/{TWO}.wav"]
    on_terminal(100)
    assert run("audio", TWO, "-o", "two.wav").out == "two.wav\n"
    same_screen = run("audio", TWO, ONE, "-o", "again")  # the paths are printed above the bar
    assert same_screen.out == ""
    assert f"\nagain/{TWO}.wav\n" in same_screen.err.replace("\x1b[2K", "\n")
