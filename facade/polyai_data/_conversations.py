"""One conversation, in full."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import define, field
from polyai_data_generated import models as generated

from ._decode import FieldProblem, decode
from ._from_json import ReadLater
from ._meta import Meta

if TYPE_CHECKING:
    from polyai_data_generated.models import FunctionEvent, MetricValue

    from ._transcripts import FunctionCall, Transcript, Turn


class Summarised(ReadLater):
    """What the summary of a conversation and the conversation in full can both do."""

    __slots__ = ()

    conversation_id: str
    channel: str | None
    started_at: datetime | None
    duration: int | None
    short_summary: generated.Summary | str | None

    @property
    def heading(self) -> str | None:
        """The summary's heading, whichever form the summary has; None where there is none."""
        return _summary_parts(self.short_summary)[0]

    @property
    def summary_text(self) -> str | None:
        """The summary's text, whichever form the summary has; None where there is none."""
        return _summary_parts(self.short_summary)[1]

    def __repr__(self) -> str:
        # No numbers and no texts: what identifies a caller does not belong into logs.
        details = [part for part in (self.conversation_id, self.channel) if isinstance(part, str)]
        if isinstance(self.started_at, datetime):
            details.append(self.started_at.isoformat(timespec="seconds"))
        if isinstance(self.duration, int):
            details.append(f"{self.duration} s")
        return f"<{type(self).__name__} {' '.join(str(detail) for detail in details if detail)}>"


def _summary_parts(summary: object) -> tuple[str | None, str | None]:
    """Return heading and text of a summary: an object, that object as JSON text, or plain text."""
    if isinstance(summary, str):
        try:
            parts = json.loads(summary)
        except (ValueError, RecursionError):
            parts = None
        if not isinstance(parts, dict):
            return None, summary or None
        summary = decode(generated.Summary, parts)
    if isinstance(summary, generated.Summary):
        return _text(summary.heading), _text(summary.content)
    return None, None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


@define(repr=False)
class Conversation(Summarised, generated.Conversation):
    """A conversation with its transcript, metrics and function events.

    It has every field of ConversationSummary, and:

    Attributes:
        turns: Its turns in order; empty where transcript access is switched off.
        metrics: The values of each metric, by its name.
        function_events: The function calls of each turn, by the turn's index as text.
        meta: Where the answer came from; None if it did not come from the API.
    """

    turns: list[Turn] | None  # type: ignore[assignment]  # narrower than the generated list
    metrics: dict[str, list[MetricValue]] | None
    function_events: dict[str, list[FunctionEvent]] | None
    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    meta: Meta | None = field(default=None, eq=False, kw_only=True)
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    @property
    def transcript(self) -> Transcript:
        """The utterances in order, without the empty ones."""
        from ._transcripts import transcript_of

        return transcript_of(self.turns)

    @property
    def function_calls(self) -> list[FunctionCall]:
        """The function calls in the order of their turns."""
        from ._transcripts import function_calls_of

        return function_calls_of(self.function_events)

    def metric(self, name: str) -> str | None:
        """Return the last value of a metric, as the text that it is; None if there is none."""
        values = self.metrics.get(name) if isinstance(self.metrics, dict) else None
        for value in reversed(values if isinstance(values, list) else []):
            if isinstance(value, generated.MetricValue):
                return value.value
        return None

    def _repr_html_(self) -> str:
        from . import _html  # here: only notebooks need it

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
        return _html.facts(title, rows) + _html.chat(self.transcript)
