"""What the API answers and takes, as users work with it.

The fields come from the document by way of the generated classes; the facade adds the types that
the generator cannot express, and what reads better than the wire. Shapes that the document leaves
open are those of real answers.

Every field reads None where the server sent null or nothing. A value that is not of its field's
type is handed over as it came and named in `problems`; `raw` holds the whole answer, untouched.
"""

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

from ._annotations import Annotation, WriteResult
from ._chat_reply import ChatReply
from ._conversations import Conversation
from ._decode import FieldProblem
from ._meta import Meta
from ._pages import ConversationPage, ConversationSummary, UnreadableRecord
from ._transcripts import FunctionCall, Transcript, Turn, Utterance

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
    "FunctionCall",
    "FunctionEvent",
    "FunctionHandoff",
    "Latency",
    "Meta",
    "MetricValue",
    "RecordingDirection",
    "StateChanges",
    "Summary",
    "Transcript",
    "Turn",
    "TurnMetadata",
    "UnreadableRecord",
    "Utterance",
    "WriteResult",
]
