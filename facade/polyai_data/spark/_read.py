"""What the driver plans, and what the tasks read."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pyarrow as pa
from pyspark.sql.datasource import InputPartition

from polyai_data import AuthenticationError, DataClient, PermissionDeniedError, PolyAIError
from polyai_data.frames import SCHEMAS, TableName, to_batches
from polyai_data.frames._build import json_text
from polyai_data.frames._walk import ENVIRONMENTS, Listed, id_of, start_of, unreadable

from ._options import Options

Result: TypeAlias = tuple[str | None, Any, Exception | None]
"""The ID of a conversation, its JSON, and why it could not be read."""
_BATCH = 1000
"""Rows: few batches are in memory at a time."""
_SPARK_TYPES = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="UTC"): "timestamp",
    pa.list_(pa.string()): "array<string>",
}


def arrow_schema(table: TableName) -> pa.Schema:
    """Return the columns of a table, with one more: why a conversation could not be read."""
    columns = SCHEMAS[table]
    name = "read_error" if "error" in columns.names else "error"  # function calls have errors
    return columns.append(pa.field(name, pa.string()))


def spark_columns(table: TableName) -> list[tuple[str, str]]:
    """Return the names of the columns of a table, each with its type in Spark."""
    return [(column.name, _SPARK_TYPES[column.type]) for column in arrow_schema(table)]


@dataclass
class Ids(InputPartition):  # type: ignore[misc]  # PySpark is not there when types are checked
    """Conversations to read by ID.

    Attributes:
        ids: Their IDs.
        unreadable: Records of the list that have no ID, each with the reason.
        tasks: The number of tasks that share the rate limit.
    """

    ids: list[str]
    unreadable: list[tuple[Any, str]] = field(default_factory=list)
    tasks: int = 1


@dataclass
class Window(InputPartition):  # type: ignore[misc]
    """A period: the conversations that started in it are in the list, or found by a search.

    Attributes:
        start: The start of the period.
        end: The end, exclusive.
        tasks: The number of tasks that share the rate limit.
    """

    start: datetime | None
    end: datetime | None
    tasks: int = 1


@dataclass(frozen=True)
class Job:
    """A read.

    Attributes:
        options: Its options.
        in_stream: Whether it belongs to a stream. Then conversations whose start is not known are
            left out, because each period would have them.
    """

    options: Options
    in_stream: bool = False

    def plan(self, start: datetime | None, end: datetime | None) -> list[Ids | Window]:
        """Return the parts of a period for the tasks."""
        options = self.options
        parts: list[Ids | Window]
        if options.source == "v3" and start is not None:
            parts = list(_windows(start, end, timedelta(hours=options.hours_per_partition)))
        elif options.details:
            parts = list(self._list_ids(start, end))
        else:
            parts = [Window(start, end)]
        for part in parts:
            part.tasks = min(len(parts), options.parallel_tasks or len(parts))
        return parts or [Ids([])]

    def _list_ids(self, start: datetime | None, end: datetime | None) -> Iterator[Ids]:
        ids: list[str] = []
        rest: list[tuple[Any, str]] = []
        with self.options.client() as client:
            for one in self.listed(client, start, end):
                conversation_id = id_of(one)
                if conversation_id is None:
                    rest.append((one.raw, unreadable(one)[1]))
                else:
                    ids.append(conversation_id)
        size = self.options.ids_per_partition
        for first in range(0, max(len(ids), 1), size):
            yield Ids(ids[first : first + size], [] if first else rest)

    def listed(
        self,
        client: DataClient,
        start: datetime | None,
        end: datetime | None,
        *,
        in_progress: bool | None = None,
    ) -> Iterator[Listed]:
        """Yield the conversations that started in a period: from the list, or from searches."""
        period: Any = {"since": start, "until": end}
        if self.options.source == "data":
            walks: list[Any] = [client.list_conversations(page_size=500, **period)]
        else:
            period |= {"in_progress": in_progress, "include_latency": True}
            walks = [
                client.search_conversations(environment=environment, **period)
                for environment in ENVIRONMENTS
            ]
        for walk in walks:
            for one in walk:
                is_wanted = in_progress is None or one.in_progress is in_progress
                if is_wanted and self._is_before(one, end):
                    yield one

    def _is_before(self, one: Listed, end: datetime | None) -> bool:
        """Return whether a conversation started before the end, which a server may include."""
        moment = start_of(one)
        if moment is None:
            return not self.in_stream
        return end is None or moment < end

    def read(self, part: Ids | Window) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a part; those of conversations that could not be read come last."""
        table = self.options.table
        schema = arrow_schema(table)
        failed: list[dict[str, Any]] = []

        def succeeded(results: Iterator[Result]) -> Iterator[dict[str, Any]]:
            for conversation_id, raw, error in results:
                if error is None:
                    yield raw
                else:
                    failed.append(self._failed(conversation_id, raw, error))

        with (
            self.options.client(part.tasks) as client,
            closing(self._read(client, part)) as results,
        ):
            for batch in to_batches(succeeded(results), table, size=_BATCH):
                no_errors = pa.nulls(batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([*batch.columns, no_errors], schema=schema)
        if failed:
            yield pa.RecordBatch.from_pylist(failed, schema=schema)

    def _read(self, client: DataClient, part: Ids | Window) -> Generator[Result, None, None]:
        if isinstance(part, Window):
            for one in self.listed(client, part.start, part.end):
                conversation_id = id_of(one)
                error = PolyAIError(unreadable(one)[1]) if conversation_id is None else None
                yield conversation_id, one.raw, error
            return
        for raw, reason in part.unreadable:
            yield None, raw, PolyAIError(reason)
        results = client.get_conversations(part.ids, concurrency=self.options.concurrency)
        with closing(results):
            for result in results:
                raw = None if result.error else result.value.raw
                yield result.id, raw, result.error

    def _failed(self, conversation_id: str | None, raw: Any, error: Exception) -> dict[str, Any]:
        """Return the row of a conversation that could not be read.

        Raises:
            Exception: the error, if it ends the job. A rejected key always does.
        """
        is_refused = isinstance(error, AuthenticationError | PermissionDeniedError)
        if is_refused or self.options.errors == "raise":
            raise error
        return {
            "conversation_id": conversation_id,
            "problems": [],
            "other": json_text(raw),
            arrow_schema(self.options.table).names[-1]: f"{type(error).__name__}: {error}",
        }


def _windows(start: datetime, end: datetime | None, size: timedelta) -> Iterator[Window]:
    """Yield the parts of a period. What begins from now on is in none of them."""
    end = end or datetime.now(UTC)
    while start < end:
        yield Window(start, min(start + size, end))
        start += size
