"""Which characters of foreign texts may reach a terminal. Every output passes through here."""

import json
import re
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0 with ESC, DEL, and C1: what terminals obey
    "\u2028\u2029"  # line ends that not every terminal takes for one
    "\u202a-\u202e\u2066-\u2069"  # what turns the direction of the text around it
    "\ud800-\udfff]"  # halves of characters, which no encoding can write
)
_SPACES = re.compile(r"\r\n|[\t\n]")


def clean(text: object) -> str:
    r"""Return a text on one line, with each character that a terminal may obey made visible.

    A line end or a tab becomes a space, any other such character its code: `\x1b`.
    """
    return _visible(_SPACES.sub(" ", str(text)))


def clean_lines(text: object) -> str:
    """Return a text likewise, with its lines kept apart."""
    return "\n".join(clean(line) for line in re.split(r"\r\n|\n", str(text)))


def _visible(text: str) -> str:
    return _UNSAFE.sub(lambda found: _code(found[0]), text)


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def to_json(value: Any) -> str:
    """Return a JSON value on one line; what a terminal may obey stands in it as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
