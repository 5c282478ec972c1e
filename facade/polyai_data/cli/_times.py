"""Parses the times that `--since` and `--until` accept."""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

import typer

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def now() -> datetime:
    """Return the current local time. Everything else calls this, so that tests can replace it."""
    return datetime.now().astimezone()


class When(NamedTuple):
    """A time as it was given, such as `7d`.

    Attributes:
        text: The text.
        at: The time.
        add_days: The number of days to add to a date: 1 for the end of the day.
    """

    text: str
    at: datetime
    add_days: int

    def as_of(self, moment: datetime) -> "When":
        """Return what the same text meant at another moment."""
        return self._replace(at=_parse(self.text, self.add_days, moment))


def parse_since(text: str) -> When:
    """Parse a time; a date means the start of that day.

    Raises:
        typer.BadParameter: if the string is not a time.
    """
    return When(text, _parse(text, 0, now()), 0)


def parse_until(text: str) -> When:
    """Parse a time; a date means the end of that day.

    Raises:
        typer.BadParameter: if the string is not a time.
    """
    return When(text, _parse(text, 1, now()), 1)


def _parse(text: str, add_days: int, now: datetime) -> datetime:
    word = text.strip().lower()
    today = now.astimezone().date()
    try:
        if ago := re.fullmatch(r"(\d+) ?([mhdw])", word):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if word in ("today", "yesterday"):
            day = today - timedelta(days=word == "yesterday")
        elif re.fullmatch(r"\d{4}-?\d\d-?\d\d", word):
            day = date.fromisoformat(word)
        else:
            return datetime.fromisoformat(
                text.strip()
            ).astimezone()  # local time if it has no offset
        day += timedelta(days=add_days)
        return datetime(day.year, day.month, day.day).astimezone()
    except (ValueError, OverflowError, OSError):  # Windows has no local time before 1970
        raise typer.BadParameter(
            f"{text!r} is not a time. Examples: 2026-06-01, 2026-06-01T09:30, "
            "2026-06-01T09:30Z, 7d, 24h, 90m, today, yesterday."
        ) from None
