"""Conversations as the Conversations API v3 returns them: with their turns, one page at a time."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from polyai_data_generated import models as generated

from . import html
from .conversations import Transcript, TurnFields, transcript_of
from .decode import LazyModel, ResponseMeta, columns_of
from .readers import FieldProblem
from .summaries import PageModel, decode_record, record_of, safe_repr


@define(repr=False)
class FoundTurn(TurnFields, generated.FoundTurn):
    """One exchange of a conversation that a search returned.

    A text is empty if that side said nothing. The fields are named as in Turn, but `latency` is a
    number of seconds, present only with `include_latency`. `raw` is the JSON object as it came.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    def to_record(self) -> dict[str, Any]:
        """Return a flat record with JSON types only: times are ISO 8601 in UTC.

        The turn does not know its conversation and index: add both to make the row of a table.
        """
        columns = columns_of(self)
        return {"latency_seconds" if key == "latency" else key: columns[key] for key in columns}


class _Found(generated.FoundConversation):
    __slots__ = ("_first_read",)


@define(repr=False)
class FoundConversation(LazyModel, _Found):
    """A conversation as a search returns it, with its turns.

    It has no score, summary, tags, language or note: for these, pass `id` to `get_conversation`.

    Attributes:
        id: The ID; the one field that every conversation has.
        account_id: The account it belongs to.
        project_id: The agent.
        variant_id: The variant of the agent.
        variant_name: The variant's name.
        environment: The environment: `sandbox`, `pre-release`, `live`.
        started_at: When it started.
        channel: The channel, such as `VOICE-SIP`, `WEBCHAT`, `CHAT`.
        from_number: The caller: a phone number, a SIP or e-mail address, a word, or `REDACTED`.
        to_number: The called side, in the same forms.
        in_progress: Whether it is still running. If so, get it again later.
        num_turns: The number of turns.
        total_duration: Seconds in total.
        polyai_duration: Seconds with the agent.
        handoff: Whether it was handed off to a person.
        handoff_reason: Why it was handed off.
        handoff_destination: Where it was handed off to.
        num_silences: The number of turns in which the user was silent.
        num_ood: The number of turns that were out of the agent's domain.
        metrics: The value of each metric, by name; a list if it was logged more than once.
        state: The state of the conversation, by name; any JSON, which may be about the caller.
        turns: The turns in order; empty if transcript access is switched off.
        additional_properties: Fields that the OpenAPI spec does not name, by JSON key.
        raw: The JSON object as it came.
        problems: The fields whose values do not have the documented type.
    """

    metrics: dict[str, str | list[str]] | None
    state: dict[str, Any] | None
    turns: list[FoundTurn] | None  # type: ignore[assignment]  # narrower than the generated list
    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)

    @property
    def transcript(self) -> Transcript:
        """What was said, in order, without empty utterances."""
        return transcript_of(self.turns)

    def to_record(self) -> dict[str, Any]:
        """Return a flat record, such as a row of a table, with JSON types only.

        It has the fields that are strings, numbers, booleans or times, by name, and `transcript` as
        a script. Times are ISO 8601 in UTC, durations have `_seconds` in their names. A value that
        does not have the documented type is None, and its field is in `problems`.
        """
        return record_of(self, transcript=str(self.transcript))

    def __repr__(self) -> str:
        return safe_repr(self, self.id, self.total_duration)

    def _repr_html_(self) -> str:
        rows = (
            ("From", self.from_number),
            ("Started", self.started_at),
            ("Seconds", self.total_duration),
            ("Channel", self.channel),
            ("Handed to", self.handoff_destination),
        )
        return html.facts(f"Conversation {self.id}", rows) + html.chat(self.transcript)


@define(repr=False)
class UnreadableFoundConversation(FoundConversation):
    """A record of a search that is not a conversation. `id` is empty, other fields are None.

    Attributes:
        raw: The record, of whatever type it is.
        reason: Why it cannot be read.
    """

    reason: str = field(default="", kw_only=True)
    raw: Any = field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        return f"<UnreadableFoundConversation: {self.reason}>"


@define(repr=False)
class FoundPage(PageModel, generated.FoundPage):
    """A page of a search.

    Attributes:
        conversations: The conversations, with an UnreadableFoundConversation for a record that
            cannot be read.
        cursor: Where the next page starts: pass it as `cursor` to continue, with the same filters.
            None on the last page.
        next_offset: The server's older form of `cursor`, which is not used.
        additional_properties: Fields that the OpenAPI spec does not name, by JSON key.
        raw: The JSON object as it came.
        meta: The HTTP side of the response.
    """

    conversations: list[FoundConversation]  # type: ignore[assignment]  # narrower
    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    meta: ResponseMeta | None = field(default=None, eq=False, kw_only=True)

    @staticmethod
    def _decode_record(data: Any) -> FoundConversation:
        return decode_record(data, FoundConversation, UnreadableFoundConversation, "id")

    def __repr__(self) -> str:
        more = "more follow" if self.cursor else "the last"
        return f"<FoundPage of {len(self.conversations)}, {more}>"

    def _repr_html_(self) -> str:
        columns = ("started", "seconds", "from", "channel", "handoff", "turns", "ID")
        names = "started_at total_duration from_number channel handoff num_turns id"
        rows = [[getattr(one, name) for name in names.split()] for one in self.conversations]
        return html.table(columns, rows)
