"""What the client writes: annotations and debug chats, and the responses."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, TypeAlias, TypeVar

from attrs import define, field, frozen
from polyai_data_generated import models as generated
from polyai_data_generated.models import AnnotationRole, AnnotationType

from ..errors import short_repr, to_int
from .decode import JsonModel, ResponseMeta
from .readers import FieldProblem

_Enum = TypeVar("_Enum", bound=Enum)

# With the values as literals, type checkers report a misspelled one.
_Role: TypeAlias = AnnotationRole | Literal["user", "agent"]
_Type: TypeAlias = AnnotationType | Literal["missing_topic", "wrong_transcript", "wrong_info"]


def _turn(value: Any) -> int:
    turn = to_int(value)
    if turn is None:
        raise TypeError(f"turn={short_repr(value)}: expected the index of the turn, an integer.")
    if turn < 0:
        raise ValueError(f"turn={short_repr(turn)}: turns are counted from 0.")
    return turn


def to_enum(enum: type[_Enum], name: str, value: object) -> _Enum:
    """Return the member of an enum for the value of an argument, or raise a ValueError."""
    try:
        return enum(value)
    except ValueError:
        valid = ", ".join(repr(member.value) for member in enum)
        raise ValueError(f"{name}={short_repr(value)}: expected one of {valid}.") from None


def _role(value: _Role) -> AnnotationRole:
    return to_enum(AnnotationRole, "role", value)


def _type(value: _Type) -> AnnotationType:
    return to_enum(AnnotationType, "type", value)


@frozen
class Annotation:
    """A report that one side of one turn is wrong.

    Args:
        turn: The index of the turn, counted from 0, as in `Utterance.turn`.
        role: The side: `user` or `agent`.
        type: `missing_topic` or `wrong_transcript` for the user, `wrong_info` for the agent.

    Raises:
        TypeError: if the turn is not an integer.
        ValueError: if the turn is negative, or the role or type is unknown.
    """

    turn: int = field(converter=_turn)
    role: AnnotationRole = field(converter=_role)
    type: AnnotationType = field(converter=_type)


@define(repr=False)
class WriteResult(JsonModel, generated.WriteResult):
    """The response to a successful write. An unsuccessful write raises an exception.

    Attributes:
        success: Whether it succeeded.
        additional_properties: Fields that the OpenAPI spec does not name, by JSON key.
        raw: The JSON object as it came; `{"success": true}` if the response has no content (204).
        meta: The HTTP side of the response.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    meta: ResponseMeta | None = field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        return f"<WriteResult success={self.success is True}>"


@define(repr=False)
class ChatReply(JsonModel, generated.ChatReply):
    """The agent's reply to a message, or its greeting.

    Attributes:
        conversation_id: The chat's ID.
        user_input: The user's message as the agent understood it; empty for the greeting.
        response: What the agent said; see `text`.
        metadata: How the agent found the reply: topics, node, function events and more.
        conversation_ended: Whether the chat is over; see `ended`.
        delayed_response: Whether the agent is still working on the reply; see `delayed`.
        additional_properties: Fields that the OpenAPI spec does not name, by JSON key.
        raw: The JSON object as it came.
        problems: The fields whose values do not have the documented type.
        meta: The HTTP side of the response.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    problems: tuple[FieldProblem, ...] = field(default=(), eq=False, kw_only=True)
    meta: ResponseMeta | None = field(default=None, eq=False, kw_only=True)

    @property
    def text(self) -> str:
        """What the agent said; empty if it said nothing."""
        return self.response if isinstance(self.response, str) else ""

    @property
    def ended(self) -> bool:
        """Whether the chat is over and accepts no more messages."""
        return self.conversation_ended is True

    @property
    def delayed(self) -> bool:
        """Whether the agent is still working on the reply. Your next message returns it."""
        return self.delayed_response is True

    @property
    def topics(self) -> list[str]:
        """The knowledge topics that the agent used, the cited one first."""
        cited = getattr(self.metadata, "cited_topic", None)
        retrieved = getattr(self.metadata, "retrieved_topics", None)
        topics = [cited, *(retrieved if isinstance(retrieved, list) else [])]
        return list(dict.fromkeys(topic for topic in topics if isinstance(topic, str) and topic))

    def __repr__(self) -> str:
        state = "ended" if self.ended else "delayed" if self.delayed else "open"
        return f"<ChatReply {self.conversation_id} {len(self.text)} characters, {state}>"
