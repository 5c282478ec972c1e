"""Renders the turns of a chat."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from polyai_data import ChatReply

from ._text import clean, clean_lines
from ._transcript import STYLES


def render_turn(role: str, text: str, details: Iterable[str] = ()) -> Table:
    """Return a turn as a table: the role, the text, and the details below the text."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(role, STYLES[role]), Text(clean_lines(text)))
    if line := " · ".join(map(clean, details)):
        grid.add_row("", Text(line, "dim"))
    return grid


def reply_details(reply: ChatReply) -> Iterator[str]:
    """Yield the details of a reply: topics, function calls, handoff and elapsed time."""
    metadata: Any = reply.metadata
    if reply.topics:
        yield ", ".join(reply.topics)
    events = getattr(metadata, "function_events", None)
    for event in events if isinstance(events, list) else ():
        yield f"{event.get('name') if isinstance(event, dict) else event}()"
    if handoff := getattr(metadata, "handoff_destination", None):
        yield f"handed to {handoff}"
    if reply.meta is not None:
        yield f"{reply.meta.elapsed.total_seconds():.2f}s"
