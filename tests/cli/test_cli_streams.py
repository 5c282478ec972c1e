"""Tests standard streams that are closed, and text as other systems write it."""

from __future__ import annotations

import codecs
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient
from polyai_data.cli import _streams, main
from polyai_data.sandbox import Received

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

    Environment = Callable[..., dict[str, str]]

COMMAND = f"{sys.executable} -m polyai_data"
ID = "CA22d437f4405070690f8906b76c8ea4ed"
OTHER = "CA5e7829d5befcfd26663794303bc8a325"


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (f"get {ID} --json 2>&-", 0, ID),
        ("list --limit 3 >&-", 141, ""),
        ("list --limit 3 >&- 2>&-", 141, ""),
        ("--help >&-", 141, ""),
        ("export -o calls.jsonl 2>&-", 0, ""),
        ("export -o calls.jsonl >&-", 0, "Wrote calls.jsonl"),
        ("list --limit 1 <&- >&- 2>&-", 141, ""),
        ("audio - <&-", 2, "error: Standard input is closed."),
        ("chat <&-", 2, "error: Standard input is closed."),
        (f"note {ID} - <&-", 2, "error: Standard input is closed."),
        ("login --region us <&-", 2, "error: Standard input is closed."),
        ("list --limit 1 --no-such-option 2>&-", 2, ""),
    ],
)
def test_a_closed_stream(
    sandbox: Sandbox, child_environment: Environment, arguments: str, code: int, shown: str
) -> None:
    check(sandbox, child_environment, arguments, code, shown)


def check(
    sandbox: Sandbox, child_environment: Environment, arguments: str, code: int, shown: str
) -> None:
    """Run a command in a shell."""
    sandbox(conversations=5)
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} {arguments}"],
        capture_output=True,
        text=True,
        env=child_environment(),
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == code, done.stderr
    assert shown in done.stdout + done.stderr
    if "calls.jsonl" in arguments:
        assert len(Path("calls.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_keeps_its_descriptor_occupied(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sandbox(conversations=3)
    monkeypatch.setattr(sys, name, None)
    before = null_devices()
    assert main(["list"]) == (141 if name == "stdout" else 0)
    assert null_devices() == before + 1
    os.close(getattr(sys, name).fileno())


@pytest.mark.parametrize("command", [["audio", "-"], ["chat"], ["note", ID, "-"]], ids=str)
def test_a_closed_stdin_is_an_error(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    received: list[Received] = []
    sandbox(conversations=3, received=received)
    monkeypatch.setattr(sys, "stdin", None)
    assert main(command) == 2
    assert capsys.readouterr().err.startswith("error: Standard input is closed.\n")
    assert received == []
    os.close(sys.stdin.fileno())


def null_devices() -> int:
    """Count the descriptors of this process that lead to the null device."""
    return sum(os.path.realpath(link) == os.devnull for link in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        ("export -o calls.jsonl 2>/dev/full", 0, ""),  # messages are lost, data is not
        ("get CA1 2>/dev/full", 4, ""),
        ("list --no-such-option 2>/dev/full", 2, ""),
        ("list >/dev/full", 1, "error: No space left on device"),
        ("list --json >/dev/full", 1, "error: No space left on device"),
    ],
)
def test_a_full_device(
    sandbox: Sandbox, child_environment: Environment, arguments: str, code: int, shown: str
) -> None:
    check(sandbox, child_environment, arguments, code, shown)


# --- Text ------------------------------------------------------------------------------------

ENCODINGS = {
    "plain": "{}\n".format,
    "crlf": "{}\r\n".format,
    "utf-8 with a mark": "\ufeff{}\r\n".format,
    "utf-16": "\ufeff{}\r\n".format,
}


def encoded(kind: str, text: str) -> bytes:
    content = ENCODINGS[kind](text.replace("\n", "\r\n") if kind != "plain" else text)
    return content.encode("utf-16-le" if kind == "utf-16" else "utf-8")


@pytest.fixture(params=ENCODINGS)
def pipe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts text into stdin, as different systems write it."""

    def put(text: str) -> None:
        content = io.BufferedReader(io.BytesIO(encoded(request.param, text)))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content, "utf-8", newline="\n"))

    return put


Pipe = Callable[[str], None]


def test_ids_from_any_system(run: Run, sandbox: Sandbox, pipe: Pipe) -> None:
    sandbox(recording_bytes=1000)
    pipe(f"{ID}\n\n  {OTHER}")
    ended = run("audio", "-", "-o", "calls")
    assert ended.code == 0, ended.err
    assert sorted(path.stem for path in Path("calls").iterdir()) == sorted([ID, OTHER])


def test_messages_from_any_system(run: Run, sandbox: Sandbox, pipe: Pipe) -> None:
    sandbox()
    pipe("Überraschung\n/topics\n/end\nnever sent")
    ended = run("chat", "--json")
    assert ended.code == 0
    assert [json.loads(line)["userInput"] for line in ended.out.splitlines()] == [
        "",
        "Überraschung",
    ]
    assert "No topics so far." in ended.err


def test_notes_from_any_system(run: Run, sandbox: Sandbox, pipe: Pipe) -> None:
    base_url = sandbox()
    pipe("Grüße,\nzwei Zeilen")
    assert run("note", ID, "-").code == 0
    with DataClient(base_url=base_url) as client:
        assert client.get_conversation(ID).note == "Grüße,\nzwei Zeilen"


def test_keys_from_any_system(run: Run, pipe: Pipe, memory: Any) -> None:
    pipe("the-key")
    assert run("login", "--region", "us").code == 0
    assert memory.kept == {("polyai-data", "us"): "the-key"}


@pytest.mark.parametrize("kind", ENCODINGS)
def test_key_files_from_any_system(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    received: list[Received] = []
    sandbox(conversations=1, received=received)
    monkeypatch.delenv("POLYAI_API_KEY")
    Path("key").write_bytes(encoded(kind, "sandbox"))
    assert run("list", "--api-key-file", "key").code == 0
    assert {request.headers["x-api-key"] for request in received} == {"sandbox"}


def test_big_endian_files_are_decoded() -> None:
    assert _streams.decode_file(codecs.BOM_UTF16_BE + "ä".encode("utf-16-be")) == "ä"
