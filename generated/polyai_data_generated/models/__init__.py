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
from .found_conversation import FoundConversation
from .found_page import FoundPage
from .found_turn import FoundTurn
from .function_event import FunctionEvent
from .function_handoff import FunctionHandoff
from .latency import Latency
from .metric_value import MetricValue
from .recording_direction import RecordingDirection
from .search_conversations_client_env import SearchConversationsClientEnv
from .search_conversations_query_type import SearchConversationsQueryType
from .search_conversations_sample import SearchConversationsSample
from .search_conversations_turn_type import SearchConversationsTurnType
from .send_chat_message_body import SendChatMessageBody
from .set_note_body import SetNoteBody
from .start_chat_body import StartChatBody
from .state_changes import StateChanges
from .summary import Summary
from .turn import Turn
from .turn_metadata import TurnMetadata
from .v3_error import V3Error
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
    "FoundConversation",
    "FoundPage",
    "FoundTurn",
    "FunctionEvent",
    "FunctionHandoff",
    "Latency",
    "MetricValue",
    "RecordingDirection",
    "SearchConversationsClientEnv",
    "SearchConversationsQueryType",
    "SearchConversationsSample",
    "SearchConversationsTurnType",
    "SendChatMessageBody",
    "SetNoteBody",
    "StartChatBody",
    "StateChanges",
    "Summary",
    "Turn",
    "TurnMetadata",
    "V3Error",
    "WriteResult",
)
