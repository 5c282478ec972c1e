# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SendChatMessageBody")


@_attrs_define
class SendChatMessageBody:
    """A message to a running debug chat, with overrides for this turn.

    Attributes:
        client_env (str): Environment the chat runs in: sandbox, pre-release or live
        asr_lang_code (str | Unset): Speech recognition language for this turn, such as en-US
        tts_lang_code (str | Unset): Speech synthesis language for this turn, such as en-US
        message (str | Unset): What the user says Default: ''.
        metadata (Any | Unset): Metadata of the user's input
    """

    client_env: str
    asr_lang_code: str | Unset = UNSET
    tts_lang_code: str | Unset = UNSET
    message: str | Unset = ""
    metadata: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        client_env = self.client_env

        asr_lang_code = self.asr_lang_code

        tts_lang_code = self.tts_lang_code

        message = self.message

        metadata = self.metadata

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
        if message is not UNSET:
            field_dict["message"] = message
        if metadata is not UNSET:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        client_env = d.pop("clientEnv")

        asr_lang_code = d.pop("asrLangCode", UNSET)

        tts_lang_code = d.pop("ttsLangCode", UNSET)

        message = d.pop("message", UNSET)

        metadata = d.pop("metadata", UNSET)

        send_chat_message_body = cls(
            client_env=client_env,
            asr_lang_code=asr_lang_code,
            tts_lang_code=tts_lang_code,
            message=message,
            metadata=metadata,
        )

        send_chat_message_body.additional_properties = d
        return send_chat_message_body

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
