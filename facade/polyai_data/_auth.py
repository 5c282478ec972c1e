"""The API key: held by one object that will not print itself."""

from __future__ import annotations

import re
from typing import NoReturn, TypeVar

from .errors import ConfigurationError

_Text = TypeVar("_Text", str, bytes)


_SHORTEST_SECRET = 12
"""Characters; a shorter key, such as the sandbox's, is a word that texts may well contain."""


class ApiKey:
    """An API key that shows in no repr, format, traceback or pickle.

    Making one never fails, so that no traceback has a frame with the bare text in it; `check` does.

    Args:
        value: The key as the user gave it; white space around it is dropped.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.strip() if isinstance(value, str) else ""

    @classmethod
    def wrap(cls, value: str | ApiKey | None) -> ApiKey | None:
        """Return the key as one of these; None stays None."""
        return value if value is None or isinstance(value, ApiKey) else cls(value)

    def check(self) -> ApiKey:
        """Return the key itself, if it can be one.

        Raises:
            ConfigurationError: if it is empty or no header can carry it; the message lacks the key.
        """
        if not self._value:
            raise ConfigurationError("The API key is empty, or no text.")
        if not re.fullmatch(r"[\x21-\x7e]+", self._value):
            raise ConfigurationError(
                "The API key contains line breaks, spaces or characters that are not ASCII, which "
                "no HTTP header can carry. It was probably copied together with its surroundings: "
                "copy it again, alone. (It is not shown here on purpose.)"
            )
        return self

    def headers(self) -> list[tuple[str, str]]:
        """Return the header that authenticates a request."""
        return [("X-API-KEY", self._value)]

    def redact(self, text: _Text) -> _Text:
        """Return the text without the key, should a server have echoed it."""
        if len(self._value) < _SHORTEST_SECRET:
            return text
        if isinstance(text, bytes):
            return text.replace(self._value.encode(), b"[API key]")
        return text.replace(self._value, "[API key]")

    def __repr__(self) -> str:
        return "ApiKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key cannot be pickled or copied; create the client anew instead.")
