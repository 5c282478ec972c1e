"""A copy can be made from the Conversations API v3, which lists conversations with their turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from polyai_data import DataClient, ServerError, warehouse
from polyai_data.sandbox import Fault, Received, Sandbox, serve

from tests.warehouse.copies import NOW, contents, read

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEARCH = "/v3/*"
Syncs = Callable[..., warehouse.SyncResult]


@pytest.fixture
def received() -> list[Received]:
    return []


@pytest.fixture
def sandbox(received: list[Received]) -> Iterator[Sandbox]:
    with serve(conversations=30, now=NOW, received=received) as served:
        yield served


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[DataClient]:
    with client_for(sandbox) as client:
        yield client


def client_for(url: str) -> DataClient:
    """Return a client without a key for the Data API."""
    return DataClient(
        base_url=url,
        agent_id="PROJECT-DEMO",
        account_id="ACCOUNT-DEMO",
        conversations_api_key="sandbox-v3",
        max_retries=0,
    )


@pytest.fixture
def sync(client: DataClient, path: Path) -> Syncs:
    def run(**options: Any) -> warehouse.SyncResult:
        return warehouse.sync(client, f"duckdb:{path}", source="v3", **options)

    return run


def add(sandbox: Sandbox, name: str, *, days: float = 0, **fields: Any) -> None:
    started = datetime.now(UTC) - days * DAY
    sandbox.add_conversation(
        {
            "conversationId": name,
            "startedAt": started.isoformat(),
            "inProgress": False,
            "clientEnv": "sandbox",
            **fields,
        }
    )


def one(path: Path, name: str, columns: str = "*") -> dict[str, Any]:
    (row,) = read(path, f"SELECT {columns} FROM conversations WHERE conversation_id = '{name}'")
    return row


def test_the_first_sync_copies_every_environment(
    sync: Syncs, client: DataClient, path: Path, received: list[Received]
) -> None:
    result = sync()
    assert (result.looked_at, result.fetched, result.ended_early) == (30, 30, False)
    assert {request.path.split("/")[1] for request in received} == {"v3"}
    assert len(received) == 3
    found = [
        one
        for environment in ("live", "pre-release", "sandbox")
        for one in client.search_conversations(environment=environment, include_latency=True)
    ]
    assert len(found) == 30
    for each in found:
        row = one(path, each.id)
        assert json.loads(row["raw"]) == each.raw
        assert (row["started_at"], row["client_env"]) == (each.started_at, each.environment)
        assert json.loads(row["other"])["num_turns"] == each.num_turns
    turns = read(path, "SELECT count(*) AS n, count(latency_seconds) AS s FROM turns")[0]
    assert turns["n"] == sum(len(each.turns or ()) for each in found)
    assert turns["s"] > 0
    assert read(path, "SELECT count(*) AS n FROM metrics")[0]["n"] > 0
    assert read(path, "SELECT source FROM sync_runs")[0]["source"] == "v3"


def test_the_next_sync_searches_from_the_last_one_less_the_lookback(
    sync: Syncs, sandbox: Sandbox, path: Path
) -> None:
    sync()
    everything = contents(path)
    result = sync(lookback=HOUR)
    assert result.ended_early
    assert 0 < result.looked_at < 30
    assert result.fetched == 1  # one is always in progress
    assert result.unchanged == result.looked_at - 1
    add(sandbox, "CA-new", turns=[("Hi", "Hello")])
    assert sync(lookback=HOUR).fetched == 2
    assert one(path, "CA-new", "channel") == {"channel": "VOICE-SIP"}
    add(sandbox, "CA-new", turns=[("Hi", "Hello"), ("a", "b")])
    assert sync(lookback=HOUR).fetched == 2
    count = read(path, "SELECT count(*) AS n FROM turns WHERE conversation_id = 'CA-new'")
    assert count == [{"n": 2}]
    assert sync(full=True).looked_at == 31
    assert sync(refresh=100_000 * DAY).looked_at == 31
    with duckdb.connect(str(path)) as copy:
        for table in ("conversations", "turns", "sync_seen"):
            copy.execute(f"DELETE FROM {table} WHERE conversation_id = 'CA-new'")
    assert contents(path) == everything


def test_what_was_in_progress_is_looked_at_again(
    sync: Syncs, sandbox: Sandbox, path: Path, received: list[Received]
) -> None:
    for name, days in (("CA-long", 10), ("CA-gone", 11)):
        add(sandbox, name, days=days, inProgress=True, turns=[("a", "b")])
    add(sandbox, "CA-now")
    sync()
    started = one(path, "CA-long", "started_at")["started_at"]
    add(sandbox, "CA-long", startedAt=started.isoformat(), turns=[("a", "b"), ("c", "d")])
    with duckdb.connect(str(path)) as copy:  # as if it began at another time
        copy.execute(
            "UPDATE conversations SET started_at = started_at - INTERVAL 1 HOUR, "
            "client_env = 'unknown' WHERE conversation_id = 'CA-gone'"
        )
    received.clear()
    result = sync(lookback=DAY)
    assert (result.fetched, result.vanished, result.looked_at) == (2, 1, 1)
    assert len(received) == 3 + 2 + 3  # and one is always in progress
    assert one(path, "CA-long", "in_progress") == {"in_progress": False}
    assert one(path, "CA-gone", "vanished_at")["vanished_at"] is not None
    assert read(path, "SELECT count(*) AS n FROM turns WHERE conversation_id = 'CA-long'") == [
        {"n": 2}
    ]
    result = sync(lookback=DAY)
    assert (result.fetched, result.vanished) == (1, 0)


def test_a_conversation_that_cannot_be_found_is_tried_again(
    sync: Syncs, sandbox: Sandbox, path: Path
) -> None:
    add(sandbox, "CA-long", days=10, inProgress=True)
    add(sandbox, "CA-now")
    sync()
    sandbox.faults.add(Fault(500, path=SEARCH, nth=4))
    result = sync(lookback=DAY)
    assert (result.failed, result.vanished) == (1, 0)
    (row,) = read(path, "SELECT * FROM sync_failed")
    assert row["attempts"] == 1
    assert one(path, row["conversation_id"], "in_progress") == {"in_progress": True}
    result = sync(lookback=DAY)
    assert (result.failed, result.fetched) == (0, 2)
    assert read(path, "SELECT * FROM sync_failed") == []


def test_an_interrupted_sync_starts_over(sync: Syncs, sandbox: Sandbox, path: Path) -> None:
    sandbox.faults.add(Fault(500, path=SEARCH, nth=2))
    with pytest.raises(ServerError):
        sync(page_size=5, batch_size=5)
    stored = read(path, "SELECT count(*) AS n FROM conversations")[0]["n"]
    result = sync()
    assert not result.ended_early
    assert (result.looked_at, result.unchanged) == (30, stored)


def test_records_without_an_id_are_failures(sync: Syncs, sandbox: Sandbox, path: Path) -> None:
    records = [5, {"x": 1}, {"id": 7}, {"id": "CA1"}]
    sandbox.faults.add(Fault(200, {"conversations": records}, path=SEARCH, nth=1))
    result = sync()
    assert (result.failed, one(path, "CA1", "channel")) == (3, {"channel": None})
    assert sync(full=True).failed == 0
    assert read(path, "SELECT * FROM sync_failed") == []


def test_without_details_there_are_no_turns(sync: Syncs, path: Path) -> None:
    sync(details=False, raw=False)
    assert read(path, "SELECT * FROM turns") == []
    assert read(path, "SELECT count(raw) AS n FROM conversations") == [{"n": 0}]
    sync()
    assert read(path, "SELECT count(*) > 0 AS any FROM turns") == [{"any": True}]


def test_redact_leaves_no_personal_data(sync: Syncs, sandbox: Sandbox, path: Path) -> None:
    add(sandbox, "CA-1", fromNumber="SECRET", turns=[{"user_input": "SECRET"}])
    sync(redact=True)
    assert b"SECRET" not in path.read_bytes()
    assert read(path, "SELECT count(other) AS n FROM conversations") == [{"n": 0}]


def test_nothing_is_known_to_have_vanished(sync: Syncs, path: Path) -> None:
    sync()
    with duckdb.connect(str(path)) as copy:
        copy.execute("INSERT INTO conversations (conversation_id) VALUES ('CA-other')")
    assert sync(full=True).vanished == 0


def test_a_copy_has_one_source(sync: Syncs, sandbox: Sandbox, path: Path) -> None:
    sync()
    key = {"base_url": str(sandbox), "api_key": "sandbox", "agent_id": "PROJECT-DEMO"}
    with DataClient(**key) as client:  # type: ignore[arg-type]
        with pytest.raises(warehouse.CopyError, match="was made from the source v3"):
            warehouse.sync(client, f"duckdb:{path}")
        path.unlink()
        warehouse.sync(client, f"duckdb:{path}")
    with duckdb.connect(str(path)) as copy:
        copy.execute("ALTER TABLE sync_runs DROP COLUMN source")  # of an older version
    with pytest.raises(warehouse.CopyError, match="was made from the source data"):
        sync()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "v4"}, "source='v4': expected one of data, v3"),
        ({"source": "v3", "delete_vanished": True}, "need source='data'"),
        ({"source": "v3", "recordings": "calls"}, "need source='data'"),
    ],
)
def test_what_v3_does_not_have(
    client: DataClient, path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        warehouse.sync(client, f"duckdb:{path}", **options)
    assert not path.exists()
