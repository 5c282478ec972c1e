"""A Python client for PolyAI's Data API: conversations, transcripts, recordings, debug chats."""

from typing import TYPE_CHECKING

from . import errors as errors
from . import models as models
from ._config import Retry
from ._data.bulk import BulkResult
from ._regions import Region, parse_studio_url
from ._sync.chats import Chat
from ._sync.client import DataClient
from ._sync.list import ConversationList
from ._sync.recording import Recording
from ._sync.search import ConversationSearch
from ._version import __spec_version__, __version__
from .errors import *  # noqa: F403
from .models import *  # noqa: F403

if TYPE_CHECKING:
    from ._async import (
        AsyncChat,
        AsyncConversationList,
        AsyncConversationSearch,
        AsyncDataClient,
        AsyncRecording,
    )

__all__ = [
    "AsyncChat",
    "AsyncConversationList",
    "AsyncConversationSearch",
    "AsyncDataClient",
    "AsyncRecording",
    "BulkResult",
    "Chat",
    "ConversationList",
    "ConversationSearch",
    "DataClient",
    "Recording",
    "Region",
    "Retry",
    "__spec_version__",
    "__version__",
    "parse_studio_url",
]
__all__ += errors.__all__
__all__ += models.__all__

if not TYPE_CHECKING:  # type checkers report a misspelled name

    def __getattr__(name):
        """Import the asynchronous half when it is first used: asyncio is slow to import."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import _async

        return getattr(_async, name)


def __dir__() -> list[str]:
    return sorted([*__all__, "errors", "models"])
