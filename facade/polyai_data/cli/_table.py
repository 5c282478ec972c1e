"""The table of conversations: which columns there is room for, and what stands in them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.table import Table
from rich.text import Text

from polyai_data import ConversationSummary, UnreadableRecord

from . import _format
from ._connect import Setup
from ._text import clean

_GAP = 2

Cell = Callable[[ConversationSummary], Text]


class _Column(NamedTuple):
    title: str
    cell: Cell
    most: int  # how wide it may get on a terminal
    is_right: bool = False


def _started(pattern: str) -> Cell:
    return lambda conversation: Text(_format.when(conversation.started_at, pattern))


def _heading(conversation: ConversationSummary) -> Text:
    if isinstance(conversation, UnreadableRecord):
        return Text(f"unreadable: {clean(conversation.reason)}", "red")
    if conversation.in_progress is True:
        return Text("in progress", "italic")
    return Text(clean(conversation.heading or conversation.summary_text or ""))


def _handoff(conversation: ConversationSummary) -> Text:
    if conversation.handoff is not True:
        return Text("")
    return Text(clean(conversation.handoff_destination or "yes"), "magenta")


def _plain(name: str) -> Cell:
    return lambda conversation: Text(clean(getattr(conversation, name) or ""))


def _id(setup: Setup) -> Cell:
    def cell(conversation: ConversationSummary) -> Text:
        name = conversation.conversation_id
        link = setup.studio_link(conversation.account_id, conversation.project_id, name)
        return Text(clean(name), Style(link=link) if link else "")

    return cell


def _columns(setup: Setup) -> list[_Column]:
    return [
        _Column("Started", _started("%Y-%m-%d %H:%M"), 16),
        _Column("Length", lambda one: Text(_format.length(one.duration)), 7, is_right=True),
        _Column("From", _plain("from_number"), 24),
        _Column("Channel", _plain("channel"), 14),
        _Column("Handoff", _handoff, 16),
        _Column("Score", lambda one: _format.score(one.poly_score, with_band=True), 12),
        _Column("Heading", _heading, 60),
        _Column("ID", _id(setup), 10**6),  # always whole, to be copied
    ]


_STEPS = (
    (24, "Started", _Column("Started", _started("%m-%d %H:%M"), 11)),
    (24, "Score", _Column("Score", lambda one: _format.score(one.poly_score), 5)),
    (16, "Channel", None),
    (16, "From", None),
    (16, "Handoff", None),
    (16, "Length", None),
    (8, "Score", None),
    (8, "Started", None),
    (4, "Heading", None),
)
"""How the table gets narrower as long as the heading has fewer columns than the number says: which
column goes, and the shorter one in its place."""


def table(
    conversations: Sequence[ConversationSummary],
    setup: Setup,
    *,
    width: int | None,
    with_header: bool = True,
) -> Table:
    """Return conversations as a table.

    Args:
        conversations: The conversations.
        setup: How they were reached, for the links.
        width: How wide it may be; None for as wide as it is.
        with_header: Whether the columns are named.
    """
    columns = _columns(setup)
    if width is not None:
        columns = _fit(columns, conversations, width)
    found = Table(
        box=None,
        padding=(0, _GAP, 0, 0),
        pad_edge=False,
        show_header=with_header,
        header_style="bold",
    )
    for column in columns:
        found.add_column(
            column.title,
            no_wrap=column.title != "ID",
            justify="right" if column.is_right else "left",
            overflow="fold" if column.title == "ID" else "ellipsis",
            max_width=column.most if width is not None else None,
        )
    for conversation in conversations:
        found.add_row(*[column.cell(conversation) for column in columns])
    return found


def _fit(
    columns: list[_Column], conversations: Sequence[ConversationSummary], width: int
) -> list[_Column]:
    """Return the columns that fit, the heading among them with what room there is."""

    def room_for_heading() -> int:
        others = [column for column in columns if column.title != "Heading"]
        return width - sum(_width(column, conversations) + _GAP for column in others)

    for least, title, shorter in _STEPS:
        if room_for_heading() < least:
            place = [column.title for column in columns].index(title)
            columns[place : place + 1] = [shorter] if shorter is not None else []
    most = room_for_heading()
    return [
        column._replace(most=min(column.most, most)) if column.title == "Heading" else column
        for column in columns
    ]


def _width(column: _Column, conversations: Sequence[ConversationSummary]) -> int:
    widths = [cell_len(column.cell(conversation).plain) for conversation in conversations]
    return min(max([len(column.title), *widths]), column.most)
