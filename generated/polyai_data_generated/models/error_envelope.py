# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ErrorEnvelope")


@_attrs_define
class ErrorEnvelope:
    """The body of an error response.

    Attributes:
        success (bool | None):
        error (None | str): What went wrong, as a sentence
        error_id (None | str): The correlation ID
        error_code (None | str): What went wrong, in UPPER_SNAKE_CASE; an open set
        error_message (None | str): The same sentence as error
        data (Any):
    """

    success: bool | None
    error: None | str
    error_id: None | str
    error_code: None | str
    error_message: None | str
    data: Any
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        success: bool | None
        success = self.success

        error: None | str
        error = self.error

        error_id: None | str
        error_id = self.error_id

        error_code: None | str
        error_code = self.error_code

        error_message: None | str
        error_message = self.error_message

        data = self.data

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "success": success,
                "error": error,
                "error_id": error_id,
                "error_code": error_code,
                "error_message": error_message,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_success(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        success = _parse_success(d.pop("success"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        def _parse_error_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error_id = _parse_error_id(d.pop("error_id"))

        def _parse_error_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error_code = _parse_error_code(d.pop("error_code"))

        def _parse_error_message(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error_message = _parse_error_message(d.pop("error_message"))

        data = d.pop("data")

        error_envelope = cls(
            success=success,
            error=error,
            error_id=error_id,
            error_code=error_code,
            error_message=error_message,
            data=data,
        )

        error_envelope.additional_properties = d
        return error_envelope

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
