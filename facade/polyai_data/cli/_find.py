"""Implements `polyai-data search`, and searches for `polyai-data export`."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from rich.table import Table
from rich.text import Text

from polyai_data import DataClient, FoundConversation, UnreadableFoundConversation

from ._command import CommandError
from ._connect import ResolvedSettings
from ._format import duration, pluralize, timestamp
from ._options import FilterOptions, SearchConnectionOptions, SearchOptions
from ._terminal import Terminal
from ._text import clean
from ._times import now

_DEFAULT_LIMIT = 50
_BATCH_SIZE = 1000
"""Rows per table, so that the first rows appear soon even if there are many."""
ENVIRONMENTS = ("live", "pre-release", "sandbox")
_MAX_TEXT = 60


def run(
    connection: SearchConnectionOptions,
    options: SearchOptions,
    *,
    query: str | None,
    limit: int | None,
    get_all: bool,
    as_json: bool,
) -> None:
    """Search for conversations, or list them."""
    if limit is not None and get_all:
        raise CommandError("--limit and --all cannot be combined.", "Remove one of them.")
    terminal = Terminal()
    if limit is None and not get_all and not as_json and not terminal.is_piped:
        limit = _DEFAULT_LIMIT
    arguments = _arguments(options, query)
    settings = ResolvedSettings.from_options(connection)
    count = 0
    with settings.search_client(terminal) as client:
        search = client.search_conversations(**arguments, max_items=limit)
        with closing(iter(search)) as found:
            while batch := list(islice(found, _BATCH_SIZE)):
                if as_json:
                    for one in batch:
                        terminal.show_json(one.raw)
                else:
                    with_header = count == 0 or not terminal.is_piped
                    terminal.show(_table(batch, query, terminal, with_header=with_header))
                count += len(batch)
    if not terminal.feeds_a_command:
        more = "" if count != limit else f" For more, use --limit {2 * count or 50} or --all."
        terminal.hint(f"{pluralize(count, 'conversation')} found.{more}")


def _arguments(options: SearchOptions, query: str | None) -> dict[str, Any]:
    """Return the arguments of the search."""
    if query is None and (options.meaning or options.said_by):
        option = "--meaning" if options.meaning else "--said-by"
        raise CommandError(f"{option} needs a text to search for.", "Pass the text.")
    if options.meaning and options.said_by:
        raise CommandError("--meaning and --said-by cannot be combined.", "Remove one of them.")
    if query is not None and options.sample:
        raise CommandError("--sample cannot be combined with a text.", "Remove one of them.")
    since, until = options.since and options.since.at, options.until and options.until.at
    if query is not None or options.sample:
        if since is None:
            what = "A search" if query is not None else "--sample"
            raise CommandError(f"{what} needs --since.", "For example, pass --since 7d.")
        until = until or now()
    return {
        "query": query,
        "query_type": "semantic" if options.meaning else "transcript",
        "turn_type": options.said_by,
        "sample": options.sample,
        "since": since,
        "until": until,
        "environment": options.environment,
        "channels": options.channel or None,
        "variant_name": options.variant,
        "in_progress": options.in_progress,
    }


def matches(client: DataClient, filters: FilterOptions, limit: int | None) -> Iterator[Any]:
    """Yield the conversations of an export. Each environment is a search of its own."""
    left = limit
    for environment in filters.env or ENVIRONMENTS:
        search = client.search_conversations(
            since=filters.since and filters.since.at,
            until=filters.until and filters.until.at,
            environment=environment,  # type: ignore[arg-type]  # another one is refused
            channels=filters.channel or None,
            page_size=min(filters.page_size or 1000, 1000),
        )
        with closing(iter(search)) as found:
            for one in found:
                if left == 0:
                    return
                if filters.handoff is None or (one.handoff is True) is filters.handoff:
                    left = None if left is None else left - 1
                    yield one


def _table(
    found: list[FoundConversation], query: str | None, terminal: Terminal, *, with_header: bool
) -> Table:
    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_header=with_header,
        header_style="bold",
    )
    is_wide = terminal.is_piped
    for title in ("Started", "Length", "Channel", "Text", "ID"):
        fits = title == "ID"
        table.add_column(title, no_wrap=not fits, overflow="fold" if fits else "ellipsis")
    for one in found:
        cells = (
            Text(timestamp(one.started_at, "%Y-%m-%d %H:%M")),
            Text(duration(one.total_duration)),
            Text(clean(one.channel or "")),
            Text(f"unreadable: {clean(one.reason)}", "red")
            if isinstance(one, UnreadableFoundConversation)
            else Text(_excerpt(one, query, None if is_wide else _MAX_TEXT)),
            Text(clean(one.id)),
        )
        table.add_row(*cells)
    return table


def _excerpt(one: FoundConversation, query: str | None, width: int | None) -> str:
    """Return what was said where the query was found, or first by the user."""
    said = one.transcript
    word = (query or "").casefold()
    hits = [each for each in said if word and word in each.text.casefold()]
    hits = hits or [each for each in said if each.role == "user"] or list(said)
    text = clean(" ".join(hits[0].text.split())) if hits else ""
    return text if width is None or len(text) <= width else f"{text[: width - 1]}…"
