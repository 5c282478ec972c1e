"""What an agent answers in a debug chat."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from polyai_data_generated import models as generated
from polyai_data_generated.models import ChatMetadata

from ._decode import FieldProblem
from ._from_json import FromJson
from ._meta import Meta


@define(repr=False)
class ChatReply(FromJson, generated.ChatReply):
    """The agent's reply to one message, or its greeting.

    Attributes:
        conversation_id: The chat's ID.
        user_input: What the agent took for the user's message; empty for the greeting.
        response: What the agent said; see `text`.
        metadata: What the agent did to produce it: topics, node, function events and more.
        conversation_ended: Whether the chat is over; see `ended`.
        delayed_response: Whether the reply is still being worked on; see `delayed`.
        additional_properties: Fields that the document does not name, by their JSON keys.
        raw: The JSON object exactly as it came.
        problems: The fields whose values are not of the documented type, each with its reason.
        meta: Where the answer came from.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    meta: Meta | None = field(default=None, eq=False, kw_only=True)

    @property
    def text(self) -> str:
        """What the agent said; empty if it said nothing."""
        return self.response if isinstance(self.response, str) else ""

    @property
    def ended(self) -> bool:
        """Whether the chat is over; it takes no message any more."""
        return self.conversation_ended is True

    @property
    def delayed(self) -> bool:
        """Whether the reply is still being worked on; the next message brings it."""
        return self.delayed_response is True

    @property
    def topics(self) -> list[str]:
        """The knowledge topics that the agent used, the one that it cites first."""
        metadata = self.metadata if isinstance(self.metadata, ChatMetadata) else None
        if metadata is None:
            return []
        retrieved: Any = metadata.retrieved_topics
        topics = [metadata.cited_topic, *(retrieved if isinstance(retrieved, list) else [])]
        return list(dict.fromkeys(topic for topic in topics if isinstance(topic, str) and topic))

    def __repr__(self) -> str:
        state = "ended" if self.ended else "delayed" if self.delayed else "open"
        return f"<ChatReply {self.conversation_id} {len(self.text)} characters, {state}>"
