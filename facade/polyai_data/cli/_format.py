"""How single values read: times, durations, scores."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeGuard

from rich.text import Text

from ._text import clean

_BANDS = ((5, "high", "●", "green"), (3, "medium", "◐", "yellow"), (0, "low", "○", "red"))
"""The least score of each band, its name, sign and colour: PolyAI's own bands."""
_TOO_LARGE = 10**15


def when(moment: Any, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time in the zone of this machine; what is no time, as it came."""
    if isinstance(moment, datetime):
        with suppress(ValueError, OverflowError):  # of the years 1 and 9999
            return moment.astimezone().strftime(pattern)
    return "" if moment is None else clean(moment)


def length(seconds: Any) -> str:
    """Return a duration as `1:05` or `1:02:03`; what is no number of seconds, as it came."""
    if not is_number(seconds):
        return "" if seconds is None else clean(seconds)
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 else ""
    return sign + (f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}")


def score(value: Any, *, with_band: bool = False) -> Text:
    """Return a score with the sign of its band, and with the band's name where there is room."""
    if not is_number(value):
        return Text("" if value is None else clean(value))
    name, sign, colour = next((band[1:] for band in _BANDS if value >= band[0]), _BANDS[-1][1:])
    return Text(f"{sign} {value:g}" + (f" {name}" if with_band else ""), colour)


def words(values: Any) -> str:
    """Return a list as text; what is no list, as it came."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return "" if values is None else clean(values)
    return ", ".join(clean(value) for value in values)


def count(number: int, thing: str) -> str:
    """Return how many things there are: `1 conversation`, `2 conversations`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number to reckon with; JSON's true and false are none."""
    return isinstance(value, int | float) and type(value) is not bool and abs(value) < _TOO_LARGE
