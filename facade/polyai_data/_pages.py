"""The list of conversations, by the page."""

from __future__ import annotations

from typing import Any, Self

from attrs import define, field
from polyai_data_generated import models as generated
from polyai_data_generated.wire_names import WIRE_NAMES

from ._conversations import Summarised
from ._decode import FieldProblem, IdentityMissing, decode, problems_of
from ._from_json import FromJson
from ._meta import Meta


@define(repr=False)
class ConversationSummary(Summarised, generated.ConversationSummary):
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
        from . import _html  # here: only notebooks need it

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
