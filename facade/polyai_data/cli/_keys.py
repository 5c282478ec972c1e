"""Finds the API key in a file, the environment or the system keyring, and never shows it."""

import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from polyai_data import ConfigurationError, Region

from ._streams import decode_file

_SERVICE = "polyai-data"


class Key:
    """An API key and its source. The repr shows only the source.

    Attributes:
        source: Where the key came from, for messages.
    """

    __slots__ = ("_value", "source")

    def __init__(self, source: str, value: str) -> None:
        self.source = source
        self._value = value.strip()

    def reveal(self) -> str:
        """Return the key itself. Pass it to the client directly; do not keep it in a variable."""
        return self._value

    @property
    def is_quoted(self) -> bool:
        """Whether the key is in quotes, as `docker run --env-file` passes them on."""
        return (
            len(self._value) > 1 and self._value[0] == self._value[-1] and self._value[0] in "\"'"
        )

    def __repr__(self) -> str:
        return f"<Key from {self.source}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled or copied.")


def reveal(key: Key | None) -> str | None:
    """Return the key itself, if there is one."""
    return None if key is None else key.reveal()


def from_file(path: Path) -> Key:
    """Read a key from a file.

    Raises:
        ConfigurationError: if the file cannot be read.
    """
    try:
        return Key(str(path), decode_file(path.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"Could not read the key file {path}: {error.strerror}.") from None


def is_readable_by_others(path: Path) -> bool:
    """Whether other users of this machine can read the file."""
    mode = path.stat().st_mode
    return os.name == "posix" and stat.S_ISREG(mode) and bool(mode & 0o077)


DATA_API = "POLYAI_API_KEY"
CONVERSATIONS_API = "POLYAI_CONVERSATIONS_API_KEY"


def variable_names(region: Region | None, api: str = DATA_API) -> list[str]:
    """Return the environment variables that may hold the key, in the order they are tried."""
    return [*([f"{api}_{region.name}"] if region else []), api]


def from_environment(region: Region | None, api: str = DATA_API) -> Key | None:
    """Return the key from the environment, or None."""
    for name in variable_names(region, api):
        if os.environ.get(name, "").strip():
            return Key(name, os.environ[name])
    return None


def for_searches(region: Region | None) -> Key | None:
    """Return the key for the Conversations API v3 from the environment or the keyring, or None."""
    found = from_environment(region, CONVERSATIONS_API)
    return Keyring(CONVERSATIONS_API).find(region) if found is None and region else found


class Keyring:
    """The keys for one of the APIs in the system keyring.

    Attributes:
        problem: Why the last call failed; empty if it did not.
    """

    def __init__(self, api: str = DATA_API) -> None:
        self.problem = ""
        self._suffix = "" if api == DATA_API else " conversations"

    def find(self, region: Region) -> Key | None:
        """Return the key stored for a region, or None."""
        value = self._call("get_password", region)
        return Key(f"the keyring ({region.value}{self._suffix})", value) if value else None

    def store(self, region: Region, key: Key) -> bool:
        """Store the key for a region; return whether it succeeded."""
        self._call("set_password", region, key.reveal())
        return not self.problem

    def delete(self, region: Region) -> bool:
        """Delete the key for a region, if there is one; return whether it succeeded."""
        if self.find(region) is not None:
            self._call("delete_password", region)
        return not self.problem

    def _call(self, function: str, region: Region, *arguments: str) -> Any:
        try:
            import keyring  # imported here because it is slow: it looks for backends

            return getattr(keyring, function)(_SERVICE, region.value + self._suffix, *arguments)
        except Exception as error:  # third-party backends raise errors of any type
            self.problem = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
            return None
