# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Latency")


@_attrs_define
class Latency:
    """How long the user waited for the agent's reply.

    Attributes:
        label (None | str):
        perceived_latency (float | None): Seconds
        perceived_latency_percentile_1d (float | None):
    """

    label: None | str
    perceived_latency: float | None
    perceived_latency_percentile_1d: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        label: None | str
        label = self.label

        perceived_latency: float | None
        perceived_latency = self.perceived_latency

        perceived_latency_percentile_1d: float | None
        perceived_latency_percentile_1d = self.perceived_latency_percentile_1d

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "label": label,
                "perceived_latency": perceived_latency,
                "perceived_latency_percentile_1d": perceived_latency_percentile_1d,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_label(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        label = _parse_label(d.pop("label"))

        def _parse_perceived_latency(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        perceived_latency = _parse_perceived_latency(d.pop("perceived_latency"))

        def _parse_perceived_latency_percentile_1d(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        perceived_latency_percentile_1d = _parse_perceived_latency_percentile_1d(
            d.pop("perceived_latency_percentile_1d")
        )

        latency = cls(
            label=label,
            perceived_latency=perceived_latency,
            perceived_latency_percentile_1d=perceived_latency_percentile_1d,
        )

        latency.additional_properties = d
        return latency

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
