"""Hides arguments that may be an API key from messages.

A key that is typed in the wrong place, such as after `login`, must not end up in a log.
"""

import os
import re
from collections.abc import Iterable, Sequence

_HIDDEN = "[not shown: it may be an API key]"
_MIN_LENGTH = 12  # shorter strings are not keys, and may be a part of other words
_NOT_KEYS = re.compile(
    r".*://.*"  # a URL
    r"|(CA|KA-|LOCAL-|AS_CHAT_)[0-9a-f-]{32,36}|PROJECT-[A-Za-z0-9]+"  # IDs of the API
    r"|[0-9T:.Z+-]+"  # a time
    r"|[a-z]+([_-][a-z]+)*"  # words, such as the name of an option
    r"|.*\.[A-Za-z]{1,5}"  # a file name
)
_VARIABLES = ("POLYAI_REGION", "POLYAI_BASE_URL")
_pattern: re.Pattern[str] | None = None


def remember(arguments: Sequence[str]) -> None:
    """Remember the arguments of this process, to hide them if they may be a key."""
    global _pattern  # a process has one command line
    values = [*arguments, *(os.environ.get(name, "") for name in _VARIABLES)]
    found = {part for value in values for part in _parts(value) if may_be_key(part)}
    # Longest first, in case one is the start of another. What begins like a key is hidden, too,
    # because another message may have cut the key.
    choices = [
        f"{re.escape(part)}|{re.escape(part[:_MIN_LENGTH])}[^\\s'\"]*"
        for part in sorted(found, key=len, reverse=True)
    ]
    _pattern = re.compile("|".join(choices)) if choices else None


def _parts(argument: str) -> Iterable[str]:
    """Yield what an argument may consist of: `--name=value`, `-nvalue` or a value."""
    value = argument.strip().lstrip("-")
    yield from (value, *value.split("=", 1))
    if argument.startswith("-"):
        yield value[1:]


def may_be_key(text: str) -> bool:
    """Whether a string may be an API key. Keys have no known format, so most strings may."""
    if not re.fullmatch(f"[!-~]{{{_MIN_LENGTH},}}", text) or _NOT_KEYS.fullmatch(text):
        return False
    return "/" not in text or not os.path.isdir(os.path.dirname(text))


def hide_keys(text: str) -> str:
    """Return a message without the arguments that may be a key."""
    return text if _pattern is None else _pattern.sub(_HIDDEN, text)
