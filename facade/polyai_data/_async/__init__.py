"""The asynchronous half, written by hand. `make sync` generates `_sync` from it."""

from .chats import AsyncChat as AsyncChat
from .client import AsyncDataClient as AsyncDataClient
from .list import AsyncConversationList as AsyncConversationList
from .recording import AsyncRecording as AsyncRecording
from .search import AsyncConversationSearch as AsyncConversationSearch
