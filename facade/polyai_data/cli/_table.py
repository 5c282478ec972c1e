"""Lays out conversations as a table, with the columns that fit."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.table import Table
from rich.text import Text

from polyai_data import ConversationSummary, UnreadableRecord

from . import _format
from ._connect import ResolvedSettings
from ._text import clean

_GAP = 2

Cell = Callable[[ConversationSummary], Text]


class _Column(NamedTuple):
    title: str
    cell: Cell
    max_width: int  # on a terminal
    align_right: bool = False


def _started_cell(pattern: str) -> Cell:
    return lambda conversation: Text(_format.timestamp(conversation.started_at, pattern))


def _heading_cell(conversation: ConversationSummary) -> Text:
    if isinstance(conversation, UnreadableRecord):
        return Text(f"unreadable: {clean(conversation.reason)}", "red")
    if conversation.in_progress is True:
        return Text("in progress", "italic")
    return Text(clean(conversation.heading or conversation.summary_text or ""))


def _handoff_cell(conversation: ConversationSummary) -> Text:
    if conversation.handoff is not True:
        return Text("")
    return Text(clean(conversation.handoff_destination or "yes"), "magenta")


def _attribute(name: str) -> Cell:
    return lambda conversation: Text(clean(getattr(conversation, name) or ""))


def _id_cell(settings: ResolvedSettings) -> Cell:
    def cell(conversation: ConversationSummary) -> Text:
        conversation_id = conversation.conversation_id
        link = settings.studio_link(
            conversation.account_id, conversation.project_id, conversation_id
        )
        return Text(clean(conversation_id), Style(link=link) if link else "")

    return cell


def _columns(settings: ResolvedSettings) -> list[_Column]:
    return [
        _Column("Started", _started_cell("%Y-%m-%d %H:%M"), 16),
        _Column("Length", lambda one: Text(_format.duration(one.duration)), 7, align_right=True),
        _Column("From", _attribute("from_number"), 24),
        _Column("Channel", _attribute("channel"), 14),
        _Column("Handoff", _handoff_cell, 16),
        _Column("Score", lambda one: _format.score(one.poly_score, with_band=True), 12),
        _Column("Heading", _heading_cell, 60),
        _Column("ID", _id_cell(settings), 10**6),  # never cut, so that it can be copied
    ]


_SHRINK_STEPS = (
    (24, "Started", _Column("Started", _started_cell("%m-%d %H:%M"), 11)),
    (24, "Score", _Column("Score", lambda one: _format.score(one.poly_score), 5)),
    (16, "Channel", None),
    (16, "From", None),
    (16, "Handoff", None),
    (16, "Length", None),
    (8, "Score", None),
    (8, "Started", None),
    (4, "Heading", None),
)
"""How to shrink the table. While the heading has less than this width, replace or drop a column."""


def table(
    conversations: Sequence[ConversationSummary],
    settings: ResolvedSettings,
    *,
    width: int | None,
    with_header: bool = True,
    keep: Collection[str] = (),
) -> Table:
    """Return conversations as a table.

    Args:
        conversations: The conversations.
        settings: The settings, for links to Agent Studio.
        width: The maximum width; None for no limit.
        with_header: Whether to print the column titles.
        keep: The titles of columns to keep, even if the heading is short then.
    """
    columns = _columns(settings)
    if width is not None:
        columns = _fit(columns, conversations, width, keep)
    rendered = Table(
        box=None,
        padding=(0, _GAP, 0, 0),
        pad_edge=False,
        show_header=with_header,
        header_style="bold",
    )
    for column in columns:
        rendered.add_column(
            column.title,
            no_wrap=column.title != "ID",
            justify="right" if column.align_right else "left",
            overflow="fold" if column.title == "ID" else "ellipsis",
            max_width=column.max_width if width is not None else None,
        )
    for conversation in conversations:
        rendered.add_row(*[column.cell(conversation) for column in columns])
    return rendered


def _fit(
    columns: list[_Column],
    conversations: Sequence[ConversationSummary],
    width: int,
    keep: Collection[str],
) -> list[_Column]:
    """Return the columns that fit; the heading gets the width that is left."""

    def heading_width() -> int:
        others = [column for column in columns if column.title != "Heading"]
        return width - sum(_column_width(column, conversations) + _GAP for column in others)

    for min_heading, title, replacement in _SHRINK_STEPS:
        if heading_width() < min_heading and (replacement is not None or title not in keep):
            index = [column.title for column in columns].index(title)
            columns[index : index + 1] = [replacement] if replacement is not None else []
    max_width = heading_width()
    return [
        column._replace(max_width=min(column.max_width, max_width))
        if column.title == "Heading"
        else column
        for column in columns
    ]


def _column_width(column: _Column, conversations: Sequence[ConversationSummary]) -> int:
    widths = [cell_len(column.cell(conversation).plain) for conversation in conversations]
    return min(max([len(column.title), *widths]), column.max_width)
