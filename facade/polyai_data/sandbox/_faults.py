"""Failures on demand, to see what a client does about them."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from starlette.responses import JSONResponse, Response

from ._errors import invalid

HEADER = "X-Sandbox-Fault"
"""The request header that asks for a fault, as the JSON of its attributes."""

Kind = Literal[
    "answer",
    "late",
    "close-before-headers",
    "reset-before-headers",
    "close-in-headers",
    "reset-in-headers",
    "close-in-body",
    "reset-in-body",
    "stall-in-body",
    "over-long",
    "wrong-length",
    "broken-chunking",
    "broken-gzip",
    "huge",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_WITHOUT_ANSWER = ("answer", "close-before-headers", "reset-before-headers", "huge")


@dataclass(frozen=True)
class Fault:
    """A failure: an answer in place of the real one, or damage to the real one.

    It comes before authentication, as from a gateway. An answer of its own is sent exactly as it
    stands here, without a correlation ID.

    Attributes:
        status: the HTTP status, 200 to 599.
        body: a dict is sent as JSON, text as UTF-8, bytes as they are.
        headers: headers to send; `Content-Type` follows from the body unless it is given.
        path: a shell-style pattern for the decoded path, such as `*/conversations`; `*` also
            matches slashes.
        nth: which of the matching requests fails, counted from 1; None means each of them.
        rate: how many of the matching requests fail, from 0 to 1, drawn alike in each run.
        kind: what happens. "answer" sends `status`, `body` and `headers`, the others do without:

            - "late" sends the real answer `delay` seconds later, "stall-in-body" its second half.
            - "close-before-headers", "close-in-headers" and "close-in-body" close the connection
              there, half-way through; "reset-…" resets it (RST).
            - "over-long" promises half of the body and sends all of it; "wrong-length" promises
              "many" bytes; "broken-chunking" and "broken-gzip" send what cannot be unpacked.
            - "huge" sends a JSON text of a gibibyte.

            All but "answer", "late" and "huge" need the server that `serve` starts.
        delay: seconds to wait before the answer, or in the middle of it for "stall-in-body".
        performed: whether the request takes effect all the same, as when only its answer gets
            lost. The kinds that change the real answer always let it.

    Raises:
        ValueError: an attribute makes no sense.

    """

    status: int = 502
    body: bytes | str | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "*"
    nth: int | None = None
    rate: float = 1.0
    kind: Kind = "answer"
    delay: float = 0.0
    performed: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never be answered."""
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {self.status!r}")
        if not isinstance(self.body, bytes | str | Mapping):
            raise ValueError(f"body must be bytes, str or a dict, not {type(self.body).__name__}")
        if self.nth is not None and self.nth < 1:
            raise ValueError(f"nth counts from 1, so it cannot be {self.nth!r}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {self.rate!r}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind != "answer" and (self.status, self.body, self.headers) != (502, b"", {}):
            raise ValueError(f'status, body and headers are for the kind "answer": {self.kind!r}')
        if not 0 <= self.delay < float("inf"):
            raise ValueError(f"delay must be a number of seconds, not {self.delay!r}")

    @property
    def is_performed(self) -> bool:
        """Whether the request takes effect."""
        return self.performed or self.kind not in _WITHOUT_ANSWER

    def response(self) -> Response:
        """Return the answer of the kind "answer"."""
        if isinstance(self.body, Mapping):
            return JSONResponse(dict(self.body), self.status, dict(self.headers))
        page = isinstance(self.body, str) and self.body.lstrip().startswith("<")
        kind = "text/html" if page else "text/plain"
        headers = {"content-type": f"{kind}; charset=utf-8"} if self.body else {}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        return Response(self.body, self.status, headers)


class Faults:
    """The faults of one app, with a count of the requests that each has matched."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._counted = [(fault, [0], random.Random(at)) for at, fault in enumerate(faults)]  # noqa: S311

    def next(self, path: str) -> Fault | None:
        """Count a request, and return the first fault that is due for it."""
        due = None
        for fault, count, chances in self._counted:
            if fnmatchcase(path, fault.path):
                count[0] += 1
                is_drawn = chances.random() < fault.rate
                if due is None and fault.nth in (None, count[0]) and is_drawn:
                    due = fault
        return due


def requested(header: str | None) -> Fault | None:
    """Return the fault that a request asks for.

    Raises:
        Problem: the header cannot be understood; the text says why.
    """
    if header is None:
        return None
    try:
        attributes = json.loads(header)
        if not isinstance(attributes, dict):
            raise TypeError("not a JSON object")
        for name in ("path", "nth", "rate"):
            if name in attributes:
                raise TypeError(f"{name} chooses among requests, and this one is chosen")
        return Fault(**attributes)
    except (TypeError, ValueError) as error:
        raise invalid(f"{HEADER}: {error}") from None
