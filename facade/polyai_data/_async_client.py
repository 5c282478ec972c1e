"""The asynchronous client: the synchronous one, with `await`."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, Self, TypeVar

import httpx

from . import _operations
from ._answer import failed, read_answer
from ._auth import ApiKey
from ._config import Timeout, check_transport, describe, settle, setup_error
from ._regions import Region, parse_studio_url
from ._request import Call
from .errors import PolyAIError
from .models import Conversation

_T = TypeVar("_T")


class AsyncDataClient:
    """A client of PolyAI's Data API, for asyncio: `DataClient` with `await`.

    Use it in an `async with` statement, or close it. Arguments that are absent come from the
    environment. Nothing is sent before the first call.

    Args:
        api_key: The API key, made in Agent Studio; else `POLYAI_API_KEY_<REGION>`, such as
            `POLYAI_API_KEY_US`, or `POLYAI_API_KEY`.
        region: Where the workspace lives: `us`, `eu`, `uk` or `studio`; else `POLYAI_REGION`.
            None is ever assumed.
        agent_id: The agent that calls are about, also known as project ID; else `POLYAI_AGENT_ID`.
            Every call can name another.
        base_url: Another address of the API than the region's, such as a proxy's or the sandbox's;
            else `POLYAI_BASE_URL`. https, or http on loopback. It wins over the region.
        timeout: Seconds, as one number for connecting and for each wait for a part of an answer, or
            as a pair (connect, read); 5 and 30 if absent.
        transport: An httpx transport to send requests with: `httpx.AsyncHTTPTransport(proxy=…)`.

    Raises:
        ConfigurationError: if the key or the region is missing, or anything of these is unusable.
    """

    def __init__(
        self,
        *,
        api_key: str | ApiKey | None = None,
        region: str | Region | None = None,
        agent_id: str | None = None,
        base_url: str | None = None,
        timeout: Timeout | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        api_key = ApiKey.wrap(api_key)  # first, so that no traceback shows it bare
        self._config = settle(
            api_key=api_key, region=region, agent_id=agent_id, base_url=base_url, timeout=timeout
        )
        check_transport(transport, "handle_async_request")
        try:
            self._http = httpx.AsyncClient(
                transport=transport,
                follow_redirects=False,
                trust_env=self._config.trusts_environment,
            )
        except Exception as failure:
            raise setup_error(failure) from None

    @classmethod
    def from_studio_url(
        cls,
        url: str,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Return a client for the region and the agent that an Agent Studio URL names.

        Args:
            url: Such as `https://studio.us.poly.ai/acme/PROJECT-1/conversations`.
            api_key: As in the constructor, likewise the rest.
            timeout: Seconds.
            transport: An httpx transport.

        Raises:
            ConfigurationError: if it is no such URL, or as the constructor.
        """
        api_key = ApiKey.wrap(api_key)  # first, so that no traceback shows it bare
        region, agent_id = parse_studio_url(url)
        return cls(
            api_key=api_key, region=region, agent_id=agent_id, timeout=timeout, transport=transport
        )

    async def get_conversation(
        self, conversation_id: str, *, agent_id: str | None = None, timeout: Timeout | None = None
    ) -> Conversation:
        """Return one conversation with its transcript, metrics and function events.

        Args:
            conversation_id: Its ID, such as `CA681f3ad0d037c1884614548178a5bc1b`.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Raises:
            ValueError: if an ID cannot be one; nothing is sent.
            AuthenticationError: if the key is not accepted (401).
            PermissionDeniedError: if the key may not read it (403).
            ConversationNotFoundError: if there is none with that ID (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.get_conversation(
                self._config, conversation_id, agent_id=agent_id, timeout=timeout
            )
        )

    async def _send(self, call: Call[_T]) -> _T:
        if self._http.is_closed:
            raise PolyAIError("This client is closed; create another one.")
        response = None
        try:
            async with self._http.stream(
                call.method, call.url, headers=call.headers(), timeout=call.httpx_timeout()
            ) as response:
                await response.aread()
        except BaseException as failure:
            error = failed(call, response, failure)
        else:
            return read_answer(call, response.status_code, response.headers, response.content)
        # Outside of the except clause: the failure's frames hold the headers, and so the key.
        raise error

    async def close(self) -> None:
        """Close the connections. A closed client sends nothing more."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return describe(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A client cannot be pickled; create one in each process instead.")
