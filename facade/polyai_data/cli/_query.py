"""Implements `polyai-data query`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ._command import CommandError, import_module_of_extra
from ._csv import cell, csv_line, json_value
from ._terminal import Terminal
from ._text import clean

_ROWS_AT_A_TIME = 1000


def run(sql: str, path: Path, *, output_format: str) -> None:
    """Print the result of a query."""
    terminal = Terminal()
    with open_copy(path, "--copy") as connection:
        cursor = connection.execute(sys.stdin.read() if sql == "-" else sql)
        names = [column[0] for column in cursor.description or ()]
        _print(terminal, names, _rows(cursor), output_format)


@contextmanager
def open_copy(path: Path, option: str) -> Iterator[Any]:
    """Open a local copy, which can only be read.

    Raises:
        CommandError: if there is none, it is in use, or a query fails.
    """
    warehouse = import_module_of_extra("warehouse")
    import duckdb

    if not path.is_file():
        raise CommandError(f"{path} does not exist.", f"Run `polyai-data sync`, or pass {option}.")
    try:
        with warehouse.connect(path, read_only=True) as connection:
            yield connection
    except warehouse.CopyError as error:
        raise CommandError(str(error)) from None
    except duckdb.Error as error:
        message, _, details = str(error).partition("\n")
        raise CommandError(message, details=details.strip("\n")) from None


def _rows(cursor: Any) -> Iterator[list[Any]]:
    while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
        for row in rows:
            yield [json_value(value) for value in row]


def _print(
    terminal: Terminal, names: list[str], rows: Iterator[list[Any]], output_format: str
) -> None:
    if output_format == "json":
        for row in rows:
            terminal.show_json(dict(zip(names, row, strict=True)))
    elif output_format == "csv":
        for row in chain([names], rows):
            terminal.show_plain(csv_line(row))
    else:
        table = Table(*map(clean, names), box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*(Text(clean(cell(value))) for value in row))
        terminal.show(table)
