"""httpcore, on which httpx's own transports stand, without the half of their cost above it.

A pool looks at each of its connections, several times for every request, so that one pool with many
costs more than all the rest. So there are several, with few connections each.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import httpcore
import httpx

from ._request import Call
from ._transport import KEEP_ALIVE, SenderOver, is_replaced

CONNECTIONS_EACH = 4
"""How many connections a pool has."""


class HttpcoreSender:
    """Sends requests through httpcore.

    Args:
        context: Whom to trust.
        connections: How many there are at most; further requests wait for one.
    """

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        self._context = context
        self._most_pools = max(1, connections // CONNECTIONS_EACH)
        self._lock = threading.Lock()
        self._pools: list[httpcore.ConnectionPool] = []  # made as they are needed
        self._requests: list[int] = []  # how many each pool has
        self._httpx: SenderOver | None = None

    def send(self, call: Call[Any], timeout: Mapping[str, float]) -> httpx.Response:
        """Send the request once, as `Sender` has it."""
        if is_replaced(httpx.HTTPTransport, "handle_request"):
            if self._httpx is None:
                self._httpx = SenderOver(httpx.HTTPTransport(verify=self._context))
            return self._httpx.send(call, timeout)
        place = self._take()
        try:
            answer = self._pools[place].handle_request(_request(call, timeout))
        except Exception as failure:
            self.give_back(place)
            raise _renamed(failure) from failure
        except BaseException:  # Ctrl-C
            self.give_back(place)
            raise
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer, self, place)
        )

    def _take(self) -> int:
        """Return the place of the first pool that has a connection to spare."""
        with self._lock:
            place = next((at for at, n in enumerate(self._requests) if n < CONNECTIONS_EACH), None)
            if place is None and len(self._pools) < self._most_pools:
                place = len(self._pools)
                pool = httpcore.ConnectionPool(
                    ssl_context=self._context,
                    max_connections=CONNECTIONS_EACH,
                    keepalive_expiry=KEEP_ALIVE,
                )
                self._pools.append(pool)
                self._requests.append(0)
            if place is None:
                place = min(range(len(self._requests)), key=self._requests.__getitem__)
            self._requests[place] += 1
            return place

    def give_back(self, place: int) -> None:
        """Note that a request is over."""
        with self._lock:
            self._requests[place] -= 1

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools:
            pool.close()
        if self._httpx is not None:
            self._httpx.close()


def _request(call: Call[Any], timeout: Mapping[str, float]) -> httpcore.Request:
    scheme, _, rest = call.url.partition("://")
    netloc, slash, target = rest.partition("/")
    host, port = _host_and_port(scheme, netloc)
    return httpcore.Request(
        call.method,
        httpcore.URL(scheme=scheme, host=host, port=port, target=slash + target),
        headers=[(name.encode(), value.encode()) for name, value in call.headers()],
        content=call.content,
        extensions={"timeout": timeout},
    )


@lru_cache(maxsize=32)
def _host_and_port(scheme: str, netloc: str) -> tuple[bytes, int | None]:
    url = httpx.URL(f"{scheme}://{netloc}")
    return url.raw_host, url.port


def _renamed(failure: Exception) -> httpx.TransportError:
    """Return the failure as httpx would name it: by the same name."""
    kind = getattr(httpx, type(failure).__name__, None)
    if isinstance(kind, type) and issubclass(kind, httpx.TransportError):
        return kind(str(failure))
    return httpx.TransportError(f"{type(failure).__name__}: {failure}")


class _Body(httpx.SyncByteStream):
    """The body of an answer, which gives its place back when it is closed."""

    def __init__(self, answer: httpcore.Response, sender: HttpcoreSender, place: int) -> None:
        self._answer = answer
        self._sender = sender
        self._place: int | None = place

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from cast(Iterable[bytes], self._answer.stream)
        except Exception as failure:
            raise _renamed(failure) from failure

    def close(self) -> None:
        place, self._place = self._place, None
        try:
            self._answer.close()
        finally:
            if place is not None:
                self._sender.give_back(place)
