"""What a notebook shows: a transcript as a chat, a page as a table. Everything in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any, Protocol

_BUBBLE = (
    "max-width:75%;padding:.4em .8em;margin:.15em 0;border-radius:1em;"
    "white-space:pre-wrap;overflow-wrap:anywhere;"
)
_CELL = "text-align:left;vertical-align:top;padding:.15em 1em .15em 0"
_SIDES = {
    "user": "align-self:flex-end;background:rgba(70,130,240,.25);",
    "agent": "align-self:flex-start;background:rgba(128,128,128,.2);",
}


class _Utterance(Protocol):
    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def turn(self) -> int: ...


def chat(utterances: Iterable[_Utterance]) -> str:
    """Return the utterances as a chat: the agent on the left, the user on the right."""
    bubbles = []
    for said in utterances:
        title = f"{said.role}, turn {said.turn}" + (f", {said.at:%H:%M:%S}" if said.at else "")
        style = _BUBBLE + _SIDES[said.role]
        bubbles.append(f'<div title="{escape(title)}" style="{style}">{escape(said.text)}</div>')
    column = "display:flex;flex-direction:column;max-width:50em"
    return f'<div style="{column}">{"".join(bubbles)}</div>'


def facts(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Return a title and a table of names and values; rows without a value are left out."""
    cells = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th>'
        f'<td style="{_CELL}">{escape(text(value))}</td></tr>'
        for name, value in rows
        if value not in (None, "", [])
    )
    return f"<h4>{escape(title)}</h4><table>{cells}</table>"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table."""
    head = "".join(f'<th style="{_CELL}">{escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{_CELL}">{escape(text(value))}</td>' for value in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}".strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text(item) for item in value)
    return str(value)
