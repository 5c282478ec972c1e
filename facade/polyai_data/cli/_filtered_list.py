"""Filters the list of conversations on this machine, because the API has no filters."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime

from polyai_data import ConversationPage, ConversationSummary, DataClient, UnreadableRecord

from ._format import is_number
from ._options import FilterOptions

_MAX_SEEN = 10


class FilteredList:
    """Pages through the list, newest first, and yields matching conversations.

    Attributes:
        matched: The number of conversations yielded.
        scanned: The number of conversations seen.
        total: The number of conversations on the server, or None if it is not known.
        unreadable: The number of yielded records that could not be read.
        is_exhausted: Whether everything that can match has been seen.
        seen: The channels and environments seen, if they are filtered by, up to a few.
    """

    def __init__(
        self, client: DataClient, filters: FilterOptions, limit: int | None = None
    ) -> None:
        self.matched = 0
        self.scanned = 0
        self.total: int | None = None
        self.unreadable = 0
        self.is_exhausted = False
        self.seen: dict[str, set[str]] = {"channel": set(), "env": set()}
        self._client = client
        self._filters = filters
        self._limit = limit

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self._filters.selecting)

    def matches(self) -> Generator[ConversationSummary, None, None]:
        """Yield matching conversations, up to the limit."""
        if self._limit == 0:
            return
        is_recent = self._filters.since is not None  # probably on the first pages
        conversations = self._client.list_conversations(
            page_size=self._filters.page_size or (250 if is_recent else 1000),
            max_items=None if self.is_filtered else self._limit,
            # Do not fetch a page beyond the last one needed.
            prefetch=1 if self._limit is None and not is_recent else 0,
        )
        with closing(conversations.pages()) as pages:
            for page in pages:
                self.total = conversations.total
                yield from self._matching(page)
                if self.matched == self._limit:
                    return
                if all(self._is_too_old(conversation) for conversation in page.conversations):
                    break  # the list is newest first, so all further pages are older
        self.total = conversations.total
        self.is_exhausted = True

    def _matching(self, page: ConversationPage) -> Iterator[ConversationSummary]:
        for conversation in page.conversations:
            self.scanned += 1
            if self._matches(conversation):
                self.unreadable += isinstance(conversation, UnreadableRecord)
                self.matched += 1
                yield conversation
                if self.matched == self._limit:
                    return

    def _is_too_old(self, conversation: ConversationSummary) -> bool:
        started, since = conversation.started_at, self._filters.since
        return since is not None and isinstance(started, datetime) and started < since.at

    def _matches(self, conversation: ConversationSummary) -> bool:
        """Whether all filters accept a conversation. Unreadable records always match."""
        if isinstance(conversation, UnreadableRecord):
            return True
        filters = self._filters
        started, until = conversation.started_at, filters.until
        if isinstance(started, datetime) and until is not None and started >= until.at:
            return False
        if self._is_too_old(conversation):
            return False
        if not self._matches_any("channel", conversation.channel, filters.channel):
            return False
        if not self._matches_any("env", conversation.client_env, filters.env):
            return False
        if filters.handoff is not None and (conversation.handoff is True) is not filters.handoff:
            return False
        score = conversation.poly_score
        return filters.min_score is None or (is_number(score) and score >= filters.min_score)

    def _matches_any(self, option: str, value: object, names: list[str] | None) -> bool:
        seen = self.seen[option]
        if names and isinstance(value, str) and len(seen) < _MAX_SEEN:
            seen.add(value)
        return not names or str(value).casefold() in [name.casefold() for name in names]
