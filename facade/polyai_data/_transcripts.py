"""What was said in a conversation, and what its functions did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from attrs import define, field, frozen
from polyai_data_generated import models as generated
from polyai_data_generated.models import FunctionEvent

from ._from_json import FromJson


def _camel(snake: str) -> str:
    first, *rest = snake.split("_")
    return first + "".join(word.title() for word in rest)


@define(repr=False)
class Turn(FromJson, generated.Turn):
    """One exchange of a conversation: what the user said, and what the agent answered.

    Either text is empty where that side said nothing. The generated class lists the fields; the
    camelCase spellings and the `input` and `response` of some deployments are read as well.

    Attributes:
        raw: The JSON object as it came.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    OTHER_SPELLINGS: ClassVar[dict[str, tuple[str, ...]]] = {
        **{key: (_camel(key),) for key in generated.Turn.__annotations__ if "_" in key},
        "user_input": ("userInput", "input"),
        "agent_response": ("agentResponse", "response"),
    }

    @property
    def perceived_latency(self) -> float | None:
        """How long the user waited for the agent, in seconds; None where it was not measured."""
        seconds = getattr(self.latency, "perceived_latency", None)
        return seconds if type(seconds) in (float, int) else None

    def __repr__(self) -> str:
        # No texts: what a caller said does not belong into logs.
        return f"<Turn user: {_size(self.user_input)}, agent: {_size(self.agent_response)}>"


def _size(text: object) -> str:
    return f"{len(text)} characters" if isinstance(text, str) and text else "nothing"


@frozen
class Utterance:
    """What one side said in one turn.

    Attributes:
        role: Who said it.
        text: What was said, never empty.
        at: When, or None where the server did not say.
        turn: The index of the turn, counted from zero: the one that annotations use.
    """

    role: Literal["user", "agent"]
    text: str = field(repr=False)
    at: datetime | None
    turn: int


class Transcript(tuple[Utterance, ...]):
    """The utterances of a conversation in order; `str()` of it reads as a script."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(f"{said.role.title()}: {said.text}" for said in self)

    def __repr__(self) -> str:
        return f"<Transcript of {len(self)} utterances>"

    def _repr_html_(self) -> str:
        from . import _html  # here: only notebooks need it

        return _html.chat(self)


def transcript_of(turns: object) -> Transcript:
    """Return what was said in the turns, without the empty sides."""
    utterances = []
    for index, turn in enumerate(turns if isinstance(turns, list) else []):
        if not isinstance(turn, Turn):
            continue  # unreadable, and named in `problems`
        sides: tuple[tuple[Literal["user", "agent"], Any, Any], ...] = (
            ("user", turn.user_input, turn.user_input_datetime),
            ("agent", turn.agent_response, turn.agent_response_datetime),
        )
        for role, text, at in sides:
            if isinstance(text, str) and text.strip():
                moment = at if isinstance(at, datetime) else None
                utterances.append(Utterance(role=role, text=text, at=moment, turn=index))
    return Transcript(utterances)


@frozen
class FunctionCall:
    """A call of a function by the agent.

    Attributes:
        name: The function's name.
        turn: The index of the turn in which it was called, counted from zero, or None.
        started_at: When it began, or None.
        duration: How long it took, or None.
        arguments: What it was called with.
        error: Its error as the server put it, or None.
        event: All that the server said of it.
    """

    name: str | None
    turn: int | None
    started_at: datetime | None
    duration: timedelta | None
    arguments: dict[str, Any] = field(repr=False)
    error: Any = field(repr=False)
    event: FunctionEvent = field(repr=False)


def function_calls_of(events_by_turn: object) -> list[FunctionCall]:
    """Return the function calls in the order of their turns and, within those, of their events."""
    calls = []
    turns = events_by_turn if isinstance(events_by_turn, dict) else {}
    for key, events in turns.items():
        for event in events if isinstance(events, list) else []:
            if isinstance(event, FunctionEvent):
                calls.append(_function_call(key, event))
    return sorted(calls, key=_place)


def _function_call(key: str, event: FunctionEvent) -> FunctionCall:
    turn: Any = int(key) if key.isdecimal() and len(key) < 10 else event.turn_id
    milliseconds: Any = event.duration
    return FunctionCall(
        name=event.name,
        turn=turn if type(turn) is int else None,
        started_at=event.start_time if isinstance(event.start_time, datetime) else None,
        duration=_milliseconds(milliseconds),
        arguments=event.arguments if isinstance(event.arguments, dict) else {},
        error=event.error,
        event=event,
    )


def _milliseconds(value: object) -> timedelta | None:
    if isinstance(value, bool) or not isinstance(value, float | int):
        return None
    try:
        return timedelta(milliseconds=value)
    except (OverflowError, ValueError):
        return None


def _place(call: FunctionCall) -> float:
    return float("inf") if call.turn is None else call.turn
