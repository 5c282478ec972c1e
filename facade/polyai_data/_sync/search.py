# Written by `make sync` from _async/search.py. Do not edit: the next run overwrites it.
"""A search of the Conversations API v3, fetched page by page while it is iterated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from .._config import Config
from .._data import operations
from .._data.arguments import check_int
from .._data.pagination import ListUnstable
from .._data.search import SearchCursor
from .._http.request import PreparedRequest
from .._models import html
from .._models.found import FoundConversation, FoundPage
from ..errors import PolyAIError
from .list import origin
from .pages import Pages


class ConversationSearch:
    """The conversations of a search; from `DataClient.search_conversations`.

    Iterate it with `for`, as often as you like. Pages are fetched as they are needed, the
    next one while you use the current one. A record that cannot be read is an
    UnreadableFoundConversation.
    """

    def __init__(
        self,
        send: Callable[[PreparedRequest[FoundPage]], FoundPage],
        config: Config,
        filters: Mapping[str, Any],
        *,
        page_size: int,
        max_items: int | None,
        cursor: str | None,
        account_id: str | None,
        agent_id: str | None,
    ) -> None:
        page_size = check_int("page_size", page_size, minimum=1)
        if max_items is not None:
            max_items = check_int("max_items", max_items, minimum=0)
        build = partial(
            operations.search_conversations,
            config,
            filters,
            account_id=account_id,
            agent_id=agent_id,
        )
        self._send = send
        self._environment = filters["client_env"].value
        self._new_cursor = partial(SearchCursor, build, page_size, max_items, cursor)
        self._new_cursor()  # raises now if an argument is invalid

    def __iter__(self) -> Generator[FoundConversation]:
        with closing(self._pages()) as pages:
            while page := pages.next():
                for conversation in page.conversations:
                    yield conversation

    def pages(self) -> Generator[FoundPage]:
        """Yield the conversations as pages. The `cursor` of a page is where the next one starts."""
        with closing(self._pages()) as pages:
            while page := pages.next():
                yield page

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self._environment}>"

    def _repr_html_(self) -> str:
        name = type(self).__name__
        return html.paragraph(f"{name} in {self._environment}. Iterate over it to read it.")

    def _pages(self) -> Pages[FoundPage]:
        return Pages(self._send, _Walk(self._new_cursor()), prefetch=True)


class _Walk:
    """The state of one iteration."""

    def __init__(self, cursor: SearchCursor) -> None:
        self._cursor = cursor

    def next_request(self) -> PreparedRequest[FoundPage] | None:
        return self._cursor.request

    def accept(self, request: PreparedRequest[Any], page: FoundPage) -> FoundPage:
        try:
            self._cursor.accept(page)
        except ListUnstable as error:
            raise PolyAIError(str(error), **origin(request, page)) from None
        return page
