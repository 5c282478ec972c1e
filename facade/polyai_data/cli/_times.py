"""What `--since` and `--until` take for a time."""

import re
from datetime import date, datetime, timedelta

import typer

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def now() -> datetime:
    """Return the time, in the zone of this machine; the one place that asks for it."""
    return datetime.now().astimezone()


def begin_of(text: str) -> datetime:
    """Return the time that a text names; of a day, its beginning.

    Raises:
        typer.BadParameter: if it names none.
    """
    return _read(text, days_later=0)


def end_of(text: str) -> datetime:
    """Return the time that a text names; of a day, the beginning of the next.

    Raises:
        typer.BadParameter: if it names none.
    """
    return _read(text, days_later=1)


def _read(text: str, days_later: int) -> datetime:
    word = text.strip().lower()
    today = now().date()
    try:
        if ago := re.fullmatch(r"(\d+) ?([mhdw])", word):
            return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if word in ("today", "yesterday"):
            day = today - timedelta(days=word == "yesterday")
        elif re.fullmatch(r"\d{4}-?\d\d-?\d\d", word):
            day = date.fromisoformat(word)
        else:
            return datetime.fromisoformat(text.strip()).astimezone()  # local without an offset
        day += timedelta(days=days_later)
        return datetime(day.year, day.month, day.day).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time. One reads 2026-06-01, 2026-06-01T09:30, 2026-06-01T09:30Z, "
            "7d, 24h, 90m, today or yesterday."
        ) from None
