"""`polyai-data list`."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

from polyai_data import ConversationSummary

from ._command import Refused
from ._connect import Setup
from ._format import count
from ._options import Connection, Filters
from ._search import Search
from ._table import table
from ._terminal import Terminal

_USUAL_LIMIT = 50
_ROWS = 1000
"""How many rows are laid out at a time: the first are there soon, however many there are."""


def run(
    connection: Connection, filters: Filters, *, limit: int | None, get_all: bool, as_json: bool
) -> None:
    """List conversations."""
    if limit is not None and get_all:
        raise Refused("--limit and --all contradict each other.", "Leave one of them out.")
    terminal = Terminal()
    if limit is None and not get_all and not as_json and not terminal.is_wide:
        limit = _USUAL_LIMIT
    setup = Setup.of(connection)
    with setup.client(terminal) as client:
        search = Search(client, filters, limit)
        with closing(search.matches()) as found:
            if as_json:
                for conversation in found:
                    terminal.show_json(conversation.raw)
            else:
                _show(terminal, setup, found)
    _sum_up(terminal, search, limit)


def _show(terminal: Terminal, setup: Setup, found: Iterable[ConversationSummary]) -> None:
    width = None if terminal.is_wide else terminal.width
    for number, rows in enumerate(_batches(found)):
        # Where it is piped, a header among the rows would be one row too many.
        with_header = number == 0 or not terminal.is_wide
        terminal.show(table(rows, setup, width=width, with_header=with_header))


def _batches(found: Iterable[ConversationSummary]) -> Iterator[list[ConversationSummary]]:
    remaining = iter(found)
    while batch := list(islice(remaining, _ROWS)):
        yield batch


def _sum_up(terminal: Terminal, search: Search, limit: int | None) -> None:
    """Say how many there are, and how to see more."""
    total = "an unknown number of" if search.total is None else f"{search.total:,}"
    if search.unreadable:
        terminal.warn(
            f"{search.unreadable} of them cannot be read; --json shows what the server sent."
        )
    more = f"; more with --limit {2 * limit} or --all" if limit else ""
    if search.is_filtered:
        seen = f"looked at {search.looked_at:,} of {total} conversations"
        if search.is_over:
            terminal.hint(f"{search.found:,} that match; {seen}.")
        else:
            terminal.hint(f"The newest {search.found:,} that match; {seen}{more}.")
    elif search.found == search.total:
        terminal.hint(f"{count(search.found, 'conversation')}, and there are no more.")
    else:
        terminal.hint(f"The newest {search.found:,} of {total} conversations{more}.")
