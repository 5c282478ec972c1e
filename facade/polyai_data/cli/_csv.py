"""Writes CSV, for queries and exports."""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, Self

from ._command import import_module_of_extra
from ._part import JsonLinesFile, StandardOutput
from ._terminal import Terminal
from ._text import clean_lines, to_json

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_ROWS_AT_A_TIME = 500


def json_value(value: Any) -> Any:
    """Return a value of the database as JSON has it."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | None) else str(value)


def cell(value: Any) -> str:
    """Return a JSON value as the text of a cell."""
    if value is None:
        return ""
    return to_json(value) if isinstance(value, list | dict | bool) else str(value)


def csv_line(row: Iterable[Any]) -> str:
    """Return JSON values as a line of CSV, without the line end.

    Text that a spreadsheet would run as a formula gets a quote in front: it may be what a caller
    said. Numbers, including phone numbers, stay as they are.
    """
    line = io.StringIO()
    # Python 3.11 quotes line breaks only if the line also ends with them.
    csv.writer(line, lineterminator="\r\n").writerow(map(_safe_cell, row))
    return clean_lines(line.getvalue().removesuffix("\r\n"))


def _safe_cell(value: Any) -> str:
    text = cell(value)
    is_formula = isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def _header(frames: Any) -> str:
    return csv_line(frames.SCHEMAS["conversations"].names)


def _lines(frames: Any, records: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each conversation, with the columns of `frames.SCHEMAS`."""
    for batch in frames.to_batches(records, size=_ROWS_AT_A_TIME):
        columns = [column.to_pylist() for column in batch.columns]
        others = columns[batch.schema.names.index("other")]
        # JSON, whose control characters are escaped differently from those of plain text.
        others[:] = [text and to_json(json.loads(text)) for text in others]
        for row in zip(*columns, strict=True):
            yield csv_line(map(json_value, row))


class CsvFile(JsonLinesFile):
    """A CSV file, which is written when all conversations have arrived.

    Until then, they are in the `.part` file as JSON Lines, so that an export can resume it.
    """

    def __enter__(self) -> Self:
        import_module_of_extra("frames")  # fail early
        return super().__enter__()

    def complete(self) -> None:
        """Write the file, and delete the `.part` file."""
        frames = import_module_of_extra("frames")
        table = self.part.with_name(f"{self.part.name}.csv")
        table.unlink(missing_ok=True)  # left by a killed run
        try:
            with table.open("x", encoding="utf-8", newline="") as file:
                for line in chain([_header(frames)], _lines(frames, self)):
                    file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
            self.publish(table)
        finally:
            table.unlink(missing_ok=True)
        self._file.close()  # Windows cannot delete an open file
        self.part.unlink()


class CsvOutput(StandardOutput):
    """Standard output, as CSV."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._frames = import_module_of_extra("frames")
        self._waiting: list[Any] = []

    def __enter__(self) -> Self:
        self._terminal.show_plain(_header(self._frames))
        return self

    def add(self, value: Any) -> None:
        """Print a line, together with others."""
        self._waiting.append(value)
        if len(self._waiting) == _ROWS_AT_A_TIME:
            self.complete()

    def complete(self) -> None:
        """Print the lines that are waiting."""
        for line in _lines(self._frames, self._waiting):
            self._terminal.show_plain(line)
        self.count += len(self._waiting)
        self._waiting = []
