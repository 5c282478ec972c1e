"""Pagination over a list that changes, without repeating or skipping a conversation.

The list is newest first. A new conversation moves all others back; a deleted one moves those
behind it forward. Offsets alone would repeat or skip some. So each page overlaps the previous one,
and only what follows the last known conversation is new. If a page has no known conversation, the
cursor searches for one: back, or forward if the list has grown. Memory is bounded, because only the
last thousand or so IDs are remembered.

The server's count is a hint only: records may arrive or go between the count and the page. If it
says that there is more, an empty page is not the end, but an error.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

_MAX_REMEMBERED = 1000
_MAX_IDLE_PAGES = 300
"""Pages in a row without a new conversation. With more, the server repeats itself."""
_MAX_EMPTY_PAGES = 3
"""Empty pages in a row at one place, although the server counts more conversations."""


class PageRequest(NamedTuple):
    """The next page to request."""

    limit: int
    offset: int


class ListUnstable(Exception):
    """The cursor can no longer tell which conversations are new, or where the list ends."""


_CHANGED = "The list changed too much between two pages to continue without gaps. Start over."
_IDLE = f"{_MAX_IDLE_PAGES} pages in a row had no new conversation. The server repeats itself."


class Cursor:
    """A position in the list. Send `request` and `accept` its page, until `request` is None."""

    def __init__(
        self, page_size: int, offset: int, max_items: int | None, remembered: int = _MAX_REMEMBERED
    ) -> None:
        self.total: int | None = None
        self.request: PageRequest | None = None
        self._page_size = page_size
        self._left = max_items
        self._remembered = max(remembered, 4 * page_size)
        self._seen: dict[Hashable, None] = {}  # the IDs of the last conversations, in order
        self._kept = 0  # how many of the first IDs are never forgotten
        self._evicted = False  # whether IDs were forgotten
        self._longest_page = 0
        self._idle_pages = 0
        self._empty_pages = 0
        self._trailing_without_id = 0  # accepted records without an ID since the last ID
        self._unseen_without_id = 0  # how many of these are behind the last page
        self._may_skip_overlap = True  # whether the next page may have no known ID
        self._directions: list[str] | None = None  # where to search for a known ID
        self._skip = min(offset, 1)  # one more at the front, for an overlap
        if max_items != 0:
            self._request_page(offset - self._skip, overlap=self._skip, contiguous=True)

    def accept(
        self, keys: Sequence[Hashable], total: int | None, limit: int | None = None
    ) -> list[int]:
        """Accept the page of `request`; return the positions of its new records, in order.

        Args:
            keys: The `record_key` of each record.
            total: The server's count of all records, if it is known.
            limit: The page size that the server used, if it is known.
        """
        if self.request is None:
            raise RuntimeError("The list is exhausted.")
        offset, end = self.request.offset, self.request.offset + len(keys)
        self._idle_pages += 1
        if self._idle_pages > _MAX_IDLE_PAGES:
            raise ListUnstable(_IDLE)
        if not keys and total is not None and offset < total:
            self._empty_pages += 1
            if self._empty_pages == _MAX_EMPTY_PAGES:
                place = f"nothing at offset {offset:,}"
                raise ListUnstable(f"The list has {place}, but a count of {total:,}.")
            return []  # records may have been deleted after the count: send the request again
        self._empty_pages = 0
        grown = self.total is not None and total is not None and total > self.total
        # A full page may have pushed out a record that was counted.
        sizes = (self.request.limit, limit or 0, self._longest_page)
        is_full = len(keys) >= min(size for size in sizes if size > 0)
        at_end = not keys or (end == total and not is_full)
        self.total = total
        self._longest_page = max(self._longest_page, len(keys))

        self._remember(key for key in keys[: self._skip] if key is not None)
        start = max((i + 1 for i, key in enumerate(keys) if key in self._seen), default=self._skip)
        self._skip = 0
        if start == 0 and not self._may_skip_overlap:
            self._search(offset, end, at_end=at_end, grown=grown)
            return []
        start = self._skip_known_without_id(keys, start)

        self._directions = None
        taken = _first_of_each(keys, start)[: self._left]
        new = [keys[index] for index in taken if keys[index] is not None]
        self._remember(new)
        if self._left is not None:
            self._left -= len(taken)
        if new or (taken and total is not None and end <= total):
            self._idle_pages = 0
        last_known = max((i for i, key in enumerate(keys) if key in self._seen), default=0)
        overlaps = self._trailing_without_id == 0 or self._trailing_without_id + 1 < self._page_size
        if at_end or self._left == 0:
            self.request = None
        elif overlaps and (last_known > 0 or (taken and keys[0] in self._seen)):
            self._request_page(offset + last_known, overlap=1 + self._trailing_without_id)
        else:
            # Pages of one, a wrong count, or few records with an ID: an overlap does not help.
            self._request_page(end + self._unseen_without_id, contiguous=True)
        return taken

    def _skip_known_without_id(self, keys: Sequence[Hashable], start: int) -> int:
        """Return where the new records start, after the accepted ones without an ID.

        Records without an ID are recognised by their position, right behind the last known ID.
        """
        tail = keys[start:]
        leading = next((i for i, key in enumerate(tail) if key is not None), len(tail))
        trailing = next((i for i, key in enumerate(reversed(tail)) if key is not None), len(tail))
        again = min(self._trailing_without_id, leading) if start else 0
        if again == len(tail) and start:
            # The page ends among the accepted ones.
            self._unseen_without_id = self._trailing_without_id - again
        else:
            before = self._trailing_without_id if trailing == len(tail) and not start else 0
            self._trailing_without_id = before + trailing
            self._unseen_without_id = 0
        return start + again

    def _request_page(self, offset: int, *, overlap: int = 1, contiguous: bool = False) -> None:
        wanted = self._page_size if self._left is None else min(self._page_size, self._left)
        # Not more than the page size, which may be the server's maximum. But a page of one would
        # have the overlap only.
        limit = max(min(wanted + overlap, self._page_size), min(wanted, 1) + overlap)
        self.request = PageRequest(limit, offset)
        self._may_skip_overlap = contiguous

    def _remember(self, keys: Iterable[Hashable]) -> None:
        self._seen.update(dict.fromkeys(keys))
        surplus = max(0, len(self._seen) - self._kept - self._remembered)
        for key in list(self._seen)[self._kept : self._kept + surplus]:
            del self._seen[key]
            self._evicted = True

    def _search(self, offset: int, end: int, *, at_end: bool, grown: bool) -> None:
        """Request the next page of a search for a known ID."""
        if self._directions is None:
            self._directions = ["forward", "back"] if grown else ["back", "forward"]
        while self._directions:
            if self._directions[0] == "forward" and not at_end:
                return self._request_page(end)
            if self._directions[0] == "back" and offset > 0:
                start = offset if self.total is None else min(offset, self.total)
                return self._request_page(max(0, start - min(self._longest_page, self._page_size)))
            del self._directions[0]
        if self._evicted:
            raise ListUnstable(_CHANGED)
        # All known conversations seem deleted, so everything is new. If some turn up after all,
        # their IDs must still be known.
        self._kept = len(self._seen)
        return self._request_page(0, contiguous=True)


def _first_of_each(keys: Sequence[Hashable], start: int) -> list[int]:
    """Return the first position of each key from `start`, and each position without a key."""
    seen: set[Hashable] = set()
    found = []
    for index, key in enumerate(keys[start:], start):
        if key is None or key not in seen:
            found.append(index)
            seen.add(key)
    return found


def record_key(record: Any, key: str = "conversationId") -> Hashable:
    """Return the ID of a record, equal if it is the same JSON value; None if it has none."""
    value = record.get(key) if isinstance(record, dict) else None
    if value == "" or not isinstance(value, str | int | float):
        return None
    # In Python, but not in JSON, True is 1; and an Unreadable string is not a string.
    return value if type(value) in (str, int, float) else (type(value), value)
