"""The results of bulk reads, and the check of their arguments."""

from __future__ import annotations

from typing import Any, Generic, SupportsIndex, TypeVar, cast

from attrs import field, frozen

from .arguments import check_int

_T = TypeVar("_T")

EXHAUSTED = object()  # there are no more IDs


@frozen
class BulkResult(Generic[_T]):
    """The result of one of many calls.

    Attributes:
        id: The conversation's ID.
        error: The exception if the call failed, else None.
    """

    id: str
    error: Exception | None = None
    _value: _T | None = field(default=None, repr=False)

    @property
    def value(self) -> _T:
        """The result of the call.

        Raises:
            Exception: the `error`, if the call failed.
        """
        if self.error is not None:
            raise self.error
        return cast(_T, self._value)


def check_bulk(ids: object, concurrency: SupportsIndex, iterable: Any) -> int:
    """Check the arguments, and return the concurrency as an `int`."""
    if isinstance(ids, str | bytes) or not isinstance(ids, iterable):
        raise TypeError(f"ids must be an iterable of conversation IDs, not {type(ids).__name__}.")
    return check_int("concurrency", concurrency, minimum=1)
