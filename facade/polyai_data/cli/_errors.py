"""Maps errors to messages, remedies and exit codes, and reports them."""

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from polyai_data import errors

from ._command import BROKEN_PIPE, CommandError
from ._hide import hide_keys
from ._terminal import Terminal
from ._text import clean

INTERRUPTED = 130
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.ConfigurationError, 2),
    (errors.AuthenticationError, 3),
    (errors.PermissionDeniedError, 3),
    (errors.NotFoundError, 4),
    (errors.RateLimitError, 5),
    (errors.ServerError, 6),
    (errors.APIConnectionError, 6),
    (errors.ResponseDecodeError, 6),
    (errors.PolyAIError, 1),
    (ValueError, 2),  # an invalid argument, found before a request was sent
    (KeyboardInterrupt, INTERRUPTED),
)
_BY_SEVERITY = (0, 4, 1, 5, 6, 2, 3, INTERRUPTED)
_MAX_LENGTH = 400


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error."""
    if isinstance(error, CommandError):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def most_severe(codes: Iterator[int]) -> int:
    """Return the most severe of several exit codes; 0 if there are none."""
    return max(codes, key=_BY_SEVERITY.index, default=0)


def error_message(error: BaseException) -> str:
    """Describe an error on one line, without a remedy."""
    if isinstance(error, errors.PolyAIError):
        details = [
            " ".join(str(part) for part in (error.status_code, error.code) if part is not None),
            f"{error.attempts} attempts" if error.attempts > 1 else "",
            f"correlation ID {error.correlation_id}" if error.correlation_id else "",
        ]
        listed = ", ".join(detail for detail in details if detail)
        return _truncate(error.message) + (f" ({_truncate(listed)})" if listed else "")
    if isinstance(error, OSError) and error.strerror:
        path = f": {error.filename}" if error.filename else ""
        return _truncate(f"{error.strerror}{path}")
    if isinstance(error, CommandError | ValueError | OSError) and str(error):
        return _truncate(str(error))
    return _truncate(f"Unexpected {type(error).__name__}: {error}".removesuffix(": "))


def _truncate(text: str) -> str:
    line = clean(hide_keys(text)[: 2 * _MAX_LENGTH])
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]}…"


def error_remedy(error: BaseException) -> str:
    """Return what to do about an error; empty if there is no advice."""
    parts = [*getattr(error, "__notes__", ())]
    if isinstance(error, CommandError):
        parts.append(error.remedy)
    elif isinstance(error, errors.PolyAIError):
        if error.outcome_unknown:
            parts.append("The change may have been made anyway: check before you retry.")
        if has_no_recording(error):
            parts.append("Chats have no recording, and calls only when they are over.")
        else:
            parts += [error.hint or "", _advice(error)]
    elif not isinstance(error, KeyboardInterrupt | OSError | ValueError):
        parts.append("This is a bug. Run with --debug for a traceback.")
    return " ".join(part for part in parts if part)


def has_no_recording(error: BaseException) -> bool:
    """Whether the server said that a conversation has no recording, not only that it is unknown."""
    code = "CONVERSATIONS_RECORDING_NOT_FOUND"
    return isinstance(error, errors.RecordingNotFoundError) and error.code == code


def _advice(error: errors.PolyAIError) -> str:
    if isinstance(error, errors.PermissionDeniedError):
        return "Check --agent, and the permissions of the key in Agent Studio."
    if isinstance(error, errors.RateLimitError):
        pause = f"{error.retry_after:.0f} seconds" if error.retry_after else "a while"
        return f"Wait {pause}, then try again."
    if isinstance(error, errors.ServerError):
        return "Try again later. If it persists, give PolyAI support the correlation ID."
    if isinstance(
        error, errors.AuthenticationError | errors.APIConnectionError | errors.ResponseDecodeError
    ):
        return "To find the cause, run `polyai-data doctor`."
    if error.correlation_id and not error.hint:
        return "If you think this should work, give PolyAI support the correlation ID."
    return ""


def report(error: BaseException, *, debug: bool = False) -> int:
    """Print an error to stderr and return its exit code."""
    terminal = Terminal()
    if debug:
        # Without local variables: one of them may hold the key.
        terminal.info_lines("".join(traceback.format_exception(error)).rstrip())
    remedy = error_remedy(error)
    if isinstance(error, KeyboardInterrupt):
        terminal.interrupted(f"Interrupted. {remedy}".rstrip())
        return INTERRUPTED
    terminal.error(error_message(error), remedy)
    if isinstance(error, CommandError) and error.details:
        terminal.info_lines(error.details.rstrip())
    return exit_code(error)


@contextmanager
def reporting(*, debug: bool) -> Iterator[None]:
    """Report any exception that the `with` block raises.

    Raises:
        typer.Exit: with the exit code.
    """
    try:
        with _exit_on_second_interrupt():
            yield
        sys.stdout.flush()
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt) as error:
        code = BROKEN_PIPE if _is_broken_pipe(error) else report(error, debug=debug)
        raise typer.Exit(code) from None


def _is_broken_pipe(error: BaseException) -> bool:
    """Whether the reader closed the pipe that stdout writes to."""
    if isinstance(error, BrokenPipeError):
        return True
    # The C library of Windows has no error of its own for it.
    is_invalid = isinstance(error, OSError) and error.errno == errno.EINVAL and not error.filename
    return os.name == "nt" and is_invalid


@contextmanager
def _exit_on_second_interrupt() -> Iterator[None]:
    """Exit immediately on a second Ctrl-C.

    After the first, requests in flight are waited for, which may take as long as their timeout.
    """

    def exit_now(*_: object) -> None:
        os._exit(INTERRUPTED)

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, exit_now)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
