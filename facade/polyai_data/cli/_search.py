"""The conversations that the filters choose: the API has none, so that this machine looks."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime

from polyai_data import ConversationPage, ConversationSummary, DataClient, UnreadableRecord

from ._format import is_number
from ._options import Filters


class Search:
    """Goes through the list, newest first, and yields what matches.

    Attributes:
        found: How many conversations it has yielded.
        looked_at: How many it has seen.
        total: How many the server counts; None as long as that is not known.
        unreadable: How many of those are no conversations.
        is_over: Whether it has seen all that can match.
    """

    def __init__(self, client: DataClient, filters: Filters, limit: int | None = None) -> None:
        self.found = 0
        self.looked_at = 0
        self.total: int | None = None
        self.unreadable = 0
        self.is_over = False
        self._client = client
        self._filters = filters
        self._limit = limit

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        chosen = {**vars(self._filters), "page_size": None}
        return any(value not in (None, []) for value in chosen.values())

    def matches(self) -> Generator[ConversationSummary, None, None]:
        """Yield what matches, and at most as many as the limit says."""
        if self._limit == 0:
            return
        conversations = self._client.list_conversations(
            page_size=self._filters.page_size,
            max_items=None if self.is_filtered else self._limit,
            # The page after the last that is needed would be fetched in vain.
            prefetch=1 if self._limit is None and self._filters.since is None else 0,
        )
        with closing(conversations.pages()) as pages:
            for page in pages:
                self.total = conversations.total
                yield from self._matching(page)
                if self.found == self._limit:
                    return
                if all(self._is_too_old(conversation) for conversation in page.conversations):
                    break  # the list is newest first, and this was a whole page
        self.total = conversations.total
        self.is_over = True

    def _matching(self, page: ConversationPage) -> Iterator[ConversationSummary]:
        for conversation in page.conversations:
            self.looked_at += 1
            if self._matches(conversation):
                self.unreadable += isinstance(conversation, UnreadableRecord)
                self.found += 1
                yield conversation
                if self.found == self._limit:
                    return

    def _is_too_old(self, conversation: ConversationSummary) -> bool:
        began, since = conversation.started_at, self._filters.since
        return since is not None and isinstance(began, datetime) and began < since

    def _matches(self, conversation: ConversationSummary) -> bool:
        """Whether no filter excludes it. What cannot be read is not excluded, but shown."""
        if isinstance(conversation, UnreadableRecord):
            return True
        filters = self._filters
        began = conversation.started_at
        if isinstance(began, datetime) and filters.until is not None and began >= filters.until:
            return False
        if self._is_too_old(conversation):
            return False
        if filters.channel and not _is_one_of(conversation.channel, filters.channel):
            return False
        if filters.env and not _is_one_of(conversation.client_env, filters.env):
            return False
        if filters.handoff is not None and (conversation.handoff is True) is not filters.handoff:
            return False
        score = conversation.poly_score
        return filters.min_score is None or (is_number(score) and score >= filters.min_score)


def _is_one_of(value: object, wanted: list[str]) -> bool:
    return str(value).casefold() in [one.casefold() for one in wanted]
