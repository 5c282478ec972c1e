"""What every answer can do that keeps its JSON: be made from it, and give it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from ._decode import IdentityMissing, decode, decode_later, read_field
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


class ReadLater(FromJson):
    """An answer each of whose fields is read from `raw` once it is looked at.

    A page may hold thousands that nobody looks at. That it has its identity is settled before.
    """

    __slots__ = ()

    @classmethod
    def _read(cls, data: Any) -> Self:
        return decode_later(cls, data)

    if TYPE_CHECKING:
        pass  # a misspelled field is an error
    else:

        def __getattr__(self, name: str) -> Any:
            """Read the field. Python asks here for attributes that are not set."""
            if name == "raw":  # it is not set yet: this is being copied, say
                raise AttributeError(name)
            return read_field(self, name, self.raw)
