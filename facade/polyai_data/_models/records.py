"""Flat records: a row of a table for a model, with JSON types only."""

from __future__ import annotations

import json
from collections.abc import Container
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite
from typing import Any


def column(value: Any, exact: Container[type], *, is_array: bool = False) -> Any:
    """Return the value of a field as a JSON type; None if it is not of the documented type."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Enum):
        return str(value.value)
    if is_array and isinstance(value, list):
        return list(value) if all(type(item) is str for item in value) else None
    return finite(value) if type(value) in exact else None


def finite(value: Any) -> Any:
    """Return the value, or None for NaN and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not isfinite(value) else value


def time_text(moment: datetime | None) -> str | None:
    """Return a time in UTC as ISO 8601, always with microseconds, so that strings sort as times."""
    if moment is None:
        return None
    with suppress(OverflowError):  # in the first or last hours that Python can represent
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def json_text(value: Any) -> str | None:
    """Return a string as it is, and any other value as JSON."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)  # not from a server
