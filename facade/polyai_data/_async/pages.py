"""The pages of one iteration over a list or a search, the next one fetched ahead of time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

from .._http.request import PreparedRequest
from .io import Background

Page = TypeVar("Page")


class Walk(Protocol[Page]):
    """Decides which page to request next."""

    def next_request(self) -> PreparedRequest[Page] | None:
        """Return the next request, or None at the end."""

    def accept(self, request: PreparedRequest[Any], page: Page) -> Page:
        """Return what is new on a page."""


class AsyncPages(Generic[Page]):
    """The pages of one iteration. Not a generator: asyncio does not close nested ones in order."""

    def __init__(
        self,
        send: Callable[[PreparedRequest[Page]], Awaitable[Page]],
        walk: Walk[Page],
        *,
        prefetch: bool,
    ) -> None:
        self._send = send
        self._walk = walk
        self._prefetch = prefetch
        self._request = walk.next_request()
        self._background = Background()

    async def next(self) -> Any:
        """Return the next page that is not empty, and start to fetch the one after it."""
        while self._request is not None:
            request = self._request
            received = await self._background.result(self._send, request)
            page: Any = self._walk.accept(request, received)
            self._request = self._walk.next_request()
            if self._request is not None and self._prefetch:
                self._background.start(self._send, self._request)
            if page.conversations:
                return page
        return None

    async def aclose(self) -> None:
        await self._background.aclose()
