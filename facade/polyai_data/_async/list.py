"""The list of conversations, fetched page by page while it is iterated."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import date
from functools import partial
from typing import Any

from .._config import Config
from .._data import operations
from .._data.arguments import check_int
from .._data.pagination import Cursor, ListUnstable, record_key
from .._data.period import Period, check_period
from .._http.error_map import redacted_body
from .._http.request import PreparedRequest
from .._models import html
from .._models.summaries import ConversationPage, ConversationSummary
from ..errors import PolyAIError, ResponseDecodeError
from .pages import AsyncPages


class AsyncConversationList:
    """All conversations of an agent, newest first; from `AsyncDataClient.list_conversations`.

    Iterate it with `async for`, as often as you like. Pages are fetched as they are needed. No
    conversation is repeated or missing if others are added or deleted in the meantime. A record
    that cannot be read is an UnreadableRecord.
    """

    def __init__(
        self,
        send: Callable[[PreparedRequest[ConversationPage]], Awaitable[ConversationPage]],
        config: Config,
        *,
        page_size: int,
        offset: int,
        max_items: int | None,
        since: date | None,
        until: date | None,
        strict: bool,
        prefetch: int,
        agent_id: str | None,
    ) -> None:
        self._total: int | None = None
        page_size = check_int("page_size", page_size, minimum=1)
        offset = check_int("offset", offset, minimum=0)
        if max_items is not None:
            max_items = check_int("max_items", max_items, minimum=0)
        if check_int("prefetch", prefetch, minimum=0) > 1:
            raise ValueError(f"prefetch={prefetch}: expected 0 or 1.")
        self._send = send
        self._page_request = partial(operations.list_conversations, config, agent_id=agent_id)
        self._page_request(limit=page_size, offset=offset)  # raises now if the settings are invalid
        since, until = check_period(since, until)
        has_period = since is not None or until is not None
        to_scan = None if has_period and max_items else max_items
        self._new_cursor = partial(Cursor, page_size, offset, to_scan)
        self._new_period = partial(Period, since, until, max_items) if has_period else lambda: None
        self._strict = strict
        self._prefetch = prefetch == 1

    @property
    def total(self) -> int | None:
        """The number of all conversations, as of the latest page; None before the first."""
        return self._total

    async def __aiter__(self) -> AsyncGenerator[ConversationSummary]:
        async with aclosing(self._pages()) as pages:
            while page := await pages.next():
                for conversation in page.conversations:
                    yield conversation

    async def pages(self) -> AsyncGenerator[ConversationPage]:
        """Yield the conversations as pages."""
        async with aclosing(self._pages()) as pages:
            while page := await pages.next():
                yield page

    def _pages(self) -> AsyncPages[ConversationPage]:
        return AsyncPages(self._send, _Walk(self), prefetch=self._prefetch)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} total {self._total}>"

    def _repr_html_(self) -> str:
        known = "not read yet" if self._total is None else f"{self._total:,} conversations"
        advice = "Iterate over it, or use get_page() to see one page."
        return html.paragraph(f"{type(self).__name__}: {known}. {advice}")

    def _next_request(self, cursor: Cursor) -> PreparedRequest[ConversationPage] | None:
        if cursor.request is None:
            return None
        return self._page_request(limit=cursor.request.limit, offset=cursor.request.offset)

    def _accept(
        self,
        cursor: Cursor,
        period: Period | None,
        request: PreparedRequest[Any],
        page: ConversationPage,
    ) -> ConversationPage:
        self._total = page.count if type(page.count) is int else None
        limit = page.limit if type(page.limit) is int else None
        try:
            new = cursor.accept([record_key(r.raw) for r in page.conversations], self._total, limit)
        except ListUnstable as error:
            raise PolyAIError(str(error), **origin(request, page)) from None
        page.conversations = [page.conversations[index] for index in new]
        if period is not None:
            page.conversations = period.select(page.conversations)
        problem = _strict_error(request, page) if self._strict else None
        if problem is not None:
            raise problem
        return page


def origin(request: PreparedRequest[Any], page: Any) -> dict[str, Any]:
    meta: Any = page.meta  # every response has it
    response = {"status_code": meta.status_code, "correlation_id": meta.correlation_id}
    return {"method": request.method, "url": request.url, **response}


def _strict_error(
    request: PreparedRequest[Any], page: ConversationPage
) -> ResponseDecodeError | None:
    """Return an exception for the first record with problems.

    It is raised elsewhere, so that no traceback with local variables shows the record.
    """
    record = next((one for one in page.conversations if one.problems), None)
    if record is None:
        return None
    problem = record.problems[0]
    name: Any = record.conversation_id  # of another type, if the API has changed
    if not isinstance(name, str) or not name:
        index = next(i for i, raw in enumerate(page.raw["conversations"]) if raw is record.raw)
        name = f"conversations[{index}]"
    message = " ".join(f"{name}: {problem.field} {problem.reason}".split())
    return ResponseDecodeError(
        request.config.key.redact(message),
        body=redacted_body(request, json.dumps(record.raw).encode()),
        **origin(request, page),
    )


class _Walk:
    """The state of one iteration."""

    def __init__(self, conversations: AsyncConversationList) -> None:
        self._list = conversations
        self._cursor = conversations._new_cursor()
        self._period = conversations._new_period()

    def next_request(self) -> PreparedRequest[ConversationPage] | None:
        if self._period is not None and self._period.is_over:
            return None
        return self._list._next_request(self._cursor)

    def accept(self, request: PreparedRequest[Any], page: ConversationPage) -> ConversationPage:
        return self._list._accept(self._cursor, self._period, request, page)
