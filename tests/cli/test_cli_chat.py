"""Tests `polyai-data chat`, typed and piped."""

from __future__ import annotations

import builtins
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from polyai_data import ChatReply
from polyai_data.cli._reply import render_turn, reply_details
from polyai_data.sandbox import Fault, Received

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

CHAT = "AS_CHAT_2cb5d710-936c-3194-7b6e-a9690d836dcb"
"""The ID of the first chat in every sandbox."""
STARTED = f"Chat {CHAT} in sandbox.\nType /end to leave, or /help for help.\n"
TO_RESUME = f"To resume: polyai-data chat --resume {CHAT} --env sandbox\n"

Says = Callable[..., None]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Says:
    def piped(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return piped


class Keyboard(io.StringIO):
    """A stdin that looks like a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Says:
    """Type lines at the prompt, or raise exceptions there."""

    def typed(*lines: str | type[BaseException]) -> None:
        coming: Iterator[str | type[BaseException]] = iter([*lines, EOFError])

        def read(_: str) -> str:
            line = next(coming)
            if not isinstance(line, str):
                raise line
            return line

        monkeypatch.setattr(sys, "stdin", Keyboard())
        monkeypatch.setattr(builtins, "input", read)

    return typed


def without_durations(text: str) -> str:
    return re.sub(r"\d+\.\d\ds", "0.00s", text)


def test_each_line_of_stdin_is_a_message(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("May I bring my dog?", "", "A person, please")
    ended = run("chat")
    assert ended.code == 0
    assert without_durations(ended.out).splitlines() == [
        "agent  Hello, this is the Larkspur Hotel. How can I help?",
        "       0.00s",
        "user  May I bring my dog?",
        "agent  Dogs are very welcome, and so is any cat that can bear them.",
        "       Pets · 0.00s",
        "user  A person, please",
        "agent  Of course. I will ask the front desk to call you.",
        "       handed to front-desk · 0.00s",
    ]
    assert ended.err == TO_RESUME  # no key hints for scripts


def test_json_prints_one_reply_per_line(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("dog", "bye")
    ended = run("chat", "--json")
    replies = [json.loads(line) for line in ended.out.splitlines()]
    assert [reply["userInput"] for reply in replies] == ["", "dog", "bye"]
    assert replies[2]["conversationEnded"] is True
    assert ended.code == 0
    assert ended.err == ""


def test_options_are_sent_to_the_agent(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("hallo")
    options = ("--language", "de-DE", "--variant", "V", "--channel", "webchat")
    ended = run("chat", "--env", "live", *options, "--attribute", "name=Ada=A", "--json")
    greeting, reply = map(json.loads, ended.out.splitlines())
    assert greeting["response"].startswith("Hallo Ada=A, hier ist")
    assert greeting["metadata"]["state"] == {"name": "Ada=A"}
    assert reply["metadata"]["asrLangCode"] == "de-DE"
    assert ended.err.endswith(" --env live\n")
    shown = json.loads(run("get", CHAT, "--json").out)
    assert (shown["variantId"], shown["channel"]) == ("V", "webchat")


@pytest.mark.parametrize("text", ["name", "=Ada"])
def test_an_attribute_needs_a_name_and_a_value(run: Run, sandbox: Sandbox, text: str) -> None:
    sandbox()
    ended = run("chat", "--attribute", text)
    assert (ended.code, ended.err.count("\n")) == (2, 2)


def test_a_chat_is_resumed(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("dog")
    run("chat")
    piped("cat")
    ended = run("chat", "--resume", CHAT)
    assert ended.out.splitlines()[0] == "user  cat"
    piped("x")
    gone = run("chat", "--resume", "AS_CHAT_0")
    assert gone.code == 4
    assert "To resume: polyai-data chat --resume AS_CHAT_0 --env sandbox" in gone.err


def test_a_delayed_reply_is_announced(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("slow")
    assert "The agent is still working; its reply comes with the next message." in run("chat").err


def test_a_message_after_the_end_is_an_error(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("bye", "/topics", "hello?")
    ended = run("chat")
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "The agent ended the chat.",
        "No topics so far.",
        "error: This chat has ended. Start another one.",
    ]


def test_commands_are_run_and_not_sent(run: Run, sandbox: Sandbox, piped: Says) -> None:
    received: list[Received] = []
    sandbox(received=received)
    piped("/help", "/topics", "dog", "breakfast", "/topics", "/nonsense", "//slash", "/end", "more")
    ended = run("chat")
    assert (
        "/save FILE   save the chat, as JSON if FILE ends in .json, otherwise as Markdown"
        in ended.err
    )
    assert "No topics so far.\n" in ended.err
    assert "Pets, Breakfast\n" in ended.err
    assert "warning: Unknown command /nonsense. Type /help for a list.\n" in ended.err
    assert "user  /slash\n" in ended.out
    assert ended.err.endswith(TO_RESUME)
    assert len(received) == 4  # the start, and three messages


def test_a_chat_is_saved(run: Run, sandbox: Sandbox, piped: Says) -> None:
    sandbox()
    piped("dog", "/save chat.md", "/save chat.json", "/save chat.md", "/save", "/save no/chat.md")
    ended = run("chat")
    assert Path("chat.md").read_text().splitlines() == [
        rf"# Chat {CHAT.replace('_', chr(92) + '_')}",
        "",
        "- **agent** (0): Hello, this is the Larkspur Hotel. How can I help?",
        "- **user** (1): dog",
        "- **agent** (1): Dogs are very welcome, and so is any cat that can bear them.",
    ]
    replies = json.loads(Path("chat.json").read_text())
    assert [reply["userInput"] for reply in replies] == ["", "dog"]
    assert ended.err.splitlines()[:-1] == [
        "Saved as chat.md.",
        "Saved as chat.json.",
        "warning: Could not save the chat: File exists: chat.md",
        "warning: Missing file name. Example: /save chat.md",
        "warning: Could not save the chat: No such file or directory: no/chat.md",
    ]


def test_a_reply_without_details() -> None:
    said = ChatReply.from_dict({"conversationId": CHAT, "response": "hi", "metadata": None})
    assert list(reply_details(said)) == []
    assert render_turn("agent", "hi").row_count == 1


# --- At a keyboard ---------------------------------------------------------------------------


def test_a_person_chats(
    run: Run, sandbox: Sandbox, typed: Says, on_terminal: Callable[..., None]
) -> None:
    sandbox()
    on_terminal(80)
    typed("  ", "dog", "bye", "/save chat.md", "are you there?")
    ended = run("chat")
    assert ended.code == 0
    assert "Dogs are very welcome" in ended.out
    assert "user" not in ended.out  # the terminal shows what is typed
    assert "The agent ended the chat. Type /save FILE to save it, or /end to leave." in ended.err
    assert "This chat has ended. Start another one." in ended.err
    assert TO_RESUME not in ended.err
    assert Path("chat.md").exists()


def test_a_person_can_try_again(run: Run, sandbox: Sandbox, typed: Says) -> None:
    broken = Fault(400, {"error": "no"}, path="*/debug-chat/*", nth=1)
    sandbox(faults=[broken])
    typed("dog", "dog")
    ended = run("chat")
    assert ended.code == 0
    assert "error: no (400" in ended.err
    assert "Dogs are very welcome" in ended.out
    assert ended.err.endswith(f"\n{TO_RESUME}")


def test_ctrl_c_ends_a_chat_and_says_how_to_resume(run: Run, sandbox: Sandbox, typed: Says) -> None:
    sandbox()
    typed("dog", KeyboardInterrupt)
    ended = run("chat")
    assert ended.code == 130
    assert ended.err == f"{STARTED}{'you    ' * 2}Interrupted. {TO_RESUME}"


@pytest.mark.parametrize(
    ("no_color", "has_readline", "expected"),
    [
        (None, True, "\001\033[1;36m\002you    \001\033[0m\002"),
        ("1", True, "you    "),
        (None, False, "you    "),
    ],
)
def test_the_prompt_is_coloured_for_readline(
    run: Run,
    sandbox: Sandbox,
    typed: Says,
    on_terminal: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    no_color: str | None,
    has_readline: bool,
    expected: str,
) -> None:
    sandbox()
    on_terminal(80)
    typed()
    if not has_readline:  # as on Windows
        monkeypatch.setitem(sys.modules, "readline", None)
    prompts = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        raise EOFError

    monkeypatch.setattr(builtins, "input", read)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    run("chat")
    assert prompts == [expected]


def test_a_chat_works_without_readline(
    run: Run, sandbox: Sandbox, typed: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    monkeypatch.setitem(sys.modules, "readline", None)
    typed("dog")
    assert "Dogs are very welcome" in run("chat").out
