# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.chat_metadata import ChatMetadata


T = TypeVar("T", bound="ChatReply")


@_attrs_define
class ChatReply:
    """The agent's reply to one message, with the state of the chat after it.

    Attributes:
        conversation_id (str):
        user_input (None | str):
        response (None | str):
        metadata (ChatMetadata | None):
        conversation_ended (bool | None):
        delayed_response (bool | None):
    """

    conversation_id: str
    user_input: None | str
    response: None | str
    metadata: ChatMetadata | None
    conversation_ended: bool | None
    delayed_response: bool | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.chat_metadata import ChatMetadata  # noqa: PLC0415

        conversation_id = self.conversation_id

        user_input: None | str
        user_input = self.user_input

        response: None | str
        response = self.response

        metadata: dict[str, Any] | None
        if isinstance(self.metadata, ChatMetadata):
            metadata = self.metadata.to_dict()
        else:
            metadata = self.metadata

        conversation_ended: bool | None
        conversation_ended = self.conversation_ended

        delayed_response: bool | None
        delayed_response = self.delayed_response

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "conversationId": conversation_id,
                "userInput": user_input,
                "response": response,
                "metadata": metadata,
                "conversationEnded": conversation_ended,
                "delayedResponse": delayed_response,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.chat_metadata import ChatMetadata  # noqa: PLC0415

        d = dict(src_dict)
        conversation_id = d.pop("conversationId")

        def _parse_user_input(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_input = _parse_user_input(d.pop("userInput"))

        def _parse_response(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        response = _parse_response(d.pop("response"))

        def _parse_metadata(data: object) -> ChatMetadata | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                metadata_type_0 = ChatMetadata.from_dict(data)

                return metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ChatMetadata | None, data)

        metadata = _parse_metadata(d.pop("metadata"))

        def _parse_conversation_ended(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        conversation_ended = _parse_conversation_ended(d.pop("conversationEnded"))

        def _parse_delayed_response(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        delayed_response = _parse_delayed_response(d.pop("delayedResponse"))

        chat_reply = cls(
            conversation_id=conversation_id,
            user_input=user_input,
            response=response,
            metadata=metadata,
            conversation_ended=conversation_ended,
            delayed_response=delayed_response,
        )

        chat_reply.additional_properties = d
        return chat_reply

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
