"""The queries of docs/how-to/local-copy.md run, and its table of redacted columns is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from polyai_data import warehouse
from polyai_data.sandbox import serve

from tests.pages import read as read_page
from tests.warehouse.copies import NOW, client_for, read

PAGE = read_page("how-to/local-copy.md")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("copies") / "copy.duckdb"
    with serve(conversations=60, now=NOW) as url, client_for(url) as client:
        warehouse.sync(client, f"duckdb:{path}")
    return path


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_finds_something(copy: Path, query: str) -> None:
    assert read(copy, query) or "problems" in query


def test_the_page_has_queries() -> None:
    assert len(QUERIES) > 5


def test_the_page_names_every_redacted_column() -> None:
    _, _, section = PAGE.partition("| null with `--redact` |")
    for table, columns in warehouse.REDACTED.items():
        row = re.search(rf"^\| `{table}` \| (.*) \|$", section, re.MULTILINE)
        assert row, table
        listed = {*re.findall(r"`(\w+)`", row[1])}
        assert listed - {"raw"} == columns, table


def test_the_page_names_every_table(copy: Path) -> None:
    for row in read(copy, "SELECT table_name FROM information_schema.tables"):
        assert f"| `{row['table_name']}` |" in PAGE
