"""Conversations: as the list shows them, in full, and by the page."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Self

from attrs import define, field
from polyai_data_generated import models as generated
from polyai_data_generated.models import FunctionEvent, MetricValue, Summary
from polyai_data_generated.wire_names import WIRE_NAMES

from . import _html
from ._decode import MODELS, FieldProblem, IdentityMissing, decode, problems_of
from ._from_json import FromJson, ReadLater
from ._meta import Meta
from ._transcripts import FunctionCall, Transcript, Turn, function_calls_of, transcript_of


class _Summarised(ReadLater):
    """What the summary of a conversation and the conversation in full can both do."""

    __slots__ = ()

    conversation_id: str
    channel: str | None
    started_at: datetime | None
    duration: int | None
    short_summary: Summary | str | None

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
        summary = decode(Summary, parts)
    if isinstance(summary, Summary):
        return _text(summary.heading), _text(summary.content)
    return None, None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


@define(repr=False)
class ConversationSummary(_Summarised, generated.ConversationSummary):
    """A conversation as the list shows it: without turns, metrics and function events.

    Attributes:
        conversation_id: Its ID; the one field that every conversation has.
        account_id: The account it belongs to.
        project_id: The agent it was held with.
        created_at: When its record was made; like all times, aware of its offset.
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
        additional_properties: Fields that the document does not name, by their JSON keys.
        raw: The JSON object exactly as it came.
        problems: The fields whose values are not of the documented type, each with its reason.
    """

    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)


@define(repr=False)
class UnreadableRecord(ConversationSummary):
    """A record of a list that is no conversation, handed over as it came.

    It stands in the list in place of a conversation, so that nothing is dropped silently. Its
    `conversation_id` is empty and its other fields are None.

    Attributes:
        raw: The record, of whatever type it is.
        reason: Why it cannot be read.
    """

    reason: str = field(default="", kw_only=True)
    raw: Any = field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        return f"<UnreadableRecord: {self.reason}>"


@define(repr=False)
class ConversationPage(FromJson, generated.ConversationPage):
    """A page of the list of conversations.

    Attributes:
        conversations: The conversations, newest first; an UnreadableRecord stands for each that
            could not be read.
        count: How many conversations there are in all, not on this page.
        limit: How many were asked for, or as many as the server gives at most.
        offset: The position of the first.
        additional_properties: Fields that the document does not name, by their JSON keys.
        raw: The JSON object exactly as it came.
        meta: Where the answer came from.
    """

    conversations: list[ConversationSummary]  # type: ignore[assignment]  # narrower
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    meta: Meta | None = field(default=None, eq=False, kw_only=True)

    @classmethod
    def _read(cls, data: Any) -> Self:
        records = data.get("conversations") if isinstance(data, dict) else None
        if not isinstance(records, list):
            decode(cls, data)
            raise IdentityMissing("conversations is no array")
        page = decode(cls, {**data, "conversations": []})
        page.conversations = [_record(record) for record in records]
        page.raw = data
        return page

    @property
    def problems(self) -> tuple[FieldProblem, ...]:
        """The fields whose values are not of the documented type, each with its reason.

        All records of the page are read for it, each time.
        """
        return problems_of(ConversationPage, self.raw) if self.raw else ()

    def __repr__(self) -> str:
        found = len(self.conversations)
        return f"<ConversationPage {found} from {self.offset} on, of {self.count} in all>"

    def _repr_html_(self) -> str:
        columns = {
            "started": "started_at",
            "seconds": "duration",
            "from": "from_number",
            "channel": "channel",
            "handoff": "handoff",
            "heading": "heading",
            "score": "poly_score",
            "ID": "conversation_id",
        }
        rows = [
            [getattr(conversation, name) for name in columns.values()]
            for conversation in self.conversations
        ]
        return _html.table(list(columns), rows)


@define(repr=False)
class Conversation(_Summarised, generated.Conversation):
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
        return transcript_of(self.turns)

    @property
    def function_calls(self) -> list[FunctionCall]:
        """The function calls in the order of their turns."""
        return function_calls_of(self.function_events)

    def metric(self, name: str) -> str | None:
        """Return the last value of a metric, as the text that it is; None if there is none."""
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
        return _html.facts(title, rows) + _html.chat(self.transcript)


MODELS.update(
    Conversation=Conversation,
    ConversationSummary=ConversationSummary,
    ConversationPage=ConversationPage,
)


def read_page(data: object) -> ConversationPage:
    """Return the page that a JSON value describes, each unreadable record in it marked as such.

    Raises:
        IdentityMissing: if it has no list of conversations.
    """
    return ConversationPage._read(data)


def _record(data: Any) -> ConversationSummary:
    """Return a record of a page, one that is no conversation marked as such."""
    try:
        return ConversationSummary._read(data)
    except IdentityMissing as error:
        reason = str(error)
    fields: dict[str, Any] = dict.fromkeys(WIRE_NAMES["ConversationSummary"])
    fields["conversation_id"] = ""
    problem = FieldProblem("", reason, data)
    return UnreadableRecord(**fields, raw=data, reason=reason, problems=(problem,))
