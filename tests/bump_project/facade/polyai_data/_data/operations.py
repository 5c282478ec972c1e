"""The request of each operation."""

from __future__ import annotations

from typing import Any

from polyai_data_generated import models as generated
from polyai_data_generated.api.operations import add_annotations as api_add_annotations
from polyai_data_generated.api.operations import get_conversation as api_get_conversation
from polyai_data_generated.api.operations import get_recording as api_get_recording
from polyai_data_generated.api.operations import list_conversations as api_list_conversations
from polyai_data_generated.api.operations import send_chat_message as api_send_chat_message
from polyai_data_generated.api.operations import set_note as api_set_note
from polyai_data_generated.api.operations import start_chat as api_start_chat
from polyai_data_generated.models import RecordingDirection

from ..models import AnnotationRole, AnnotationType


def list_conversations() -> dict[str, Any]:
    return api_list_conversations._get_kwargs("A", limit=10, offset=20)


def get_conversation() -> dict[str, Any]:
    return api_get_conversation._get_kwargs("A", "C")


def get_recording() -> dict[str, Any]:
    return api_get_recording._get_kwargs(
        "A", "C", direction=RecordingDirection("user"), redacted=True
    )


def add_annotations() -> dict[str, Any]:
    item = generated.Annotation(0, AnnotationRole("agent"), AnnotationType("wrong_info"))
    return api_add_annotations._get_kwargs("A", "C", body=generated.AddAnnotationsBody([item]))


def set_note() -> dict[str, Any]:
    return api_set_note._get_kwargs("A", "C", body=generated.SetNoteBody("text"))


def start_chat() -> dict[str, Any]:
    body = generated.StartChatBody("sandbox", asr_lang_code="en-US")
    return api_start_chat._get_kwargs("A", body=body)


def send_chat_message() -> dict[str, Any]:
    body = generated.SendChatMessageBody("sandbox", message="Hello")
    return api_send_chat_message._get_kwargs("A", "C", body=body)
