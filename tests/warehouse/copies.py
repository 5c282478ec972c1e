"""A sandbox, a client for it, and what the tables of a copy hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from polyai_data import DataClient, warehouse
from polyai_data.sandbox import Sandbox, serve

NOW = datetime(2026, 6, 3, 13, 19, 6, tzinfo=UTC)
VARIES = {"fetched_at", "failed_at", "asked_at"}


def client_for(url: str) -> DataClient:
    return DataClient(base_url=url, api_key="sandbox", agent_id="PROJECT-DEMO", max_retries=0)


def read(path: Path, query: str) -> list[dict[str, Any]]:
    with warehouse.connect(path, read_only=True) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def contents(path: Path) -> dict[str, list[str]]:
    """Return the rows of the data and of `sync_seen`, without what differs from run to run."""
    tables = ("conversations", "turns", "function_calls", "metrics", "recordings", "sync_seen")
    return {
        name: sorted(
            repr({key: value for key, value in row.items() if key not in VARIES})
            for row in read(path, f"SELECT * FROM {name}")
        )
        for name in (*tables, "sync_failed")
    }


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(conversations=30, now=NOW) as served:
        yield served


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[DataClient]:
    with client_for(sandbox) as client:
        yield client


Syncs = Callable[..., warehouse.SyncResult]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "copy.duckdb"


@pytest.fixture
def sync(client: DataClient, path: Path) -> Syncs:
    def run(**options: Any) -> warehouse.SyncResult:
        return warehouse.sync(client, f"duckdb:{path}", **options)

    return run
