"""Escapes control characters. Everything the command line prints passes through here."""

import json
import re
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0 with ESC, DEL, and C1: control characters
    "\u2028\u2029"  # line separators that only some terminals honour
    "\u202a-\u202e\u2066-\u2069"  # overrides of the text direction
    "\ud800-\udfff]"  # lone surrogates, which no encoding can write
)
_SPACES = re.compile(r"\r\n|[\t\n]")


def clean(text: object) -> str:
    r"""Return a string on one line, with its control characters escaped.

    Line breaks and tabs become spaces; other control characters become codes such as `\x1b`.
    """
    return _UNSAFE.sub(lambda found: _escape(found[0]), _SPACES.sub(" ", str(text)))


def clean_lines(text: object) -> str:
    """Return a string with its control characters escaped and its line breaks kept."""
    return "\n".join(clean(line) for line in re.split(r"\r\n|\n", str(text)))


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def to_json(value: Any) -> str:
    """Return a value as one line of JSON, with control characters as JSON escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
