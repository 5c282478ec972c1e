# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="StartChatBody")


@_attrs_define
class StartChatBody:
    """How to start a debug chat: the environment, and optionally the variant, the languages and the channel.

    Attributes:
        client_env (str): Environment to run in: sandbox, pre-release or live
        asr_lang_code (str | Unset): Speech recognition language, such as en-US; the server chooses when it is absent
        tts_lang_code (str | Unset): Speech synthesis language, such as en-US; the server chooses when it is absent
        conversation_id (str | Unset): Conversation ID to use; the server makes one when it is absent
        variant_id (str | Unset): Variant to chat with
        channel (str | Unset): Channel type, such as chat.polyai
        integration_attributes (Any | Unset): Attributes that the agent's functions can read
    """

    client_env: str
    asr_lang_code: str | Unset = UNSET
    tts_lang_code: str | Unset = UNSET
    conversation_id: str | Unset = UNSET
    variant_id: str | Unset = UNSET
    channel: str | Unset = UNSET
    integration_attributes: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        client_env = self.client_env

        asr_lang_code = self.asr_lang_code

        tts_lang_code = self.tts_lang_code

        conversation_id = self.conversation_id

        variant_id = self.variant_id

        channel = self.channel

        integration_attributes = self.integration_attributes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "clientEnv": client_env,
            }
        )
        if asr_lang_code is not UNSET:
            field_dict["asrLangCode"] = asr_lang_code
        if tts_lang_code is not UNSET:
            field_dict["ttsLangCode"] = tts_lang_code
        if conversation_id is not UNSET:
            field_dict["conversationId"] = conversation_id
        if variant_id is not UNSET:
            field_dict["variantId"] = variant_id
        if channel is not UNSET:
            field_dict["channel"] = channel
        if integration_attributes is not UNSET:
            field_dict["integrationAttributes"] = integration_attributes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        client_env = d.pop("clientEnv")

        asr_lang_code = d.pop("asrLangCode", UNSET)

        tts_lang_code = d.pop("ttsLangCode", UNSET)

        conversation_id = d.pop("conversationId", UNSET)

        variant_id = d.pop("variantId", UNSET)

        channel = d.pop("channel", UNSET)

        integration_attributes = d.pop("integrationAttributes", UNSET)

        start_chat_body = cls(
            client_env=client_env,
            asr_lang_code=asr_lang_code,
            tts_lang_code=tts_lang_code,
            conversation_id=conversation_id,
            variant_id=variant_id,
            channel=channel,
            integration_attributes=integration_attributes,
        )

        start_chat_body.additional_properties = d
        return start_chat_body

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
