"""Which columns `redact` leaves empty."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ._tables import TABLES, TableName

_TEXT: dict[TableName, set[str]] = {
    "conversations": {"from_number", "to_number", "heading", "summary_text", "note"},
    "turns": {
        "user_input",
        "translated_user_input",
        "user_input_dtmf",
        "user_input_dtmf_finish_key",
    },
    "function_calls": set(),
    "metrics": set(),
}

REDACTED: dict[TableName, frozenset[str]] = {
    name: frozenset(
        {column.name for column in table.all_columns if column.type == "json"} | _TEXT[name]
    )
    for name, table in TABLES.items()
}
"""The columns of each table: those that are named here, and all JSON, which can hold anything."""


def redact(name: TableName, batch: pa.Table) -> Any:
    """Return a table with nulls in the columns that may hold personal data."""
    for position, field in enumerate(batch.schema):
        if field.name in REDACTED[name]:
            batch = batch.set_column(position, field, pa.nulls(batch.num_rows, field.type))
    return batch
