"""Where the API key comes from. It is shown nowhere, and held no longer than it takes."""

import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from polyai_data import ConfigurationError, Region

_SERVICE = "polyai-data"


class Key:
    """A key and where it came from; its repr shows only the latter.

    Attributes:
        source: Where it came from, for messages.
    """

    __slots__ = ("_value", "source")

    def __init__(self, source: str, value: str) -> None:
        self.source = source
        self._value = value.strip()

    def reveal(self) -> str:
        """Return the key, to be handed to the client at once and kept in no variable."""
        return self._value

    def __repr__(self) -> str:
        return f"<Key from {self.source}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled or copied.")


def from_file(path: Path) -> Key:
    """Return the key that a file holds.

    Raises:
        ConfigurationError: if it cannot be read.
    """
    try:
        return Key(str(path), path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.") from None


def may_be_read_by_others(path: Path) -> bool:
    """Whether the permissions of a key file let other users of the machine read it."""
    mode = path.stat().st_mode
    return os.name == "posix" and stat.S_ISREG(mode) and bool(mode & 0o077)


def variables(region: Region | None) -> list[str]:
    """Return the environment variables that may hold the key, as the library reads them."""
    return [*([f"POLYAI_API_KEY_{region.name}"] if region else []), "POLYAI_API_KEY"]


def from_environment(region: Region | None) -> Key | None:
    """Return the key that the environment holds, or None."""
    for name in variables(region):
        if os.environ.get(name, "").strip():
            return Key(name, os.environ[name])
    return None


class Keyring:
    """The system's keyring. Where it is missing or broken, `problem` says so."""

    def __init__(self) -> None:
        self.problem = ""

    def find(self, region: Region) -> Key | None:
        """Return the key that was stored for a region, or None."""
        value = self._do("get_password", region)
        return Key(f"the keyring ({region.value})", value) if value else None

    def store(self, region: Region, key: Key) -> bool:
        """Store the key of a region; return whether that went well."""
        self._do("set_password", region, key.reveal())
        return not self.problem

    def forget(self, region: Region) -> bool:
        """Delete the key of a region; return whether there is none left."""
        if self.find(region) is not None:
            self._do("delete_password", region)
        return not self.problem

    def _do(self, what: str, region: Region, *arguments: str) -> Any:
        try:
            import keyring  # here: it looks for backends, which takes a while

            return getattr(keyring, what)(_SERVICE, region.value, *arguments)
        except Exception as error:  # backends are other people's, and fail in ways of their own
            self.problem = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
            return None
