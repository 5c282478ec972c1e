"""Reads JSON. A value that Python, or JSON itself, cannot represent costs only that value.

Such a value becomes an `Unreadable` string, which can be written as JSON. It has none of the
types that fields have, so the field that holds it is listed in `problems`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any

_THRESHOLD = 1024 * 1024  # bytes after which msgspec is worth its import, which takes 10 ms
_bytes_read = 0

_MAX_NESTING = 100  # levels; Python fails at about a thousand, depending on its version
_FIELD_LEVEL = 4  # of the fields of a listed conversation; what is deeper belongs to one of them
_MAX_LEVELS = 1_000_000  # levels after which a response is not worth the time
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)  # possessive: in linear time
_SURROGATE = re.compile("[\ud800-\udfff]")


class Unreadable(str):
    """A JSON value that cannot be read, as a string."""

    __slots__ = ()


class InvalidText(Unreadable):
    r"""A string with lone surrogates, or with bytes that are not UTF-8, such as `\xe9`."""

    __slots__ = ()


class InvalidNumber(Unreadable):
    """The digits of a number that is too large, or NaN."""

    __slots__ = ()


class NestedTooDeeply(Unreadable):
    """The JSON of an array or object that is nested too deeply."""

    __slots__ = ()


def read_json(content: bytes) -> Any:
    """Read JSON, with msgspec if there is enough of it: that is twice as fast.

    Raises:
        ValueError: if it is not JSON.
    """
    global _bytes_read
    if _bytes_read < _THRESHOLD:
        _bytes_read += len(content)
    try:
        return (_fast_reader() if _bytes_read >= _THRESHOLD else _read)(content)
    except (ValueError, RecursionError):
        return _read_leniently(content)


@cache
def _fast_reader() -> Callable[[bytes], Any]:
    try:
        from msgspec.json import Decoder
    except ImportError:  # msgspec is a C extension, and not available everywhere
        return _read
    return Decoder().decode


def _read_float(digits: str) -> Any:
    value = float(digits)
    return value if isfinite(value) else InvalidNumber(digits)


def _read_integer(digits: str) -> Any:
    try:
        return int(digits)
    except ValueError:  # Python reads 4,300 digits, because more take too long
        return InvalidNumber(digits)


_decoder = json.JSONDecoder(parse_float=_read_float, parse_constant=InvalidNumber)


def _read(content: bytes) -> Any:
    text = content.decode()
    if "\\ud" in text or "\\uD" in text:
        raise ValueError("There may be lone surrogates.")
    return _decoder.decode(text)


def _read_leniently(content: bytes) -> Any:
    encoding = json.detect_encoding(content)
    try:
        text, is_valid = content.decode(encoding), True
    except UnicodeDecodeError:
        text, is_valid = content.decode(encoding, "surrogateescape"), False
    mark = os.urandom(16).hex()  # the key of an object that stands for a value nested too deeply

    def read_object(value: dict[str, Any]) -> Any:
        return NestedTooDeeply(value[mark]) if mark in value else value

    decoder = json.JSONDecoder(
        parse_float=_read_float,
        parse_int=_read_integer,
        parse_constant=InvalidNumber,
        object_hook=read_object,
    )
    return _mark_invalid(decoder.decode(_cut_nested(text, mark)), has_bytes=not is_valid)


def _cut_nested(text: str, mark: str) -> str:
    """Replace the fields that are nested too deeply by an object with a string of their JSON."""
    level = deepest = start = copied = 0
    parts = []
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            level += 1
            deepest = max(deepest, level)
            if level > _MAX_LEVELS:
                raise ValueError("The JSON is nested too deeply.")
            if level == _FIELD_LEVEL:
                start, deepest = token.start(), level
        elif token[0] in "]}":
            if level == _FIELD_LEVEL and deepest > _MAX_NESTING:
                parts += [text[copied:start], json.dumps({mark: text[start : token.end()]})]
                copied = token.end()
            level -= 1
    return "".join([*parts, text[copied:]])


def _mark_invalid(value: Any, *, has_bytes: bool) -> Any:
    """Return the value with each invalid text as InvalidText."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match[0])
        return f"\\x{code - 0xDC00:02x}" if has_bytes and 0xDC80 <= code <= 0xDCFF else match[0]

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            is_valid = _SURROGATE.search(value) is None
            return value if is_valid else InvalidText(_SURROGATE.sub(escape, value))
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {str(walk(key)): walk(item) for key, item in value.items()}
        return value

    return walk(value)
