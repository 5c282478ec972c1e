"""`search --copy` finds texts in the local copy, without a key and without a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from polyai_data import DataClient, warehouse
from polyai_data.sandbox import serve

if TYPE_CHECKING:
    from tests.cli.conftest import Run

EVIL = "\x1b[31mred\u202e"
CONVERSATIONS: list[dict[str, Any]] = [
    {
        "conversationId": "CA-1",
        "startedAt": "2026-06-01T10:00:00Z",
        "totalDuration": 65,
        "channel": "VOICE-SIP",
        "clientEnv": "live",
        "turns": [
            {"user_input": "", "agent_response": "Hello. A LATE Checkout?"},
            {"user_input": "A late checkout, please.", "agent_response": "50% more_"},
        ],
    },
    {
        "conversationId": "CA-2",
        "startedAt": "2026-06-02T10:00:00Z",
        "channel": "CHAT",
        "clientEnv": "sandbox",
        "inProgress": True,
        "turns": [
            {
                "user_input": "Abreise",
                "translated_user_input": "departure",
                "agent_response": "Gern, ÄRGER!",
                "english_agent_response": "Of course",
            }
        ],
    },
    {
        "conversationId": "CA-3",
        "startedAt": "2026-06-03T10:00:00Z",
        "channel": "WEBCHAT",
        "note": f"late checkout {EVIL}",
        "shortSummary": {"heading": "A dog", "content": "It barks."},
        "turns": [],
    },
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("copies") / "copy.duckdb"
    with (
        serve(conversations=0) as url,
        DataClient(base_url=url, api_key="sandbox", agent_id="PROJECT-DEMO") as client,
    ):
        for one in CONVERSATIONS:
            url.add_conversation(one)
        warehouse.sync(client, f"duckdb:{path}")
    return path


@pytest.fixture
def copy(made: Path) -> Path:
    Path("polyai.duckdb").write_bytes(made.read_bytes())
    return Path("polyai.duckdb")


def found(run: Run, *arguments: object) -> list[tuple[str, str]]:
    """Return the number of each conversation that was found, and the text."""
    ended = run("search", "--copy", "--json", *arguments)
    assert ended.code == 0, ended.err
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert f"{len(rows)} conversation" in ended.err
    return [(row["conversation_id"][3:], row["text"]) for row in rows]


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["late checkout"], "31"),
        (["late checkout", "--said-by", "user"], "1"),
        (["LATE", "--said-by", "agent"], "1"),
        (["departure"], "2"),
        (["OF COURSE"], "2"),
        (["ärger"], "2"),
        (["dog"], "3"),
        (["bark"], "3"),
        (["dog", "--said-by", "agent"], ""),
        (["50%"], "1"),
        (["l_te"], ""),
        (["l%e"], ""),
        (["late", "-n", "1"], "3"),
        (["late", "-n", "0"], ""),
        ([], "321"),
        ([""], "321"),
        (["--since", "2026-06-02"], "32"),
        (["--until", "2026-06-02"], "21"),
        (["--since", "2026-06-02", "--until", "2026-06-02"], "2"),
        (["--environment", "sandbox"], "2"),
        (["--channel", "voice-sip", "--channel", "CHAT"], "21"),
        (["--in-progress"], "2"),
        (["late", "--finished"], "31"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_found(run: Run, arguments: list[str], expected: str) -> None:
    assert "".join(number for number, _ in found(run, *arguments)) == expected


@pytest.mark.usefixtures("copy")
def test_the_first_place_is_shown(run: Run) -> None:
    assert dict(found(run, "checkout")) == {
        "3": f"late checkout {EVIL}",
        "1": "Hello. A LATE Checkout?",
    }
    assert dict(found(run)) == {"3": "A dog", "2": "Abreise", "1": "A late checkout, please."}
    row = json.loads(run("search", "--copy", "please", "--json").out)
    assert row == {
        "conversation_id": "CA-1",
        "started_at": "2026-06-01T10:00:00+00:00",
        "total_duration_seconds": 65,
        "channel": "VOICE-SIP",
        "turn": 1,
        "text": "A late checkout, please.",
    }


def test_the_table_and_another_file(run: Run, copy: Path) -> None:
    copy.rename("other.db")
    ended = run("search", "--copy-file", "other.db", "checkout")
    assert ended.code == 0
    header, third, first = ended.out.splitlines()
    assert header.split() == ["Started", "Length", "Channel", "Text", "ID"]
    assert third.startswith("2026-06-03 10:00")
    assert r"late checkout \x1b[31mred\u202e" in third
    assert " ".join(first.split()) == (
        "2026-06-01 10:00 1:05 VOICE-SIP Hello. A LATE Checkout? CA-1"
    )
    assert ended.err == "2 conversations found.\n"


def test_nothing_is_changed(run: Run, copy: Path) -> None:
    before = copy.read_bytes()
    assert run("search", "--copy", "x'; DROP TABLE turns; --").code == 0
    assert copy.read_bytes() == before
    assert [one.name for one in Path().iterdir()] == [copy.name]


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--meaning"], "--meaning needs the server."),
        (["--sample"], "--sample needs the server."),
        (["--variant", "York"], "--variant needs the server."),
        (["--said-by", "user"], "--said-by needs a text to search for."),
        (["--all", "-n", "1"], "--limit and --all cannot be combined."),
        (["--copy-file", "nowhere"], "nowhere does not exist."),
        (["--copy-file", "empty"], "Catalog Error: Table with name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_searched(run: Run, arguments: list[str], message: str) -> None:
    with duckdb.connect("empty") as connection:
        connection.execute("CREATE TABLE mine (a INTEGER)")
    ended = run("search", "--copy", *arguments)
    assert ended.code == 2
    assert message in ended.err
