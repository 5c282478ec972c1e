"""Builds Arrow batches column by column, with the types of whole columns checked at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from math import isfinite
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from polyai_data import ConversationSummary

from ._tables import TABLES, Column, Nested, TableName, raw_of
from ._v3 import from_v3, is_v3

_ARROW: dict[str, Any] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "texts": pa.list_(pa.string()),
    "json": pa.string(),
}
_NONE = type(None)
_EXACT: dict[str, set[type]] = {
    "text": {str, _NONE},
    "integer": {int, _NONE},
    "number": {int, float, _NONE},
    "boolean": {bool, _NONE},
    "time": {str, _NONE},
    "texts": {list, _NONE},
}
_CANNOT_CONVERT = (pa.ArrowException, OverflowError, UnicodeEncodeError)
_MIN_TIME = pa.scalar(datetime.min.replace(tzinfo=UTC), _ARROW["time"])
_MAX_TIME = pa.scalar(datetime.max.replace(tzinfo=UTC), _ARROW["time"])
_CHUNK = 512
"""Records. They fit in the processor's cache, and few details are in memory at a time."""

SCHEMAS: dict[TableName, pa.Schema] = {
    name: pa.schema([(column.name, _ARROW[column.type]) for column in table.all_columns])
    for name, table in TABLES.items()
}
"""The schema of each table."""


def json_text(value: Any) -> str | None:
    """Return a value as compact JSON; None for null."""
    if value is None:
        return None
    with suppress(TypeError, ValueError, RecursionError):
        return msgspec.json.encode(value).decode()
    try:
        return json.dumps(value)  # text that is not valid Unicode is escaped
    except (TypeError, ValueError, RecursionError):
        return json.dumps(repr(value))  # not from a server


@lru_cache(maxsize=4096)
def _read_time(text: str) -> datetime | None:
    """Return the time that the client reads in a string; None if there is none.

    Raises:
        ValueError: if the string is not a time, or one that Python cannot represent in UTC.
    """
    model = ConversationSummary.from_dict({"conversationId": "-", "startedAt": text})
    moment: Any = model.started_at
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise ValueError
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError from None


class Builder:
    """Collects the rows of a table, column by column, and returns them as batches.

    Args:
        name: The table.
        size: The maximum number of rows per batch.
    """

    def __init__(self, name: TableName, size: int) -> None:
        self._table = TABLES[name]
        self._schema = SCHEMAS[name]
        self._size = size
        self._keys = itemgetter(*(column.keys[0] for column in self._table.columns))
        self._known = {*self._table.details, *(group.key for group in self._table.nested)}
        self._known.update(column.keys[0] for column in self._table.columns)
        self._rows: list[Any] = []
        self._fixed: list[tuple[Any, ...]] = []
        self._problems: dict[int, list[str]] = {}
        self._other: dict[int, dict[str, Any]] = {}
        self._chunks: list[pa.RecordBatch] = []
        self._count = 0

    def add(self, item: Any) -> bool:
        """Add a conversation; return whether there are enough rows for a batch."""
        raw = item if type(item) is dict else raw_of(item)
        if is_v3(raw):
            raw = from_v3(raw)
        if self._table.records is None:
            self._rows.append(raw)
        else:
            for fixed, fields in self._table.records(raw):
                self._fixed.append(fixed)
                self._rows.append(fields)
        if len(self._rows) >= _CHUNK:
            self._convert()
        return self._count + len(self._rows) >= self._size

    def take(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that were added since the last call, and forget them."""
        if self._rows:
            self._convert()
        if self._chunks:
            batch = pa.concat_batches(self._chunks)
            self._chunks, self._count = [], 0
            for start in range(0, batch.num_rows, self._size):
                yield batch.slice(start, self._size)

    def _convert(self) -> None:
        arrays = list(self._arrays())
        self._chunks.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._count += len(self._rows)
        self._rows, self._fixed, self._problems, self._other = [], [], {}, {}

    def _arrays(self) -> Iterator[pa.Array]:
        """Yield the columns."""
        rows, size = self._rows, len(self._rows)
        for position, column in enumerate(self._table.fixed):
            yield self._array(column, [each[position] for each in self._fixed], column.name)
        for row, fields in enumerate(rows):
            if not isinstance(fields, dict):
                self._report(row, "value", "value", fields)
                rows[row] = {}
        keys = set().union(*rows)
        if not keys.isdisjoint(self._table.details):
            self._check_details(rows)
        if not keys <= self._known:
            self._keep_unknown(rows)
        columns = self._values_of(rows, keys)
        for column, values in zip(self._table.columns, columns, strict=True):
            yield self._array(column, values, column.keys[0])
        for group in self._table.nested:
            yield from self._nested_arrays(group, [fields.get(group.key) for fields in rows])
        yield from _sparse(self._problems, pa.scalar([], _ARROW["texts"]), size)
        other = {row: json_text(fields) for row, fields in self._other.items()}
        yield from _sparse(other, pa.scalar(None, _ARROW["json"]), size)

    def _values_of(self, rows: list[dict[str, Any]], keys: set[str]) -> Sequence[Sequence[Any]]:
        """Return the values of each column."""
        columns = self._table.columns
        if all(keys.isdisjoint(column.keys[1:]) for column in columns):
            with suppress(KeyError):  # most records have all keys, and this is the fastest way
                return list(zip(*map(self._keys, rows), strict=True))
        return [[fields.get(_key(fields, column.keys)) for fields in rows] for column in columns]

    def _report(self, row: int, problem: str, key: str, value: Any) -> None:
        self._problems.setdefault(row, []).append(problem)
        self._other.setdefault(row, {})[key] = value

    def _check_details(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep the details that cannot become rows of other tables."""
        for row, fields in enumerate(rows):
            for key, kind in self._table.details.items():
                value = fields.get(key)
                if value is not None and not isinstance(value, kind):
                    self._report(row, key, key, value)
                elif isinstance(value, dict):
                    for name, part in value.items():
                        if not isinstance(part, list):
                            self._report(row, f"{key}.{name}", f"{key}.{name}", part)

    def _keep_unknown(self, rows: Sequence[dict[str, Any]]) -> None:
        for row, fields in enumerate(rows):
            if not fields.keys() <= self._known:
                used = {_key(fields, column.keys) for column in self._table.columns}
                for key in fields.keys() - self._known - used:
                    self._other.setdefault(row, {})[key] = fields[key]

    def _nested_arrays(self, group: Nested, values: Sequence[Any]) -> Iterator[pa.Array]:
        parts = {column.keys[0] for column in group.columns}
        objects = []
        for row, value in enumerate(values):
            fields = group.read(value)
            if not isinstance(fields, dict):
                if fields is not None:
                    self._report(row, group.key, group.key, value)
                fields = {}
            elif not fields.keys() <= parts:
                self._other.setdefault(row, {})[group.key] = value
            objects.append(fields)
        for column in group.columns:
            part = column.keys[0]
            found = [fields.get(part) for fields in objects]
            yield self._array(column, found, group.key, part, values)

    def _array(
        self,
        column: Column,
        values: Sequence[Any],
        key: str,
        part: str = "",
        originals: Sequence[Any] | None = None,
    ) -> pa.Array:
        """Return a column. A value that does not have its type is null, and reported."""
        kind = column.type
        if kind == "json":
            return pa.array([json_text(value) for value in values], _ARROW[kind])
        if set(map(type, values)) <= _EXACT[kind] and (kind != "texts" or _all_texts(values)):
            with suppress(*_CANNOT_CONVERT):
                return _convert(column, values)
        converted = []
        for row, value in enumerate(values):
            try:
                converted.append(_convert_one(column, value))
            except (ValueError, *_CANNOT_CONVERT):
                converted.append(None)
                problem = f"{key}.{part}" if part else key
                self._report(row, problem, key, originals[row] if originals else value)
        return pa.array(converted, _ARROW[kind])


def _key(fields: dict[str, Any], keys: tuple[str, ...]) -> str:
    return next((key for key in keys if key in fields), keys[0])


def _all_texts(values: Sequence[Any]) -> bool:
    return set(map(type, chain.from_iterable(filter(None, values)))) <= {str}


def _sparse(values: Mapping[int, Any], default: pa.Scalar, size: int) -> Iterator[pa.Array]:
    """Yield a column in which most rows have the default."""
    if not values:
        yield pa.repeat(default, size)
    else:
        usual = default.as_py()
        yield pa.array([values.get(row, usual) for row in range(size)], default.type)


def _convert(column: Column, values: Sequence[Any]) -> pa.Array:
    """Return a column whose values have the right JSON types.

    Raises:
        Exception: one of _CANNOT_CONVERT, if a value needs a closer look.
    """
    if column.type == "time":
        return _convert_times(values)
    array = pa.array(values, _ARROW[column.type])
    if column.type == "number":
        if pc.all(pc.is_finite(array)).as_py() is False:
            raise pa.ArrowInvalid("JSON has no such numbers")
        return array if column.divisor == 1 else pc.divide(array, float(column.divisor))
    return array


def _convert_times(values: Sequence[Any]) -> pa.Array:
    """Let Arrow read the usual form: ISO 8601, and all of a column with or without an offset."""
    texts = pa.array(values, pa.string())
    try:
        times = pc.cast(texts, _ARROW["time"])
    except pa.ArrowInvalid:
        # Not assume_timezone: it looks for UTC in a database, which Windows does not have.
        times = pc.cast(pc.cast(texts, pa.timestamp("us")), _ARROW["time"])
        if pc.min(pc.utf8_length(texts)).as_py() <= 13:
            raise  # a date without a time
    low, high = pc.min_max(times).values()
    if low.is_valid and not (low.value >= _MIN_TIME.value and high.value <= _MAX_TIME.value):
        raise pa.ArrowInvalid("Python has no such times")
    return times


def _convert_one(column: Column, value: Any) -> Any:
    """Return a value as Arrow accepts it.

    Raises:
        Exception: ValueError or one of _CANNOT_CONVERT, if it does not have the type.
    """
    kind = column.type
    if value is None:
        return None
    if kind == "texts":
        if type(value) is not list or not _all_texts([value]):
            raise ValueError
    elif type(value) is float and kind == "integer" and value.is_integer():
        value = int(value)
    elif type(value) not in _EXACT[kind]:
        raise ValueError
    if kind == "time":
        return _read_time(value)
    if kind == "number":
        if not isfinite(value):
            raise ValueError
        value = value / column.divisor
    return pa.scalar(value, _ARROW[kind]).as_py()


def batches(items: Iterable[Any], name: TableName, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a table."""
    builder = Builder(name, size)
    for item in items:
        if builder.add(item):
            yield from builder.take()
    yield from builder.take()
