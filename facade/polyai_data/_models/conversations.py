"""A conversation in full: its turns, what was said, and the function calls of the agent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from attrs import define, field, frozen
from polyai_data_generated import models as generated
from polyai_data_generated.models import FunctionEvent, MetricValue

from ..errors import truncate
from . import html
from .decode import JsonModel, ResponseMeta, columns_of
from .readers import FieldProblem
from .records import column, finite, json_text, seconds, time_text
from .safe_repr import SafeRepr
from .summaries import ConversationFields


class TurnFields(JsonModel):
    """What the turns of both APIs have in common."""

    __slots__ = ()

    user_input: str | None
    user_input_datetime: datetime | None
    agent_response: str | None
    agent_response_datetime: datetime | None

    def _sides(self) -> Iterator[tuple[Literal["user", "agent"], Any, Any]]:
        yield "user", self.user_input, self.user_input_datetime
        yield "agent", self.agent_response, self.agent_response_datetime

    def __repr__(self) -> str:
        # What a caller said does not belong in logs.
        sides = (
            f"{role}: {f'{len(text)} characters' if isinstance(text, str) and text else 'nothing'}"
            for role, text, _ in self._sides()
        )
        return f"<{type(self).__name__} {', '.join(sides)}>"


@define(repr=False)
class Turn(TurnFields, generated.Turn):
    """One exchange of a conversation: what the user said, and how the agent responded.

    A text is empty if that side said nothing. The generated class documents the fields. The
    camelCase keys and the `input` and `response` of some deployments are read too. `raw` is the
    JSON object as it came.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    ALIASES: ClassVar[dict[str, tuple[str, ...]]] = {
        key: (re.sub("_(.)", lambda match: match[1].upper(), key),)
        for key in generated.Turn.__annotations__
    } | {"user_input": ("userInput", "input"), "agent_response": ("agentResponse", "response")}

    @property
    def perceived_latency(self) -> float | None:
        """Seconds that the user waited for the agent; None if they were not measured."""
        seconds = getattr(self.latency, "perceived_latency", None)
        return seconds if type(seconds) in (float, int) else None

    def to_record(self) -> dict[str, Any]:
        """Return a flat record with JSON types only: times are ISO 8601 in UTC, latency is seconds.

        The turn does not know its conversation and index: add both to make the row of a table.
        """
        label = column(getattr(self.latency, "label", None), {str})
        latency_seconds = finite(self.perceived_latency)
        return {**columns_of(self), "latency_label": label, "latency_seconds": latency_seconds}


@frozen
class Utterance:
    """What one side said in one turn.

    Attributes:
        role: Who said it.
        text: What was said; never empty.
        at: When, or None if the server did not say.
        turn: The index of the turn, counted from 0, as in annotations.
    """

    role: Literal["user", "agent"]
    text: str = field(repr=False)
    at: datetime | None
    turn: int

    def to_record(self) -> dict[str, Any]:
        """Return a flat record with JSON types only; the time is ISO 8601 in UTC."""
        at = time_text(self.at)
        return {"role": self.role, "text": self.text, "at": at, "turn": self.turn}


class Transcript(tuple[Utterance, ...]):
    """The utterances of a conversation in order. `str()` returns them as a script."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(f"{one.role.title()}: {one.text}" for one in self)

    def __repr__(self) -> str:
        return f"<Transcript of {len(self)} utterances>"

    def _repr_html_(self) -> str:
        return html.chat(self)


def transcript_of(turns: object) -> Transcript:
    """Return what was said in the turns, in order, without empty utterances."""
    return Transcript(
        Utterance(role, text, at if isinstance(at, datetime) else None, index)
        for index, turn in enumerate(turns if isinstance(turns, list) else [])
        if isinstance(turn, TurnFields)  # others are unreadable, and listed in `problems`
        for role, text, at in turn._sides()
        if isinstance(text, str) and text.strip()
    )


@frozen(repr=False)
class FunctionCall(SafeRepr):
    """A function call of the agent. What the server did not say is None.

    Attributes:
        name: The function's name.
        turn: The index of the turn, counted from 0.
        started_at: When it started.
        duration: How long it took.
        arguments: Its arguments.
        result: What it returned.
        error: Its error as the server reports it.
        event: The whole event, with the server's names and units.
    """

    name: str | None
    turn: int | None
    started_at: datetime | None
    duration: timedelta | None
    arguments: dict[str, Any]
    result: Any
    error: Any
    event: FunctionEvent

    def to_record(self) -> dict[str, Any]:
        """Return a flat record with JSON types only.

        `started_at` is ISO 8601 in UTC, `duration_seconds` a number. `arguments`, `result` and
        `error` are strings: JSON, unless the server sent a string.
        """
        return {
            "name": column(self.name, {str}),
            "turn": self.turn,
            "started_at": time_text(self.started_at),
            "duration_seconds": seconds(self.duration),
            "arguments": json_text(self.arguments),
            "result": json_text(self.result),
            "error": json_text(self.error),
        }

    def __repr__(self) -> str:
        # The names of the arguments, but not their values, which may be a caller's.
        name = self.name if isinstance(self.name, str) else "?"
        details = [f"turn {self.turn}"] if self.turn is not None else []
        if self.duration is not None:
            details.append(f"{self.duration.total_seconds():.2f} s")
        if self.error is not None:
            details.append("failed")
        text = f"FunctionCall {name}({', '.join(self.arguments)}) {', '.join(details)}"
        return f"<{truncate(text)}>"


def function_call(key: str, event: FunctionEvent) -> FunctionCall:
    """Return the call for a function event and the turn whose key it is under."""
    turn: Any = int(key) if key.isdecimal() and len(key) < 10 else event.turn_id
    duration: Any = event.duration
    try:
        duration = timedelta(milliseconds=duration) if type(duration) in (float, int) else None
    except (OverflowError, ValueError):
        duration = None
    return FunctionCall(
        name=event.name,
        turn=turn if type(turn) is int else None,
        started_at=event.start_time if isinstance(event.start_time, datetime) else None,
        duration=duration,
        arguments=event.arguments if isinstance(event.arguments, dict) else {},
        result=event.content,
        error=event.error,
        event=event,
    )


class _Conversation(generated.Conversation):
    __slots__ = ("_first_read",)


@define(repr=False)
class Conversation(ConversationFields, _Conversation):
    """A conversation with its transcript, metrics and function events.

    It has the fields of ConversationSummary, and these:

    Attributes:
        turns: The turns in order; empty if transcript access is switched off.
        metrics: The values of each metric, by name.
        function_events: The function calls of each turn, by the turn's index as a string.
        meta: The HTTP side of the response; None if the conversation is from `from_dict`.
    """

    turns: list[Turn] | None  # type: ignore[assignment]  # narrower than the generated list
    metrics: dict[str, list[MetricValue]] | None
    function_events: dict[str, list[FunctionEvent]] | None
    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    meta: ResponseMeta | None = field(default=None, eq=False, kw_only=True)
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    @property
    def transcript(self) -> Transcript:
        """What was said, in order, without empty utterances."""
        return transcript_of(self.turns)

    def to_record(self) -> dict[str, Any]:
        """Return the flat record of ConversationSummary, with `transcript` as a script."""
        return {**super().to_record(), "transcript": str(self.transcript)}

    @property
    def function_calls(self) -> list[FunctionCall]:
        """The function calls, in the order of their turns."""
        turns = self.function_events if isinstance(self.function_events, dict) else {}
        calls = [
            function_call(key, event)
            for key, events in turns.items()
            for event in (events if isinstance(events, list) else [])
            if isinstance(event, FunctionEvent)
        ]
        return sorted(calls, key=lambda call: float("inf") if call.turn is None else call.turn)

    def metric(self, name: str) -> str | None:
        """Return the last value of a metric, which is a string; None if there is none."""
        values = self.metrics.get(name) if isinstance(self.metrics, dict) else None
        for value in reversed(values if isinstance(values, list) else []):
            if isinstance(value, MetricValue):
                return value.value
        return None

    def _repr_html_(self) -> str:
        rows = (
            ("From", self.from_number),
            ("Started", self.started_at),
            ("Seconds", self.duration),
            ("Channel", self.channel),
            ("Handed to", self.handoff_destination),
            ("Score", self.poly_score),
            ("Tags", self.tags),
            ("Summary", self.summary_text),
        )
        title = self.heading or f"Conversation {self.conversation_id}"
        return html.facts(title, rows) + html.chat(self.transcript, self.function_calls)
