"""The operations of the API: what each asks for, and what it gives."""

from __future__ import annotations

from functools import partial

from polyai_data_generated.api.conversations import get_conversation as _get_conversation

from . import errors
from ._config import Config, Timeout
from ._decode import decode
from ._request import Call, check_id, prepare, require_agent_id
from .models import Conversation


def get_conversation(
    config: Config, conversation_id: str, *, agent_id: str | None, timeout: Timeout | None
) -> Call[Conversation]:
    """Return the call that gets one conversation."""
    request = _get_conversation._get_kwargs(
        require_agent_id(config, agent_id), check_id("conversation_id", conversation_id)
    )
    return prepare(
        config,
        request,
        partial(decode, Conversation),
        timeout=timeout,
        not_found=errors.ConversationNotFoundError,
    )
