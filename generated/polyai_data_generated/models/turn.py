# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.latency import Latency
    from ..models.turn_metadata import TurnMetadata


T = TypeVar("T", bound="Turn")


@_attrs_define
class Turn:
    """One exchange of a conversation: what the user said and what the agent replied. A text is empty if that side said
    nothing; the first turn usually has only the greeting.

        Attributes:
            turn_id (int | None): A large number; not the index that annotations use
            user_input (None | str): What the user said
            user_input_datetime (datetime.datetime | None):
            user_input_dtmf (None | str): The keys that the user pressed
            user_input_dtmf_finish_key (None | str):
            user_input_audio_url (None | str):
            translated_user_input (None | str):
            agent_response (None | str): What the agent replied
            agent_response_datetime (datetime.datetime | None):
            english_agent_response (None | str):
            asr_lang_code (None | str): Speech recognition language, such as en-US
            tts_lang_code (None | str): Speech synthesis language, such as en-US
            barge_in (bool | None): Whether the user interrupted the agent
            entities (Any):
            intents (Any):
            is_ood (Any):
            is_silence (Any):
            latency (Latency | None):
            llm_requests (list[Any] | None):
            reviews (list[Any] | None):
            metadata (None | TurnMetadata):
    """

    turn_id: int | None
    user_input: None | str
    user_input_datetime: datetime.datetime | None
    user_input_dtmf: None | str
    user_input_dtmf_finish_key: None | str
    user_input_audio_url: None | str
    translated_user_input: None | str
    agent_response: None | str
    agent_response_datetime: datetime.datetime | None
    english_agent_response: None | str
    asr_lang_code: None | str
    tts_lang_code: None | str
    barge_in: bool | None
    entities: Any
    intents: Any
    is_ood: Any
    is_silence: Any
    latency: Latency | None
    llm_requests: list[Any] | None
    reviews: list[Any] | None
    metadata: None | TurnMetadata
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.latency import Latency  # noqa: PLC0415
        from ..models.turn_metadata import TurnMetadata  # noqa: PLC0415

        turn_id: int | None
        turn_id = self.turn_id

        user_input: None | str
        user_input = self.user_input

        user_input_datetime: None | str
        if isinstance(self.user_input_datetime, datetime.datetime):
            user_input_datetime = self.user_input_datetime.isoformat()
        else:
            user_input_datetime = self.user_input_datetime

        user_input_dtmf: None | str
        user_input_dtmf = self.user_input_dtmf

        user_input_dtmf_finish_key: None | str
        user_input_dtmf_finish_key = self.user_input_dtmf_finish_key

        user_input_audio_url: None | str
        user_input_audio_url = self.user_input_audio_url

        translated_user_input: None | str
        translated_user_input = self.translated_user_input

        agent_response: None | str
        agent_response = self.agent_response

        agent_response_datetime: None | str
        if isinstance(self.agent_response_datetime, datetime.datetime):
            agent_response_datetime = self.agent_response_datetime.isoformat()
        else:
            agent_response_datetime = self.agent_response_datetime

        english_agent_response: None | str
        english_agent_response = self.english_agent_response

        asr_lang_code: None | str
        asr_lang_code = self.asr_lang_code

        tts_lang_code: None | str
        tts_lang_code = self.tts_lang_code

        barge_in: bool | None
        barge_in = self.barge_in

        entities = self.entities

        intents = self.intents

        is_ood = self.is_ood

        is_silence = self.is_silence

        latency: dict[str, Any] | None
        if isinstance(self.latency, Latency):
            latency = self.latency.to_dict()
        else:
            latency = self.latency

        llm_requests: list[Any] | None
        if isinstance(self.llm_requests, list):
            llm_requests = self.llm_requests

        else:
            llm_requests = self.llm_requests

        reviews: list[Any] | None
        if isinstance(self.reviews, list):
            reviews = self.reviews

        else:
            reviews = self.reviews

        metadata: dict[str, Any] | None
        if isinstance(self.metadata, TurnMetadata):
            metadata = self.metadata.to_dict()
        else:
            metadata = self.metadata

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "turn_id": turn_id,
                "user_input": user_input,
                "user_input_datetime": user_input_datetime,
                "user_input_dtmf": user_input_dtmf,
                "user_input_dtmf_finish_key": user_input_dtmf_finish_key,
                "user_input_audio_url": user_input_audio_url,
                "translated_user_input": translated_user_input,
                "agent_response": agent_response,
                "agent_response_datetime": agent_response_datetime,
                "english_agent_response": english_agent_response,
                "asr_lang_code": asr_lang_code,
                "tts_lang_code": tts_lang_code,
                "barge_in": barge_in,
                "entities": entities,
                "intents": intents,
                "is_ood": is_ood,
                "is_silence": is_silence,
                "latency": latency,
                "llm_requests": llm_requests,
                "reviews": reviews,
                "metadata": metadata,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.latency import Latency  # noqa: PLC0415
        from ..models.turn_metadata import TurnMetadata  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_turn_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        turn_id = _parse_turn_id(d.pop("turn_id"))

        def _parse_user_input(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input = _parse_user_input(d.pop("user_input"))

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

        def _parse_user_input_dtmf(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input_dtmf = _parse_user_input_dtmf(d.pop("user_input_dtmf"))

        def _parse_user_input_dtmf_finish_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input_dtmf_finish_key = _parse_user_input_dtmf_finish_key(
            d.pop("user_input_dtmf_finish_key")
        )

        def _parse_user_input_audio_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input_audio_url = _parse_user_input_audio_url(d.pop("user_input_audio_url"))

        def _parse_translated_user_input(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        translated_user_input = _parse_translated_user_input(d.pop("translated_user_input"))

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

        def _parse_english_agent_response(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        english_agent_response = _parse_english_agent_response(d.pop("english_agent_response"))

        def _parse_asr_lang_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        asr_lang_code = _parse_asr_lang_code(d.pop("asr_lang_code"))

        def _parse_tts_lang_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        tts_lang_code = _parse_tts_lang_code(d.pop("tts_lang_code"))

        def _parse_barge_in(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        barge_in = _parse_barge_in(d.pop("barge_in"))

        entities = d.pop("entities")

        intents = d.pop("intents")

        is_ood = d.pop("is_ood")

        is_silence = d.pop("is_silence")

        def _parse_latency(data: object) -> Latency | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                latency_type_0 = Latency.from_dict(data)

                return latency_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Latency | None, data)

        latency = _parse_latency(d.pop("latency"))

        def _parse_llm_requests(data: object) -> list[Any] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                llm_requests_type_0 = cast(list[Any], data)

                return llm_requests_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None, data)

        llm_requests = _parse_llm_requests(d.pop("llm_requests"))

        def _parse_reviews(data: object) -> list[Any] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                reviews_type_0 = cast(list[Any], data)

                return reviews_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None, data)

        reviews = _parse_reviews(d.pop("reviews"))

        def _parse_metadata(data: object) -> None | TurnMetadata:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                metadata_type_0 = TurnMetadata.from_dict(data)

                return metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | TurnMetadata, data)

        metadata = _parse_metadata(d.pop("metadata"))

        turn = cls(
            turn_id=turn_id,
            user_input=user_input,
            user_input_datetime=user_input_datetime,
            user_input_dtmf=user_input_dtmf,
            user_input_dtmf_finish_key=user_input_dtmf_finish_key,
            user_input_audio_url=user_input_audio_url,
            translated_user_input=translated_user_input,
            agent_response=agent_response,
            agent_response_datetime=agent_response_datetime,
            english_agent_response=english_agent_response,
            asr_lang_code=asr_lang_code,
            tts_lang_code=tts_lang_code,
            barge_in=barge_in,
            entities=entities,
            intents=intents,
            is_ood=is_ood,
            is_silence=is_silence,
            latency=latency,
            llm_requests=llm_requests,
            reviews=reviews,
            metadata=metadata,
        )

        turn.additional_properties = d
        return turn

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
