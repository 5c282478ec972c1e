"""Tests `polyai-data list`: filters, layout and the number of requests."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient
from polyai_data.cli import _rows, _times, main
from polyai_data.sandbox import Fault, Received, serve

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

NOW = datetime(2026, 6, 3, 14, 0, tzinfo=UTC)
SANDBOX_TIME = datetime(2026, 6, 3, 13, 19, 6, 370000, tzinfo=UTC)
ID = "CA22d437f4405070690f8906b76c8ea4ed"
COLUMNS = ["Started", "Length", "From", "Channel", "Handoff", "Score", "Heading", "ID"]
ESCAPES = re.compile(r"\x1b(?:\[[0-9;]*m|\]8;[^\x1b]*\x1b\\)")


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock to three quarters of an hour after the newest conversation."""
    monkeypatch.setattr(_times, "now", lambda: NOW)


@pytest.fixture
def everything() -> list[dict[str, Any]]:
    with serve(now=SANDBOX_TIME) as base_url:
        client = DataClient(base_url=base_url, api_key="sandbox", agent_id="PROJECT-DEMO")
        with client:
            return [one.raw for one in client.list_conversations(page_size=200)]


def lists(received: list[Received]) -> int:
    return sum(request.path.endswith("/conversations") for request in received)


def rows(text: str) -> list[str]:
    return ESCAPES.sub("", text).splitlines()


# --- Filters ---------------------------------------------------------------------------------


def test_json_prints_each_conversation_as_the_server_sent_it(
    run: Run, sandbox: Sandbox, everything: list[dict[str, Any]]
) -> None:
    sandbox()
    ended = run("list", "--json")
    assert ended.code == 0
    assert [json.loads(line) for line in ended.out.splitlines()] == everything
    assert ended.err == "200 conversations in total.\n"


FILTERS: dict[tuple[str, ...], Callable[[dict[str, Any]], bool]] = {
    ("--since", "2026-06-03"): lambda one: one["startedAt"] >= "2026-06-03",
    ("--since", "24h"): lambda one: one["startedAt"] >= "2026-06-02T14",
    ("--until", "2026-06-02"): lambda one: one["startedAt"] < "2026-06-03",
    ("--until", "2026-06-02T10:00+02:00"): lambda one: one["startedAt"] < "2026-06-02T08",
    ("--until", "2026-06-03T12:54:58.537Z"): lambda one: one["startedAt"] < "2026-06-03T12:54:58.5",
    ("--since", "2026-06-03T12:54:58.537Z"): lambda one: one["startedAt"] > "2026-06-03T12:54:58.5",
    ("--since", "yesterday", "--until", "yesterday"): lambda one: one["startedAt"].startswith(
        "2026-06-02"
    ),
    ("--channel", "webchat", "--channel", "CHAT.polyai"): lambda one: (
        one["channel"] in ("WEBCHAT", "chat.polyai")
    ),
    ("--env", "live"): lambda one: one["clientEnv"] == "live",
    ("--handoff",): lambda one: one["handoff"],
    ("--no-handoff",): lambda one: not one["handoff"],
    ("--min-score", "4.5"): lambda one: (one["polyScore"] or 0) >= 4.5,
    ("--min-score", "0", "--env", "sandbox", "--no-handoff"): lambda one: (
        one["polyScore"] is not None and one["clientEnv"] == "sandbox" and not one["handoff"]
    ),
}


@pytest.mark.parametrize("options", FILTERS, ids=" ".join)
def test_filters_select_matching_conversations(
    run: Run, sandbox: Sandbox, everything: list[dict[str, Any]], options: tuple[str, ...]
) -> None:
    sandbox()
    matching = [one["conversationId"] for one in everything if FILTERS[options](one)]
    assert 0 < len(matching) < 200
    ended = run("list", "--json", *options)
    assert [json.loads(line)["conversationId"] for line in ended.out.splitlines()] == matching
    assert f"{len(matching)} matching; scanned " in ended.err
    limited = run("list", "--json", "-n", 2, *options)
    assert [json.loads(line)["conversationId"] for line in limited.out.splitlines()] == matching[:2]


def test_paging_stops_at_a_page_that_is_too_old(run: Run, sandbox: Sandbox) -> None:
    received: list[Received] = []
    sandbox(conversations=1_000_000, received=received)
    ended = run("list", "--since", "1d", "--json")
    assert len(ended.out.splitlines()) in range(850, 950)
    assert "scanned 1,246 of 1,000,000 conversations.\n" in ended.err
    assert lists(received) == 5
    received.clear()
    assert run("list", "--since", "1d", "--json", "--page-size", 1000).out == ended.out
    assert lists(received) == 2


def test_no_more_pages_are_fetched_than_needed(run: Run, sandbox: Sandbox) -> None:
    received: list[Received] = []
    sandbox(received=received)
    assert len(run("list", "--limit", 7, "--json").out.splitlines()) == 7
    assert lists(received) == 1
    assert run("list", "--limit", 0, "--json").out == ""
    assert lists(received) == 1
    # With a filter, no page is fetched in advance.
    ended = run("list", "--limit", 2, "--env", "live", "--page-size", 50, "--json")
    assert len(ended.out.splitlines()) == 2
    assert lists(received) == 2


def test_all_pages_are_read_if_the_server_limits_their_size(
    run: Run, sandbox: Sandbox, everything: list[dict[str, Any]]
) -> None:
    sandbox(max_page_size=30)
    assert len(run("list", "--json").out.splitlines()) == len(everything)


def test_an_empty_list_is_not_an_error(run: Run, sandbox: Sandbox) -> None:
    sandbox(conversations=0)
    ended = run("list")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "0 conversations in total.\n"


UNREADABLE = {"started": "x", "fromNumber": "+1"}


def page(*records: Any, count: Any = None) -> Fault:
    found = {"conversations": list(records), "limit": 50, "offset": 0}
    return Fault(200, {**found, "count": len(records) if count is None else count})


def test_unreadable_records_are_shown(run: Run, sandbox: Sandbox) -> None:
    record = {"conversationId": "CA1", "startedAt": "some time", "duration": "long"}
    sandbox(faults=[page(UNREADABLE, None, record)])
    ended = run("list", "--min-score", "5")
    assert "unreadable: conversationId is missing" in ended.out or "unreadable:" in ended.out
    assert "CA1" not in ended.out  # it is readable, and has no score
    assert "warning: 2 could not be read. Use --json to see what the server sent.\n" in ended.err
    assert run("list", "--json").out.splitlines()[:2] == [
        '{"started":"x","fromNumber":"+1"}',
        "null",
    ]
    # An unreadable time is neither too old nor too new.
    for option in (("--since", "1d"), ("--until", "2020-01-01")):
        assert "some time" in run("list", *option).out


def test_an_unknown_total(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[page({"conversationId": "CA1"}, count="many")])
    ended = run("list", "--limit", 1)
    assert "The newest 1 of an unknown number of conversations" in ended.err


def test_limit_and_all_cannot_be_combined(run: Run) -> None:
    ended = run("list", "--all", "--limit", 3)
    assert ended.code == 2
    assert "--limit and --all cannot be combined." in ended.err


# --- Layout ----------------------------------------------------------------------------------


def test_a_terminal_shows_fifty_rows_and_how_to_see_more(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox()
    on_terminal(140)
    ended = run("list")
    assert len(rows(ended.out)) == 51
    assert "The newest 50 of 200 conversations. For more, use --limit 100 or --all." in ended.err
    assert len(rows(run("list", "--all").out)) == 201
    matching = run("list", "--env", "live", "--limit", 3)
    assert re.search(
        r"The newest 3 matching; scanned \d+ of 200 conversations\. For more, use --limit 6 or",
        matching.err,
    )


@pytest.mark.parametrize("width", [20, 46, 60, 80, 100, 120, 140, 200])
def test_a_table_fits_the_terminal_with_every_id_whole(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None], width: int
) -> None:
    sandbox()
    on_terminal(width)
    as_json = run("list", "-n", 20, "--json").out.splitlines()
    ids = [json.loads(line)["conversationId"] for line in as_json]
    lines = rows(run("list", "-n", 20).out)
    assert max(map(len, lines)) <= width
    titles = lines[0].split()
    assert titles == [title for title in COLUMNS if title in titles]
    assert titles == {20: ["ID"], 46: ["ID"], 60: ["Heading", "ID"], 200: COLUMNS}.get(
        width, titles
    )
    assert "Started" in titles or width < 80
    assert titles == COLUMNS or width < 140
    if width > 44:
        assert [line.split()[-1] for line in lines[1:]] == ids
    else:  # wrapped, but not truncated
        assert "".join(line.strip() for line in lines[1:]) == "".join(ids)


def test_short_ids_leave_room_for_more_columns(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox()
    on_terminal(80)
    lines = rows(run("list", "-n", 2).out)
    assert lines[0].split() == ["Started", "Length", "Score", "Heading", "ID"]


def test_score_bands_are_shown_without_colour_too(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    scores = [5, 6.0, 4.5, 3, 2.5, 0, -1, "good", True, None]
    sandbox(
        faults=[page(*({"conversationId": f"CA{n}", "polyScore": s} for n, s in enumerate(scores)))]
    )
    bands = ["● 5 high", "● 6 high", "◐ 4.5 medium", "◐ 3 medium", "○ 2.5 low", "○ 0 low"]
    lines = run("list").out.splitlines()[1:]
    assert [band in line for band, line in zip([*bands, "○ -1 low"], lines, strict=False)] == [
        True
    ] * 7
    assert "good" in lines[7]  # not a score: unchanged
    assert "True" in lines[8]
    on_terminal(140)
    coloured = run("list").out
    assert "\x1b[32m● 5 high" in coloured
    assert "\x1b[31m○ 2.5 low" in coloured


def test_piped_output_is_not_truncated_or_coloured(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "heading " * 40
    records = [{"conversationId": f"CA{n}", "shortSummary": {"heading": long}} for n in range(3)]
    sandbox(faults=[page(*records)])
    for name, value in (("COLUMNS", "80"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
        lines = run("list").out.splitlines()
        assert len(lines) == 4
        assert all(long in line and "\x1b" not in line for line in lines[1:])
        assert all(line == line.rstrip() for line in lines)


def test_colours_follow_the_environment(
    run: Run,
    sandbox: Sandbox,
    on_terminal: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m● 5 high" in run("list").out  # still not truncated in a pipe
    assert len(run("list").out.splitlines()) == 201
    monkeypatch.delenv("FORCE_COLOR")
    on_terminal(140)
    assert "\x1b[3" in run("list").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[3\dm", run("list").out)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in run("list").out


def test_long_lists_come_in_batches_under_one_header_in_a_pipe(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows, "_BATCH_SIZE", 100)
    sandbox(conversations=150)
    assert len(run("list").out.splitlines()) == 151
    on_terminal(140)
    assert len(run("list", "--all").out.splitlines()) == 152


def test_ids_link_to_agent_studio_where_the_region_is_known(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyai_data import Region

    base_url = sandbox()
    on_terminal(140)
    assert "\x1b]8;" not in run("list").out
    monkeypatch.delenv("POLYAI_BASE_URL")
    monkeypatch.setattr(Region, "base_url", base_url)
    url = f"https://studio.eu.poly.ai/ACCOUNT-DEMO/PROJECT-DEMO/conversations/{ID}"
    assert url in run("list", "--region", "eu").out


@pytest.mark.parametrize(
    ("options", "title"),
    [
        (["--handoff"], "Handoff"),
        (["--channel", "WEBCHAT"], "Channel"),
        (["--min-score", 2], "Score"),
    ],
    ids=str,
)
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_columns_that_are_filtered_by_stay(
    run: Run,
    sandbox: Sandbox,
    on_terminal: Callable[..., None],
    options: list[object],
    title: str,
    columns: int,
) -> None:
    sandbox()
    on_terminal(columns)
    header = rows(run("list", *options).out)[0]
    assert title in header
    assert max(map(len, rows(run("list", *options).out))) <= columns


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-score", "9"], "--min-score must be a number from 0 to 5."),
        (["--min-score", "-1"], "--min-score must be a number from 0 to 5."),
        (["--min-score", "nan"], "--min-score must be a number from 0 to 5."),
        (["--since", "1d", "--until", "2d"], "--since is not before --until"),
        (["--since", "1d", "--until", "1d"], "--since is not before --until"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", [["list"], ["export", "-o", "x"]], ids=lambda one: one[0])
def test_filters_that_cannot_match_are_rejected(
    run: Run, sandbox: Sandbox, command: list[str], options: list[str], message: str
) -> None:
    sandbox()
    ended = run(*command, *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert list(Path().iterdir()) == []


def test_values_are_named_if_nothing_matches(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    ended = run("list", "--channel", "voice", "--env", "live")
    assert ended.code == 0
    assert "Values of --channel here: VOICE-SIP, WEBCHAT, chat.polyai.\n" in ended.err
    assert "--env here" not in ended.err
    assert "Values of --env here: live, pre-release, sandbox.\n" in run("list", "--env", "liv").err
    assert "here" not in run("list", "--env", "live").err


@pytest.mark.parametrize("is_pipe", [True, False])
def test_the_summary_is_left_out_if_another_command_reads_the_list(
    sandbox: Sandbox,
    on_terminal: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    is_pipe: bool,
) -> None:
    """Both commands share a terminal, and the other one may show a progress bar."""
    sandbox(conversations=3)
    on_terminal(stdout=False)
    reader, writer = os.pipe()
    if not is_pipe:
        os.close(writer)
        writer = os.open(tmp_path / "list.jsonl", os.O_CREAT | os.O_WRONLY)
    with open(reader), open(writer, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["list", "--json"]) == 0
        monkeypatch.undo()
    assert ("3 conversations in total." in capsys.readouterr().err) is not is_pipe


def test_few_of_many_values_are_named(run: Run, sandbox: Sandbox) -> None:
    records = [{"conversationId": f"CA{n}", "channel": f"C{n:02}"} for n in range(30)]
    page = {"conversations": [*records, {"conversationId": "CA", "channel": 5}], "count": 31}
    sandbox(faults=[Fault(200, page)])
    named = ", ".join(f"C{n:02}" for n in range(10))
    assert f"Values of --channel here: {named}.\n" in run("list", "--channel", "x").err


# --- Times -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-06-01", "2026-06-01T00:00+00:00", "2026-06-02T00:00+00:00"),
        (" 20260601 ", "2026-06-01T00:00+00:00", "2026-06-02T00:00+00:00"),
        ("today", "2026-06-03T00:00+00:00", "2026-06-04T00:00+00:00"),
        ("Yesterday", "2026-06-02T00:00+00:00", "2026-06-03T00:00+00:00"),
        ("2026-06-01T09:30", "2026-06-01T09:30+00:00", "2026-06-01T09:30+00:00"),
        ("2026-06-01 09:30Z", "2026-06-01T09:30+00:00", "2026-06-01T09:30+00:00"),
        ("2026-06-01T09:30+02:00", "2026-06-01T07:30+00:00", "2026-06-01T07:30+00:00"),
        ("90m", "2026-06-03T12:30+00:00", "2026-06-03T12:30+00:00"),
        ("24H", "2026-06-02T14:00+00:00", "2026-06-02T14:00+00:00"),
        ("7 d", "2026-05-27T14:00+00:00", "2026-05-27T14:00+00:00"),
        ("2w", "2026-05-20T14:00+00:00", "2026-05-20T14:00+00:00"),
    ],
)
def test_times_are_parsed(text: str, begin: str, end: str) -> None:
    assert _times.parse_since(text).at == datetime.fromisoformat(begin)
    assert _times.parse_until(text).at == datetime.fromisoformat(end)


def test_dates_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/London")
    time.tzset()
    # Summer time is one hour ahead of UTC; the day on which it ends has 25 hours.
    assert _times.parse_since("2026-06-01").at == datetime(2026, 5, 31, 23, tzinfo=UTC)
    day = _times.parse_until("2026-10-25").at - _times.parse_since("2026-10-25").at
    assert day == timedelta(hours=25)
    assert _times.parse_since("2026-06-01T09:30").at == datetime(2026, 6, 1, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "7x", "2026-13-01", "2026-06-31", "9999-12-31", f"{10**12}d"]
)
def test_invalid_times_are_rejected_with_examples(run: Run, text: str) -> None:
    ended = run("list", "--until", text)
    assert ended.code == 2
    assert "Invalid value for '--until'" in ended.err
    assert "7d, 24h, 90m, today, yesterday" in ended.err
    assert ended.err.count("\n") == 2


@pytest.mark.parametrize("text", ["1969-07-20", "1969-07-20T20:17"])
def test_times_that_windows_cannot_convert_are_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    class WindowsTime(datetime):
        def astimezone(self, tz: Any = None) -> Any:
            if tz is None and self.year < 1970:
                raise OSError(errno.EINVAL, "Invalid argument")
            return super().astimezone(tz)

    monkeypatch.setattr(_times, "datetime", WindowsTime)
    ended = run("list", "--since", text)
    assert ended.code == 2
    assert "Invalid value for '--since'" in ended.err


def test_now_is_local() -> None:
    import importlib

    fresh = importlib.reload(_times)
    assert abs(fresh.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert fresh.now().tzinfo is not None
