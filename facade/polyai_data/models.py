"""What the API returns and accepts.

The fields come from the OpenAPI spec or, where it leaves a shape open, from real responses. A field
is None if the server sent null or nothing. A value that does not have the documented type is
returned as it came, and listed in `problems`. `raw` has the whole JSON object, unchanged.
"""

import datetime
from typing import Any

from polyai_data_generated.models import (
    AnnotationRole,
    AnnotationType,
    ChatMetadata,
    FunctionEvent,
    FunctionHandoff,
    Latency,
    MetricValue,
    RecordingDirection,
    StateChanges,
    Summary,
    TurnMetadata,
)

from ._models.conversations import Conversation, FunctionCall, Transcript, Turn, Utterance
from ._models.decode import ResponseMeta
from ._models.found import (
    FoundConversation,
    FoundPage,
    FoundTurn,
    UnreadableFoundConversation,
)
from ._models.readers import FieldProblem
from ._models.summaries import ConversationPage, ConversationSummary, UnreadableRecord
from ._models.writes import Annotation, ChatReply, WriteResult

__all__ = [
    "Annotation",
    "AnnotationRole",
    "AnnotationType",
    "ChatMetadata",
    "ChatReply",
    "Conversation",
    "ConversationPage",
    "ConversationSummary",
    "FieldProblem",
    "FoundConversation",
    "FoundPage",
    "FoundTurn",
    "FunctionCall",
    "FunctionEvent",
    "FunctionHandoff",
    "Latency",
    "MetricValue",
    "RecordingDirection",
    "ResponseMeta",
    "StateChanges",
    "Summary",
    "Transcript",
    "Turn",
    "TurnMetadata",
    "UnreadableFoundConversation",
    "UnreadableRecord",
    "Utterance",
    "WriteResult",
]


def __dir__() -> list[str]:
    return sorted(__all__)


# typing.get_type_hints looks up the names of inherited fields' types in the globals of __init__.
_NAMES = {"datetime": datetime, **{name: globals()[name] for name in __all__}}
_conversations: list[Any] = [ConversationSummary, Conversation, UnreadableRecord]
_found: list[Any] = [FoundConversation, UnreadableFoundConversation, FoundTurn]
for _model in [*_conversations, *_found, Turn, FunctionEvent, ChatReply]:
    _model.__init__.__globals__.update(_NAMES)
