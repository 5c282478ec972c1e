"""The tables: their columns, independent of any library, and the records that make their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import msgspec
from polyai_data_generated.column_types import COLUMN_TYPES
from polyai_data_generated.wire_names import WIRE_NAMES

from polyai_data import BulkResult, Turn

TableName = Literal["conversations", "turns", "function_calls", "metrics"]
"""The name of a table."""


class Column(NamedTuple):
    """A column.

    Attributes:
        name: Its name.
        type: One of text, integer, number, boolean, time, texts and json.
        keys: The JSON keys that its value may have; the first one found is used.
        divisor: What to divide the value by, to get the unit in the name.
    """

    name: str
    type: str
    keys: tuple[str, ...] = ()
    divisor: int = 1


class Nested(NamedTuple):
    """Columns that are the fields of an object in the record.

    Attributes:
        key: The JSON key of the object.
        columns: The columns.
        read: Returns the object, given the value of the key.
    """

    key: str
    columns: tuple[Column, ...]
    read: Callable[[Any], Any] = lambda value: value


Record = tuple[tuple[Any, ...], Any]
"""What a row is made from: the values of the fixed columns, and a JSON object."""


class Table(NamedTuple):
    """A table.

    Attributes:
        fixed: The columns that say where the record was found.
        columns: The columns that are fields of the record.
        nested: The columns that are fields of an object in the record.
        details: The keys whose values become other tables, with their types.
        records: Returns the records of a conversation; None if it is a record itself.
        key: The names of the columns that identify a row.
    """

    fixed: tuple[Column, ...]
    columns: tuple[Column, ...]
    nested: tuple[Nested, ...]
    details: Mapping[str, type]
    records: Callable[[Any], Iterator[Record]] | None
    key: tuple[str, ...]

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """All columns in their order."""
        nested = (column for group in self.nested for column in group.columns)
        ends = (Column("problems", "texts"), Column("other", "json"))
        return (*self.fixed, *self.columns, *nested, *ends)


def raw_of(item: Any) -> Any:
    """Return the JSON of a model, of the result of a bulk read, or of JSON itself."""
    if isinstance(item, BulkResult):
        item = item.value
    return item if isinstance(item, dict) else getattr(item, "raw", item)


def _columns(
    model: str, *, without: set[str], names: Mapping[str, str] = {}, divisor: int = 1
) -> tuple[Column, ...]:
    aliases = Turn.ALIASES if model == "Turn" else {}
    columns = []
    for field, kind in COLUMN_TYPES[model].items():
        if field in without:
            continue
        key = WIRE_NAMES[model][field]
        is_duration = field.endswith("duration")
        name = f"{field}_seconds" if is_duration else names.get(field, field)
        keys = (key, *aliases.get(key, ()))
        columns.append(Column(name, kind, keys, divisor if is_duration else 1))
    return tuple(columns)


# --- Conversations ---------------------------------------------------------------------------


def _read_summary(value: Any) -> Any:
    """Return the summary as an object. Older records have its JSON, or plain text."""
    summary = value
    if isinstance(value, str):
        summary = {"content": value}
        if value.lstrip().startswith("{"):
            for read in (msgspec.json.decode, json.loads):  # the second is slower, but lenient
                with suppress(ValueError, RecursionError):
                    summary = read(value)
                    break
    if isinstance(summary, dict) and "" in summary.values():
        summary = {key: part or None for key, part in summary.items()}
    return summary


# --- Parts of conversations -------------------------------------------------------------------


def _turn_records(raw: Any) -> Iterator[Record]:
    turns = raw.get("turns") if isinstance(raw, dict) else None
    for index, turn in enumerate(turns if isinstance(turns, list) else ()):
        yield (_id_of(raw), index), turn


def _lists_of(raw: Any, key: str) -> Iterator[tuple[str, list[Any]]]:
    lists = raw.get(key) if isinstance(raw, dict) else None
    for name, values in lists.items() if isinstance(lists, dict) else ():
        if isinstance(values, list):
            yield name, values


def _call_records(raw: Any) -> Iterator[Record]:
    position = 0
    for key, events in _lists_of(raw, "functionEvents"):
        # A key that is not an index becomes one of the problems.
        turn = int(key) if key.isdecimal() and len(key) < 10 else key
        implied = {"conversation_id": _id_of(raw), "turn_id": turn}
        for event in events:
            if isinstance(event, dict):  # without what the fixed columns say
                event = {k: v for k, v in event.items() if v is None or implied.get(k) != v}
            yield (_id_of(raw), position, turn), event
            position += 1


def _metric_records(raw: Any) -> Iterator[Record]:
    for name, values in _lists_of(raw, "metrics"):
        for index, value in enumerate(values):
            yield (_id_of(raw), name, index), value


def _id_of(raw: dict[str, Any]) -> str | None:
    value = raw.get("conversationId")
    return value if type(value) is str else None


_PARTS = {"short_summary", "turns", "metrics", "function_events"}
_ID = Column("conversation_id", "text")

TABLES: dict[TableName, Table] = {
    "conversations": Table(
        fixed=(),
        columns=_columns("Conversation", without=_PARTS),
        nested=(
            Nested(
                "shortSummary",
                (
                    Column("heading", "text", ("heading",)),
                    Column("summary_text", "text", ("content",)),
                ),
                _read_summary,
            ),
        ),
        details={"turns": list, "functionEvents": dict, "metrics": dict},
        records=None,
        key=("conversation_id",),
    ),
    "turns": Table(
        fixed=(_ID, Column("turn", "integer")),
        columns=_columns("Turn", without={"latency"}),
        nested=(
            Nested(
                "latency",
                (
                    Column("latency_label", "text", ("label",)),
                    Column("latency_seconds", "number", ("perceived_latency",)),
                    Column("latency_percentile", "number", ("perceived_latency_percentile_1d",)),
                ),
            ),
        ),
        details={},
        records=_turn_records,
        key=("conversation_id", "turn"),
    ),
    "function_calls": Table(
        fixed=(_ID, Column("position", "integer"), Column("turn", "integer")),
        columns=_columns(
            "FunctionEvent",
            without={"conversation_id", "turn_id"},
            names={"start_time": "started_at", "content": "result"},
            divisor=1000,
        ),
        nested=(),
        details={},
        records=_call_records,
        key=("conversation_id", "position"),
    ),
    "metrics": Table(
        fixed=(_ID, Column("name", "text"), Column("position", "integer")),
        columns=_columns("MetricValue", without=set()),
        nested=(),
        details={},
        records=_metric_records,
        key=("conversation_id", "name", "position"),
    ),
}
