"""Tests that control characters from servers, files and arguments are escaped."""

from __future__ import annotations

import io
import json
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polyai_data import Conversation, ConversationSummary, Region
from polyai_data.cli import _connect, _get, _table, _transcript
from polyai_data.cli._terminal import Terminal
from polyai_data.cli._text import clean, clean_lines, to_json
from polyai_data.sandbox import Fault
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tests.cli.conftest import Ended, Run, Sandbox

UNSAFE = re.compile(
    "[{}]".format(
        "".join(
            re.escape(character)
            for character in map(chr, range(sys.maxunicode + 1))
            if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            and character != "\n"
        )
    )
)
BIDI_CONTROL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""The characters with this property, which the module `unicodedata` does not have."""
OURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|1A|2K)|\r(?=\x1b\[(?:2K|1A)|\Z)")
"""The sequences that the program itself writes: colours and progress bars."""

EVIL = (
    "\x1b[31mred\x1b]0;title\x07\x1b]8;;https://evil.example\x1b\\link\x9b2J\x90q\x7f\r\b\x00"
    "\u202egnp.exe\u2066 \u2028next\ud800 [bold]no markup[/bold] [link=https://evil.example]x[/link]"
    " :smile: \tend\nuser   forged line\r\n"
)


def check(text: str) -> None:
    """Fail if a string has control characters from elsewhere, or markup was interpreted."""
    foreign = OURS.sub("", text)
    found = UNSAFE.search(foreign)
    assert found is None, repr(foreign[max(0, found.start() - 40) : found.end() + 40])
    assert "\U0001f604" not in text  # :smile: was not replaced


def evil(value: Any) -> Any:
    """Return a JSON value in which every string is hostile."""
    if isinstance(value, str):
        return EVIL + value
    if isinstance(value, dict):
        return {key: evil(one) for key, one in value.items()} | {EVIL: EVIL}
    return [evil(one) for one in value] if isinstance(value, list) else value


def hostile(sample: dict[str, Any]) -> dict[str, Any]:
    return {
        **evil(sample),
        "conversationId": EVIL,
        "accountId": EVIL,
        "functionEvents": {
            "1": [{"name": EVIL, "arguments": {EVIL: EVIL}, "content": EVIL, "error": EVIL}]
        },
        "metrics": {EVIL: [{"value": EVIL}]},
    }


def body(value: Any) -> bytes:
    """Return JSON with lone surrogates as escapes, as a server may write it."""
    return json.dumps(value).encode()


AS_JSON = {"content-type": "application/json"}


@given(st.text(st.characters(), max_size=200))
def test_control_characters_are_escaped(text: str) -> None:
    assert not UNSAFE.search(clean(text))
    assert "\n" not in clean(text)
    assert not UNSAFE.search(clean_lines(text))
    assert clean(clean(text)) == clean(text)
    as_json = to_json([text])
    assert not UNSAFE.search(as_json)
    assert "\n" not in as_json
    assert json.loads(as_json) == [text]
    as_json.encode()


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_other_characters_are_unchanged(text: str) -> None:
    assert clean(text) == clean_lines(text) == text
    assert to_json(text) == json.dumps(text, ensure_ascii=False)


def test_escapes_are_visible() -> None:
    assert clean("a\x1b[1mb\x9b\u202ec\r\nd\te") == r"a\x1b[1mb\x9b\u202ec d e"
    assert clean_lines("a\r\nb\x07\nc") == "a\nb\\x07\nc"
    assert clean("👩🏽 نص étude\xa0日本") == "👩🏽 نص étude\xa0日本"
    assert clean(None) == "None"


@pytest.mark.parametrize(
    "character", [*BIDI_CONTROL, "\xad", "\u200b", "\u200d", "\ufeff", "\U000e0041"], ids=ascii
)
def test_invisible_characters_are_escaped(character: str) -> None:
    escaped = character.encode("ascii", "backslashreplace").decode()
    assert clean(f"a{character}1") == clean_lines(f"a{character}1") == f"a{escaped}1"
    assert character not in to_json([character])
    assert json.loads(to_json([character])) == [character]


@pytest.mark.parametrize(
    ("number", "written"),
    [("1e999", '"1e999"'), ("-1e999", '"-1e999"'), ("NaN", '"NaN"'), ("1e308", "1e+308")],
)
def test_json_output_is_valid_whatever_number_the_server_sends(number: str, written: str) -> None:
    value = json.loads(f'{{"a": [1, {number}], "b": {{"c": {number}}}, "d": null}}')
    assert to_json(value) == f'{{"a":[1,{written}],"b":{{"c":{written}}},"d":null}}'


@pytest.mark.parametrize("columns", [None, 40, 140])
def test_the_console_escapes_control_characters_itself(
    capsys: pytest.CaptureFixture[str],
    on_terminal: Callable[..., None],
    columns: int | None,
) -> None:
    if columns is not None:
        on_terminal(columns)
    terminal = Terminal()
    grid = Table(EVIL)
    grid.add_row(Text(EVIL))
    grid.add_row(EVIL)
    terminal.show(grid, EVIL, Text(EVIL, "bold"))
    terminal._err.print(EVIL, Text(EVIL))
    for text in capsys.readouterr():
        assert "red" in text
        check(text)


@pytest.fixture(params=[None, 80, 140], ids=["pipe", "80", "140"])
def see(
    request: pytest.FixtureRequest, run: Run, on_terminal: Callable[..., None]
) -> Callable[..., Ended]:
    """Run a command in a pipe or on a terminal, and check everything that it prints."""

    def see(*arguments: object, code: int = 0) -> Ended:
        if request.param is not None:
            on_terminal(request.param)
        ended = run(*arguments)
        assert ended.code == code, ended.err
        check(ended.out)
        check(ended.err)
        return ended

    return see


See = Callable[..., "Ended"]


def test_a_list(see: See, sandbox: Sandbox, sample: Callable[..., dict[str, Any]]) -> None:
    records = [
        hostile(sample()),
        {"x": EVIL},
        EVIL,
        {"conversationId": f"x{EVIL}", "startedAt": EVIL},
    ]
    page = {"conversations": records, "count": 4, "limit": 50, "offset": 0}
    sandbox(faults=[Fault(200, body(page), AS_JSON)])
    assert r"\x1b[31mred" in see("list").out
    lines = see("list", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == records


@pytest.mark.parametrize(
    "command", [["get"], ["transcript"], ["transcript", "--format", "markdown"]], ids=" ".join
)
def test_a_conversation(
    see: See, sandbox: Sandbox, sample: Callable[..., dict[str, Any]], command: list[str]
) -> None:
    sandbox(faults=[Fault(200, body(hostile(sample())), AS_JSON)])
    out = see(*command, "CA1").out
    assert "red" in out
    assert not re.search(
        r"^user   forged", out, re.MULTILINE
    )  # a line break does not start an utterance


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 10**400, 1.5, float("inf"), float("nan")])
    | st.sampled_from(["", EVIL, "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("name"), inner),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_conversation_with_arbitrary_values(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    sample: Callable[..., dict[str, Any]],
    data: st.DataObject,
) -> None:
    """No value in any field breaks the output, in any time zone."""
    monkeypatch.setenv(
        "TZ", data.draw(st.sampled_from(["UTC", "Pacific/Kiritimati", "Etc/GMT+12"]))
    )
    time.tzset()

    def drift(value: Any) -> Any:
        if data.draw(st.integers(0, 3)) == 0:
            return data.draw(JSON)
        if isinstance(value, dict):
            return {key: drift(one) for key, one in value.items()}
        return [drift(one) for one in value] if isinstance(value, list) else value

    raw = {key: drift(value) for key, value in sample().items()} | {"conversationId": "CA1"}
    conversation = Conversation.from_dict(raw)
    capsys.readouterr()
    terminal = Terminal()
    _get._show(terminal, conversation, None)
    terminal.show_plain(_transcript.as_markdown("x", _transcript.entries(conversation)))
    terminal.show_json(_transcript.as_json(conversation))
    summary = ConversationSummary.from_dict(raw)
    setup = _connect.ResolvedSettings(Region.US, None, "A", None, "")
    for width in (None, 60, 140):
        terminal.show(_table.table([summary], setup, width=width))
    for text in capsys.readouterr():
        check(text)


@pytest.mark.parametrize("command", ["get", "transcript"])
def test_a_conversation_as_json(
    see: See, sandbox: Sandbox, sample: Callable[..., dict[str, Any]], command: str
) -> None:
    sandbox(faults=[Fault(200, body(hostile(sample())), AS_JSON)])
    assert json.loads(see(command, "CA1", "--json").out)["conversationId"] == EVIL


ERROR = {"error": EVIL, "error_message": EVIL, "error_code": EVIL, "error_id": EVIL}


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["", "debug"])
@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("get", EVIL.replace("\x00", "")),
        ("note", "CA1", "x"),
        ("annotate", "CA1", "--turn", "0", "--type", "wrong_info"),
        ("audio", "CA1", "CA2"),
        ("export", "-o", "x"),
        ("sync",),
        ("chat",),
        ("doctor",),
    ],
    ids=lambda command: command[0],
)
def test_errors(see: See, sandbox: Sandbox, command: tuple[str, ...], debug: list[str]) -> None:
    sandbox(faults=[Fault(409, body(ERROR), AS_JSON)])
    code = 2 if command[0] == "get" else 1  # invalid IDs are not sent
    ended = see(*command, *debug, code=code)
    assert re.search(r"\\x1b|U\+001B", ended.err + ended.out)


def test_a_chat(see: See, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = {
        "conversationId": EVIL,
        "response": EVIL,
        "metadata": {
            "retrievedTopics": [EVIL],
            "handoffDestination": EVIL,
            "functionEvents": [{"name": EVIL}, EVIL],
        },
    }
    sandbox(faults=[Fault(201, body(reply), AS_JSON, path="*/debug-chat")])
    monkeypatch.setattr(sys, "stdin", io.StringIO("/topics\n/save x.md\n/save x.json\n/\x1b[31m\n"))
    ended = see("chat")
    assert r"\x1b[31mred" in ended.out
    # The ID is quoted for the shell.
    assert "--resume '" in ended.err
    assert json.loads(Path("x.json").read_text()) == [reply]
    check(Path("x.json").read_text())
    check(Path("x.md").read_text())


def test_file_names(see: See, sandbox: Sandbox, home: Path) -> None:
    sandbox()
    name = "\x1b[31m\u202e.jsonl"
    ended = see("export", "-o", name, "--limit-is-no-option", code=2)
    ended = see("export", "-o", name)
    assert r"\x1b[31m\u202e.jsonl" in ended.err
    assert len((home / name).read_text().splitlines()) == 200
    ended = see("export", "-o", name, code=2)
    assert r"\x1b[31m\u202e.jsonl already exists." in ended.err
    (home / "\x1b[32m").mkdir()
    saved = see("audio", "CA22d437f4405070690f8906b76c8ea4ed", "-o", "\x1b[32m")
    assert r"\x1b[32m/CA22d" in saved.out + saved.err  # on a terminal, above the bar
    see("list", "--api-key-file", "\x1b[33m", code=2)


def test_failed_recordings(see: See, sandbox: Sandbox) -> None:
    page = {
        "conversations": [{"conversationId": EVIL, "audioUrl": EVIL}],
        "count": 1,
        "limit": 50,
        "offset": 0,
    }
    sandbox(faults=[Fault(200, body(page), AS_JSON, path="*/conversations")])
    ended = see("export", "-o", "x", "--recordings", "calls", code=2)
    assert r"recording of \x1b[31mred" in " ".join(ended.err.split())  # it may be wrapped
    check(Path("x.part").read_text())


def test_the_doctor(see: See, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"conversations": [{"conversationId": "CA1", "startedAt": EVIL}], "count": EVIL}
    sandbox(faults=[Fault(200, body(page), {**AS_JSON, "date": "\x85 then"})])
    monkeypatch.setenv("POLYAI_AGENT_ID", "\x1b[31m")
    see("doctor", code=2)
    monkeypatch.setenv("POLYAI_AGENT_ID", "\u202eA")
    assert r"\x1b[31mred" in see("doctor").out
    check(see("doctor", "--json").out)


def test_usage_errors(see: See) -> None:
    for arguments in ([EVIL], ["list", f"--{EVIL}"], ["list", "--since", EVIL], ["list", EVIL]):
        see(*[argument.replace("\x00", "") for argument in arguments], code=2)


@pytest.mark.usefixtures("broken_keyring")
def test_keyring_errors(see: See, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox()
    monkeypatch.delenv("POLYAI_API_KEY")
    assert r"\x1b[31mdown" in see("list", "--region", "us", code=2).err
