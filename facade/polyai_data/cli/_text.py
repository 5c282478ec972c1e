"""Escapes control characters. Everything the command line prints passes through here."""

import json
import math
import re
import unicodedata
from typing import Any

_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's control characters, invisible format characters (which include every character that
changes the direction of text), lone surrogates, and line and paragraph separators."""
_SPACES = re.compile(r"\r\n|[\t\n]")


class _Escapes(dict[int, str]):
    """A table for `str.translate`, filled when a character first occurs."""

    def __init__(self, *, json_syntax: bool) -> None:
        self._json_syntax = json_syntax

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
            self[code] = character
        elif self._json_syntax:
            self[code] = json.dumps(character)[1:-1]
        elif code < 0x100:
            self[code] = f"\\x{code:02x}"
        else:
            self[code] = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        return self[code]


_ESCAPES = _Escapes(json_syntax=False)
_JSON_ESCAPES = _Escapes(json_syntax=True)


def clean(text: object) -> str:
    r"""Return a string on one line, with its control characters escaped.

    Line breaks and tabs become spaces; other control characters become codes such as `\x1b`.
    """
    text = str(text)
    return text if text.isprintable() else _SPACES.sub(" ", text).translate(_ESCAPES)


def clean_lines(text: object) -> str:
    """Return a string with its control characters escaped and its line breaks kept."""
    return "\n".join(clean(line) for line in re.split(r"\r\n|\n", str(text)))


def to_json(value: Any) -> str:
    """Return a value as one line of JSON, with control characters as JSON escapes.

    JSON has no numbers that are infinite or not a number. They become the strings `"1e999"`,
    `"-1e999"` and `"NaN"`.
    """
    try:
        text = _dumps(value)
    except ValueError:
        text = _dumps(_finite(value))
    return text if text.isprintable() else text.translate(_JSON_ESCAPES)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    """Return a JSON value with strings in place of numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "1e999" if value > 0 else "-1e999"
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
