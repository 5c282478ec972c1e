"""A running sandbox, and what can be changed while it runs."""

from collections.abc import Mapping
from typing import Any, Self

from ._app import App
from ._chat import Reply
from ._faults import Faults
from ._store import Store


class Sandbox(str):
    """A running sandbox: a string, its base URL, with methods that change what it does.

        with serve() as sandbox:
            client = DataClient(base_url=sandbox, api_key="sandbox", agent_id="PROJECT-DEMO")
            sandbox.faults.add(Fault(503, nth=1))

    Attributes:
        faults: The faults, with the methods `add` and `clear`.
    """

    faults: Faults
    _store: Store

    def __new__(cls, base_url: str, app: App) -> Self:
        """Create it for a served application."""
        self = super().__new__(cls, base_url)
        self.faults, self._store = app.faults, app._store
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle it as its base URL: another process cannot change it."""
        return str, (str(self),)

    @property
    def base_url(self) -> str:
        """The base URL, as a plain string."""
        return str(self)

    def add_conversation(self, conversation: Mapping[str, Any]) -> dict[str, Any]:
        """Add a conversation of your own, as the newest one.

        Args:
            conversation: The fields, as in the API. Only `conversationId` is required. A turn may
                also be a pair: what the user said, and what the agent said.

        Returns:
            The conversation, as the API returns it.

        Raises:
            ValueError: the ID is missing, or belongs to a conversation that you did not add.
        """
        return self._store.add(conversation)

    def script_replies(self, *replies: Reply) -> None:
        """Set what the agent replies to the next messages in chats, in this order.

        Args:
            replies: Texts, or dicts with fields of the response, such as
                `{"response": "Bye!", "conversationEnded": True}`. The others are as usual. With no
                replies, the agent replies as usual again.
        """
        self._store.scripted.clear()
        self._store.scripted.extend(replies)
