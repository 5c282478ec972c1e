"""Lays out conversations as a table, with the columns that fit."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.table import Table
from rich.text import Text

from polyai_data import ConversationSummary, UnreadableRecord

from . import _format
from ._connect import ResolvedSettings
from ._text import clean

_GAP = 2

Cell = Callable[[Any], Text]


class Column(NamedTuple):
    """A column of a table. The last one is the ID, which is never cut, so that it can be copied."""

    title: str
    cell: Cell
    max_width: int = 10**6  # on a terminal
    align_right: bool = False


class Step(NamedTuple):
    """How to shrink a table while its text is narrower than a width: replace or drop a column."""

    min_width: int
    title: str
    replacement: Column | None = None


def _started_cell(pattern: str) -> Cell:
    return lambda row: Text(_format.timestamp(row.started_at, pattern))


STARTED = Column("Started", _started_cell("%Y-%m-%d %H:%M"), 16)
STARTED_SHORT = Column("Started", _started_cell("%m-%d %H:%M"), 11)


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


def _columns(settings: ResolvedSettings) -> list[Column]:
    return [
        STARTED,
        Column("Length", lambda one: Text(_format.duration(one.duration)), 7, align_right=True),
        Column("From", _attribute("from_number"), 24),
        Column("Channel", _attribute("channel"), 14),
        Column("Handoff", _handoff_cell, 16),
        Column("Score", lambda one: _format.score(one.poly_score, with_band=True), 12),
        Column("Heading", _heading_cell, 60),
        Column("ID", _id_cell(settings)),
    ]


_STEPS = (
    Step(24, "Started", STARTED_SHORT),
    Step(24, "Score", Column("Score", lambda one: _format.score(one.poly_score), 5)),
    Step(16, "Channel"),
    Step(16, "From"),
    Step(16, "Handoff"),
    Step(16, "Length"),
    Step(8, "Score"),
    Step(8, "Started"),
    Step(4, "Heading"),
)


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
    steps = [step for step in _STEPS if step.replacement or step.title not in keep]
    return lay_out(
        conversations, _columns(settings), "Heading", steps, width=width, with_header=with_header
    )


def lay_out(
    rows: Sequence[Any],
    columns: Sequence[Column],
    text: str,
    steps: Sequence[Step],
    *,
    width: int | None,
    with_header: bool,
) -> Table:
    """Return rows as a table.

    Args:
        rows: The rows.
        columns: Its columns, if they fit.
        text: The title of the column that gets the width that the others leave.
        steps: How to shrink the table, in this order.
        width: The maximum width; None for no limit.
        with_header: Whether to print the column titles.
    """
    if width is not None:
        columns = _fit(list(columns), rows, text, steps, width)
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
    for row in rows:
        rendered.add_row(*[column.cell(row) for column in columns])
    return rendered


def _fit(
    columns: list[Column], rows: Sequence[Any], text: str, steps: Sequence[Step], width: int
) -> list[Column]:
    def text_width() -> int:
        others = [column for column in columns if column.title != text]
        return width - sum(_column_width(column, rows) + _GAP for column in others)

    for step in steps:
        if text_width() < step.min_width:
            index = [column.title for column in columns].index(step.title)
            columns[index : index + 1] = [step.replacement] if step.replacement else []
    max_width = text_width()
    return [
        column._replace(max_width=min(column.max_width, max_width))
        if column.title == text
        else column
        for column in columns
    ]


def _column_width(column: Column, rows: Sequence[Any]) -> int:
    widths = [cell_len(column.cell(row).plain) for row in rows]
    return min(max([len(column.title), *widths]), column.max_width)
