"""Tests `polyai-data search`, and `export` and `doctor` for the Conversations API v3."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import DataClient
from polyai_data.cli import _search, _times
from polyai_data.sandbox import Fault, Received

if TYPE_CHECKING:
    from tests.cli.conftest import Memory, Run, Sandbox

pytestmark = pytest.mark.usefixtures("with_searches")
NOW = "2026-06-03T13:19:06Z"
PERIOD = ("--since", "2026-01-01", "--until", NOW)
ENVIRONMENTS = ("live", "pre-release", "sandbox")
FILE = Path("calls.jsonl")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def found(base_url: str, **options: Any) -> list[dict[str, Any]]:
    with DataClient(base_url=base_url) as client:
        return [one.raw for one in client.search_conversations(**options)]


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_without_a_text_it_lists_all(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    ended = run("search", "--json")
    assert lines(ended.out) == found(base_url)
    assert ended.err == f"{len(found(base_url))} conversations found.\n"
    assert lines(run("search", "--json", "--environment", "sandbox").out) == found(
        base_url, environment="sandbox"
    )


@pytest.mark.parametrize(
    ("arguments", "matches"),
    [
        (["--channel", "WEBCHAT"], lambda one: one["channel"] == "WEBCHAT"),
        (["--variant", "Bath branch"], lambda one: one["variant_name"] == "Bath branch"),
        (["--finished"], lambda one: not one["in_progress"]),
        (["--in-progress"], lambda one: one["in_progress"]),
        (["--until", "2026-05-30"], lambda one: one["started_at"] < "2026-05-31"),
        (["--since", "2026-06-02"], lambda one: one["started_at"] >= "2026-06-02"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_server_filters(
    run: Run, sandbox: Sandbox, arguments: list[str], matches: Callable[[Any], bool]
) -> None:
    everything = found(sandbox())
    ended = run("search", "--json", *arguments)
    assert lines(ended.out) == [one for one in everything if matches(one)]


def test_a_text_is_searched_for(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    by_words = lines(run("search", "DOG", *PERIOD, "--json").out)
    assert by_words
    assert all("dog" in json.dumps(one["turns"]).lower() for one in by_words)
    by_meaning = lines(run("search", "arriving dogs", "--meaning", *PERIOD, "--json").out)
    assert by_meaning
    assert lines(run("search", "arriving dogs", *PERIOD, "--json").out) == []
    by_user = lines(run("search", "dog", "--said-by", "user", *PERIOD, "--json").out)
    assert 0 < len(by_user) <= len(by_words)
    assert len(lines(run("search", "--sample", "-n", 3, *PERIOD, "--json").out)) == 3


def test_a_search_ends_now_by_default(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox(now=None)
    assert lines(run("search", "dog", "--since", "3d", "--json").out)
    moment = _times.now()
    monkeypatch.setattr(_search, "now", lambda: moment.replace(year=2020))
    ended = run("search", "dog", "--since", "3d", "--json")
    assert (ended.code, ended.err.partition("\n")[0]) == (2, "error: since is later than until.")


def test_the_table_shows_what_was_said(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    sandbox()
    ended = run("search", "small dog", *PERIOD, "-n", 2)
    header, first, second = ended.out.splitlines()
    assert header.split() == ["Started", "Length", "Channel", "Text", "ID"]
    assert "We bring a dog, a very small one" not in second
    assert "small dog" in first + second or "dog" in first
    on_terminal(100)
    ended = run("search", *PERIOD, "-n", 1)
    assert "Started" in ended.out.splitlines()[0]
    assert "1 conversation found. For more, use --limit 2 or --all." in ended.err
    ended = run("search", *PERIOD)
    assert "50 conversations found. For more, use --limit 100 or --all." in ended.err
    assert run("search", *PERIOD, "--all").code == 0
    assert "0 conversations found. For more, use" in run("search", *PERIOD, "-n", 0).err


def test_a_search_that_feeds_a_command_prints_no_summary(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    monkeypatch.setattr("polyai_data.cli._terminal.Terminal.feeds_a_command", True)
    assert run("search", "-n", 1).err == ""


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (20, ["ID"]),
        (46, ["ID"]),
        (60, ["Text", "ID"]),
        (80, ["Started", "Text", "ID"]),
        (90, ["Started", "Length", "Text", "ID"]),
        (120, ["Started", "Length", "Channel", "Text", "ID"]),
        (200, ["Started", "Length", "Channel", "Text", "ID"]),
    ],
)
def test_a_table_fits_the_terminal_with_every_id_whole(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None], width: int, titles: list[str]
) -> None:
    sandbox()
    on_terminal(width)
    arguments = ("search", "dog", *PERIOD, "-n", 20)
    ids = [one["id"] for one in lines(run(*arguments, "--json").out)]
    shown = ESCAPES.sub("", run(*arguments).out).splitlines()
    assert max(map(len, shown)) <= width
    assert shown[0].split() == titles
    if width > 44:
        assert [line.split()[-1] for line in shown[1:]] == ids
    else:  # wrapped, but not truncated
        assert "".join(line.strip() for line in shown[1:]) == "".join(ids)


def test_odd_records_are_shown(
    run: Run, sandbox: Sandbox, on_terminal: Callable[..., None]
) -> None:
    records = [5, {"id": "CA1"}, {"id": "CA2", "turns": [{"agent_response": "Hi \x1b[31m" * 30}]}]
    sandbox(faults=[Fault(200, {"conversations": records})])
    for columns in (None, 120):
        if columns:
            on_terminal(columns)
        ended = run("search")
        assert ended.code == 0
        assert "unreadable: expected an object" in ended.out
        assert "CA1" in ended.out
        assert "\x1b[31m" not in ended.out.replace("\x1b[31munreadable", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dog"], "A search needs --since."),
        (["--sample"], "--sample needs --since."),
        (["--meaning", *PERIOD], "--meaning needs a text to search for."),
        (["--said-by", "user", *PERIOD], "--said-by needs a text to search for."),
        (
            ["x", "--meaning", "--said-by", "user", *PERIOD],
            "--meaning and --said-by cannot be combined.",
        ),
        (["x", "--sample", *PERIOD], "--sample cannot be combined with a text."),
        (["--all", "--limit", "5"], "--limit and --all cannot be combined."),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(
    run: Run, sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    received: list[Received] = []
    sandbox(received=received)
    ended = run("search", *arguments)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {message}\nhint: ")
    assert received == []


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("POLYAI_BASE_URL", "Missing --region."),
        ("POLYAI_AGENT_ID", "Missing --agent."),
        ("POLYAI_ACCOUNT_ID", "Missing --account."),
        ("POLYAI_CONVERSATIONS_API_KEY", "Missing the API key."),
    ],
)
def test_a_missing_setting_is_named(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, variable: str, message: str
) -> None:
    sandbox()
    monkeypatch.delenv(variable)
    ended = run("search")
    assert ended.code == 2
    assert ended.err.startswith(f"error: {message}\nhint: ")


def test_the_key_of_the_data_api_is_not_needed(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Received] = []
    sandbox(received=received)
    monkeypatch.delenv("POLYAI_API_KEY")
    assert run("search", "-n", 1).code == 0
    assert run("search", "-n", 1, "--account", "ACCOUNT-OTHER").code == 3
    assert {request.headers["x-api-key"] for request in received} == {"sandbox-v3"}


def test_the_key_may_be_in_the_keyring(
    run: Run, sandbox: Sandbox, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Received] = []
    sandbox(received=received)
    monkeypatch.delenv("POLYAI_CONVERSATIONS_API_KEY")
    monkeypatch.setenv("POLYAI_REGION", "us")
    memory.set_password("polyai-data", "us conversations", "sandbox-v3")
    assert run("search", "-n", 1).code == 0
    assert {request.headers["x-api-key"] for request in received} == {"sandbox-v3"}
    assert "from the keyring (us conversations) opens" in searches(run)[1]["detail"]


@pytest.mark.parametrize("url", ["https://studio.us.poly.ai/a%20b/P/x", "studio.us.poly.ai/a b/P"])
def test_a_studio_url_names_the_account(
    monkeypatch: pytest.MonkeyPatch, run: Run, url: str
) -> None:
    made: list[dict[str, Any]] = []

    class Client:
        def __init__(self, **options: Any) -> None:
            made.append(options)
            raise ValueError("stop")

    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY_US", "k")
    monkeypatch.setattr("polyai_data.cli._connect.DataClient", Client)
    run("search", "--studio-url", url)
    run("search", "--studio-url", url, "--account", "ws-2")
    assert [each["account_id"] for each in made] == ["a b", "ws-2"]
    assert made[0]["agent_id"] == "P"


# --- Export ---------------------------------------------------------------------------------------


def test_an_export_has_every_environment(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    ended = run("export", "-o", FILE, "--source", "v3")
    assert ended == (0, "", "Wrote calls.jsonl: 200 conversations, 1 still in progress.\n")
    expected = [one for each in ENVIRONMENTS for one in found(base_url, environment=each)]
    assert lines(FILE.read_text()) == expected


def test_an_export_is_filtered(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    live = found(base_url)
    export = ("export", "-o", "-", "--source", "v3", "--env", "live")
    assert lines(run(*export).out) == live
    assert lines(run(*export, "--limit", 3).out) == live[:3]
    assert lines(run(*export, "--limit", 0).out) == []
    handed = [one for one in live if one["handoff"]]
    assert lines(run(*export, "--handoff", "--page-size", 7).out) == handed
    assert lines(run(*export, "--channel", "WEBCHAT", "--since", "2026-06-02").out) == [
        one for one in live if one["channel"] == "WEBCHAT" and one["started_at"] >= "2026-06-02"
    ]


def test_an_export_is_resumed(run: Run, sandbox: Sandbox) -> None:
    export = ("export", "-o", FILE, "--source", "v3", "--env", "live", "--page-size", 20)
    base_url = sandbox(faults=[Fault(400, path="/v3/*", nth=3)])
    ended = run(*export)
    assert ended.code == 1
    assert "Use --resume to continue." in ended.err
    part = Path("calls.jsonl.part")
    kept = lines(part.read_text())
    assert 0 < len(kept) <= 40
    ended = run(*export, "--resume")
    assert ended.code == 0, ended.err
    assert lines(FILE.read_text()) == found(base_url)
    ended = run("export", "-o", FILE, "--resume")
    assert ended.code != 0


def test_records_without_an_id_are_exported(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(200, {"conversations": [{"x": 1}, {"id": "CA1"}]})])
    ended = run("export", "-o", FILE, "--source", "v3", "--env", "live")
    assert ended.err == "Wrote calls.jsonl: 2 conversations, 1 without an ID.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--details"], "--details cannot be combined with --source v3."),
        (["--recordings", "calls"], "--recordings cannot be combined with --source v3."),
        (["--min-score", "3"], "--min-score cannot be combined with --source v3."),
        (["--env", "prod", "--env", "live"], "Unknown environment 'prod'."),
    ],
    ids=str,
)
def test_an_export_refuses_what_v3_does_not_have(
    run: Run, sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    sandbox()
    ended = run("export", "-o", FILE, "--source", "v3", *arguments)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {message}\nhint: ")
    assert list(Path().iterdir()) == []


# --- Doctor ---------------------------------------------------------------------------------------


def searches(run: Run) -> tuple[int, dict[str, Any]]:
    ended = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(ended.out)["checks"]}
    found: dict[str, Any] = checks["searches"]
    return ended.code, found


def test_the_doctor_tells_which_api_a_key_opens(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox()
    code, check = searches(run)
    assert (code, check["state"]) == (0, "ok")
    assert "from POLYAI_CONVERSATIONS_API_KEY opens the Conversations API v3" in check["detail"]
    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", "sandbox")  # the key of the other API
    code, check = searches(run)
    assert (code, check["state"], check["code"]) == (3, "failed", 3)
    assert check["remedy"].startswith("Check POLYAI_CONVERSATIONS_API_KEY.")
    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", "sandbox-v3")
    monkeypatch.setenv("POLYAI_ACCOUNT_ID", "ACCOUNT-OTHER")
    code, check = searches(run)
    assert (code, check["state"]) == (3, "failed")
    monkeypatch.delenv("POLYAI_ACCOUNT_ID")
    assert searches(run)[1]["state"] == "skipped"
    monkeypatch.delenv("POLYAI_CONVERSATIONS_API_KEY")
    code, check = searches(run)
    assert (code, check["state"]) == (0, "skipped")
    assert "the key above is for the Data API only" in check["detail"]


def test_the_doctor_says_that_a_region_has_no_searches(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AGENT_ID", "ACCOUNT_ID", "CONVERSATIONS_API_KEY"):
        monkeypatch.setenv(f"POLYAI_{name}", "x")
    monkeypatch.setenv("POLYAI_REGION", "studio")
    code, check = searches(run)
    assert (code, check["state"]) == (2, "failed")
    assert "no server for search_conversations in region 'studio'" in check["detail"]
    assert check["remedy"]
