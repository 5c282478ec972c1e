"""Implements `polyai-data search --copy`: plain matching in the local copy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._command import CommandError
from ._csv import json_value
from ._options import SearchOptions
from ._query import open_copy
from ._search import Hit, print_count, print_hits
from ._terminal import Terminal

_TEXTS = {
    "user": ("user_input", "translated_user_input"),
    "agent": ("agent_response", "english_agent_response"),
}
_OF_CONVERSATIONS = ("heading", "summary_text", "note")
_COLUMNS = ("conversation_id", "started_at", "total_duration_seconds", "channel")


def run(
    options: SearchOptions, path: Path, *, query: str | None, limit: int | None, as_json: bool
) -> None:
    """Search the local copy for a text, ignoring case, or list it."""
    for option, is_set in (
        ("--meaning", options.meaning),
        ("--sample", options.sample),
        ("--variant", options.variant is not None),
    ):
        if is_set:
            raise CommandError(f"{option} needs the server.", f"Remove {option} or --copy.")
    if options.said_by is not None and query is None:
        raise CommandError("--said-by needs a text to search for.", "Pass the text.")
    sql, values = _query(options, query, limit)
    terminal = Terminal()
    with open_copy(path, "--copy-file") as copy:
        found = copy.execute(sql, values)
        count = print_hits(terminal, _hits(found), as_json=as_json)
    print_count(terminal, count, limit)


def _query(options: SearchOptions, query: str | None, limit: int | None) -> tuple[str, list[Any]]:
    """Return the query, whose text is all ours, and its values."""
    sides = [options.said_by] if options.said_by else [*_TEXTS]
    columns = [("turns", "turn", column) for side in sides for column in _TEXTS[side]]
    if options.said_by is None:
        columns += [("conversations", "NULL", column) for column in _OF_CONVERSATIONS]
    texts = [
        f"SELECT conversation_id, {turn} AS turn, {place} AS place, {column} AS text FROM {table}"  # noqa: S608
        for place, (table, turn, column) in enumerate(columns)
    ]
    # Without a text to search for, show what the user said first.
    order = "place, turn" if query is None else "turn, place"
    conditions, values = _conditions(options)
    sql = f"""
        WITH texts AS ({" UNION ALL ".join(texts)}),
        hits AS (
            SELECT DISTINCT ON (conversation_id) conversation_id, turn, text FROM texts
            WHERE text <> '' AND contains(lower(text), lower(?))
            ORDER BY conversation_id, {order}
        )
        SELECT {", ".join(_COLUMNS)}, turn, coalesce(text, '') AS text
        FROM conversations {"LEFT" if query is None else ""} JOIN hits USING (conversation_id)
        WHERE {" AND ".join(conditions)}
        ORDER BY started_at DESC NULLS LAST, conversation_id LIMIT ?
    """  # noqa: S608
    return sql, [query or "", *values, limit]


def _conditions(options: SearchOptions) -> tuple[list[str], list[Any]]:
    names = options.channel and [name.lower() for name in options.channel]
    filters = {
        "started_at >= ?": options.since and options.since.at,
        "started_at < ?": options.until and options.until.at,
        "client_env = ?": options.environment,
        "list_contains(?, lower(channel))": names or None,
        "coalesce(in_progress, false) = ?": options.in_progress,
    }
    chosen = {condition: value for condition, value in filters.items() if value is not None}
    return ["true", *chosen], [*chosen.values()]


def _hits(found: Any) -> Iterator[Hit]:
    while row := found.fetchone():
        conversation_id, started_at, seconds, channel, turn, text = row
        values = (*row[:4], turn, text)
        shown = dict(zip((*_COLUMNS, "turn", "text"), map(json_value, values), strict=True))
        yield Hit(shown, started_at, seconds, channel, text, conversation_id)
