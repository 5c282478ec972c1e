"""Conversations as typed tables, for Arrow, pandas and Polars.

    from polyai_data import frames

    table = frames.to_arrow(client.list_conversations())
    turns = frames.to_pandas(client.get_conversations(ids), "turns")

Conversations from `search_conversations` give the same tables. What only they have is in `other`.

There are four tables: `conversations`, `turns`, `function_calls` and `metrics`; `SCHEMAS` has
their columns. Times are UTC, durations have their unit in the name, and what has no fixed shape is
JSON in a text column. A value that does not have the documented type is null, named in `problems`,
and kept in `other` as JSON, together with fields that the OpenAPI spec does not name. The module
needs the extra `arrow`. For `to_pandas` and `to_polars`, install pandas or Polars.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

try:
    import pyarrow as pa
except ModuleNotFoundError as _error:
    from polyai_data.cli._install import install_command

    raise ImportError(
        f"polyai_data.frames needs pyarrow: {install_command('arrow')}", name=__name__
    ) from _error

from polyai_data import BulkResult, Conversation, ConversationSummary, FoundConversation

from ._build import SCHEMAS, Builder, batches
from ._tables import TableName

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = [
    "SCHEMAS",
    "Item",
    "TableName",
    "to_arrow",
    "to_arrow_async",
    "to_batches",
    "to_batches_async",
    "to_pandas",
    "to_polars",
]

Item: TypeAlias = (
    ConversationSummary
    | Conversation
    | FoundConversation
    | BulkResult[Conversation]
    | Mapping[str, Any]
)
"""A conversation: a model of either API, the result of a bulk read, or raw JSON."""


def to_batches(
    items: Iterable[Item], table: TableName = "conversations", *, size: int = 4096
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table as Arrow record batches, with few of them in memory at a time.

    Args:
        items: The conversations, for example from `list_conversations` or `get_conversations`, or
            the raw JSON of each. Only conversations with details have rows in the other tables.
        table: The table: `conversations`, `turns`, `function_calls` or `metrics`.
        size: The maximum number of rows per batch.

    Raises:
        Exception: the error of a failed bulk read.
        ValueError: if there is no such table, or the size is less than 1.
    """
    _check(table, size)
    return batches(items, table, size)


def to_arrow(items: Iterable[Item], table: TableName = "conversations") -> pa.Table:
    """Return the rows of a table as an Arrow table. Without items, it has all columns.

    Args:
        items: The conversations, as for `to_batches`.
        table: The table: `conversations`, `turns`, `function_calls` or `metrics`.

    Raises:
        Exception: the error of a failed bulk read.
        ValueError: if there is no such table.
    """
    return pa.Table.from_batches(to_batches(items, table), schema=SCHEMAS[table])


async def to_batches_async(
    items: AsyncIterable[Item], table: TableName = "conversations", *, size: int = 4096
) -> AsyncIterator[pa.RecordBatch]:
    """Yield the rows of a table as Arrow record batches: `to_batches` for the async client.

    Args:
        items: The conversations, from an async iterator.
        table: The table: `conversations`, `turns`, `function_calls` or `metrics`.
        size: The maximum number of rows per batch.

    Raises:
        Exception: the error of a failed bulk read.
        ValueError: if there is no such table, or the size is less than 1.
    """
    _check(table, size)
    builder = Builder(table, size)
    async for item in items:
        if builder.add(item):
            for batch in builder.take():
                yield batch
    for batch in builder.take():
        yield batch


async def to_arrow_async(
    items: AsyncIterable[Item], table: TableName = "conversations"
) -> pa.Table:
    """Return the rows of a table as an Arrow table: `to_arrow` for the async client.

    Args:
        items: The conversations, from an async iterator.
        table: The table: `conversations`, `turns`, `function_calls` or `metrics`.

    Raises:
        Exception: the error of a failed bulk read.
        ValueError: if there is no such table.
    """
    found = [batch async for batch in to_batches_async(items, table)]
    return pa.Table.from_batches(found, schema=SCHEMAS[table])


def to_pandas(items: Iterable[Item], table: TableName = "conversations") -> pandas.DataFrame:
    """Return the rows of a table as a pandas DataFrame whose columns have Arrow types.

    Args:
        items: The conversations, as for `to_batches`.
        table: The table: `conversations`, `turns`, `function_calls` or `metrics`.

    Raises:
        Exception: the error of a failed bulk read.
        ImportError: if pandas is not installed.
        ValueError: if there is no such table.
    """
    library = _import("pandas", "to_pandas")
    frame: pandas.DataFrame = to_arrow(items, table).to_pandas(types_mapper=library.ArrowDtype)
    return frame


def to_polars(items: Iterable[Item], table: TableName = "conversations") -> polars.DataFrame:
    """Return the rows of a table as a Polars DataFrame.

    Args:
        items: The conversations, as for `to_batches`.
        table: The table: `conversations`, `turns`, `function_calls` or `metrics`.

    Raises:
        Exception: the error of a failed bulk read.
        ImportError: if Polars is not installed.
        ValueError: if there is no such table.
    """
    library = _import("polars", "to_polars")
    frame: polars.DataFrame = library.from_arrow(to_arrow(items, table))
    return frame


def _check(table: str, size: int) -> None:
    if table not in get_args(TableName):
        raise ValueError(f"table={table!r}: expected one of {', '.join(get_args(TableName))}.")
    if size < 1:
        raise ValueError(f"size={size}: expected 1 or more.")


def _import(name: str, function: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # it is installed, but one of its dependencies is not
        raise ImportError(f"{function} needs {name}: pip install {name}", name=name) from error


def __dir__() -> list[str]:
    return sorted(__all__)
