"""How notebooks show a transcript, a conversation and a page. Everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conversations import Utterance

_BUBBLE = (
    "max-width:75%;padding:.4em .8em;margin:.15em 0;border-radius:1em;"
    "white-space:pre-wrap;overflow-wrap:anywhere;"
)
_CELL = "text-align:left;vertical-align:top;padding:.15em 1em .15em 0"
_SIDES = {
    "user": "align-self:flex-end;background:rgba(70,130,240,.25);",
    "agent": "align-self:flex-start;background:rgba(128,128,128,.2);",
}


def chat(utterances: Iterable[Utterance]) -> str:
    """Return the utterances as chat bubbles: the agent left, the user right."""
    bubbles = []
    for one in utterances:
        title = f"{one.role}, turn {one.turn}" + (f", {one.at:%H:%M:%S}" if one.at else "")
        style = _BUBBLE + _SIDES[one.role]
        bubbles.append(f'<div title="{escape(title)}" style="{style}">{escape(one.text)}</div>')
    column = "display:flex;flex-direction:column;max-width:50em"
    return f'<div style="{column}">{"".join(bubbles)}</div>'


def facts(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Return a title and a table of names and values, without empty rows."""
    body = "".join(
        f"<tr>{_cell('th', name)}{_cell('td', value)}</tr>"
        for name, value in rows
        if value not in (None, "", [])
    )
    return f"<h4>{escape(title)}</h4><table>{body}</table>"


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(_cell("th", column) for column in columns)
    body = "".join(f"<tr>{''.join(_cell('td', value) for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, value: Any) -> str:
    return f'<{tag} style="{_CELL}">{escape(_text(value))}</{tag}>'


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}".strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
