"""The operations of the API: each function checks its arguments and returns the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen
from polyai_data_generated import models as generated
from polyai_data_generated.api.operations import add_annotations as api_add_annotations
from polyai_data_generated.api.operations import get_conversation as api_get_conversation
from polyai_data_generated.api.operations import get_recording as api_get_recording
from polyai_data_generated.api.operations import list_conversations as api_list_conversations
from polyai_data_generated.api.operations import search_conversations as api_search_conversations
from polyai_data_generated.api.operations import send_chat_message as api_send_chat_message
from polyai_data_generated.api.operations import set_note as api_set_note
from polyai_data_generated.api.operations import start_chat as api_start_chat
from polyai_data_generated.models import RecordingDirection
from polyai_data_generated.types import UNSET

from .. import errors
from .._config import Config
from .._http.request import PreparedRequest, build_request
from .._models.conversations import Conversation
from .._models.decode import UnexpectedRecord
from .._models.found import FoundPage
from .._models.summaries import ConversationPage
from .._models.writes import Annotation, ChatReply, WriteResult, to_enum
from ..errors import short_repr
from .arguments import (
    check_bool,
    check_id,
    check_int,
    check_str,
    mapping_or_unset,
    require_account_id,
    require_agent_id,
    str_or_unset,
)

# With the values as literals, type checkers report a misspelled one.
Direction: TypeAlias = RecordingDirection | Literal["combined", "user", "agent"]

MAX_PAGE_SIZE = 1000  # of a search, according to the OpenAPI spec

_CONVERSATION_ERRORS = {404: errors.ConversationNotFoundError}
_CHAT_ERRORS = {**_CONVERSATION_ERRORS, 410: errors.ChatEndedError}


def _ids(config: Config, agent_id: str | None, conversation_id: str) -> tuple[str, str]:
    return require_agent_id(config, agent_id), check_id("conversation_id", conversation_id)


def list_conversations(
    config: Config, *, limit: int, offset: int, agent_id: str | None
) -> PreparedRequest[ConversationPage]:
    request = api_list_conversations._get_kwargs(
        require_agent_id(config, agent_id),
        limit=check_int("limit", limit, minimum=1),
        offset=check_int("offset", offset, minimum=0),
    )
    return build_request(config, "list_conversations", request, ConversationPage._decode)


def search_conversations(
    config: Config,
    filters: Mapping[str, Any],
    *,
    limit: int,
    cursor: str | None,
    account_id: str | None,
    agent_id: str | None,
) -> PreparedRequest[FoundPage]:
    request = api_search_conversations._get_kwargs(
        require_account_id(config, account_id),
        require_agent_id(config, agent_id),
        limit=check_int("page_size", limit, minimum=1, maximum=MAX_PAGE_SIZE),
        offset=UNSET,
        cursor=str_or_unset("cursor", cursor),
        **filters,
    )
    config = config.for_conversations_api()
    return build_request(config, "search_conversations", request, FoundPage._decode)


def get_conversation(
    config: Config, conversation_id: str, *, agent_id: str | None
) -> PreparedRequest[Conversation]:
    request = api_get_conversation._get_kwargs(*_ids(config, agent_id, conversation_id))

    def parse(data: Any) -> Conversation:
        conversation = Conversation._decode(data)
        received = conversation.conversation_id
        if type(received) is str and received.casefold() != conversation_id.casefold():
            # A proxy or a connection that mixed up two responses.
            shown = short_repr(config.key.redact(received))
            names = f"{shown}, but {short_repr(conversation_id)} was requested"
            raise UnexpectedRecord(f"conversationId is {names}")
        return conversation

    return build_request(
        config, "get_conversation", request, parse, error_types=_CONVERSATION_ERRORS
    )


def check_recording(conversation_id: str, direction: str, redacted: bool) -> RecordingDirection:
    """Check the arguments, and return the direction as a member of the enum."""
    check_id("conversation_id", conversation_id)
    check_bool("redacted", redacted)
    return to_enum(RecordingDirection, "direction", direction)


def get_recording(
    config: Config, conversation_id: str, direction: str, redacted: bool, *, agent_id: str | None
) -> PreparedRequest[None]:
    request = api_get_recording._get_kwargs(
        *_ids(config, agent_id, conversation_id),
        direction=check_recording(conversation_id, direction, redacted),
        redacted=redacted,
    )
    return build_request(
        config,
        "get_recording",
        request,
        lambda _: None,
        accept="audio/wav",
        accept_encoding=(),  # so that Content-Length tells whether it is complete
        error_types={404: errors.RecordingNotFoundError},
    )


def add_annotations(
    config: Config, conversation_id: str, annotations: Iterable[Annotation], *, agent_id: str | None
) -> PreparedRequest[WriteResult]:
    if not isinstance(annotations, Iterable):
        kind = type(annotations).__name__
        raise TypeError(f"annotations must be an iterable of Annotation objects, not {kind}.")
    items = []
    for item in annotations:
        if not isinstance(item, Annotation):
            kind = type(item).__name__
            raise TypeError(f"annotations must contain Annotation objects, not {kind}.")
        items.append(generated.Annotation(item.turn, item.role, item.type))
    if not items:
        raise ValueError("annotations is empty.")
    request = api_add_annotations._get_kwargs(
        *_ids(config, agent_id, conversation_id), body=generated.AddAnnotationsBody(items)
    )
    return build_request(
        config,
        "add_annotations",
        request,
        WriteResult._decode,
        idempotent=False,
        error_types=_CONVERSATION_ERRORS,
        reports_success=True,
    )


def set_note(
    config: Config, conversation_id: str, note: str, *, agent_id: str | None
) -> PreparedRequest[WriteResult]:
    request = api_set_note._get_kwargs(
        *_ids(config, agent_id, conversation_id),
        body=generated.SetNoteBody(check_str("note", note)),
    )
    return build_request(
        config,
        "set_note",
        request,
        WriteResult._decode,
        error_types=_CONVERSATION_ERRORS,
        reports_success=True,
    )


@frozen
class ChatOptions:
    environment: str
    agent_id: str | None
    asr_language: str | None = None
    tts_language: str | None = None

    def with_languages(
        self, language: str | None, asr_language: str | None, tts_language: str | None
    ) -> ChatOptions:
        asr = next((x for x in (asr_language, language) if x is not None), self.asr_language)
        tts = next((x for x in (tts_language, language) if x is not None), self.tts_language)
        return ChatOptions(self.environment, self.agent_id, asr, tts)

    def to_body(self) -> dict[str, Any]:
        return {
            "client_env": check_str("environment", self.environment, required=True),
            "asr_lang_code": str_or_unset("asr_language", self.asr_language),
            "tts_lang_code": str_or_unset("tts_language", self.tts_language),
        }


def start_chat(
    config: Config,
    options: ChatOptions,
    attributes: Mapping[str, Any] | None,
    **strings: str | None,
) -> PreparedRequest[ChatReply]:
    if strings["conversation_id"] is not None:
        check_id("conversation_id", strings["conversation_id"])
    body = generated.StartChatBody(
        **options.to_body(),
        **{name: str_or_unset(name, value) for name, value in strings.items()},
        integration_attributes=mapping_or_unset("attributes", attributes),
    )
    request = api_start_chat._get_kwargs(require_agent_id(config, options.agent_id), body=body)
    return build_request(config, "start_chat", request, ChatReply._decode, idempotent=False)


def send_chat_message(
    config: Config,
    options: ChatOptions,
    conversation_id: str,
    message: str,
    metadata: Mapping[str, Any] | None,
) -> PreparedRequest[ChatReply]:
    body = generated.SendChatMessageBody(
        **options.to_body(),
        message=check_str("message", message),
        metadata=mapping_or_unset("metadata", metadata),
    )
    request = api_send_chat_message._get_kwargs(
        *_ids(config, options.agent_id, conversation_id), body=body
    )
    return build_request(
        config,
        "send_chat_message",
        request,
        ChatReply._decode,
        idempotent=False,
        error_types=_CHAT_ERRORS,
    )
