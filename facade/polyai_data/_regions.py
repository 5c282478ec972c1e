"""The regions of PolyAI: their aliases, API hosts and Agent Studio URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from polyai_data_generated.origin import OPERATION_SERVERS, SERVERS

from .errors import ConfigurationError, short_repr

_ALIASES = {"us-1": "us", "euw-1": "eu", "uk-1": "uk"}


class Region(StrEnum):
    """A region of PolyAI. A workspace, its keys and its data are in exactly one region.

    `Region("US")`, `Region("us")` and `Region("us-1")` are the same. An unknown name raises
    ConfigurationError.
    """

    US = "us"
    EU = "eu"
    UK = "uk"
    STUDIO = "studio"

    @classmethod
    def _missing_(cls, value: object) -> Region:
        name = str(value).strip().lower()
        if name in _NAMES:
            return cls(_ALIASES.get(name, name))
        raise ConfigurationError(f"Unknown region {short_repr(value)}. {VALID_REGIONS}")

    @property
    def base_url(self) -> str:
        """The URL of the region's API, from the servers of the OpenAPI spec."""
        server = find_server_url(self, SERVERS)
        if server is None:
            raise ConfigurationError(f"The OpenAPI spec has no server for region {self.value!r}.")
        return server

    def server_url_for(self, operation: str) -> str:
        """Return the URL of an operation in the region: `base_url`, unless the spec differs.

        Raises:
            ConfigurationError: if the spec has servers for the operation, but none in this region.
        """
        if operation not in OPERATION_SERVERS:
            return self.base_url
        servers = OPERATION_SERVERS[operation]
        server = find_server_url(self, servers) or find_server_url(None, servers)
        if server is None:
            where = f"{operation} in region {self.value!r}, only {', '.join(servers)}"
            raise ConfigurationError(f"The OpenAPI spec has no server for {where}.")
        return server

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other names of the region, such as `us-1`."""
        return tuple(alias for alias, name in _ALIASES.items() if name == self.value)

    @property
    def studio_url(self) -> str:
        """The URL of the region's Agent Studio."""
        domain = "poly.ai" if self is Region.STUDIO else f"{self.value}.poly.ai"
        return f"https://studio.{domain}"


def find_server_url(region: Region | None, servers: Iterable[str]) -> str | None:
    """Return the first server of a region, or, for None, the first that belongs to no region.

    The last label of a host that is a region's name says its region: `media.eu.poly.ai`.
    """
    for server in servers:
        labels = (urlsplit(server).hostname or "").split(".")
        regions = [Region(label) for label in labels if label in _NAMES]
        if (regions[-1] if regions else None) is region:
            return server
    return None


_NAMES = {*Region, *_ALIASES}

VALID_REGIONS = (
    f"The regions are {', '.join(Region)} (aliases: {', '.join(_ALIASES)}). The address of your "
    "Agent Studio shows yours: studio.<region>.poly.ai, or 'studio' for studio.poly.ai."
)


def parse_studio_url(url: str) -> tuple[Region, str, str]:
    """Return the region, the account ID and the agent ID in an Agent Studio URL.

    Args:
        url: A URL such as `https://studio.us.poly.ai/acme/PROJECT-1`. The scheme may be missing.

    Raises:
        ConfigurationError: if it is not the URL of an agent.
    """
    with suppress(ValueError, TypeError, AttributeError):  # not a URL, or not a string
        has_scheme = re.match(r"\s*[A-Za-z]+://", url)
        parts = urlsplit(url.strip() if has_scheme else f"https://{url.strip()}")
        studio_url = f"https://{(parts.hostname or '').removesuffix('.')}"
        segments = [unquote(segment) for segment in parts.path.split("/") if segment]
        for region in Region:
            if studio_url == region.studio_url and len(segments) >= 2:
                return region, segments[0], segments[1]
    shown = re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", short_repr(url))  # a password
    raise ConfigurationError(
        f"{shown} is not the URL of an agent in Agent Studio. Examples: "
        f"https://studio.us.poly.ai/<account>/<project>/… (or eu, uk), and "
        f"https://studio.poly.ai/<account>/<project>/… for self-serve workspaces."
    )
