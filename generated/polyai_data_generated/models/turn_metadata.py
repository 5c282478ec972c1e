# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TurnMetadata")


@_attrs_define
class TurnMetadata:
    """What the agent did to produce its reply.

    Attributes:
        asr_corrected_user_input (Any):
        current_node (Any):
        entities (Any):
        function_events (Any):
        retrieved_topics (Any):
        safety (Any):
        top_transcripts (Any):
    """

    asr_corrected_user_input: Any
    current_node: Any
    entities: Any
    function_events: Any
    retrieved_topics: Any
    safety: Any
    top_transcripts: Any
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        asr_corrected_user_input = self.asr_corrected_user_input

        current_node = self.current_node

        entities = self.entities

        function_events = self.function_events

        retrieved_topics = self.retrieved_topics

        safety = self.safety

        top_transcripts = self.top_transcripts

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "asr_corrected_user_input": asr_corrected_user_input,
                "current_node": current_node,
                "entities": entities,
                "function_events": function_events,
                "retrieved_topics": retrieved_topics,
                "safety": safety,
                "top_transcripts": top_transcripts,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        asr_corrected_user_input = d.pop("asr_corrected_user_input")

        current_node = d.pop("current_node")

        entities = d.pop("entities")

        function_events = d.pop("function_events")

        retrieved_topics = d.pop("retrieved_topics")

        safety = d.pop("safety")

        top_transcripts = d.pop("top_transcripts")

        turn_metadata = cls(
            asr_corrected_user_input=asr_corrected_user_input,
            current_node=current_node,
            entities=entities,
            function_events=function_events,
            retrieved_topics=retrieved_topics,
            safety=safety,
            top_transcripts=top_transcripts,
        )

        turn_metadata.additional_properties = d
        return turn_metadata

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
