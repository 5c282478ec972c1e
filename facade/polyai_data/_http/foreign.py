"""Whose exception is it? What a signal handler, a mock or a callback raises is not ours to map."""

from __future__ import annotations

import socket
import ssl
import sys
from types import TracebackType
from typing import TypeVar

_Error = TypeVar("_Error", bound=BaseException)

_LIBRARIES = frozenset(
    (
        *("aiohappyeyeballs", "aiohttp", "anyio", "h11", "h2", "hpack", "httpcore", "httpx"),
        *("httpx_aiohttp", "multidict", "polyai_data", "sniffio", "socksio", "uvloop", "yarl"),
    )
)
_SOCKET_ERRORS = (ConnectionError, socket.gaierror, ssl.SSLError)


def find_foreign(failure: BaseException) -> BaseException | None:
    """Return the exception that other code raised while a request was sent, or None.

    The HTTP libraries map every TimeoutError and OSError to their own exceptions, even one that a
    signal handler raised while they were waiting for a socket.
    """
    while _is_of_library(type(failure)) and _is_raised_by_library(failure):
        cause = failure.__cause__ or failure.__context__
        # An asyncio timeout cancels what it limits. (The sync client does not import asyncio.)
        if cause is None or type(cause).__name__ == "CancelledError" or not _is_inside(cause):
            return None
        failure = cause
    if isinstance(failure, _SOCKET_ERRORS) or _is_of_library(type(failure)):
        return None
    return None if _is_raised_by_library(failure) else failure


def without_frames(error: _Error) -> _Error:
    """Drop the frames of the libraries from an exception: they may hold the key.

    Frames of other code stay: its author needs them.
    """
    kept: TracebackType | None = None
    for one in reversed(_frames(error)):
        if _owner(one) not in ("", *_LIBRARIES):
            kept = TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    for cause in (error.__cause__, error.__context__):
        if cause is not None and cause.__traceback__ is not None:
            without_frames(cause.with_traceback(None))
    return error.with_traceback(kept)


def _is_of_library(kind: type[BaseException]) -> bool:
    return kind.__module__.partition(".")[0] in _LIBRARIES


def _is_inside(error: BaseException) -> bool:
    """Whether an exception was raised below the HTTP libraries, and not before the call."""
    owners = [owner for one in _frames(error) if (owner := _owner(one))]
    return not owners or owners[0] in _LIBRARIES


def _is_raised_by_library(error: BaseException) -> bool:
    """Whether the innermost frame outside the standard library belongs to a library."""
    owners = [owner for one in _frames(error) if (owner := _owner(one))]
    return not owners or owners[-1] in _LIBRARIES


def _frames(error: BaseException) -> list[TracebackType]:
    """Return the traceback, the innermost frame last."""
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    return frames


def _owner(traceback: TracebackType) -> str:
    """Return the package of a frame, or an empty string for the standard library."""
    package = str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0]
    return "" if package in sys.stdlib_module_names else package
