"""Renders transcripts with function calls: as a table, as Markdown and as JSON."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from polyai_data import Conversation, FunctionCall, Turn, Utterance

from . import _format
from ._text import clean, clean_lines

STYLES = {"user": "bold cyan", "agent": "bold green", "function": "magenta"}
_LABELS = {"function": "calls"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


class Entry(NamedTuple):
    """An utterance or a function call.

    Attributes:
        role: `user`, `agent` or `function`.
        text: What was said, or the function call.
        turn: The index of the turn, as annotations use it, or None.
        at: Seconds since the start of the conversation, or None.
        notes: Further details, such as the latency.
    """

    role: str
    text: str
    turn: int | None = None
    at: float | None = None
    notes: tuple[str, ...] = ()


def entries(conversation: Conversation) -> Iterator[Entry]:
    """Yield all entries in order: in each turn the user, then functions, then the agent."""
    utterances: dict[tuple[int, str], Utterance] = {
        (one.turn, one.role): one for one in conversation.transcript
    }
    turns: Any = conversation.turns if isinstance(conversation.turns, list) else []
    calls = list(conversation.function_calls)
    for index, turn in enumerate(turns):
        for role in ("user", "function", "agent"):
            if role == "function":
                while calls and calls[0].turn is not None and calls[0].turn <= index:
                    yield _function_entry(conversation, calls.pop(0))
            elif one := utterances.get((index, role)):
                at = _seconds_from_start(conversation, one.at)
                yield Entry(role, one.text, index, at, _notes(turn, role))
            elif role == "user" and isinstance(turn, Turn) and turn.user_input_dtmf:
                yield Entry(role, "", index, None, _notes(turn, role))
    for call in calls:
        yield _function_entry(conversation, call)


def _notes(turn: Any, role: str) -> tuple[str, ...]:
    """Return the notes on one side of a turn."""
    notes = []
    if role == "user" and turn.user_input_dtmf:
        notes.append(f"keypad {turn.user_input_dtmf}{turn.user_input_dtmf_finish_key or ''}")
    if role == "agent":
        if _format.is_number(turn.perceived_latency):
            notes.append(f"{turn.perceived_latency:.1f}s")
        if turn.barge_in is True:
            notes.append("barge-in")
        if isinstance(turn.reviews, list) and turn.reviews:
            notes += map(_annotation, turn.reviews)
    return tuple(notes)


def _annotation(review: Any) -> str:
    """Describe an annotation of a turn."""
    known = review if isinstance(review, dict) else {}
    role, kind = known.get("role"), known.get("annotation_type")
    return f"annotated: {kind} ({role})" if role and kind else f"annotated: {_as_text(review)}"


def _function_entry(conversation: Conversation, call: FunctionCall) -> Entry:
    arguments = ", ".join(f"{name}={_as_text(value)}" for name, value in call.arguments.items())
    notes = []
    if call.duration is not None:
        notes.append(f"{call.duration.total_seconds():.2f}s")
    if call.error:
        notes.append(f"error: {_as_text(call.error)}")
    result = f" → {_as_text(call.event.content)}" if call.event.content else ""
    at = _seconds_from_start(conversation, call.started_at)
    return Entry("function", f"{call.name}({arguments}){result}", call.turn, at, tuple(notes))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _seconds_from_start(conversation: Conversation, moment: datetime | None) -> float | None:
    """Convert a time to seconds since the start of the conversation."""
    start = conversation.started_at
    if moment is None or not isinstance(start, datetime):
        return None
    return max(0.0, (moment - start).total_seconds())


def as_table(entries: Iterable[Entry]) -> Table:
    """Return entries as a table with turn, time, role and text."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    last_turn: int | None = None
    for entry in entries:
        same_turn, last_turn = entry.turn == last_turn, entry.turn
        turn = "" if same_turn or entry.turn is None else str(entry.turn)
        text = Text(clean_lines(entry.text), STYLES["function"] if entry.role == "function" else "")
        for note in entry.notes:
            text.append(f"{'  ' if text else ''}{clean(note)}", "dim")
        grid.add_row(turn, _format.duration(entry.at), _label(entry.role), text)
    return grid


def _label(role: str) -> Text:
    return Text(_LABELS.get(role, role), STYLES[role])


def as_markdown(title: str, entries: Iterable[Entry]) -> str:
    """Return entries as Markdown."""
    lines = [f"# {_markdown(clean(title))}", ""]
    for entry in entries:
        position = [str(entry.turn)] if entry.turn is not None else []
        position += [_format.duration(entry.at)] if entry.at is not None else []
        notes = [f"*{_markdown(clean(note))}*" for note in entry.notes]
        text = _markdown(clean_lines(entry.text)).replace("\n", "\\\n  ")
        head = f"- **{entry.role}**" + (f" ({', '.join(position)})" if position else "")
        lines.append(" ".join([f"{head}:", *filter(None, [text]), *notes]))
    return "\n".join(lines)


def _markdown(text: str) -> str:
    """Escape Markdown syntax."""
    return _MARKDOWN.sub(r"\\\1", text)


def as_json(conversation: Conversation) -> dict[str, Any]:
    """Return the transcript and the function calls as a JSON object."""
    turns: Any = conversation.turns
    return {
        "conversationId": conversation.conversation_id,
        "utterances": [
            {
                "turn": one.turn,
                "role": one.role,
                "text": one.text,
                "seconds": _seconds_from_start(conversation, one.at),
                "latency": turns[one.turn].perceived_latency if one.role == "agent" else None,
            }
            for one in conversation.transcript
        ],
        "functionCalls": [
            {
                "turn": call.turn,
                "name": call.name,
                "arguments": call.arguments,
                "result": call.event.content,
                "error": call.error,
                "seconds": _seconds_from_start(conversation, call.started_at),
                "duration": None if call.duration is None else call.duration.total_seconds(),
            }
            for call in conversation.function_calls
        ],
    }
