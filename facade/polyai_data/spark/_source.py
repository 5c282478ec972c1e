"""The data source, as Spark calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceStreamReader

from ._options import Options
from ._read import Ids, Job, Window, spark_columns


class PolyAIDataSource(DataSource):  # type: ignore[misc]  # no PySpark when types are checked
    """The data source `polyai`: register it, then `spark.read.format("polyai")`.

    It has the columns of `polyai_data.frames.SCHEMAS`, and `error`: why a conversation could not be
    read. The table `function_calls` has an `error` of its own, so the column is `read_error` there.

    Args:
        options: The options, which docs/how-to/spark.md describes. The API key is not one of them.

    Raises:
        ValueError: if an option is unknown or invalid, or has an API key.
        ConfigurationError: if there is no key, region or agent, or one of them is invalid.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        # Here, and not in `schema`, which Spark does not always call: a key must get no further.
        super().__init__(options)
        self._options = Options.parse(options, os.environ)

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "polyai"

    def schema(self) -> str:
        """Return the columns."""
        return ", ".join(f"`{name}` {kind}" for name, kind in spark_columns(self._options.table))

    def reader(self, schema: Any) -> DataSourceReader:
        """Return a reader for one batch.

        Raises:
            ValueError: if the schema is not that of the table, or an option is for streams.
        """
        self._check(schema, "streams", "in_progress_minutes", "delay_seconds")
        return _Reader(self._options)

    def streamReader(self, schema: Any) -> DataSourceStreamReader:
        """Return a reader for a stream.

        Raises:
            ValueError: if the schema is not that of the table, or an option is for batches.
            RuntimeError: if PySpark is older than 4.2.
        """
        if not hasattr(DataSourceStreamReader, "getDefaultReadLimit"):
            raise RuntimeError("Streams need PySpark 4.2 or newer.")
        self._check(schema, "batches", "until")
        return _StreamReader(self._options)

    def _check(self, schema: Any, kind: str, *not_here: str) -> None:
        for name in not_here:
            if name in self.options:
                raise ValueError(f"{name} is for {kind} only.")
        given = [(column.name, column.dataType.simpleString()) for column in schema.fields]
        if given != spark_columns(self._options.table):
            raise ValueError("Leave schema() out: the columns are given. select() picks some.")


class _Reader(DataSourceReader):  # type: ignore[misc]
    def __init__(self, options: Options) -> None:
        self._job = Job(options)

    def partitions(self) -> list[Ids | Window]:
        options = self._job.options
        return self._job.plan(options.since, options.until)

    def read(self, partition: Ids | Window) -> Iterator[pa.RecordBatch]:
        return self._job.read(partition)


class _StreamReader(DataSourceStreamReader):  # type: ignore[misc]
    """Reads each conversation when it has ended, in the order in which they started.

    An offset is a time: conversations that started before it have been read. It does not pass one
    in progress, unless it has lasted long.
    """

    def __init__(self, options: Options) -> None:
        self._job = Job(options, in_stream=True)

    def initialOffset(self) -> dict[str, str]:
        return _offset(self._job.options.since)

    def latestOffset(self, start: dict[str, str], limit: object) -> dict[str, str]:  # noqa: ARG002
        options, begin = self._job.options, _time(start)
        now = datetime.now(UTC)
        oldest = now - timedelta(minutes=options.in_progress_minutes)
        with options.client() as client:
            recent = max(begin or oldest, oldest)
            waiting = self._job.listed(client, recent, None, in_progress=True)
            # What has just begun may not be listed yet.
            times: list[Any] = [now - timedelta(seconds=options.delay_seconds)]
            end = min(times + [one.started_at for one in waiting])
            if begin is not None and end <= begin:
                return start
            first = next(self._job.listed(client, begin, end), None)
        return start if first is None else _offset(end)

    def partitions(self, start: dict[str, str], end: dict[str, str]) -> list[Ids | Window]:
        return self._job.plan(_time(start), _time(end)) if start != end else []

    def read(self, partition: Ids | Window) -> Iterator[pa.RecordBatch]:
        return self._job.read(partition)


def _offset(moment: datetime | None) -> dict[str, str]:
    return {"started_before": "" if moment is None else moment.isoformat()}


def _time(offset: dict[str, str]) -> datetime | None:
    text = offset["started_before"]
    return datetime.fromisoformat(text) if text else None
