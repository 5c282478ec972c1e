"""How notebooks show a transcript, a conversation and a page. Everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from itertools import repeat
from typing import TYPE_CHECKING, Any

from ..errors import truncate
from .records import json_text

if TYPE_CHECKING:
    from .conversations import FunctionCall, Utterance

_BUBBLE = (
    "max-width:75%;padding:.4em .8em;margin:.1em 0 .4em;border-radius:1em;"
    "white-space:pre-wrap;overflow-wrap:anywhere;"
)
_CAPTION = "font-size:.8em;opacity:.7;"
_CALL = "font-family:monospace;font-size:.85em;margin:.2em 0 .6em;overflow-wrap:anywhere;"
_CELL = "text-align:left;vertical-align:top;padding:.15em .8em .15em 0;"
_ONE_LINE = "white-space:nowrap"
_MAY_WRAP = "min-width:14em;overflow-wrap:anywhere"
_SIDES = {
    "user": "align-self:flex-end;background:rgba(70,130,240,.25);",
    "agent": "align-self:flex-start;background:rgba(128,128,128,.2);",
}


def chat(utterances: Iterable[Utterance], calls: Iterable[FunctionCall] = ()) -> str:
    """Return the utterances as chat bubbles: the agent left, the user right.

    A turn's calls come before what the agent says in it. Calls without a turn come at the end.
    """
    parts: list[str] = []
    pending = list(calls)
    for one in utterances:
        due = [call for call in pending if _is_before(call, one)]
        pending = [call for call in pending if call not in due]
        parts += map(_call, due)
        caption = f"{one.role}, turn {one.turn}" + (f", {one.at:%H:%M:%S}" if one.at else "")
        side = _SIDES[one.role]
        parts.append(_div(_CAPTION + side.partition("background")[0], caption))
        parts.append(_div(_BUBBLE + side, one.text))
    parts += map(_call, pending)
    column = "display:flex;flex-direction:column;max-width:50em"
    return f'<div style="{column}">{"".join(parts)}</div>'


def _is_before(call: FunctionCall, said: Utterance) -> bool:
    last = said.turn if said.role == "agent" else said.turn - 1
    return call.turn is not None and call.turn <= last


def _call(call: FunctionCall) -> str:
    arguments = ", ".join(f"{key}={json_text(value)}" for key, value in call.arguments.items())
    text = f"turn {'?' if call.turn is None else call.turn}: {json_text(call.name) or '?'}"
    text += f"({truncate(arguments)})"
    for word, value in (("→", call.result), ("failed:", call.error)):
        if value not in (None, ""):
            text += f" {word} {truncate(json_text(value) or '')}"
    if call.duration is not None:
        text += f", {call.duration.total_seconds():.2f} s"
    return _div(_CALL, text)


def _div(style: str, text: str) -> str:
    return f'<div style="{style}">{escape(text)}</div>'


def paragraph(text: str) -> str:
    return f"<div>{escape(text)}</div>"


def facts(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Return a title and a table of names and values, without empty rows."""
    body = "".join(
        f"<tr>{_cell('th', name)}{_cell('td', value)}</tr>"
        for name, value in rows
        if value not in (None, "", [])
    )
    return f"<h4>{escape(title)}</h4><table>{body}</table>"


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table that fits in 1,000 pixels: only the column `heading` has line breaks."""
    names = list(columns)
    styles = [_MAY_WRAP if name == "heading" else _ONE_LINE for name in names]
    head = "".join(map(_cell, repeat("th"), names, styles))
    body = "".join(f"<tr>{''.join(map(_cell, repeat('td'), row, styles))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, value: Any, style: str = "") -> str:
    return f'<{tag} style="{_CELL}{style}">{escape(_text(value))}</{tag}>'


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}".strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
