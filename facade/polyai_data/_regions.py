"""The regions of PolyAI, their other names, hosts and Agent Studio URLs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from polyai_data_generated.origin import OPERATION_SERVERS, SERVERS

from .errors import ConfigurationError, shown

_OTHER_NAMES = {"us-1": "us", "euw-1": "eu", "uk-1": "uk"}


class Region(StrEnum):
    """A region of PolyAI: a workspace, its keys and its data live in exactly one.

    `Region("US")`, `Region("us")` and `Region("us-1")` are the same.

    Raises:
        ConfigurationError: for a name that is none of them.
    """

    US = "us"
    EU = "eu"
    UK = "uk"
    STUDIO = "studio"

    @classmethod
    def _missing_(cls, value: object) -> Region:
        name = str(value).strip().lower()
        name = _OTHER_NAMES.get(name, name)
        for region in cls:
            if region.value == name:
                return region
        raise ConfigurationError(f"{shown(value)} is no region of PolyAI. {VALID_REGIONS}")

    @property
    def base_url(self) -> str:
        """The URL of the region's API, from the servers of the document."""
        server = find_server(self, SERVERS)
        if server is None:
            raise ConfigurationError(
                f"The API's document names no server for the region {self.value!r}."
            )
        return server

    def server_of(self, operation: str) -> str:
        """Return the URL that an operation has in the region; nearly always `base_url`.

        Raises:
            ConfigurationError: if the document serves it from hosts of its own, and from none for
                this region.
        """
        if operation not in OPERATION_SERVERS:
            return self.base_url
        servers = OPERATION_SERVERS[operation]
        server = find_server(self, servers) or find_server(None, servers)
        if server is None:
            raise ConfigurationError(
                f"The API's document has no server for {operation} in the region {self.value!r}; "
                f"it names {', '.join(servers)}."
            )
        return server

    @property
    def other_names(self) -> tuple[str, ...]:
        """The names that are in use for the region besides its own."""
        return tuple(other for other, name in _OTHER_NAMES.items() if name == self.value)

    @property
    def studio_url(self) -> str:
        """The URL of the region's Agent Studio."""
        return f"https://{_studio_host(self)}"


def find_server(region: Region | None, servers: Iterable[str]) -> str | None:
    """Return the first server of a region, or with None the first that names no region at all.

    A host names its region in its last label that is a region's name: `media.eu.poly.ai`.
    """
    for server in servers:
        labels = (urlsplit(server).hostname or "").split(".")
        named = [_OTHER_NAMES.get(label, label) for label in labels]
        regions = [Region(name) for name in named if name in _NAMES]
        if (regions[-1] if regions else None) is region:
            return server
    return None


_NAMES = frozenset(region.value for region in Region)

VALID_REGIONS = (
    f"The regions are {', '.join(Region)} (us, eu and uk are also known as "
    f"{', '.join(_OTHER_NAMES)}); use the one in the address of your Agent Studio, "
    "studio.<region>.poly.ai, and 'studio' if it is studio.poly.ai."
)


def _studio_host(region: Region) -> str:
    return "studio.poly.ai" if region is Region.STUDIO else f"studio.{region.value}.poly.ai"


def parse_studio_url(url: str) -> tuple[Region, str]:
    """Return the region and the agent ID that an Agent Studio URL names.

    Args:
        url: Such as `https://studio.us.poly.ai/acme/PROJECT-1/conversations`; the scheme may
            be absent.

    Raises:
        ConfigurationError: if it is not such a URL.
    """
    try:
        parts = urlsplit(url.strip() if "://" in url else f"https://{url.strip()}")
        host = (parts.hostname or "").removesuffix(".")
    except (ValueError, TypeError, AttributeError):  # no URL, or no text
        host = ""
    segments = [unquote(segment) for segment in parts.path.split("/") if segment] if host else []
    for region in Region:
        if host == _studio_host(region) and len(segments) >= 2:
            return region, segments[1]
    raise ConfigurationError(
        f"{shown(url)} is no URL of an agent in Agent Studio. One reads "
        f"https://studio.us.poly.ai/<account>/<project>/… (us, eu or uk), or "
        f"https://studio.poly.ai/<account>/<project>/… for self-serve workspaces."
    )
