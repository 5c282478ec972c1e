"""Formats single values: times, durations, scores, lists."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeGuard

from rich.text import Text

from ._text import clean

_BANDS = ((5, "high", "●", "green"), (3, "medium", "◐", "yellow"), (0, "low", "○", "red"))
"""PolyAI's score bands: the minimum score, name, symbol and colour of each."""
_MAX_NUMBER = 10**15


def timestamp(moment: Any, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time in local time; any other value unchanged."""
    if isinstance(moment, datetime):
        # Near the years 1 and 9999; on Windows, before 1970.
        with suppress(ValueError, OverflowError, OSError):
            return moment.astimezone().strftime(pattern)
    return "" if moment is None else clean(moment)


def duration(seconds: Any) -> str:
    """Return seconds as `1:05` or `1:02:03`; any other value unchanged."""
    if not is_number(seconds):
        return "" if seconds is None else clean(seconds)
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 else ""
    return sign + (f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}")


def score(value: Any, *, with_band: bool = False) -> Text:
    """Return a score with the symbol of its band, and optionally the band's name."""
    if not is_number(value):
        return Text("" if value is None else clean(value))
    name, symbol, colour = next((band[1:] for band in _BANDS if value >= band[0]), _BANDS[-1][1:])
    return Text(f"{symbol} {value:g}" + (f" {name}" if with_band else ""), colour)


def joined(values: Any) -> str:
    """Return the items of a list, separated by commas; any other value unchanged."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return "" if values is None else clean(values)
    return ", ".join(clean(value) for value in values)


def pluralize(number: int, noun: str) -> str:
    """Return a number and a noun: `1 conversation`, `2 conversations`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that can be formatted; true and false are not numbers."""
    return isinstance(value, int | float) and type(value) is not bool and abs(value) < _MAX_NUMBER
