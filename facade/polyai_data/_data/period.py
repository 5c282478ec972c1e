"""Which conversations of a list started in a period, and when the rest of the list is too old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from .._models.summaries import ConversationSummary

_MIN_OLD = 50
"""Conversations in a row that must be too old before the rest of the list is taken to be."""


class Period:
    """A filter for the pages of one iteration.

    The list is newest first, but the API does not say by which time; a conversation that was in
    progress for long may be out of place. So the rest of the list is too old only after many in a
    row whose times are all before the period, and not in ascending order.

    Attributes:
        is_over: Whether there is nothing more to find.
    """

    def __init__(
        self, since: datetime | None, until: datetime | None, max_items: int | None
    ) -> None:
        self.is_over = False
        self._since = since
        self._until = until
        self._left = max_items
        self._old_count = 0  # how many in a row are too old
        self._first_old: datetime | None = None  # the latest time of the first of them
        self._last_old: datetime | None = None

    def select(self, conversations: Iterable[ConversationSummary]) -> list[ConversationSummary]:
        """Return those that started in the period, or whose start is not known."""
        selected = []
        for conversation in conversations:
            self._note_age(conversation)
            if self._includes(conversation.started_at):
                selected.append(conversation)
        if self._left is not None:
            selected = selected[: self._left]
            self._left -= len(selected)
        self.is_over = self._left == 0 or self._is_rest_too_old()
        return selected

    def _includes(self, started: object) -> bool:
        if not isinstance(started, datetime):
            return True
        is_late_enough = self._since is None or started >= self._since
        return is_late_enough and (self._until is None or started < self._until)

    def _note_age(self, conversation: ConversationSummary) -> None:
        values = (conversation.created_at, conversation.started_at, conversation.finished_at)
        latest = max((time for time in values if isinstance(time, datetime)), default=None)
        if latest is None or self._since is None:
            return
        if latest >= self._since:
            self._old_count = 0
            return
        if self._old_count == 0:
            self._first_old = latest
        self._last_old = latest
        self._old_count += 1

    def _is_rest_too_old(self) -> bool:
        first, last = self._first_old, self._last_old
        is_descending = first is not None and last is not None and last <= first
        return self._old_count >= _MIN_OLD and is_descending


def check_period(since: date | None, until: date | None) -> tuple[datetime | None, datetime | None]:
    start, end = check_time("since", since), check_time("until", until)
    if start is not None and end is not None and start > end:
        raise ValueError("since is later than until.")
    return start, end


def check_time(name: str, value: date | None) -> datetime | None:
    """Return a time with an offset. A date means the start of that day in UTC."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(
                f"{name} has no time zone. Pass {name}.replace(tzinfo=datetime.UTC) if it is in "
                f"UTC, or {name}.astimezone() if it is local time."
            )
        return value
    if value is None:
        return None
    if not isinstance(value, date):
        kind = type(value).__name__
        raise TypeError(f"{name} must be a datetime with a time zone, or a date, not {kind}.")
    return datetime(value.year, value.month, value.day, tzinfo=UTC)
