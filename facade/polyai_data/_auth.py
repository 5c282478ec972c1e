"""The API key, in an object that never prints it."""

from __future__ import annotations

import re
from typing import NoReturn, TypeVar

from .errors import ConfigurationError

_Text = TypeVar("_Text", str, bytes)
_MIN_PART = 4  # characters of the key at the end of a text that are not there by chance


class ApiKey:
    """An API key that no repr, format, traceback or pickle shows.

    Creating one never fails, so no traceback has a frame that holds the plain string.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.strip() if isinstance(value, str) else ""

    @classmethod
    def wrap(cls, value: str | ApiKey | None) -> ApiKey | None:
        return value if value is None or isinstance(value, ApiKey) else cls(value)

    def check(self) -> ApiKey:
        """Return the key if it is valid, else raise ConfigurationError without the key."""
        if not self._value:
            raise ConfigurationError("The API key is empty, or not a string.")
        if self._value[0] in "\"'" and self._value[0] == self._value[-1]:
            raise ConfigurationError(
                "The API key is in quotation marks. Remove them: docker's --env-file, for one, "
                "keeps them as a part of the value."
            )
        if not re.fullmatch(r"[\x21-\x7e]+", self._value):
            raise ConfigurationError(
                "The API key contains line breaks, spaces or non-ASCII characters, which an HTTP "
                "header cannot carry. Other text was probably copied with it: copy the key again, "
                "alone. (This message does not show the key.)"
            )
        return self

    @property
    def is_missing(self) -> bool:
        return not self._value

    def headers(self) -> list[tuple[str, str]]:
        return [("X-API-KEY", self._value)]

    def redact(self, text: _Text) -> _Text:
        """Return the text without the key, in case a server echoed it.

        The end of a body may be a part of the key, because bodies are cut at their size limit.
        """
        if len(self._value) < 12:  # such as the sandbox's: it may be a word of the text
            return text
        if isinstance(text, str):
            return text.replace(self._value, "[API key]")
        key = self._value.encode()
        text = text.replace(key, b"[API key]")
        for length in range(len(key) - 1, _MIN_PART - 1, -1):
            if text.endswith(key[:length]):
                return text[:-length] + b"[API key]"
        return text

    def __repr__(self) -> str:
        return "ApiKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key cannot be pickled or copied. Create a new client instead.")
