# Written by `make generate`. Do not edit: the next run overwrites it.

"""A client library for accessing Data API"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
