"""A running sandbox, and what can be changed while it runs."""

from collections.abc import Mapping
from typing import Any, Self

import polyai_data

from ._app import App, Received
from ._chat import Reply
from ._faults import Faults
from ._store import Store


class Sandbox(str):
    """A running sandbox: a string, its base URL, with methods that change what it does.

        with serve() as sandbox, sandbox.client() as client:
            sandbox.faults.add(Fault(503, nth=1))

    Attributes:
        api_key: The API key that it accepts.
        agent_id: The ID of its agent.
        faults: The faults, with the methods `add` and `clear`.
    """

    api_key: str
    agent_id: str
    faults: Faults
    _received: list[Received] | None
    _store: Store

    def __new__(cls, base_url: str, app: App) -> Self:
        """Create it for a served application."""
        self = super().__new__(cls, base_url)
        self.api_key, self.agent_id = app.api_key, app.agent_id
        self.faults, self._received, self._store = app.faults, app.received, app._store
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle it as its base URL: another process cannot change it."""
        return str, (str(self),)

    @property
    def base_url(self) -> str:
        """The base URL, as a plain string."""
        return str(self)

    @property
    def received(self) -> list[Received]:
        """The requests that arrived so far. You can clear the list.

        Raises:
            ValueError: `serve` was called without `received=[]`. The pytest fixture has a list.
        """
        if self._received is None:
            raise ValueError("requests are not collected: pass received=[] to serve()")
        return self._received

    def client(self, **options: Any) -> polyai_data.DataClient:
        """Return a client of the sandbox. Use it in `with`, or call `close`.

        Args:
            options: Arguments of `DataClient`, such as `max_retries=0`.
        """
        return polyai_data.DataClient(**self._settings | options)

    def async_client(self, **options: Any) -> "polyai_data.AsyncDataClient":  # slow to import
        """Return an asynchronous client of the sandbox. Use it in `async with`, or call `close`.

        Args:
            options: Arguments of `AsyncDataClient`, such as `max_retries=0`.
        """
        return polyai_data.AsyncDataClient(**self._settings | options)

    @property
    def _settings(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "api_key": self.api_key, "agent_id": self.agent_id}

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
                `{"response": "Bye!", "conversationEnded": True}`. Other fields are as usual. With
                no replies, the agent goes back to its usual ones.
        """
        self._store.scripted.clear()
        self._store.scripted.extend(replies)
