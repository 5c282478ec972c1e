"""A conversation in full."""

from __future__ import annotations

from attrs import define
from polyai_data_generated import models as generated


@define
class Turn(generated.Turn):
    """One exchange."""

    @property
    def text(self) -> str:
        """What both sides said."""
        return f"{self.user_input or ''} {self.agent_response or ''}"


@define
class Conversation(generated.Conversation):
    """A conversation."""

    @property
    def caller(self) -> str | None:
        """The number of the caller."""
        return self.from_number
