"""What the API answers, as users work with it.

The fields come from the document by way of the generated classes; here stand the types of fields
that the generator cannot express, and what reads better than the wire. Shapes that the document
leaves open are those of real answers.

Every field reads None where the server sent null or nothing. A value that is not of its field's
type is handed over as it came and named in `problems`; `raw` holds the whole answer, untouched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from attrs import define, field, frozen
from polyai_data_generated import models as generated
from polyai_data_generated.models import (
    FunctionEvent,
    FunctionHandoff,
    Latency,
    MetricValue,
    StateChanges,
    Summary,
    TurnMetadata,
)

from ._decode import MODELS, FieldProblem, IdentityMissing, decode
from .errors import ResponseDecodeError

__all__ = [
    "Conversation",
    "FieldProblem",
    "FunctionEvent",
    "FunctionHandoff",
    "Latency",
    "MetricValue",
    "StateChanges",
    "Summary",
    "Transcript",
    "Turn",
    "TurnMetadata",
    "Utterance",
]


def _camel(snake: str) -> str:
    first, *rest = snake.split("_")
    return first + "".join(word.title() for word in rest)


@define(repr=False)
class Turn(generated.Turn):
    """One exchange of a conversation: what the user said, and what the agent answered.

    Either text is empty where that side said nothing. Fields are listed in the generated class;
    the camelCase spellings and the `input` and `response` of some deployments are read as well.

    Attributes:
        raw: The JSON object as it came.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    OTHER_SPELLINGS: ClassVar[dict[str, tuple[str, ...]]] = {
        **{key: (_camel(key),) for key in generated.Turn.__annotations__ if "_" in key},
        "user_input": ("userInput", "input"),
        "agent_response": ("agentResponse", "response"),
    }

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


@define(repr=False)
class Conversation(generated.Conversation):
    """A conversation with its transcript, metrics and function events.

    Attributes:
        conversation_id: Its ID; the one field that every conversation has.
        account_id: The account it belongs to.
        project_id: The agent it was held with.
        created_at: When its record was made, as all times aware of their offset.
        started_at: When it began.
        finished_at: When it ended.
        channel: Such as `VOICE-SIP`, `WEBCHAT`, `CHAT`.
        from_number: The caller: a number, a SIP or e-mail address, a word, or `REDACTED`.
        to_number: The called side, likewise.
        language: Such as `en-US`.
        variant_id: The variant of the agent.
        client_env: The environment: `sandbox`, `pre-release`, `live`.
        total_duration: Seconds in all.
        polyai_duration: Seconds that the agent took part.
        duration: Seconds.
        in_progress: Whether it still goes on; if so, get it again later.
        handoff: Whether it was handed to a person.
        handoff_destination: Where to.
        handoff_reason: Why.
        direction: `inbound` or `outbound`.
        tags: Its tags.
        poly_score: How well it went: 5 high, 3-4 medium, 1-2 low.
        short_summary: An object in recent records, text in older ones; see `heading` and
            `summary_text`.
        deployment_id: The deployment that held it.
        note: Its note.
        audio_url: The path of its recording, without a host.
        turns: Its turns in order; empty where transcript access is switched off.
        metrics: The values of each metric, by its name.
        function_events: The function calls of each turn, by the turn's index as text.
        additional_properties: Fields that the document does not name, by their JSON keys.
        raw: The JSON object exactly as it came.
        problems: The fields whose values are not of the documented type, each with its reason.
    """

    turns: list[Turn] | None  # type: ignore[assignment]  # narrower than the generated list
    metrics: dict[str, list[MetricValue]] | None
    function_events: dict[str, list[FunctionEvent]] | None
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Return the conversation that a JSON object describes, such as one saved from `raw`.

        Raises:
            ResponseDecodeError: if it has no `conversationId`.
        """
        data = dict(src_dict) if isinstance(src_dict, Mapping) else src_dict
        try:
            return decode(cls, data)
        except IdentityMissing as error:
            raise ResponseDecodeError(f"Not a conversation: {error}.") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object exactly as it came: `raw`."""
        return self.raw

    @property
    def heading(self) -> str | None:
        """The summary's heading, whichever form the summary has; None where there is none."""
        return _summary_parts(self.short_summary)[0]

    @property
    def summary_text(self) -> str | None:
        """The summary's text, whichever form the summary has; None where there is none."""
        return _summary_parts(self.short_summary)[1]

    @property
    def transcript(self) -> Transcript:
        """The utterances in order, without the empty ones."""
        return Transcript(_utterances(self.turns))

    def __repr__(self) -> str:
        # No numbers and no texts: what identifies a caller does not belong into logs.
        details = [self.conversation_id, self.channel]
        if isinstance(self.started_at, datetime):
            details.append(self.started_at.isoformat(timespec="seconds"))
        if isinstance(self.duration, int):
            details.append(f"{self.duration} s")
        return f"<Conversation {' '.join(str(detail) for detail in details if detail)}>"


def _summary_parts(summary: object) -> tuple[str | None, str | None]:
    """Return heading and text of a summary: an object, that object as JSON text, or plain text."""
    if isinstance(summary, Summary):
        return summary.heading or None, summary.content or None
    if not isinstance(summary, str):
        return None, None
    try:
        parts = json.loads(summary)
    except (ValueError, RecursionError):
        parts = None
    if isinstance(parts, dict):
        decoded = decode(Summary, parts)
        return decoded.heading or None, decoded.content or None
    return None, summary or None


def _utterances(turns: object) -> list[Utterance]:
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
                at = at if isinstance(at, datetime) else None
                utterances.append(Utterance(role=role, text=text, at=at, turn=index))
    return utterances


MODELS.update(Conversation=Conversation, Turn=Turn)
