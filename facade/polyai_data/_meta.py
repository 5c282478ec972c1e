"""Where an answer came from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from attrs import field, frozen


@frozen
class Meta:
    """How an answer came.

    Attributes:
        status_code: Its HTTP status.
        headers: Its headers, with their names in lower case.
        correlation_id: What finds the request in PolyAI's logs: the answer's
            `X-PolyAI-Correlation-Id`, else the one that the request carried.
        elapsed: The time from the request to the end of the answer.
        attempts: How many requests it took.
    """

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    correlation_id: str
    elapsed: timedelta
    attempts: int
