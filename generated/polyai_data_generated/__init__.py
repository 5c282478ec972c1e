# Written by `make generate`. Do not edit: the next run overwrites it.
"""A client library for accessing the API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AuthenticatedClient as AuthenticatedClient
    from .client import Client as Client

__all__ = ("AuthenticatedClient", "Client")

_MODULES = {"AuthenticatedClient": "client", "Client": "client"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the name: each is imported when it is asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value
