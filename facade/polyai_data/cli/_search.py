"""Implements `polyai-data search`, and searches for `polyai-data export`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from rich.text import Text

from polyai_data import DataClient, FoundConversation, UnreadableFoundConversation

from ._command import CommandError
from ._connect import ResolvedSettings
from ._format import duration, pluralize
from ._options import FilterOptions, SearchConnectionOptions, SearchOptions
from ._rows import batches, row_limit
from ._table import STARTED, STARTED_SHORT, Column, Step, lay_out
from ._terminal import Terminal
from ._text import clean
from ._times import now

ENVIRONMENTS = ("live", "pre-release", "sandbox")


def run(
    connection: SearchConnectionOptions,
    options: SearchOptions,
    *,
    query: str | None,
    limit: int | None,
    get_all: bool,
    as_json: bool,
    copy: Path | None,
) -> None:
    """Search for conversations, or list them: on the server, or in a local copy."""
    terminal = Terminal()
    limit = row_limit(terminal, limit, get_all=get_all, as_json=as_json)
    if copy is not None:
        from ._search_copy import run as run_in_copy

        run_in_copy(options, copy, query=query, limit=limit, as_json=as_json)
        return
    arguments = _arguments(options, query)
    settings = ResolvedSettings.from_options(connection)
    with settings.search_client(terminal) as client:
        search = client.search_conversations(**arguments, max_items=limit)
        with closing(iter(search)) as found:
            hits = (_hit(one, query) for one in found)
            count = print_hits(terminal, hits, as_json=as_json)
    print_count(terminal, count, limit)


class Hit(NamedTuple):
    """A conversation that was found.

    Attributes:
        json: What --json prints.
        started_at: When it started.
        seconds: How long it lasted.
        channel: Its channel.
        text: What was said where the query was found.
        id: Its ID.
        problem: Why it cannot be read; empty if it can.
    """

    json: Any
    started_at: Any
    seconds: Any
    channel: str | None
    text: str
    id: str
    problem: str = ""


def _text_cell(hit: Hit) -> Text:
    if hit.problem:
        return Text(f"unreadable: {clean(hit.problem)}", "red")
    return Text(clean(" ".join(hit.text.split())))


_COLUMNS = (
    STARTED,
    Column("Length", lambda hit: Text(duration(hit.seconds)), 7, align_right=True),
    Column("Channel", lambda hit: Text(clean(hit.channel or "")), 14),
    Column("Text", _text_cell, 60),
    Column("ID", lambda hit: Text(clean(hit.id))),
)
_STEPS = (
    Step(24, "Started", STARTED_SHORT),
    Step(24, "Channel"),
    Step(24, "Length"),
    Step(16, "Started"),
    Step(4, "Text"),
)


def print_hits(terminal: Terminal, hits: Iterator[Hit], *, as_json: bool) -> int:
    """Print what was found, and return the number of conversations."""
    count = 0
    for batch in batches(hits):
        if as_json:
            for hit in batch:
                terminal.show_json(hit.json)
        else:
            width = None if terminal.is_piped else terminal.width
            with_header = count == 0 or not terminal.is_piped
            terminal.show(
                lay_out(batch, _COLUMNS, "Text", _STEPS, width=width, with_header=with_header)
            )
        count += len(batch)
    return count


def print_count(terminal: Terminal, count: int, limit: int | None) -> None:
    """Print the number of conversations, and how to get more."""
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
        "environment": options.environment or "live",
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


def _hit(one: FoundConversation, query: str | None) -> Hit:
    return Hit(
        one.raw,
        one.started_at,
        one.total_duration,
        one.channel,
        _excerpt(one, query),
        one.id,
        one.reason if isinstance(one, UnreadableFoundConversation) else "",
    )


def _excerpt(one: FoundConversation, query: str | None) -> str:
    """Return what was said where the query was found, or first by the user."""
    said = one.transcript
    word = (query or "").casefold()
    hits = [each for each in said if word and word in each.text.casefold()]
    hits = hits or [each for each in said if each.role == "user"] or list(said)
    return hits[0].text if hits else ""
