"""The operations of the API: what each asks for, and what it gives.

Each imports what it needs, so that a program does not wait for what it never calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from . import errors
from ._config import Config, Limits
from ._request import Call, check_id, check_text, check_whole_number, prepare, require_agent_id

if TYPE_CHECKING:
    from ._annotations import Annotation, WriteResult
    from ._chat_reply import ChatReply
    from ._conversations import Conversation
    from ._pages import ConversationPage

_NO_CONVERSATION = {404: errors.ConversationNotFoundError}


def get_conversation(
    config: Config, conversation_id: str, *, agent_id: str | None, limits: Limits
) -> Call[Conversation]:
    """Return the call that gets one conversation."""
    from polyai_data_generated.api.operations import get_conversation as operation

    from ._conversations import Conversation

    request = operation._get_kwargs(
        require_agent_id(config, agent_id), check_id("conversation_id", conversation_id)
    )
    return prepare(
        config,
        "get_conversation",
        request,
        Conversation._read,
        limits=limits,
        meanings=_NO_CONVERSATION,
    )


def list_conversations(
    config: Config, *, limit: int, offset: int, agent_id: str | None, limits: Limits
) -> Call[ConversationPage]:
    """Return the call that gets one page of the list."""
    from polyai_data_generated.api.operations import list_conversations as operation

    from ._pages import read_page

    request = operation._get_kwargs(
        require_agent_id(config, agent_id),
        limit=check_whole_number("limit", limit, least=1),
        offset=check_whole_number("offset", offset, least=0),
    )
    return prepare(config, "list_conversations", request, read_page, limits=limits)


def check_recording(conversation_id: str, direction: str, redacted: bool) -> None:
    """Refuse what names no recording.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if the ID or the direction cannot be one.
    """
    from polyai_data_generated.models import RecordingDirection

    check_id("conversation_id", conversation_id)
    if direction not in [valid.value for valid in RecordingDirection]:
        valid = ", ".join(repr(valid.value) for valid in RecordingDirection)
        raise ValueError(f"direction={errors.shown(direction)}: the valid ones are {valid}.")
    if not isinstance(redacted, bool):
        raise TypeError(f"redacted must be True or False, not {type(redacted).__name__}.")


def get_recording(
    config: Config,
    conversation_id: str,
    *,
    direction: str,
    redacted: bool,
    agent_id: str | None,
    limits: Limits,
) -> Call[None]:
    """Return the call that gets a recording; its body is audio, and read as it comes."""
    from polyai_data_generated.api.operations import get_recording as operation
    from polyai_data_generated.models import RecordingDirection

    check_recording(conversation_id, direction, redacted)
    request = operation._get_kwargs(
        require_agent_id(config, agent_id),
        conversation_id,
        direction=RecordingDirection(direction),
        redacted=redacted,
    )
    return prepare(
        config,
        "get_recording",
        request,
        lambda _: None,
        limits=limits,
        accept="audio/wav",
        compressions=(),  # what is compressed could not be gone on with where it broke off
        meanings={404: errors.RecordingNotFoundError},
    )


def add_annotations(
    config: Config,
    conversation_id: str,
    annotations: Iterable[Annotation],
    *,
    agent_id: str | None,
    limits: Limits,
) -> Call[WriteResult]:
    """Return the call that adds annotations."""
    from polyai_data_generated.api.operations import add_annotations as operation
    from polyai_data_generated.models import AddAnnotationsBody
    from polyai_data_generated.models import Annotation as GeneratedAnnotation

    from ._annotations import Annotation, WriteResult
    from ._decode import decode

    if not isinstance(annotations, Iterable):
        kind = type(annotations).__name__
        raise TypeError(
            "annotations must be several Annotation objects, in a list or another iterable, "
            f"not {kind}."
        )
    items = list(annotations)
    if not items:
        raise ValueError("annotations is empty; give at least one.")
    for item in items:
        if not isinstance(item, Annotation):
            raise TypeError(f"annotations must hold Annotation objects, not {type(item).__name__}.")
    body = AddAnnotationsBody(
        [
            GeneratedAnnotation(turn_id=item.turn, role=item.role, annotation_type=item.type)
            for item in items
        ]
    )
    request = operation._get_kwargs(
        require_agent_id(config, agent_id),
        check_id("conversation_id", conversation_id),
        body=body,
    )
    read = partial(decode, WriteResult)
    return prepare(
        config,
        "add_annotations",
        request,
        read,
        limits=limits,
        is_repeatable=False,
        meanings=_NO_CONVERSATION,
    )


def set_note(
    config: Config,
    conversation_id: str,
    note: str,
    *,
    agent_id: str | None,
    limits: Limits,
) -> Call[WriteResult]:
    """Return the call that sets the note of a conversation."""
    from polyai_data_generated.api.operations import set_note as operation
    from polyai_data_generated.models import SetNoteBody

    from ._annotations import WriteResult
    from ._decode import decode

    request = operation._get_kwargs(
        require_agent_id(config, agent_id),
        check_id("conversation_id", conversation_id),
        body=SetNoteBody(check_text("note", note)),
    )
    read = partial(decode, WriteResult)
    return prepare(config, "set_note", request, read, limits=limits, meanings=_NO_CONVERSATION)


def start_chat(
    config: Config,
    environment: str,
    *,
    asr_language: str | None,
    tts_language: str | None,
    variant_id: str | None,
    channel: str | None,
    conversation_id: str | None,
    attributes: Mapping[str, Any] | None,
    agent_id: str | None,
    limits: Limits,
) -> Call[ChatReply]:
    """Return the call that starts a debug chat."""
    from polyai_data_generated.api.operations import start_chat as operation
    from polyai_data_generated.models import StartChatBody

    from ._chat_reply import ChatReply
    from ._decode import decode

    if conversation_id is not None:
        check_id("conversation_id", conversation_id)
    body = StartChatBody(
        check_text("environment", environment, least=1),
        asr_lang_code=_optional("asr_language", asr_language),
        tts_lang_code=_optional("tts_language", tts_language),
        conversation_id=_optional("conversation_id", conversation_id),
        variant_id=_optional("variant_id", variant_id),
        channel=_optional("channel", channel),
        integration_attributes=_object("attributes", attributes),
    )
    request = operation._get_kwargs(require_agent_id(config, agent_id), body=body)
    return prepare(
        config,
        "start_chat",
        request,
        partial(decode, ChatReply),
        limits=limits,
        is_repeatable=False,
    )


def send_chat_message(
    config: Config,
    conversation_id: str,
    message: str,
    *,
    environment: str,
    asr_language: str | None,
    tts_language: str | None,
    metadata: Mapping[str, Any] | None,
    agent_id: str | None,
    limits: Limits,
) -> Call[ChatReply]:
    """Return the call that sends a message to a debug chat."""
    from polyai_data_generated.api.operations import send_chat_message as operation
    from polyai_data_generated.models import SendChatMessageBody

    from ._chat_reply import ChatReply
    from ._decode import decode

    body = SendChatMessageBody(
        check_text("environment", environment, least=1),
        asr_lang_code=_optional("asr_language", asr_language),
        tts_lang_code=_optional("tts_language", tts_language),
        message=check_text("message", message),
        metadata=_object("metadata", metadata),
    )
    request = operation._get_kwargs(
        require_agent_id(config, agent_id), check_id("conversation_id", conversation_id), body=body
    )
    return prepare(
        config,
        "send_chat_message",
        request,
        partial(decode, ChatReply),
        limits=limits,
        is_repeatable=False,
        meanings={**_NO_CONVERSATION, 410: errors.ChatEndedError},
    )


def _optional(name: str, value: str | None) -> Any:
    from polyai_data_generated.types import UNSET

    return UNSET if value is None else check_text(name, value, least=1)


def _object(name: str, value: Mapping[str, Any] | None) -> Any:
    from polyai_data_generated.types import UNSET

    if value is None:
        return UNSET
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of names to values, not {type(value).__name__}.")
    return dict(value)
