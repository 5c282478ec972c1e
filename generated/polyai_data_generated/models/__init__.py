# Written by `make generate`. Do not edit: the next run overwrites it.
"""Contains all the data models used in inputs/outputs"""

from .add_annotations_body import AddAnnotationsBody
from .annotation import Annotation
from .annotation_role import AnnotationRole
from .annotation_type import AnnotationType
from .chat_metadata import ChatMetadata
from .chat_reply import ChatReply
from .conversation import Conversation
from .conversation_page import ConversationPage
from .conversation_summary import ConversationSummary
from .error_envelope import ErrorEnvelope
from .function_event import FunctionEvent
from .function_handoff import FunctionHandoff
from .latency import Latency
from .metric_value import MetricValue
from .recording_direction import RecordingDirection
from .send_chat_message_body import SendChatMessageBody
from .set_note_body import SetNoteBody
from .start_chat_body import StartChatBody
from .state_changes import StateChanges
from .summary import Summary
from .turn import Turn
from .turn_metadata import TurnMetadata
from .write_result import WriteResult

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
