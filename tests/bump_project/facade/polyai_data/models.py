"""The models that users import."""

from polyai_data_generated.models import AnnotationRole, AnnotationType, ChatReply, WriteResult

from ._models.conversations import Conversation, Turn

__all__ = ["AnnotationRole", "AnnotationType", "ChatReply", "Conversation", "Turn", "WriteResult"]
