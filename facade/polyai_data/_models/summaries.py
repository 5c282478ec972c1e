"""Conversations as the list returns them: without their turns, one page at a time."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Self, TypeVar

from attrs import define, field
from polyai_data_generated import models as generated
from polyai_data_generated.wire_names import WIRE_NAMES

from . import html
from .decode import JsonModel, LazyModel, ResponseMeta, UnexpectedRecord, columns_of, problems_of
from .readers import FieldProblem

_Record = TypeVar("_Record", bound=LazyModel)


class ConversationFields(LazyModel):
    """What ConversationSummary and Conversation have in common."""

    __slots__ = ()

    conversation_id: str
    channel: str | None
    problems: tuple[FieldProblem, ...]
    started_at: datetime | None
    duration: int | None
    short_summary: generated.Summary | str | None

    @property
    def heading(self) -> str | None:
        """The summary's heading, whatever form the summary has; None if there is none."""
        return self._summary_part("heading")

    @property
    def summary_text(self) -> str | None:
        """The summary's text, whatever form the summary has; None if there is none."""
        return self._summary_part("content")

    def _summary_part(self, name: str) -> str | None:
        """Return a part of the summary: an object, or its JSON as a string, or plain text."""
        summary = self.short_summary
        value = getattr(summary, name, None)
        if isinstance(summary, str):
            try:
                parts = json.loads(summary)
            except (ValueError, RecursionError):
                parts = None
            value = (parts if isinstance(parts, dict) else {"content": summary}).get(name)
        return value if isinstance(value, str) and value else None

    def to_record(self) -> dict[str, Any]:
        """Return a flat record, such as a row of a table, with JSON types only.

        It has the fields that are strings, numbers, booleans, times or arrays of strings, by name.
        Times are ISO 8601 in UTC, durations have `_seconds` in their names. `heading` and
        `summary_text` stand in for the summary. A value that does not have the documented type is
        None, and its field is in `problems`.
        """
        texts = {"heading": self.heading, "summary_text": self.summary_text}
        return record_of(self, **texts)

    def __repr__(self) -> str:
        return safe_repr(self, self.conversation_id, self.duration)


def record_of(conversation: Any, **texts: str | None) -> dict[str, Any]:
    """Return the columns of a conversation, with the unit in the names of durations."""
    record = {
        f"{name}_seconds" if name.endswith("duration") else name: value
        for name, value in columns_of(conversation).items()
    }
    problems = [problem.field or problem.reason for problem in conversation.problems]
    return {**record, **texts, "problems": problems}


def safe_repr(conversation: Any, conversation_id: object, duration: object) -> str:
    """Return a repr without phone numbers or text, which do not belong in logs."""
    parts = (conversation_id, conversation.channel)
    details = [part for part in parts if isinstance(part, str)]
    if isinstance(conversation.started_at, datetime):
        details.append(conversation.started_at.isoformat(timespec="seconds"))
    if isinstance(duration, int):
        details.append(f"{duration} s")
    return f"<{type(conversation).__name__} {' '.join(filter(None, details))}>"


class _Summary(generated.ConversationSummary):
    __slots__ = ("_first_read",)


@define(repr=False)
class ConversationSummary(ConversationFields, _Summary):
    """A conversation as the list returns it: without turns, metrics and function events.

    Attributes:
        conversation_id: The ID; the one field that every conversation has.
        account_id: The account it belongs to.
        project_id: The agent.
        created_at: When its record was created. All times have a UTC offset.
        started_at: When it started.
        finished_at: When it ended.
        channel: The channel, such as `VOICE-SIP`, `WEBCHAT`, `CHAT`.
        from_number: The caller: a phone number, a SIP or e-mail address, a word, or `REDACTED`.
        to_number: The called side, in the same forms.
        language: The language, such as `en-US`.
        variant_id: The variant of the agent.
        client_env: The environment: `sandbox`, `pre-release`, `live`.
        total_duration: Seconds in total.
        polyai_duration: Seconds with the agent.
        duration: Seconds.
        in_progress: Whether it is still running. If so, get it again later.
        handoff: Whether it was handed off to a person.
        handoff_destination: Where it was handed off to.
        handoff_reason: Why it was handed off.
        direction: `inbound` or `outbound`.
        tags: The tags.
        poly_score: The PolyScore: 5 is high, 3-4 medium, 1-2 low.
        short_summary: An object, or a string in older records; see `heading` and `summary_text`.
        deployment_id: The deployment of the agent.
        note: The note.
        audio_url: The path of the recording, without a host.
        additional_properties: Fields that the OpenAPI spec does not name, by JSON key.
        raw: The JSON object as it came.
        problems: The fields whose values do not have the documented type.
    """

    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)


@define(repr=False)
class UnreadableRecord(ConversationSummary):
    """A record that is not a conversation. `conversation_id` is empty, other fields are None.

    Attributes:
        raw: The record, of whatever type it is.
        reason: Why it cannot be read.
    """

    reason: str = field(default="", kw_only=True)
    raw: Any = field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        return f"<UnreadableRecord: {self.reason}>"


class PageModel(JsonModel):
    """A page of conversations, each decoded on its own."""

    __slots__ = ()

    conversations: list[Any]

    @classmethod
    def _decode(cls, data: Any) -> Self:
        records = data.get("conversations") if isinstance(data, dict) else None
        if not isinstance(records, list):
            super()._decode(data)
            raise UnexpectedRecord("conversations is not an array")
        page: Any = super()._decode({**data, "conversations": []})
        page.conversations = [cls._decode_record(record) for record in records]
        page.raw = data
        decoded: Self = page
        return decoded

    @staticmethod
    def _decode_record(data: Any) -> Any:
        """Return a record of the page."""

    @property
    def problems(self) -> tuple[FieldProblem, ...]:
        """The fields with a value of another type. Each access decodes all records of the page."""
        return problems_of(type(self), self.raw) if self.raw else ()


@define(repr=False)
class ConversationPage(PageModel, generated.ConversationPage):
    """A page of the list of conversations.

    Attributes:
        conversations: Newest first, with an UnreadableRecord for a record that cannot be read.
        count: The number of all conversations, not of those on this page.
        limit: The page size that the server used.
        offset: The position of the first conversation.
        additional_properties: Fields that the OpenAPI spec does not name, by JSON key.
        raw: The JSON object as it came.
        meta: The HTTP side of the response.
    """

    conversations: list[ConversationSummary]  # type: ignore[assignment]  # narrower
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    meta: ResponseMeta | None = field(default=None, eq=False, kw_only=True)

    @staticmethod
    def _decode_record(data: Any) -> ConversationSummary:
        return decode_record(data, ConversationSummary, UnreadableRecord, "conversation_id")

    @property
    def total(self) -> int | None:
        """The number of all conversations: `count`, as `total` of a list."""
        return self.count if type(self.count) is int else None

    def __repr__(self) -> str:
        number = len(self.conversations)
        return f"<ConversationPage {number} of {self.count}, offset {self.offset}>"

    def _repr_html_(self) -> str:
        columns = ("started", "seconds", "from", "channel", "handoff", "heading", "score", "ID")
        names = "started_at duration from_number channel handoff heading poly_score conversation_id"
        rows = [[getattr(one, name) for name in names.split()] for one in self.conversations]
        return html.table(columns, rows)


def decode_record(data: Any, model: type[_Record], unreadable: Any, id_name: str) -> _Record:
    """Return a record of a page, or one that says why it cannot be read."""
    try:
        return model._decode(data)
    except UnexpectedRecord as error:
        reason = str(error)
        fields: dict[str, Any] = dict.fromkeys(WIRE_NAMES[model.__name__])
        fields |= {id_name: "", "raw": data, "reason": reason}
        record: _Record = unreadable(**fields, problems=(FieldProblem("", reason, data),))
        return record
