"""Failures on demand, to see what a client does about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from starlette.responses import JSONResponse, Response


@dataclass(frozen=True)
class Fault:
    """An answer to give instead of the real one, exactly as it stands here.

    It comes before authentication, as from a gateway, and carries no correlation ID of its own.

    Attributes:
        status: the HTTP status, 200 to 599.
        body: a dict is sent as JSON, text as UTF-8, bytes as they are.
        headers: headers to send; `Content-Type` follows from the body unless it is given.
        path: a shell-style pattern for the decoded path, such as `*/conversations`; `*` also
            matches slashes.
        nth: which of the matching requests fails, counted from 1; None means each of them.

    Raises:
        ValueError: the status, the body or `nth` makes no sense.

    """

    status: int = 502
    body: bytes | str | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "*"
    nth: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be answered."""
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {self.status!r}")
        if not isinstance(self.body, bytes | str | Mapping):
            raise ValueError(f"body must be bytes, str or a dict, not {type(self.body).__name__}")
        if self.nth is not None and self.nth < 1:
            raise ValueError(f"nth counts from 1, so it cannot be {self.nth!r}")

    def response(self) -> Response:
        """Return the answer."""
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
        self._counted = [(fault, [0]) for fault in faults]

    def next(self, path: str) -> Fault | None:
        """Count a request, and return the first fault that is due for it."""
        due = None
        for fault, count in self._counted:
            if fnmatchcase(path, fault.path):
                count[0] += 1
                if due is None and fault.nth in (None, count[0]):
                    due = fault
        return due
