"""Annotations to add, and the answer to a write."""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar

from attrs import define, field, frozen
from polyai_data_generated import models as generated
from polyai_data_generated.models import AnnotationRole, AnnotationType

from ._from_json import FromJson
from ._meta import Meta
from .errors import shown


def _turn(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(
            f"turn={shown(value)}: give the index of the turn, a whole number from 0 on."
        )
    if value < 0:
        raise ValueError(f"turn={value}: turns are counted from 0.")
    return value


def _role(value: AnnotationRole | str) -> AnnotationRole:
    return _member(AnnotationRole, "role", value)


def _type(value: AnnotationType | str) -> AnnotationType:
    return _member(AnnotationType, "type", value)


_Enum = TypeVar("_Enum", bound=Enum)


def _member(enum: type[_Enum], name: str, value: object) -> _Enum:
    try:
        return enum(value)
    except ValueError:
        valid = ", ".join(repr(member.value) for member in enum)
        raise ValueError(f"{name}={shown(value)}: the valid ones are {valid}.") from None


@frozen
class Annotation:
    """Something that is wrong with one side of one turn.

    Which type belongs to which side (the docs): `missing_topic` and `wrong_transcript` describe the
    caller's side, role `user`; `wrong_info` describes the agent's, role `agent`.

    Args:
        turn: The index of the turn, counted from zero; an Utterance has it as `turn`.
        role: `user` or `agent`.
        type: `missing_topic`, `wrong_transcript` or `wrong_info`.

    Raises:
        TypeError: if the turn is no whole number.
        ValueError: if the turn is negative, or the role or the type unknown.
    """

    turn: int = field(converter=_turn)
    role: AnnotationRole = field(converter=_role)
    type: AnnotationType = field(converter=_type)


@define(repr=False)
class WriteResult(FromJson, generated.WriteResult):
    """The answer to a write that succeeded; one that did not is raised as an error.

    Attributes:
        success: Whether it succeeded.
        additional_properties: Fields that the document does not name, by their JSON keys.
        raw: The JSON object exactly as it came.
        meta: Where the answer came from.
    """

    raw: dict[str, Any] = field(factory=dict, eq=False, kw_only=True)
    meta: Meta | None = field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        return f"<WriteResult success={self.success is True}>"
