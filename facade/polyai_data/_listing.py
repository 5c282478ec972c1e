"""The list of conversations, walked page by page as it is consumed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from . import _operations
from ._config import Config, Limits
from ._failure import redacted_body
from ._pages import ConversationPage, ConversationSummary
from ._request import Call, check_whole_number
from ._walk import ListChangedTooMuch, Walk, record_key
from .errors import PolyAIError, ResponseDecodeError

if TYPE_CHECKING:
    import asyncio


class _Listing:
    """What both kinds of list share: every decision, without the I/O."""

    def __init__(
        self,
        config: Config,
        *,
        page_size: int,
        offset: int,
        max_items: int | None,
        strict: bool,
        prefetch: int,
        agent_id: str | None,
        limits: Limits,
    ) -> None:
        self._total: int | None = None
        self._has_seen_page = False
        check_whole_number("page_size", page_size, least=1)
        if max_items is not None:
            check_whole_number("max_items", max_items, least=0)
        if check_whole_number("prefetch", prefetch, least=0) > 1:
            raise ValueError(f"prefetch={prefetch}: it is 1, or 0 to switch it off.")
        self._page_call = partial(
            _operations.list_conversations, config, agent_id=agent_id, limits=limits
        )
        self._page_call(limit=page_size, offset=offset)  # what is wrong shows now, not later
        self._new_walk = partial(Walk, page_size, offset, max_items)
        self._strict = strict
        self._prefetch = prefetch == 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} total {self._total}>"

    def _next_call(self, walk: Walk) -> Call[ConversationPage] | None:
        """Return the call for the page that the walk asks for; None at its end."""
        if walk.request is None:
            return None
        return self._page_call(limit=walk.request.limit, offset=walk.request.offset)

    def _take(
        self, walk: Walk, call: Call[ConversationPage], page: ConversationPage
    ) -> ConversationPage:
        """Return the page with only what is new in it."""
        self._note_total(page)
        keys = [record_key(record.raw) for record in page.conversations]
        try:
            new = walk.take(keys, self._total)
        except ListChangedTooMuch:
            raise PolyAIError(
                "The list changed so much between two pages that the walk lost its place in it. "
                "Start it again.",
                method=call.method,
                url=call.url,
                **_origin(page),
            ) from None
        if self._strict:
            self._refuse_problems(call, page, new)
        page.conversations = [page.conversations[index] for index in new]
        return page

    def _note_total(self, page: ConversationPage) -> None:
        self._total = page.count if type(page.count) is int else None
        self._has_seen_page = True

    def _refuse_problems(
        self, call: Call[ConversationPage], page: ConversationPage, new: list[int]
    ) -> None:
        for index in new:
            record = page.conversations[index]
            if record.problems:
                problem = record.problems[0]
                name = record.conversation_id
                if not isinstance(name, str) or not name:  # it may have drifted as well
                    name = f"the record at conversations[{index}]"
                raise ResponseDecodeError(
                    " ".join(f"{name}: {problem.field} {problem.reason}".split()),
                    method=call.method,
                    url=call.url,
                    body=redacted_body(call, json.dumps(record.raw).encode()),
                    **_origin(page),
                )


def _origin(page: ConversationPage) -> dict[str, Any]:
    meta = page.meta
    return {"status_code": meta.status_code, "correlation_id": meta.correlation_id} if meta else {}


class ConversationList(_Listing):
    """Every conversation of an agent, newest first; from `DataClient.list_conversations`.

    Iterate it, as often as you like: pages are fetched as they are needed. A record that cannot be
    read stands in it as an UnreadableRecord. What begins or vanishes meanwhile makes it neither
    repeat a conversation nor skip one that was there throughout.
    """

    def __init__(
        self, send: Callable[[Call[ConversationPage]], ConversationPage], *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._send = send

    @property
    def total(self) -> int | None:
        """How many conversations the server counts, by the latest page; before the first, it asks.

        None where the server does not say.

        Raises:
            PolyAIError: if it has to ask, and that fails.
        """
        if not self._has_seen_page:
            self._note_total(self._send(self._page_call(limit=1, offset=0)))
        return self._total

    def __iter__(self) -> Iterator[ConversationSummary]:
        with closing(self.pages()) as pages:
            for page in pages:
                yield from page.conversations

    def pages(self) -> Generator[ConversationPage, None, None]:
        """Yield the conversations by the page, as they are fetched."""
        from concurrent.futures import ThreadPoolExecutor  # here: few programs need its import

        walk = self._new_walk()
        # Its thread ends with the walk, however that ends.
        with ThreadPoolExecutor(1, thread_name_prefix="polyai-data-prefetch") as executor:
            call = self._next_call(walk)
            coming = None
            while call is not None:
                page = self._take(walk, call, coming.result() if coming else self._send(call))
                call = self._next_call(walk)
                coming = executor.submit(self._send, call) if call and self._prefetch else None
                if page.conversations:
                    yield page


class AsyncConversationList(_Listing):
    """Every conversation of an agent, newest first; from `AsyncDataClient.list_conversations`.

    Iterate it with `async for`, as often as you like: pages are fetched as they are needed. A
    record that cannot be read stands in it as an UnreadableRecord. What begins or vanishes
    meanwhile makes it neither repeat a conversation nor skip one that was there throughout.
    """

    def __init__(
        self,
        send: Callable[[Call[ConversationPage]], Awaitable[ConversationPage]],
        *args: Any,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._send = send

    @property
    def total(self) -> int | None:
        """How many conversations the server counts, by the latest page; None before the first.

        `(await client.get_page(limit=1)).count` tells it before that.
        """
        return self._total

    async def __aiter__(self) -> AsyncGenerator[ConversationSummary, None]:
        async with aclosing(_AsyncPages(self)) as pages:
            while page := await pages.next():
                for conversation in page.conversations:
                    yield conversation

    async def pages(self) -> AsyncGenerator[ConversationPage, None]:
        """Yield the conversations by the page, as they are fetched."""
        async with aclosing(_AsyncPages(self)) as pages:
            while page := await pages.next():
                yield page


class _AsyncPages:
    """The pages of a walk. It is no generator: two, one in the other, do not end with the loop."""

    def __init__(self, listing: AsyncConversationList) -> None:
        self._listing = listing
        self._walk = listing._new_walk()
        self._call = listing._next_call(self._walk)
        self._coming: asyncio.Future[ConversationPage] | None = None

    async def next(self) -> ConversationPage | None:
        """Return the next page that is not empty, and have the one after it fetched."""
        import asyncio  # here: it would slow down the import of the package

        listing = self._listing
        while self._call is not None:
            answer = await (self._coming or listing._send(self._call))
            page = listing._take(self._walk, self._call, answer)
            self._call = listing._next_call(self._walk)
            self._coming = None
            if self._call and listing._prefetch:
                self._coming = asyncio.ensure_future(listing._send(self._call))
            if page.conversations:
                return page
        return None

    async def aclose(self) -> None:
        """Stop the page that is on its way."""
        import asyncio

        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
