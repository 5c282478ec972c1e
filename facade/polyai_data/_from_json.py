"""What every answer can do that keeps its JSON: be made from it, and give it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ._decode import IdentityMissing, decode
from .errors import ResponseDecodeError


class FromJson:
    """An answer that keeps the JSON it was read from in `raw`."""

    __slots__ = ()

    raw: dict[str, Any]

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Return what a JSON object describes, such as one saved from `raw`.

        Raises:
            ResponseDecodeError: if it lacks what identifies it, such as a `conversationId`.
        """
        data = dict(src_dict) if isinstance(src_dict, Mapping) else src_dict
        try:
            return cls._read(data)
        except IdentityMissing as error:
            raise ResponseDecodeError(f"This is no {cls.__name__}: {error}.") from None

    @classmethod
    def _read(cls, data: Any) -> Self:
        return decode(cls, data)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object exactly as it came: `raw`."""
        return self.raw
