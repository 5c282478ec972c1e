# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="FoundTurn")


@_attrs_define
class FoundTurn:
    """
    Attributes:
        user_input (None | str):
        user_input_dtmf (None | str):
        user_input_datetime (datetime.datetime | None):
        agent_response (None | str):
        agent_response_datetime (datetime.datetime | None):
        latency (float | None):
        translated_user_input (None | str):
        english_agent_response (None | str):
        intents (list[str] | None):
        entities (list[Any] | None):
        is_ood (bool | None):
        is_silence (bool | None):
        barge_in (bool | None): Whether the user interrupted the agent
    """

    user_input: None | str
    user_input_dtmf: None | str
    user_input_datetime: datetime.datetime | None
    agent_response: None | str
    agent_response_datetime: datetime.datetime | None
    latency: float | None
    translated_user_input: None | str
    english_agent_response: None | str
    intents: list[str] | None
    entities: list[Any] | None
    is_ood: bool | None
    is_silence: bool | None
    barge_in: bool | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        user_input: None | str
        user_input = self.user_input

        user_input_dtmf: None | str
        user_input_dtmf = self.user_input_dtmf

        user_input_datetime: None | str
        if isinstance(self.user_input_datetime, datetime.datetime):
            user_input_datetime = self.user_input_datetime.isoformat()
        else:
            user_input_datetime = self.user_input_datetime

        agent_response: None | str
        agent_response = self.agent_response

        agent_response_datetime: None | str
        if isinstance(self.agent_response_datetime, datetime.datetime):
            agent_response_datetime = self.agent_response_datetime.isoformat()
        else:
            agent_response_datetime = self.agent_response_datetime

        latency: float | None
        latency = self.latency

        translated_user_input: None | str
        translated_user_input = self.translated_user_input

        english_agent_response: None | str
        english_agent_response = self.english_agent_response

        intents: list[str] | None
        if isinstance(self.intents, list):
            intents = self.intents

        else:
            intents = self.intents

        entities: list[Any] | None
        if isinstance(self.entities, list):
            entities = self.entities

        else:
            entities = self.entities

        is_ood: bool | None
        is_ood = self.is_ood

        is_silence: bool | None
        is_silence = self.is_silence

        barge_in: bool | None
        barge_in = self.barge_in

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "user_input": user_input,
                "user_input_dtmf": user_input_dtmf,
                "user_input_datetime": user_input_datetime,
                "agent_response": agent_response,
                "agent_response_datetime": agent_response_datetime,
                "latency": latency,
                "translated_user_input": translated_user_input,
                "english_agent_response": english_agent_response,
                "intents": intents,
                "entities": entities,
                "is_ood": is_ood,
                "is_silence": is_silence,
                "barge_in": barge_in,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_user_input(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input = _parse_user_input(d.pop("user_input"))

        def _parse_user_input_dtmf(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input_dtmf = _parse_user_input_dtmf(d.pop("user_input_dtmf"))

        def _parse_user_input_datetime(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                user_input_datetime_type_0 = datetime.datetime.fromisoformat(data)

                return user_input_datetime_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        user_input_datetime = _parse_user_input_datetime(d.pop("user_input_datetime"))

        def _parse_agent_response(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        agent_response = _parse_agent_response(d.pop("agent_response"))

        def _parse_agent_response_datetime(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                agent_response_datetime_type_0 = datetime.datetime.fromisoformat(data)

                return agent_response_datetime_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        agent_response_datetime = _parse_agent_response_datetime(d.pop("agent_response_datetime"))

        def _parse_latency(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        latency = _parse_latency(d.pop("latency"))

        def _parse_translated_user_input(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        translated_user_input = _parse_translated_user_input(d.pop("translated_user_input"))

        def _parse_english_agent_response(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        english_agent_response = _parse_english_agent_response(d.pop("english_agent_response"))

        def _parse_intents(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                intents_type_0 = cast(list[str], data)

                return intents_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        intents = _parse_intents(d.pop("intents"))

        def _parse_entities(data: object) -> list[Any] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                entities_type_0 = cast(list[Any], data)

                return entities_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None, data)

        entities = _parse_entities(d.pop("entities"))

        def _parse_is_ood(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_ood = _parse_is_ood(d.pop("is_ood"))

        def _parse_is_silence(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_silence = _parse_is_silence(d.pop("is_silence"))

        def _parse_barge_in(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        barge_in = _parse_barge_in(d.pop("barge_in"))

        found_turn = cls(
            user_input=user_input,
            user_input_dtmf=user_input_dtmf,
            user_input_datetime=user_input_datetime,
            agent_response=agent_response,
            agent_response_datetime=agent_response_datetime,
            latency=latency,
            translated_user_input=translated_user_input,
            english_agent_response=english_agent_response,
            intents=intents,
            entities=entities,
            is_ood=is_ood,
            is_silence=is_silence,
            barge_in=barge_in,
        )

        found_turn.additional_properties = d
        return found_turn

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
