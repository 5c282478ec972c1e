"""Checks of arguments, so that an invalid one raises before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, SupportsIndex

from polyai_data_generated.types import UNSET

from .._config import Config
from ..errors import ConfigurationError, short_repr, to_int

_FORBIDDEN_IN_IDS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def require_agent_id(config: Config, agent_id: str | None) -> str:
    agent_id = agent_id if agent_id is not None else config.agent_id
    if agent_id is None:
        raise ConfigurationError(
            "No agent: pass agent_id= to the client or the method, or set POLYAI_AGENT_ID. It is "
            "the project ID, such as PROJECT-58RP822I, or the project's name in a Studio URL."
        )
    return check_id("agent_id", agent_id)


def require_account_id(config: Config, account_id: str | None) -> str:
    account_id = account_id if account_id is not None else config.account_id
    if account_id is None:
        raise ConfigurationError(
            "No account: pass account_id= to the client or the method, or set POLYAI_ACCOUNT_ID. "
            "It is the workspace ID, such as ws-1a2b3c4d, or the workspace's name in a Studio URL."
        )
    return check_id("account_id", account_id)


def check_id(name: str, value: str) -> str:
    """Return an ID if it can be a segment of a path. The generated client quotes it."""
    check_str(name, value)
    if value in ("", ".", ".."):
        raise ValueError(f"{name}={value!r} is not a valid ID. Pass the ID as PolyAI shows it.")
    forbidden = _FORBIDDEN_IN_IDS.search(value)
    if forbidden is not None:
        raise ValueError(
            f"{name} contains an invalid character, U+{ord(forbidden[0]):04X} at position "
            f"{forbidden.start()}. If you read it from a file, strip the line break."
        )
    if value.startswith(("https://", "http://")):
        raise ValueError(f"{name} is a URL. Pass the ID alone, as it is in the URL.")
    return value


def check_str(name: str, value: str, *, required: bool = False) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}.")
    if required and not value:
        raise ValueError(f"{name} is empty.")
    return value


def check_bool(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a boolean, not {type(value).__name__}.")
    return value


def check_int(
    name: str, value: SupportsIndex, *, minimum: int, maximum: float = float("inf")
) -> int:
    """Return an integer, such as numpy's, as an `int`."""
    number = to_int(value)
    if number is None:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}.")
    if number < minimum:
        raise ValueError(f"{name}={short_repr(number)}: expected {minimum} or more.")
    if number > maximum:
        raise ValueError(f"{name}={short_repr(number)}: expected {maximum:,} or less.")
    return number


def str_or_unset(name: str, value: str | None) -> Any:
    return UNSET if value is None else check_str(name, value, required=True)


def mapping_or_unset(name: str, value: Mapping[str, Any] | None) -> Any:
    if value is None:
        return UNSET
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(value).__name__}.")
    return dict(value)
