# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.annotation_role import AnnotationRole
from ..models.annotation_type import AnnotationType

T = TypeVar("T", bound="Annotation")


@_attrs_define
class Annotation:
    """One annotation on one side of one turn.

    Attributes:
        turn_id (int): Index of the turn in the conversation, counted from zero
        role (AnnotationRole): The side of the turn that is annotated
        annotation_type (AnnotationType): What is wrong with it
    """

    turn_id: int
    role: AnnotationRole
    annotation_type: AnnotationType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        turn_id = self.turn_id

        role = self.role.value

        annotation_type = self.annotation_type.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "turnId": turn_id,
                "role": role,
                "annotationType": annotation_type,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        turn_id = d.pop("turnId")

        role = AnnotationRole(d.pop("role"))

        annotation_type = AnnotationType(d.pop("annotationType"))

        annotation = cls(
            turn_id=turn_id,
            role=role,
            annotation_type=annotation_type,
        )

        annotation.additional_properties = d
        return annotation

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
