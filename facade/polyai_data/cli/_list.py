"""Implements `polyai-data list`."""

from collections.abc import Iterable
from contextlib import closing

from polyai_data import ConversationSummary

from ._connect import ResolvedSettings
from ._filtered_list import FilteredList
from ._format import pluralize
from ._options import ConnectionOptions, FilterOptions
from ._rows import batches, row_limit
from ._table import table
from ._terminal import Terminal


def run(
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    limit: int | None,
    get_all: bool,
    as_json: bool,
) -> None:
    """List conversations."""
    terminal = Terminal()
    limit = row_limit(terminal, limit, get_all=get_all, as_json=as_json)
    settings = ResolvedSettings.from_options(connection)
    with settings.client(terminal) as client:
        filtered = FilteredList(client, filters, limit)
        with closing(filtered.matches()) as found:
            if as_json:
                for conversation in found:
                    terminal.show_json(conversation.raw)
            else:
                _show(terminal, settings, filters, found)
    _print_summary(terminal, filtered, limit)


def _show(
    terminal: Terminal,
    settings: ResolvedSettings,
    filters: FilterOptions,
    found: Iterable[ConversationSummary],
) -> None:
    width = None if terminal.is_piped else terminal.width
    for number, rows in enumerate(batches(found)):
        # In a pipe, print the header only once.
        with_header = number == 0 or not terminal.is_piped
        terminal.show(
            table(rows, settings, width=width, with_header=with_header, keep=filters.columns)
        )


def _print_summary(terminal: Terminal, filtered: FilteredList, limit: int | None) -> None:
    """Print how many conversations there are, and how to see more."""
    total = "an unknown number of" if filtered.total is None else f"{filtered.total:,}"
    if filtered.unreadable:
        terminal.warning(
            f"{filtered.unreadable} could not be read. Use --json to see what the server sent."
        )
    if terminal.feeds_a_command:
        return  # a summary would break its progress bar
    if not filtered.matched:
        for option, values in filtered.seen.items():
            if values:
                terminal.hint(f"Values of --{option} here: {', '.join(sorted(values))}.")
    more = f" For more, use --limit {2 * limit} or --all." if limit else ""
    if filtered.is_filtered:
        scanned = f"scanned {filtered.scanned:,} of {total} conversations."
        if filtered.is_exhausted:
            terminal.hint(f"{filtered.matched:,} matching; {scanned}")
        else:
            terminal.hint(f"The newest {filtered.matched:,} matching; {scanned}{more}")
    elif filtered.matched == filtered.total:
        terminal.hint(f"{pluralize(filtered.matched, 'conversation')} in total.")
    else:
        terminal.hint(f"The newest {filtered.matched:,} of {total} conversations.{more}")
