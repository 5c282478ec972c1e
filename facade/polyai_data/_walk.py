"""Which page to ask for next, so that a walk over a changing list neither repeats nor skips. Pure.

The list is newest first: a conversation that begins shifts all others back, one that vanishes
shifts those behind it forward. Positions alone would repeat or skip some. So each page overlaps the
one before, and only what stands behind the last conversation already seen is new. Where none of
those seen is in a page, the walk looks for them: back, or forward if the list has grown. Memory is
bounded, because only the last thousand or so are remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

_REMEMBERED = 1000
_MOST_IDLE_PAGES = 1000
"""How many pages in a row may hold nothing new; more, and the server goes round in circles."""


class PageRequest(NamedTuple):
    """The page to ask for: at most `limit` conversations from position `offset` on."""

    limit: int
    offset: int


class ListChangedTooMuch(Exception):
    """The walk cannot tell any more what is new."""


class Walk:
    """A walk from position `offset` on, over at most `max_items` conversations.

    Ask for `request`, give what came to `take`, until `request` is None.
    """

    def __init__(
        self, page_size: int, offset: int, max_items: int | None, remembered: int = _REMEMBERED
    ) -> None:
        self.total: int | None = None
        self.request: PageRequest | None = None
        self._page_size = page_size
        self._left = max_items
        self._remembered = max(remembered, 4 * page_size)
        self._seen: dict[str, None] = {}  # the keys of the last ones seen, in order
        self._pinned = 0  # how many of them, from the first on, are never forgotten
        self._forgot = False  # whether some were seen that are no longer among them
        self._longest_page = 1
        self._idle_pages = 0
        self._nameless = 0  # how many without an ID stand at the end of what was taken
        self._beyond = 0  # how many of those the last page did not reach
        self._adjoining = True  # whether the page asked for may lack any of those seen
        self._directions: list[str] | None = None  # where a search for them has yet to look
        self._skip = min(offset, 1)  # one more in front, so that the second page overlaps even so
        if max_items != 0:
            self._ask(offset - self._skip, extra=self._skip, adjoining=True)

    def take(self, keys: Sequence[str | None], total: int | None) -> list[int]:
        """Take the page that was asked for; return which of its records are new, in order.

        Args:
            keys: What identifies each record of the page: its `record_key`.
            total: The server's count of all conversations, if it gave one.

        Raises:
            ListChangedTooMuch: if the place where the walk was cannot be found again, or the
                server gives the same records again and again.
        """
        if self.request is None:
            raise RuntimeError("The walk is over.")
        offset, end = self.request.offset, self.request.offset + len(keys)
        grown = self.total is not None and total is not None and total > self.total
        at_end = not keys or end == total
        self.total = total
        self._longest_page = max(self._longest_page, len(keys))

        self._remember(key for key in keys[: self._skip] if key is not None)
        start = max((i + 1 for i, key in enumerate(keys) if key in self._seen), default=self._skip)
        self._skip = 0
        if start == 0 and not self._adjoining:
            self._search(offset, end, at_end=at_end, grown=grown)
            return []
        start = self._behind_nameless(keys, start)

        self._directions = None
        taken = _first_of_each(keys, start)[: self._left]
        self._remember(key for key in (keys[index] for index in taken) if key is not None)
        if self._left is not None:
            self._left -= len(taken)
        self._idle_pages = 0 if taken else self._idle_pages + 1
        if self._idle_pages > _MOST_IDLE_PAGES:
            raise ListChangedTooMuch
        last_known = max((i for i, key in enumerate(keys) if key in self._seen), default=0)
        overlaps = self._nameless == 0 or self._nameless + 1 < self._page_size
        if at_end or self._left == 0:
            self.request = None
        elif overlaps and (last_known > 0 or (taken and keys[0] in self._seen)):
            self._ask(offset + last_known, extra=1 + self._nameless)
        else:
            # Pages of one, a wrong count, or hardly a record with an ID: no overlap helps.
            self._ask(end + self._beyond, adjoining=True)
        return taken

    def _behind_nameless(self, keys: Sequence[str | None], start: int) -> int:
        """Return where the new records start, behind the nameless ones that were taken already.

        Records without an ID cannot be known again; they are told by where they stand: directly
        behind the last one that can.
        """
        tail = keys[start:]
        leading = next((i for i, key in enumerate(tail) if key is not None), len(tail))
        trailing = next((i for i, key in enumerate(reversed(tail)) if key is not None), len(tail))
        again = min(self._nameless, leading) if start else 0
        if again == len(tail) and start:
            self._beyond = self._nameless - again  # the page ends amid those taken already
        else:
            before = self._nameless if trailing == len(tail) and not start else 0
            self._nameless = before + trailing
            self._beyond = 0
        return start + again

    def _ask(self, offset: int, *, extra: int = 1, adjoining: bool = False) -> None:
        wanted = self._page_size if self._left is None else min(self._page_size, self._left)
        # Never more than the page size, which may be the most that the server gives; but a page of
        # one could hold nothing new.
        limit = max(min(wanted + extra, self._page_size), min(wanted, 1) + extra)
        self.request = PageRequest(limit, offset)
        self._adjoining = adjoining

    def _remember(self, keys: Iterable[str]) -> None:
        self._seen.update(dict.fromkeys(keys))
        surplus = max(0, len(self._seen) - self._pinned - self._remembered)
        for key in list(self._seen)[self._pinned : self._pinned + surplus]:
            del self._seen[key]
            self._forgot = True

    def _search(self, offset: int, end: int, *, at_end: bool, grown: bool) -> None:
        """Ask for the next page in search of those seen, none of which is in the last one."""
        if self._directions is None:
            self._directions = ["forward", "back"] if grown else ["back", "forward"]
        while self._directions:
            if self._directions[0] == "forward" and not at_end:
                return self._ask(end)
            if self._directions[0] == "back" and offset > 0:
                start = offset if self.total is None else min(offset, self.total)
                return self._ask(max(0, start - min(self._longest_page, self._page_size)))
            del self._directions[0]
        if self._forgot:
            raise ListChangedTooMuch
        # All that were ever seen seem gone, so that everything from the start on is new. Should
        # some turn up after all, they must still be known.
        self._pinned = len(self._seen)
        return self._ask(0, adjoining=True)


def _first_of_each(keys: Sequence[str | None], start: int) -> list[int]:
    """Return where each key stands first, from `start` on; those without a key all count."""
    seen: set[str] = set()
    found = []
    for index in range(start, len(keys)):
        key = keys[index]
        if key is None or key not in seen:
            found.append(index)
        if key is not None:
            seen.add(key)
    return found


def record_key(record: Any) -> str | None:
    """Return the ID of a record, as JSON; None if it has none."""
    conversation_id = record.get("conversationId") if isinstance(record, dict) else None
    return conversation_id if isinstance(conversation_id, str) and conversation_id else None
