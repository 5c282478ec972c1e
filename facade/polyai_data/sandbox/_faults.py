"""Faults: failures on demand, to test how a client handles them."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, Literal, get_args

from starlette.responses import JSONResponse, Response

from ._errors import invalid

HEADER = "X-Sandbox-Fault"
"""The request header that requests a fault: a JSON object with its attributes."""

Kind = Literal[
    "response",
    "late",
    "close-before-headers",
    "reset-before-headers",
    "close-in-headers",
    "reset-in-headers",
    "close-in-body",
    "reset-in-body",
    "stall-in-body",
    "close-without-length",
    "surplus",
    "over-long",
    "wrong-length",
    "broken-chunking",
    "broken-gzip",
    "huge",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_WITHOUT_REAL_RESPONSE = ("response", "close-before-headers", "reset-before-headers", "huge")


@dataclass(frozen=True)
class Fault:
    """A failure: a response that replaces the real one, or damages it.

    Faults apply before authentication, like those of a gateway. A replacement response is sent
    exactly as given, without a correlation ID.

    Attributes:
        status: the HTTP status code, 200 to 599.
        body: the response body. A dict is sent as JSON, a string as UTF-8.
        headers: the response headers. `Content-Type` defaults to the type of the body.
        path: a shell-style pattern for the decoded path, such as `*/conversations`. `*` also
            matches slashes.
        nth: the matching request that fails, counted from 1. If None, all of them fail.
        rate: the fraction of matching requests that fail, from 0 to 1. The choice is random but
            the same in every run.
        kind: what happens. "response" sends `status`, `body` and `headers`. The other kinds do not
            use these:

            - "late" delays the real response by `delay` seconds; "stall-in-body" delays the
              second half of its body.
            - "close-before-headers", "close-in-headers" and "close-in-body" close the connection
              before the headers, or halfway through the headers or body. The same names with
              "reset" instead of "close" reset it (RST).
            - "close-without-length" closes it halfway through a body without a `Content-Length`.
            - "surplus" sends a forged response after the real one, which nobody requested.
            - "over-long" sends the whole body, but its `Content-Length` is half of that;
              "wrong-length" sends the `Content-Length` "many"; "broken-chunking" and "broken-gzip"
              send a body that cannot be decoded.
            - "huge" sends 1 GiB of JSON.

            All but "response", "late" and "huge" need a server that `serve` started.
        delay: seconds to wait before the response, or halfway through its body for
            "stall-in-body".
        performed: whether the request takes effect anyway, as if only its response was lost.
            Requests always take effect with the kinds that send or damage the real response.

    Raises:
        ValueError: an attribute is invalid.

    """

    status: int = 502
    body: bytes | str | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "*"
    nth: int | None = None
    rate: float = 1.0
    kind: Kind = "response"
    delay: float = 0.0
    performed: bool = False

    def __post_init__(self) -> None:
        """Validate the attributes."""
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {self.status!r}")
        if not isinstance(self.body, bytes | str | Mapping):
            raise ValueError(f"body must be bytes, str or a dict, not {type(self.body).__name__}")
        if self.nth is not None and self.nth < 1:
            raise ValueError(f"nth must be at least 1, not {self.nth!r}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {self.rate!r}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind != "response" and (self.status, self.body, self.headers) != (502, b"", {}):
            raise ValueError(f'status, body and headers are for kind "response", not {self.kind!r}')
        if not 0 <= self.delay < float("inf"):
            raise ValueError(f"delay must be finite and at least 0, not {self.delay!r}")

    @property
    def is_performed(self) -> bool:
        """Whether the request takes effect."""
        return self.performed or self.kind not in _WITHOUT_REAL_RESPONSE

    def response(self) -> Response:
        """Return the response of the kind "response"."""
        if isinstance(self.body, Mapping):
            return JSONResponse(dict(self.body), self.status, dict(self.headers))
        is_html = isinstance(self.body, str) and self.body.lstrip().startswith("<")
        media_type = "text/html" if is_html else "text/plain"
        headers = {"content-type": f"{media_type}; charset=utf-8"} if self.body else {}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        return Response(self.body, self.status, headers)


class Faults:
    """The faults of a sandbox, each with a count of the requests that it matched."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._states: list[tuple[Fault, Iterator[int], random.Random]] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Add faults for requests from now on. Of several that apply, the first one is used."""
        for fault in faults:
            seed = len(self._states)
            self._states.append((fault, count(1), random.Random(seed)))  # noqa: S311

    def clear(self) -> None:
        """Remove all faults."""
        self._states = []

    def match(self, path: str) -> Fault | None:
        """Count a request, and return the first fault that applies to it."""
        matched = None
        for fault, numbers, rng in self._states:
            if fnmatchcase(path, fault.path):
                is_nth = fault.nth in (None, next(numbers))
                is_chosen = rng.random() < fault.rate
                if is_nth and is_chosen:
                    matched = matched or fault
        return matched


def fault_from_header(header: str | None) -> Fault | None:
    """Return the fault that a request asks for in its header.

    Raises:
        APIError: the header is invalid.
    """
    if header is None:
        return None
    try:
        attributes = json.loads(header)
        if not isinstance(attributes, dict):
            raise TypeError("not a JSON object")
        for name in ("path", "nth", "rate"):
            if name in attributes:
                raise TypeError(f"{name} selects requests, so it cannot be set for a single one")
        return Fault(**attributes)
    except (TypeError, ValueError) as error:
        raise invalid(f"{HEADER}: {error}") from None
