"""Searches of the Conversations API v3: their filters, and which page to request next."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

from polyai_data_generated.models import (
    SearchConversationsClientEnv,
    SearchConversationsQueryType,
    SearchConversationsSample,
    SearchConversationsTurnType,
)
from polyai_data_generated.types import UNSET

from .._http.request import PreparedRequest
from .._models.found import FoundPage
from .._models.writes import to_enum
from .arguments import check_bool, check_str, str_or_unset
from .pagination import ListUnstable, record_key
from .period import check_period

# With the values as literals, type checkers report a misspelled one.
Environment: TypeAlias = Literal["live", "pre-release", "sandbox"]
QueryType: TypeAlias = Literal["transcript", "semantic"]
TurnType: TypeAlias = Literal["user", "agent"]

_MAX_EMPTY_PAGES = 300
"""Pages in a row without a new conversation. With more, the server repeats itself."""


def search_filters(
    *,
    since: date | None,
    until: date | None,
    environment: str,
    channels: Iterable[str] | None,
    variant_id: str | None,
    variant_name: str | None,
    in_progress: bool | None,
    query: str | None,
    query_type: str,
    turn_type: str | None,
    sample: bool,
    include_latency: bool,
) -> dict[str, Any]:
    """Check the filters, and return them as arguments of the generated operation."""
    start, end = check_period(since, until)
    kind = to_enum(SearchConversationsQueryType, "query_type", query_type)
    is_semantic = kind is SearchConversationsQueryType.SEMANTIC
    check_bool("sample", sample)
    if query is None and (turn_type is not None or is_semantic):
        raise ValueError("turn_type and query_type='semantic' are for searches: pass query=.")
    if turn_type is not None and is_semantic:
        raise ValueError("turn_type is for query_type='transcript' only.")
    if query is not None and sample:
        raise ValueError("query and sample exclude each other.")
    if variant_id is not None and variant_name is not None:
        raise ValueError("variant_id and variant_name exclude each other.")
    if (query is not None or sample) and (start is None or end is None):
        raise ValueError("query and sample need both since= and until=.")
    return {
        "start_time": _in_utc(start),
        "end_time": _in_utc(end),
        "client_env": to_enum(SearchConversationsClientEnv, "environment", environment),
        "channel": _channels(channels),
        "variant_id": str_or_unset("variant_id", variant_id),
        "variant_name": str_or_unset("variant_name", variant_name),
        "in_progress": UNSET if in_progress is None else check_bool("in_progress", in_progress),
        "query": str_or_unset("query", query),
        "query_type": UNSET if query is None else kind,
        "turn_type": UNSET
        if turn_type is None
        else to_enum(SearchConversationsTurnType, "turn_type", turn_type),
        "sample": SearchConversationsSample.RANDOM if sample else UNSET,
        "include_latency": check_bool("include_latency", include_latency) or UNSET,
    }


def _in_utc(moment: datetime | None) -> Any:
    if moment is None:
        return UNSET
    with suppress(OverflowError):  # in the first or last hours that Python can represent
        moment = moment.astimezone(UTC)
    return moment


def _channels(channels: Iterable[str] | None) -> Any:
    if channels is None:
        return UNSET
    if isinstance(channels, str) or not isinstance(channels, Iterable):
        kind = type(channels).__name__
        raise TypeError(f"channels must be an iterable of strings, not {kind}.")
    names = [check_str("channels", name, required=True) for name in channels]
    if not names:
        raise ValueError("channels is empty. Pass None for all channels.")
    return names


class SearchCursor:
    """A position in a search. Send `request` and `accept` its page, until `request` is None.

    The server's cursors do not drift when conversations begin, so each page continues where the
    last one ended. A conversation that was also on the last page is dropped.
    """

    def __init__(
        self,
        build: Callable[..., PreparedRequest[FoundPage]],
        page_size: int,
        max_items: int | None,
        cursor: str | None,
    ) -> None:
        request = build(limit=page_size, cursor=cursor)  # raises if an argument is invalid
        self.request = None if max_items == 0 else request
        self._build = build
        self._page_size = page_size
        self._left = max_items
        self._last_ids: set[Hashable] = set()
        self._empty_pages = 0
        self._pages = 0
        # The cursor and the first ID of an earlier page: a server that repeats both does not end.
        self._mark: tuple[object, Hashable] | None = None
        if max_items is not None and 0 < max_items < page_size:
            self.request = build(limit=max_items, cursor=cursor)

    def accept(self, page: FoundPage) -> None:
        """Remove from the page what is not new, and set the next request."""
        self.request = None
        keys = [record_key(one.raw, "id") for one in page.conversations]
        ids = self._last_ids.copy()
        found = []
        for one, key in zip(page.conversations, keys, strict=True):
            if key is None or key not in ids:
                found.append(one)
                ids.add(key)
        page.conversations = found[: self._left]
        self._last_ids = set(keys)
        if self._left is not None:
            self._left -= len(page.conversations)
        cursor = page.cursor
        if self._left == 0 or not cursor:
            return
        if not isinstance(cursor, str):
            raise ListUnstable("The cursor of the next page is not a string.")
        self._empty_pages = 0 if page.conversations else self._empty_pages + 1
        place = (cursor, keys[0]) if keys else None
        if (place and place == self._mark) or self._empty_pages >= _MAX_EMPTY_PAGES:
            raise ListUnstable("The server repeats itself: there is always another page.")
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # powers of two, to find any cycle
            self._mark = place
        limit = self._page_size if self._left is None else min(self._page_size, self._left)
        self.request = self._build(limit=limit, cursor=cursor)
