"""Tests error messages and exit codes, and that no error shows the key."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from polyai_data import DataClient, PolyAIError, errors
from polyai_data.cli import _app, _commands, _hide, main
from polyai_data.cli._errors import _CODES, _is_broken_pipe, exit_code, most_severe, reporting
from polyai_data.sandbox import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

MARK = "8f3a61"
KEY = f"made-up/key+{MARK}=="
ID = "CA22d437f4405070690f8906b76c8ea4ed"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")

STATUSES = {
    400: 1,
    401: 3,
    403: 3,
    404: 4,
    405: 1,
    409: 1,
    410: 1,
    422: 1,
    429: 5,
    500: 6,
    503: 6,
    599: 6,
}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_a_message_a_hint_and_an_exit_code(
    run: Run, sandbox: Sandbox, status: int
) -> None:
    sandbox(faults=[Fault(status, {"error_message": "so\nit is", "error_code": "WHY"})])
    ended = run("get", ID)
    assert (ended.code, ended.out) == (STATUSES[status], "")
    first, second = ended.err.splitlines()
    retried = "3 attempts, " if status in (429, 500, 503) else ""
    assert re.fullmatch(
        rf"error: so it is \({status} WHY, {retried}correlation ID polyai-data-[0-9a-f-]+\)", first
    )
    assert second.startswith("hint: ")


def test_retry_after_is_shown(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(429, headers={"Retry-After": "90"})])
    assert "hint: Wait 90 seconds, then try again.\n" in run("get", ID).err
    sandbox(faults=[Fault(429)])
    assert "hint: Wait a while, then try again.\n" in run("get", ID).err


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="close-before-headers"),
        Fault(kind="reset-in-body"),
        Fault(kind="broken-gzip"),
        Fault(200, "<html>Please log in"),
        Fault(200, {"no": "identity"}),
    ],
    ids=lambda fault: fault.kind,
)
def test_network_failures_exit_with_code_6(run: Run, sandbox: Sandbox, fault: Fault) -> None:
    sandbox(faults=[fault])
    ended = run("get", ID)
    assert ended.code == 6
    assert ended.err.count("\n") == 2
    assert "To find the cause, run `polyai-data doctor`." in ended.err


def test_invalid_arguments_exit_with_code_2(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    ended = run("get", "..")
    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_every_error_of_the_library_has_an_exit_code() -> None:
    found = {
        error: exit_code(error("x"))
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, PolyAIError)
    }
    assert len(found) > 15
    assert {found[kind] for kind in found if kind.__name__.endswith("NotFoundError")} == {4}
    assert found[errors.APITimeoutError] == 6
    assert found[errors.ConfigurationError] == 2


def test_exit_codes_are_listed_in_help_and_docs(run: Run) -> None:
    shown = " ".join(run("--help").out.split())
    codes = {0, 1, 141, *(code for _, code in _CODES)}
    for code in codes:
        assert re.search(rf"\b{code} \w", shown)
        assert f"| {code} |" in PAGE


def test_the_most_severe_exit_code_wins() -> None:
    assert most_severe(iter([])) == 0
    assert most_severe(iter([0, 4, 6, 5])) == 6
    assert most_severe(iter([1, 4])) == 1
    assert most_severe(iter([3, 2, 130, 6])) == 130


def test_a_long_message_is_truncated(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(400, {"error": "long " * 1000})])
    first = run("get", ID).err.splitlines()[0]
    assert len(first) < 600
    assert "…" in first


def test_an_unexpected_error_is_reported_on_one_line(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()

    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("inside")

    monkeypatch.setattr(DataClient, "get_conversation", fail)
    ended = run("get", ID)
    assert ended.code == 1
    assert ended.err == (
        "error: Unexpected KeyError: 'inside'\n"
        "hint: This is a bug. Run with --debug for a traceback.\n"
    )
    assert "Traceback (most recent call last):" in run("get", ID, "--debug").err


def test_an_error_without_a_message_shows_its_type(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr(DataClient, "get_conversation", fail)
    assert run("get", ID).err == "error: Unexpected OSError\n"


def test_ctrl_c_prints_one_line_and_exits_with_code_130(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DataClient, "get_conversation", interrupt)
    assert run("get", ID) == (130, "", "Interrupted.\n")
    # Also before a command starts.
    monkeypatch.setattr(_app, "app", interrupt)
    assert run("get", ID) == (130, "", "Interrupted.\n")


def test_a_closed_pipe_exits_silently(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> int:
        raise BrokenPipeError

    sandbox()
    for command in (["list"], ["list", "--json"], ["regions"]):
        with monkeypatch.context() as patched:
            patched.setattr(sys.stdout, "write", refuse)
            ended = run(*command)
        assert ended == (141, "", "")


@pytest.mark.parametrize(
    ("error", "on_windows", "elsewhere"),
    [
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), True, True),
        (BrokenPipeError(), True, True),
        (OSError(errno.EINVAL, "Invalid argument"), True, False),
        (OSError(errno.EINVAL, "Invalid argument", "a?b"), False, False),
        (ValueError(), False, False),
    ],
)
def test_windows_has_another_error_for_a_closed_pipe(
    monkeypatch: pytest.MonkeyPatch, error: Exception, on_windows: bool, elsewhere: bool
) -> None:
    assert _is_broken_pipe(error) is elsewhere
    with monkeypatch.context() as patched:
        patched.setattr(os, "name", "nt")
        found = _is_broken_pipe(error)
    assert found is on_windows


def test_a_closed_terminal_exits_silently(
    run: Run, on_terminal: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> int:
        raise BrokenPipeError

    on_terminal(80)
    with monkeypatch.context() as patched:
        patched.setattr(sys.stdout, "write", refuse)
        assert run("regions").code == 141


def test_help_to_a_closed_pipe_exits_silently(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def print_help(*_: Any, **__: Any) -> None:
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            sys.exit(1)  # as rich and typer do

    monkeypatch.setattr(_app, "app", print_help)
    assert run("--help") == (141, "", "")


def test_output_can_go_to_any_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert main(["regions", "--json"]) == 0
    assert main(["list"]) == 2
    assert json.loads(streams[0].getvalue().splitlines()[0])["region"] == "us"
    assert streams[1].getvalue().startswith("error: Missing API key, region and agent.")


def test_a_second_ctrl_c_exits_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    before = signal.getsignal(signal.SIGINT)

    @reporting(debug=False)
    def interrupted_twice() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(typer.Exit):
        interrupted_twice()
    assert ended == [130]
    assert signal.getsignal(signal.SIGINT) is before


def test_signal_handlers_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.getsignal", lambda _: signal.SIG_IGN)
    monkeypatch.setattr("signal.signal", lambda *_: pytest.fail("changed"))
    with reporting(debug=False):
        pass
    monkeypatch.setattr("signal.getsignal", lambda _: signal.default_int_handler)
    thread = threading.Thread(target=lambda: main(["regions"]))
    thread.start()
    thread.join()


def test_usage_errors_have_a_message_and_a_hint(run: Run) -> None:
    for arguments, message, remedy in (
        (["lst"], "No such command.", "`polyai-data --help`"),
        (["regions", "x", "y"], "Too many arguments.", "`polyai-data regions --help`"),
        (["list", "--lmit", "3"], "No such option: --lmit", "`polyai-data list --help`"),
        (["get"], "Missing argument 'ID'", "`polyai-data get --help`"),
        (["list", "--limit", "many"], "Invalid value for '--limit'", "`polyai-data list --help`"),
        (["--region", "us", "list"], "No such option: --region", "polyai-data list --region us"),
        (["--agent", "A"], "No such option: --agent", "Options come after the command"),
    ):
        ended = run(*arguments)
        assert (ended.code, ended.out) == (2, "")
        first, second = ended.err.splitlines()
        assert first.startswith(f"error: {message}")
        assert remedy in second


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        ("login --api-key-file x", ""),
        ("doctor --apikey x", " (Possible options: --api-key-file)"),
        ("list --api-key-fil x", " (Possible options: --api-key-file)"),
    ],
)
def test_the_option_that_is_always_rejected_is_not_suggested(
    run: Run, arguments: str, suggested: str
) -> None:
    typed = arguments.split()[1]
    assert run(*arguments.split()).err.startswith(f"error: No such option: {typed}{suggested}\n")


def test_usage_errors_do_not_name_an_exception(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise typer.BadParameter("Value error, 'xml' is not one of 'text', 'json'.")

    monkeypatch.setattr(_app, "app", refuse)  # as typer 0.29 does
    assert run("transcript").err.startswith(
        "error: Invalid value: 'xml' is not one of 'text', 'json'.\n"
    )


def test_an_exit_of_typer_passes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app, "app", lambda *_, **__: sys.exit(5))  # as shell completion does
    assert run("list").code == 5


@pytest.mark.parametrize("columns", [40, 80])
def test_errors_wrap_at_words_on_a_terminal(
    run: Run, on_terminal: Callable[..., None], columns: int
) -> None:
    on_terminal(columns, stdout=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", run("list", "--api-key", "x").err).splitlines()
    assert max(map(len, lines)) <= columns
    in_a_pipe = "error: API keys are not accepted on the command line: other users of this machine"
    assert " ".join(map(str.strip, lines)).startswith(in_a_pipe)


# --- The key ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("--api-key", KEY, "list"),
        (f"--api-key={KEY}", "list"),
        ("list", "--api-key", KEY),
        ("list", f"--api-key={KEY}"),
        ("get", ID, "--api-key", KEY, "--debug"),
        ("doctor", "--api-key", KEY),
        ("login", "--api-key", KEY, "--region", "us"),
        ("regions", "--api-key", KEY),
        ("list", "--api-key", ""),
    ],
    ids=" ".join,
)
def test_a_key_on_the_command_line_is_rejected_and_not_shown(
    run: Run, arguments: tuple[str, ...]
) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert MARK not in ended.err
    assert "list of processes" in ended.err
    for alternative in ("--api-key-file", "POLYAI_API_KEY", "polyai-data login"):
        assert alternative in ended.err
    assert "--api-key " not in run("list", "--help").out


TYPED = "hc-Secret/KEY+0123456789=abcdef_XYZ"
"""A key in a place where none is expected."""


@pytest.mark.parametrize("key", [TYPED, "sk-0123456789abcdefABCDEF", "A" * 300 + "1"], ids=len)
@pytest.mark.parametrize(
    "arguments",
    [
        "{}",
        "--{}",
        "-{}",
        "list {}",
        "list --{}",
        "list -n{}",
        "list --all={}",
        "list --limit {}",
        "list --limit={}",
        "list --min-score {}",
        "list --since {}",
        "list --until {}",
        "list --region {}",
        "list --base-url {}",
        "list --studio-url {}",
        "list --api-key-file {}",
        "list --page-size {}",
        "login {}",
        "login --region {}",
        "logout {}",
        "regions {}",
        "regions --json={}",
        "get A {}",
        "get A --base-url {}",
        "transcript A --format {}",
        "audio A --direction {}",
        "audio A -o {}",
        "audio A B --concurrency {}",
        "annotate A --turn 0 --type {}",
        "annotate A --turn {} --type wrong_info",
        "note A x {}",
        "export",
        "export {}",
        "export -o {}/none/calls",
        "export -o x --recordings {}/x --resume {}",
        "chat {}",
        "chat --attribute {}",
        "doctor {}",
        "doctor --region {}",
        "sandbox {}",
        "sandbox --port {}",
    ],
)
def test_a_key_in_another_place_is_not_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: str, key: str
) -> None:
    monkeypatch.setenv("POLYAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("POLYAI_API_KEY", "k")
    monkeypatch.setenv("POLYAI_AGENT_ID", "A")
    for options in ([], ["--debug"]):
        ended = run(*arguments.replace("{}", key).split(), *options)
        assert ended.code != 0
        assert key[:12] not in ended.out + ended.err


@pytest.mark.parametrize("name", ["POLYAI_REGION", "POLYAI_BASE_URL"])
@pytest.mark.parametrize("command", ["list", "doctor"])
def test_a_key_in_another_variable_is_not_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    monkeypatch.setenv(name, TYPED)
    ended = run(command)
    assert ended.code == 2
    assert TYPED[:12] not in ended.out + ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("list --region marsmarsmars", "Unknown region 'marsmarsmars'."),
        ("list --since 2026-13-01T00:00Z", "'2026-13-01T00:00Z' is not a time."),
        ("list --no-such-option-at-all", "No such option: --no-such-option-at-all"),
        ("list --api-key-file no-such-file-2026.txt", "key file no-such-file-2026.txt: No such"),
        ("list --base-url http://example.com", "'http://example.com' would send the API key"),
        ("export -o . --overwrite", ". is a directory."),
        ("export -o missing/calls.jsonl", "The directory missing does not exist."),
    ],
)
def test_arguments_that_are_no_keys_are_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.setenv("POLYAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("POLYAI_API_KEY", "k")
    monkeypatch.setenv("POLYAI_AGENT_ID", "A")
    assert message in run(*arguments.split()).err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TYPED, True),
        ("0123456789abcdef", True),
        ("ABCDEFGHIJKLMNOP", True),
        ("/etc/0123456789abcdef", False),
        ("CA22d437f4405070690f8906b76c8ea4ed", False),
        ("AS_CHAT_fb8e9b87-c00c-8c8e-07d4-1b11182fafb9", False),
        ("PROJECT-1234567890", False),
        ("short-1", False),
        ("some calls 2026 June", False),
    ],
)
def test_what_may_be_a_key(text: str, expected: bool) -> None:
    assert _hide.may_be_key(text) is expected


COMMANDS = (
    ("list",),
    ("search",),
    ("get", ID),
    ("transcript", ID),
    ("audio", ID, ID + "0"),
    ("audio", ID),
    ("annotate", ID, "--turn", "0", "--type", "wrong_info"),
    ("note", ID, "x"),
    ("chat",),
    ("export", "-o", "x", "--details", "--resume"),
    ("sync",),
    ("doctor",),
)
ECHO = {"error": f"bad key {KEY}", "error_code": KEY, "error_id": KEY, KEY: [KEY]}
FAULTS = {
    "echoed": Fault(401, ECHO),
    "echoed as text": Fault(500, f"bad key {KEY}"),
    "dropped": Fault(kind="close-before-headers"),
    "no JSON": Fault(200, f"bad key {KEY}"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("source", "fault"),
    [("environment", "echoed"), ("keyring", "echoed"), *(("file", fault) for fault in FAULTS)],
)
def test_no_error_shows_the_key(
    run: Run,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    memory: Any,
    command: tuple[str, ...],
    fault: str,
    source: str,
) -> None:
    sandbox(faults=[FAULTS[fault]])
    monkeypatch.setenv("POLYAI_REGION", "us")
    monkeypatch.setenv("POLYAI_ACCOUNT_ID", "ACCOUNT-DEMO")
    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", KEY)
    monkeypatch.delenv("POLYAI_API_KEY")
    monkeypatch.setattr(sys, "stdin", open("/dev/null", encoding="utf-8"))  # noqa: SIM115
    options = []
    if source == "file":
        Path("key").write_text(KEY)
        Path("key").chmod(0o600)
        options = ["--api-key-file", "key"]
    elif source == "environment":
        monkeypatch.setenv("POLYAI_API_KEY", KEY)
    else:
        memory.set_password("polyai-data", "us", KEY)
    ended = run(*command, *options, "--debug")
    sys.stdin.close()
    assert ended.code in (3, 6)
    assert MARK not in ended.out + ended.err
    if command[0] not in ("doctor", "audio", "export"):
        assert "Traceback" in ended.err


def test_an_invalid_key_is_not_shown(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    for content in (f"{KEY}\n{KEY}", f"{KEY} {KEY}", f"é{KEY}"):
        Path("key").write_text(content)
        ended = run("list", "--api-key-file", "key", "--debug")
        assert ended.code == 2
        assert MARK not in ended.out + ended.err


def test_every_command_has_the_debug_option(run: Run) -> None:
    for command in _commands.app.registered_commands:
        if command.name != "sandbox":  # it has options of its own
            assert "--debug" in run(command.name, "--help").out
    ended = run("doctor", "--json", "--debug")
    assert json.loads(ended.out)["ok"] is False
