"""The servers of an OpenAPI spec."""

from __future__ import annotations

import itertools
import math
from typing import Any

MAX_URLS = 100
"""Maximum number of URLs that the variables of one server may stand for."""


class ServerError(Exception):
    """A server stands for too many URLs. The message says which one."""


def server_urls(servers: list[dict[str, Any]] | None) -> tuple[str, ...]:
    """Return the URLs of the servers, one for each combination of variable values.

    Raises:
        ServerError: if a server has more than MAX_URLS.
    """
    urls = []
    for server in servers or ():
        choices = {
            name: variable.get("enum") or [variable.get("default", "")]
            for name, variable in (server.get("variables") or {}).items()
        }
        count = math.prod(len(values) for values in choices.values())
        if count > MAX_URLS:
            raise ServerError(
                f"The server {str(server['url'])[:200]} stands for {count:,} URLs; at most "
                f"{MAX_URLS} are supported. Limit the values of its variables in the overlay."
            )
        for values in itertools.product(*choices.values()):
            url = str(server["url"])
            for name, value in zip(choices, values, strict=True):
                url = url.replace(f"{{{name}}}", str(value))
            urls.append(url.rstrip("/"))
    return tuple(dict.fromkeys(urls))
