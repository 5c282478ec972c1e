"""How many rows a list has by default, and how many are printed at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from ._command import CommandError
from ._terminal import Terminal

_DEFAULT_LIMIT = 50
_BATCH_SIZE = 1000
"""Rows per table, so that the first rows appear soon even if there are many."""

_Row = TypeVar("_Row")


def row_limit(terminal: Terminal, limit: int | None, *, get_all: bool, as_json: bool) -> int | None:
    """Return the limit: that of the options, or a default on a terminal.

    Raises:
        CommandError: if the options conflict.
    """
    if limit is not None and get_all:
        raise CommandError("--limit and --all cannot be combined.", "Remove one of them.")
    if limit is None and not get_all and not as_json and not terminal.is_piped:
        return _DEFAULT_LIMIT
    return limit


def batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield the rows in lists, one for each table."""
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH_SIZE)):
        yield batch
