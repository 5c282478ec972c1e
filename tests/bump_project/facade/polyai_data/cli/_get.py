"""The command that shows a conversation."""

from __future__ import annotations

from ..models import Conversation


def rows(conversation: Conversation) -> dict[str, str | None]:
    """Return what is shown."""
    return {
        "caller": conversation.from_number,
        "deployment": conversation.deployment_id,
        "channel": conversation.channel,
    }
