# Written by `make generate`. Do not edit: the next run overwrites it.
"""All models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .add_annotations_body import AddAnnotationsBody as AddAnnotationsBody
    from .annotation import Annotation as Annotation
    from .annotation_role import AnnotationRole as AnnotationRole
    from .annotation_type import AnnotationType as AnnotationType
    from .chat_metadata import ChatMetadata as ChatMetadata
    from .chat_reply import ChatReply as ChatReply
    from .conversation import Conversation as Conversation
    from .conversation_page import ConversationPage as ConversationPage
    from .conversation_summary import ConversationSummary as ConversationSummary
    from .error_envelope import ErrorEnvelope as ErrorEnvelope
    from .function_event import FunctionEvent as FunctionEvent
    from .function_handoff import FunctionHandoff as FunctionHandoff
    from .latency import Latency as Latency
    from .metric_value import MetricValue as MetricValue
    from .recording_direction import RecordingDirection as RecordingDirection
    from .send_chat_message_body import SendChatMessageBody as SendChatMessageBody
    from .set_note_body import SetNoteBody as SetNoteBody
    from .start_chat_body import StartChatBody as StartChatBody
    from .state_changes import StateChanges as StateChanges
    from .summary import Summary as Summary
    from .turn import Turn as Turn
    from .turn_metadata import TurnMetadata as TurnMetadata
    from .write_result import WriteResult as WriteResult

__all__ = (
    "AddAnnotationsBody",
    "Annotation",
    "AnnotationRole",
    "AnnotationType",
    "ChatMetadata",
    "ChatReply",
    "Conversation",
    "ConversationPage",
    "ConversationSummary",
    "ErrorEnvelope",
    "FunctionEvent",
    "FunctionHandoff",
    "Latency",
    "MetricValue",
    "RecordingDirection",
    "SendChatMessageBody",
    "SetNoteBody",
    "StartChatBody",
    "StateChanges",
    "Summary",
    "Turn",
    "TurnMetadata",
    "WriteResult",
)

_MODULES = {
    "AddAnnotationsBody": "add_annotations_body",
    "Annotation": "annotation",
    "AnnotationRole": "annotation_role",
    "AnnotationType": "annotation_type",
    "ChatMetadata": "chat_metadata",
    "ChatReply": "chat_reply",
    "Conversation": "conversation",
    "ConversationPage": "conversation_page",
    "ConversationSummary": "conversation_summary",
    "ErrorEnvelope": "error_envelope",
    "FunctionEvent": "function_event",
    "FunctionHandoff": "function_handoff",
    "Latency": "latency",
    "MetricValue": "metric_value",
    "RecordingDirection": "recording_direction",
    "SendChatMessageBody": "send_chat_message_body",
    "SetNoteBody": "set_note_body",
    "StartChatBody": "start_chat_body",
    "StateChanges": "state_changes",
    "Summary": "summary",
    "Turn": "turn",
    "TurnMetadata": "turn_metadata",
    "WriteResult": "write_result",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the name: each is imported when it is asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value
