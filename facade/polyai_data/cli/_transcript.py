"""What was said, and what the functions did: for a terminal, as Markdown, and as JSON."""

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
    """What happened at one point of a conversation.

    Attributes:
        who: `user`, `agent` or `function`.
        text: What was said, or the call.
        turn: The index of the turn, which annotations take; None where it is not known.
        at: When, in seconds from the start; None where it is not known.
        notes: What else is known of it, in a few words each.
    """

    who: str
    text: str
    turn: int | None = None
    at: float | None = None
    notes: tuple[str, ...] = ()


def entries(conversation: Conversation) -> Iterator[Entry]:
    """Yield what happened, in order: in each turn the user, the functions, the agent."""
    said: dict[tuple[int, str], Utterance] = {
        (one.turn, one.role): one for one in conversation.transcript
    }
    turns: Any = conversation.turns if isinstance(conversation.turns, list) else []
    rest = list(conversation.function_calls)
    for index, turn in enumerate(turns):
        for role in ("user", "function", "agent"):
            if role == "function":
                while rest and rest[0].turn is not None and rest[0].turn <= index:
                    yield _call(conversation, rest.pop(0))
            elif one := said.get((index, role)):
                at = _seconds(conversation, one.at)
                yield Entry(role, one.text, index, at, _notes(turn, role))
            elif role == "user" and isinstance(turn, Turn) and turn.user_input_dtmf:
                yield Entry(role, "", index, None, _notes(turn, role))
    for call in rest:
        yield _call(conversation, call)


def _notes(turn: Any, role: str) -> tuple[str, ...]:
    """Return what else is known of one side of a turn."""
    notes = []
    if role == "user" and turn.user_input_dtmf:
        notes.append(f"keypad {turn.user_input_dtmf}{turn.user_input_dtmf_finish_key or ''}")
    if role == "agent":
        if _format.is_number(turn.perceived_latency):
            notes.append(f"{turn.perceived_latency:.1f} s")
        if turn.barge_in is True:
            notes.append("barge-in")
        if isinstance(turn.reviews, list) and turn.reviews:
            notes.append(f"annotations: {len(turn.reviews)}")
    return tuple(notes)


def _call(conversation: Conversation, call: FunctionCall) -> Entry:
    arguments = ", ".join(f"{name}={_value(value)}" for name, value in call.arguments.items())
    notes = []
    if call.duration is not None:
        notes.append(f"{call.duration.total_seconds():.2f} s")
    if call.error:
        notes.append(f"error: {_value(call.error)}")
    result = f" → {_value(call.event.content)}" if call.event.content else ""
    at = _seconds(conversation, call.started_at)
    return Entry("function", f"{call.name}({arguments}){result}", call.turn, at, tuple(notes))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _seconds(conversation: Conversation, moment: datetime | None) -> float | None:
    """Return a time as seconds from the start."""
    start = conversation.started_at
    if moment is None or not isinstance(start, datetime):
        return None
    return max(0.0, (moment - start).total_seconds())


def as_table(said: Iterable[Entry]) -> Table:
    """Return entries as a terminal shows them: turn, time, who, and what."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    last_turn: int | None = None
    for entry in said:
        is_same, last_turn = entry.turn == last_turn, entry.turn
        turn = "" if is_same or entry.turn is None else str(entry.turn)
        text = Text(clean_lines(entry.text), STYLES["function"] if entry.who == "function" else "")
        for note in entry.notes:
            text.append(f"{'  ' if text else ''}{clean(note)}", "dim")
        grid.add_row(turn, _format.length(entry.at), _label(entry.who), text)
    return grid


def _label(who: str) -> Text:
    return Text(_LABELS.get(who, who), STYLES[who])


def as_markdown(title: str, said: Iterable[Entry]) -> str:
    """Return entries as Markdown."""
    lines = [f"# {_markdown(clean(title))}", ""]
    for entry in said:
        place = [str(entry.turn)] if entry.turn is not None else []
        place += [_format.length(entry.at)] if entry.at is not None else []
        notes = [f"*{_markdown(clean(note))}*" for note in entry.notes]
        text = _markdown(clean_lines(entry.text)).replace("\n", "\\\n  ")
        head = f"- **{entry.who}**" + (f" ({', '.join(place)})" if place else "")
        lines.append(" ".join([f"{head}:", *filter(None, [text]), *notes]))
    return "\n".join(lines)


def _markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def as_json(conversation: Conversation) -> dict[str, Any]:
    """Return the transcript and the function calls as a JSON object."""
    turns: Any = conversation.turns
    return {
        "conversationId": conversation.conversation_id,
        "utterances": [
            {
                "turn": said.turn,
                "role": said.role,
                "text": said.text,
                "seconds": _seconds(conversation, said.at),
                "latency": turns[said.turn].perceived_latency if said.role == "agent" else None,
            }
            for said in conversation.transcript
        ],
        "functionCalls": [
            {
                "turn": call.turn,
                "name": call.name,
                "arguments": call.arguments,
                "result": call.event.content,
                "error": call.error,
                "seconds": _seconds(conversation, call.started_at),
                "duration": None if call.duration is None else call.duration.total_seconds(),
            }
            for call in conversation.function_calls
        ],
    }
