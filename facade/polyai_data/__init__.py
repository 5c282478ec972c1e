"""A Python client for PolyAI's Data API: conversations, transcripts, recordings, debug chats."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors as errors
    from . import models as models
    from ._async_client import AsyncDataClient
    from ._bulk import BulkResult
    from ._chats import AsyncChat, Chat
    from ._client import DataClient
    from ._listing import AsyncConversationList, ConversationList
    from ._recording import AsyncRecording, Recording
    from ._regions import Region, parse_studio_url
    from ._retry import Retry
    from ._version import __spec_version__, __version__
    from .errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ChatEndedError,
        ConfigurationError,
        ConflictError,
        ConversationNotFoundError,
        GoneError,
        NotFoundError,
        PermissionDeniedError,
        PolyAIError,
        RateLimitError,
        RecordingNotFoundError,
        ResponseDecodeError,
        ServerError,
        UnprocessableEntityError,
    )
    from .models import (
        Annotation,
        AnnotationRole,
        AnnotationType,
        ChatMetadata,
        ChatReply,
        Conversation,
        ConversationPage,
        ConversationSummary,
        FieldProblem,
        FunctionCall,
        FunctionEvent,
        FunctionHandoff,
        Latency,
        Meta,
        MetricValue,
        RecordingDirection,
        StateChanges,
        Summary,
        Transcript,
        Turn,
        TurnMetadata,
        UnreadableRecord,
        Utterance,
        WriteResult,
    )

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "Annotation",
    "AnnotationRole",
    "AnnotationType",
    "AsyncChat",
    "AsyncConversationList",
    "AsyncDataClient",
    "AsyncRecording",
    "AuthenticationError",
    "BadRequestError",
    "BulkResult",
    "Chat",
    "ChatEndedError",
    "ChatMetadata",
    "ChatReply",
    "ConfigurationError",
    "ConflictError",
    "Conversation",
    "ConversationList",
    "ConversationNotFoundError",
    "ConversationPage",
    "ConversationSummary",
    "DataClient",
    "FieldProblem",
    "FunctionCall",
    "FunctionEvent",
    "FunctionHandoff",
    "GoneError",
    "Latency",
    "Meta",
    "MetricValue",
    "NotFoundError",
    "PermissionDeniedError",
    "PolyAIError",
    "RateLimitError",
    "Recording",
    "RecordingDirection",
    "RecordingNotFoundError",
    "Region",
    "ResponseDecodeError",
    "Retry",
    "ServerError",
    "StateChanges",
    "Summary",
    "Transcript",
    "Turn",
    "TurnMetadata",
    "UnprocessableEntityError",
    "UnreadableRecord",
    "Utterance",
    "WriteResult",
    "__spec_version__",
    "__version__",
    "parse_studio_url",
]

_SUBMODULES = ("errors", "models")
_MODULES = {
    "AsyncDataClient": "_async_client",
    "BulkResult": "_bulk",
    "DataClient": "_client",
    **dict.fromkeys(("AsyncChat", "Chat"), "_chats"),
    **dict.fromkeys(("AsyncConversationList", "ConversationList"), "_listing"),
    **dict.fromkeys(("AsyncRecording", "Recording"), "_recording"),
    **dict.fromkeys(("Region", "parse_studio_url"), "_regions"),
    "Retry": "_retry",
    **dict.fromkeys(("__spec_version__", "__version__"), "_version"),
}
"""Where each name comes from that is neither an error nor a model."""

if TYPE_CHECKING:
    pass  # a misspelled name is an error
else:

    def __getattr__(name: str) -> Any:
        """Import the name: the package itself is imported without what a program may not need."""
        if name in _SUBMODULES:
            return import_module(f"{__name__}.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = _MODULES.get(name, "errors" if name.endswith("Error") else "models")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
