"""How dlt writes the tables, so that rows that a conversation no longer has are deleted.

dlt merges tables by their primary keys. That alone leaves behind the last turns of a conversation
that got shorter. dlt deletes rows that are loaded with `deleted`. Such rows are added in one of two
ways:

- Most databases also have a merge key: before dlt inserts the turns of a conversation, it deletes
  all that it had. A conversation without turns needs one row for that.
- Delta tables on a file system have no merge key. The tables are searched for rows that the loaded
  conversations no longer have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.destination.utils import resolve_merge_strategy

from polyai_data.frames import SCHEMAS, TableName
from polyai_data.frames._build import json_text
from polyai_data.frames._tables import TABLES

FAILED = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("reason", pa.string()),
        ("failed_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""The schema of the table `sync_failed`."""
PARTS: tuple[TableName, ...] = ("turns", "function_calls", "metrics")
"""The tables with the parts of conversations."""


def tables_for(pipeline: Any, resource: Any) -> Tables:
    """Return how to write the tables of a pipeline.

    Raises:
        ValueError: if the destination would append to the tables, or lose rows.
    """
    table = resource.compute_table_schema()
    if table["write_disposition"] != "merge":
        raise ValueError(
            f"write_disposition={table['write_disposition']!r}: expected merge, because a run "
            "loads only what is new or changed. To load everything again, pass "
            'refresh="drop_resources" to pipeline.run.'
        )
    destination = pipeline.destination
    if destination is None:
        raise ValueError("The pipeline has no destination: pass it to dlt.pipeline.")
    capabilities = destination.capabilities()
    strategy = resolve_merge_strategy({table["name"]: table}, table, capabilities)
    if strategy == "delete-insert":
        # In CSV, which dlt prefers for Postgres, an empty text is null.
        if {"csv", "insert_values"} <= {*capabilities.supported_loader_file_formats}:
            resource.apply_hints(file_format=table.get("file_format") or "insert_values")
        return Tables()
    if strategy == "upsert" and table.get("table_format") == "delta":
        return DeltaTables(pipeline)
    raise ValueError(
        f"The destination {destination.destination_name} would not replace what conversations had "
        f"before (merge strategy: {strategy}). For files, make it Delta tables: install "
        'dlt[deltalake], and call pipeline.run(…, table_format="delta").'
    )


class Tables:
    """Tables of a destination that deletes rows before it inserts others."""

    def rows(self, tables: Mapping[TableName, pa.Table]) -> Iterator[Any]:
        """Yield the rows of some conversations, for each table."""
        conversations = self._convert(tables["conversations"])
        key = TABLES["conversations"].key
        yield _with_hints(conversations, key, table_name="conversations")
        for name in PARTS:
            yield from self._part(name, tables[name], conversations["conversation_id"])

    def stale(self) -> Iterator[Any]:
        """Yield what makes dlt delete rows that the loaded conversations no longer have."""
        return iter(())

    def failed(self, table: pa.Table) -> Iterator[Any]:
        """Yield rows of `sync_failed`."""
        hints: dict[str, Any] = {"write_disposition": "append", "primary_key": []}
        yield _with_hints(table, (), table_name="sync_failed", **hints)

    def _convert(self, table: pa.Table) -> pa.Table:
        """Return a table whose lists are JSON; dlt cannot write lists to all databases."""
        for position, field in enumerate(table.schema):
            if pa.types.is_list(field.type):
                texts = pa.array(map(json_text, table[position].to_pylist()), pa.string())
                table = table.set_column(position, field.name, texts)
        return table

    def _part(self, name: TableName, table: pa.Table, ids: pa.ChunkedArray) -> Iterator[Any]:
        """Yield rows for a table other than `conversations`, and what deletes older ones."""
        yield _rows(name, self._convert(table), merge_key="conversation_id")
        without = ids.filter(pc.invert(pc.is_in(ids, table["conversation_id"])))
        if len(without):
            key: dict[str, Any] = {"conversation_id": without}
            for column in TABLES[name].key[1:]:  # which must not be null
                kind = SCHEMAS[name].field(column).type
                value = "" if kind == pa.string() else -1
                key[column] = pa.array([value] * len(without), kind)
            dummy = _fill(name, pa.table(key))
            yield _rows(name, self._convert(dummy), deleted=True, merge_key="conversation_id")


class DeltaTables(Tables):
    """Delta tables on a file system.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._ids: list[pa.ChunkedArray] = []
        self._keys: dict[TableName, list[pa.Table]] = {name: [] for name in PARTS}

    def stale(self) -> Iterator[Any]:
        """Yield what makes dlt delete rows that the loaded conversations no longer have."""
        from dlt.common.libs.deltalake import DeltaTable, deltalake_storage_options

        with self._pipeline.destination_client() as client:
            config = client.config
            options = deltalake_storage_options(
                config.credentials, config.deltalake_storage_options
            )
            for name, keys in self._keys.items():
                location = client.get_open_table_location("delta", name)
                if keys and DeltaTable.is_deltatable(location, options):
                    kept = pa.concat_tables(keys)
                    found = self._find(DeltaTable(location, storage_options=options), kept.schema)
                    gone = found.join(kept, kept.column_names, join_type="left anti")
                    if len(gone):
                        yield _rows(name, _fill(name, gone), deleted=True)

    def _find(self, table: Any, schema: pa.Schema) -> pa.Table:
        """Return the keys of the rows that loaded conversations have in a table."""
        ids = pa.chunked_array([chunk for each in self._ids for chunk in each.chunks], pa.string())
        found = []
        for batch in table.to_pyarrow_dataset().to_batches(columns=schema.names):
            keys = pa.Table.from_batches([batch]).cast(schema)
            found.append(keys.filter(pc.is_in(keys["conversation_id"], ids)))
        return pa.concat_tables([schema.empty_table(), *found])

    def _convert(self, table: pa.Table) -> pa.Table:
        """Return a table as Delta has it: unchanged."""
        return table

    def _part(self, name: TableName, table: pa.Table, ids: pa.ChunkedArray) -> Iterator[Any]:
        """Yield rows for a table other than `conversations`, and remember their keys."""
        if name == PARTS[0]:
            self._ids.append(ids)
        self._keys[name].append(table.select(TABLES[name].key))
        yield _rows(name, table)


def _fill(name: TableName, rows: pa.Table) -> pa.Table:
    """Return rows with all columns of a table. Those that are missing are null."""
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in SCHEMAS[name]
    ]
    return pa.table(columns, schema=SCHEMAS[name])


def _rows(name: TableName, table: pa.Table, *, deleted: bool | None = None, **hints: Any) -> Any:
    """Return rows for a table other than `conversations`."""
    return _with_hints(
        table.append_column("deleted", pa.array([deleted] * len(table), pa.bool_())),
        TABLES[name].key,
        table_name=name,
        columns={"deleted": {"hard_delete": True}},
        **hints,
    )


def _with_hints(table: pa.Table, key: Iterable[str], **hints: Any) -> Any:
    """Return rows for a table; what the hints do not say is as for the resource."""
    fields = [field.with_nullable(field.name not in key) for field in table.schema]
    table = table.cast(pa.schema(fields))  # for dlt, which warns if it expects something else
    made = dlt.mark.make_hints(**{"primary_key": list(key), **hints})
    return dlt.mark.with_hints(table, made, create_table_variant=True)
