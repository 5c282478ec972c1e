"""Tests `polyai-data get` and `polyai-data transcript`."""

from __future__ import annotations

import errno
import json
import re
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient, Region
from polyai_data.cli import _format
from polyai_data.sandbox import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

    Sample = Callable[..., dict[str, Any]]

ID = "CA22d437f4405070690f8906b76c8ea4ed"
HANDED_OVER = "CAd448ff1b3fc8a8b41f1f30f1bcafd95e"
KEYPAD = "LOCAL-37328d69-3eb9-194c-307f-80500ec1b5fa"
RUNNING = "CA4a19d460c09454431446358f410ed192"
SILENCED = "CAe8a754903e3151974de0ff70b9301b8b"


def facts(text: str) -> dict[str, str]:
    """Return the value of each label above the transcript."""
    found = {}
    for line in text.partition("Transcript")[0].splitlines():
        label, _, value = line.partition("  ")
        found[label] = value.strip()
    return found


def test_all_known_details_are_shown(run: Run, sandbox: Sandbox, sample: Sample) -> None:
    sandbox(faults=[Fault(200, sample())])
    ended = run("get", "CA1")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Booking\n\n")
    assert facts(ended.out) == {
        "Booking": "",
        "": "",
        "ID": "CA1",
        "Channel": "VOICE-SIP",
        "Direction": "inbound",
        "From": "+14155550101",
        "To": "+14155550102",
        "Started": "2026-06-03 13:18:06 UTC",
        "Finished": "2026-06-03 13:19:19 UTC",
        "Length": "1:12, 1:13 including the handoff",
        "Language": "en-US",
        "Environment": "live",
        "Variant": "Main",
        "Deployment": "DEPLOYMENT-1",
        "Handed off to": "front-desk",
        "Handoff reason": "asked for it",
        "Tags": "booking",
        "Score": "◐ 4.5 medium",
        "Summary": "Ada Example booked a table.",
        "Note": "call back",
        "Recording": "polyai-data audio CA1",
        "Metrics": "",
        "ENGAGED": "73",
    }
    assert ended.out.partition("Transcript\n")[2].splitlines() == [
        "0  0:00  agent  Hello, how can I help?",
        "1  0:05  user   A table for two.  keypad 12",
        "   0:06  calls  book(party=2)  0.01s",
        "   0:07  agent  It is booked.  1.2s  barge-in",
    ]


def test_missing_details_are_omitted(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(200, {"conversationId": "CA1", "handoff": True})])
    ended = run("get", "CA1")
    assert ended.out == "Conversation CA1\n\nID             CA1\nHanded off to  yes\n"
    assert "No turns: " in ended.err


def test_unexpected_values_are_shown_and_listed(run: Run, sandbox: Sandbox, sample: Sample) -> None:
    drifted = sample(
        startedAt="yesterday", duration="long", tags="none", metrics={"A": 1, "B": None}, turns=[7]
    )
    sandbox(faults=[Fault(200, drifted)])
    ended = run("get", "CA1")
    assert ended.code == 0
    known = facts(ended.out)
    assert known["Started"] == "yesterday"
    assert known["Length"].startswith("long")
    assert known["Tags"] == "none"
    assert known["startedAt"] == "expected a date and time, got another string"
    assert "Differs from the API specification" in ended.out
    assert "turns[0]" in ended.out


def test_annotations_are_listed(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    for kind in ("wrong_info", "missing_topic"):
        assert run("annotate", ID, "--turn", 1, "--type", kind).code == 0
    for command in ("get", "transcript"):
        out = run(command, ID).out
        assert "annotated: wrong_info (agent)  annotated: missing_topic (user)" in out


def test_unexpected_types_do_not_break_the_output(
    run: Run, sandbox: Sandbox, sample: Sample
) -> None:
    odd = sample(
        metrics={"A": []}, tags=5, functionEvents={"x": [{"name": "f", "error": {"a": 1}}]}
    )
    odd["turns"][1]["reviews"] = [{}, 5, {"role": "user", "annotation_type": "missing_topic"}]
    odd["turns"][1]["user_input"] = ""
    sandbox(faults=[Fault(200, odd)])
    lines = run("get", "CA1").out.splitlines()
    assert "1        user   keypad 12" in lines
    assert '                calls  f()  error: {"a": 1}'.strip() in [line.strip() for line in lines]
    assert any(
        line.endswith(
            "1.2s  barge-in  annotated: {}  annotated: 5  annotated: missing_topic (user)"
        )
        for line in lines
    )
    assert "Tags            5" in lines
    sandbox(faults=[Fault(200, sample(metrics=[], turns="none"))])
    assert run("get", "CA1").code == 0


def test_a_finish_key_and_a_result_are_shown(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    out = run("transcript", KEYPAD).out
    assert "2        user   keypad 48213#\n" in out
    assert "calls  send_reset_link(channel=email) → sent" in out


def test_json_is_what_the_server_sent(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    with DataClient(base_url=base_url) as client:
        raw = client.get_conversation(ID).raw
    ended = run("get", ID, "--json")
    assert json.loads(ended.out) == raw
    assert ended.out.count("\n") == 1
    assert ended.err == ""


def test_the_state_of_a_conversation_is_explained(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    assert "This conversation is still in progress." in run("get", RUNNING).err
    for command in ("get", "transcript"):
        assert "No turns: transcripts may be disabled" in run(command, SILENCED).err
    assert facts(run("get", RUNNING).out)["In progress"] == "yes"


def test_a_transcript_wraps_on_a_terminal_and_not_in_a_pipe(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox()
    piped = run("transcript", ID).out.splitlines()
    assert max(map(len, piped)) > 80
    assert [line[:16].split() for line in piped[:3]] == [
        ["0", "0:01", "agent"],
        ["1", "0:08", "user"],
        ["0:08", "calls"],
    ]
    on_terminal(60)
    narrow = run("transcript", ID).out
    assert "\x1b[1;32magent" in narrow
    assert len(narrow.splitlines()) > len(piped)


def test_a_latency_is_not_split(
    run: Run, sandbox: Sandbox, sample: Sample, on_terminal: Callable[..., None]
) -> None:
    sandbox(faults=[Fault(200, sample())])
    on_terminal(36)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", run("transcript", "CA1").out)
    assert "1.2s" in shown
    assert "0.01s" in shown


def test_a_transcript_as_markdown(run: Run, sandbox: Sandbox, sample: Sample) -> None:
    odd = sample(shortSummary={"heading": "*Pets* & <b>"})
    odd["turns"][1]["user_input"] = "# not a [title](x)\nsecond `line`"
    odd["turns"][1]["user_input_datetime"] = None
    odd["functionEvents"]["99"] = [{"name": "late"}]
    sandbox(faults=[Fault(200, odd)])
    assert run("transcript", "CA1", "--format", "markdown").out.splitlines() == [
        r"# \*Pets\* & \<b\>",
        "",
        "- **agent** (0, 0:00): Hello, how can I help?",
        "- **user** (1): \\# not a \\[title\\](x)\\",
        r"  second \`line\` *keypad 12*",
        "- **function** (1, 0:06): book(party=2) *0.01s*",
        "- **agent** (1, 0:07): It is booked. *1.2s* *barge-in*",
        "- **function** (99): late()",
    ]
    sandbox(
        faults=[Fault(200, {"conversationId": "CA1", "functionEvents": {"x": [{"name": "f"}]}})]
    )
    shown = run("transcript", "CA1", "--format", "markdown").out
    assert shown == "# Conversation CA1\n\n- **function**: f()\n"


def test_a_transcript_as_json(run: Run, sandbox: Sandbox, sample: Sample) -> None:
    sandbox(faults=[Fault(200, sample())])
    expected = {
        "conversationId": "CA1",
        "utterances": [
            {
                "turn": 0,
                "role": "agent",
                "text": "Hello, how can I help?",
                "seconds": 0.73,
                "latency": None,
            },
            {
                "turn": 1,
                "role": "user",
                "text": "A table for two.",
                "seconds": 5.63,
                "latency": None,
            },
            {
                "turn": 1,
                "role": "agent",
                "text": "It is booked.",
                "seconds": 7.63,
                "latency": 1.25,
            },
        ],
        "functionCalls": [
            {
                "turn": 1,
                "name": "book",
                "arguments": {"party": 2},
                "result": None,
                "error": None,
                "seconds": 6.63,
                "duration": 0.0125,
            }
        ],
    }
    for options in (["--json"], ["--format", "json"], ["--format", "markdown", "--json"]):
        assert json.loads(run("transcript", "CA1", *options).out) == expected
    drifted = sample(startedAt=None, functionEvents={"1": [{"name": "f"}]})
    sandbox(faults=[Fault(200, drifted)])
    found = json.loads(run("transcript", "CA1", "--json").out)
    assert found["utterances"][0]["seconds"] is None
    assert found["functionCalls"][0]["duration"] is None


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"], ids=["first", "last"]
)
def test_out_of_range_values_are_shown_unchanged(moment: str) -> None:
    assert _format.timestamp(datetime.fromisoformat(moment)) == moment.replace("T", " ")
    for number in (10**400, -(10**15), float("inf"), float("nan")):
        assert _format.duration(number) == str(number)
        assert _format.score(number).plain == str(number)
    assert _format.duration(-5) == "-0:05"


class WindowsTime(datetime):
    """A time that the C library cannot convert, as that of Windows before 1970."""

    def astimezone(self, tz: Any = None) -> Any:
        if tz is None:
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().astimezone(tz)


def test_a_time_that_windows_cannot_convert_is_shown_unchanged() -> None:
    assert _format.timestamp(WindowsTime(1969, 7, 20, tzinfo=UTC)) == "1969-07-20 00:00:00+00:00"
    assert _format.duration(3725) == "1:02:05"


# --- The browser -----------------------------------------------------------------------------

LINK = f"https://studio.us.poly.ai/ACCOUNT-DEMO/PROJECT-DEMO/conversations/{ID}"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def note(url: str) -> bool:
        found.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", note)
    return found


def in_region(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """Point the region us to the sandbox."""
    monkeypatch.delenv("POLYAI_BASE_URL")
    monkeypatch.setattr(Region, "base_url", base_url)
    monkeypatch.setenv("POLYAI_REGION", "us")


def test_a_conversation_opens_in_agent_studio(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    in_region(monkeypatch, sandbox())
    ended = run("get", ID, "--web")
    assert opened == [LINK]
    assert (ended.code, ended.out, ended.err) == (0, "", f"Opened {LINK}\n")
    assert facts(run("get", ID).out)["Studio"] == LINK


def test_without_a_browser_the_url_is_printed(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_region(monkeypatch, sandbox())
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    ended = run("get", ID, "--web")
    assert (ended.code, ended.out) == (0, f"{LINK}\n")
    assert "Could not open a browser." in ended.err


def test_the_studio_url_is_unknown_with_a_base_url(
    run: Run, sandbox: Sandbox, opened: list[str]
) -> None:
    ended = run("get", ID, "--web", "--region", "us", "--base-url", sandbox())
    assert (ended.code, opened) == (2, [])
    assert ended.err.startswith("error: The Agent Studio URL is not known.\nhint: ")


@pytest.mark.parametrize("account", [None, "", 5, "a/../b?c#d\x1b]8;;x"])
def test_links_are_made_only_of_complete_names(
    run: Run,
    sandbox: Sandbox,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[str],
    account: Any,
) -> None:
    in_region(monkeypatch, sandbox(faults=[Fault(200, sample(accountId=account))]))
    code = run("get", "CA1", "--web").code
    if isinstance(account, str) and account:
        quoted = "a%2F..%2Fb%3Fc%23d%1B%5D8%3B%3Bx"
        assert opened == [f"https://studio.us.poly.ai/{quoted}/PROJECT-1/conversations/CA1"]
    else:
        assert (code, opened) == (2, [])
