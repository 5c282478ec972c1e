"""How a reply of the agent reads in a chat."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from polyai_data import ChatReply

from ._text import clean, clean_lines
from ._transcript import STYLES


def spoken(who: str, text: str, details: Iterable[str] = ()) -> Table:
    """Return what one side said, and below it what else there is to know."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(who, STYLES[who]), Text(clean_lines(text)))
    if more := " · ".join(map(clean, details)):
        grid.add_row("", Text(more, "dim"))
    return grid


def details_of(reply: ChatReply) -> Iterator[str]:
    """Yield what there is to know of a reply: topics, functions, handoff, and how long it took."""
    metadata: Any = reply.metadata
    if reply.topics:
        yield ", ".join(reply.topics)
    events = getattr(metadata, "function_events", None)
    for event in events if isinstance(events, list) else ():
        yield f"{event.get('name') if isinstance(event, dict) else event}()"
    if handoff := getattr(metadata, "handoff_destination", None):
        yield f"handed to {handoff}"
    if reply.meta is not None:
        yield f"{reply.meta.elapsed.total_seconds():.2f} s"
