"""What a person reads when a command fails, and the exit code that a script sees."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from polyai_data import errors

from ._command import Refused
from ._terminal import Terminal
from ._text import clean

INTERRUPTED = 130
_READER_GONE = 141  # as a program that the signal SIGPIPE ends
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
    (ValueError, 2),  # an argument that the library sends nowhere
    (KeyboardInterrupt, INTERRUPTED),
)
_HARMLESS_FIRST = (0, 4, 1, 5, 6, 2, 3, INTERRUPTED)
_LONGEST = 400


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error."""
    if isinstance(error, Refused):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def worst(codes: Iterator[int]) -> int:
    """Return the exit code that tells most of several; 0 for none."""
    return max(codes, key=_HARMLESS_FIRST.index, default=0)


def message_of(error: BaseException) -> str:
    """Return what went wrong on one line, without a remedy."""
    if isinstance(error, errors.PolyAIError):
        details = [
            " ".join(str(part) for part in (error.status_code, error.code) if part is not None),
            f"{error.attempts} attempts" if error.attempts > 1 else "",
            f"correlation ID {error.correlation_id}" if error.correlation_id else "",
        ]
        shown = ", ".join(detail for detail in details if detail)
        return _shorten(error.message) + (f" ({_shorten(shown)})" if shown else "")
    if isinstance(error, OSError) and error.strerror:
        named = f": {error.filename}" if error.filename else ""
        return _shorten(f"{error.strerror}{named}")
    if isinstance(error, Refused | ValueError | OSError) and str(error):
        return _shorten(str(error))
    return _shorten(f"unexpected {type(error).__name__}: {error}".removesuffix(": "))


def _shorten(text: str) -> str:
    line = clean(text[: 2 * _LONGEST])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def remedy_of(error: BaseException) -> str:
    """Return what to do about an error; empty where nobody knows."""
    parts = [*getattr(error, "__notes__", ())]
    if isinstance(error, Refused):
        parts.append(error.remedy)
    elif isinstance(error, errors.PolyAIError):
        if error.outcome_unknown:
            parts.append("It may have taken effect all the same: look before you do it again.")
        parts.append(error.hint or "")
        parts.append(_advice(error))
    elif not isinstance(error, KeyboardInterrupt | OSError | ValueError):
        parts.append("This should not happen. --debug shows where it does.")
    return " ".join(part for part in parts if part)


def _advice(error: errors.PolyAIError) -> str:
    if isinstance(error, errors.PermissionDeniedError):
        return "Check --agent, and in Agent Studio what the key is permitted to do."
    if isinstance(error, errors.RateLimitError):
        pause = f"{error.retry_after:.0f} seconds" if error.retry_after else "a while"
        return f"Wait {pause}, then do it again."
    if isinstance(error, errors.ServerError):
        return "Try it again later; PolyAI's support asks for the correlation ID."
    if isinstance(
        error, errors.AuthenticationError | errors.APIConnectionError | errors.ResponseDecodeError
    ):
        return "`polyai-data doctor` looks for the cause."
    if error.correlation_id and not error.hint:
        return "If it should have worked, PolyAI's support asks for the correlation ID."
    return ""


def report(error: BaseException, *, debug: bool = False) -> int:
    """Tell a person of an error, and return the exit code."""
    terminal = Terminal()
    if debug:
        # Without the frames' variables: one of them may hold the key.
        terminal.say_lines("".join(traceback.format_exception(error)).rstrip())
    remedy = remedy_of(error)
    if isinstance(error, KeyboardInterrupt):
        terminal.say_after_interrupt(f"Interrupted. {remedy}".rstrip())
        return INTERRUPTED
    terminal.fail(message_of(error), remedy)
    if isinstance(error, Refused) and error.details:
        terminal.say_lines(error.details.rstrip())
    return exit_code(error)


@contextmanager
def reporting(*, debug: bool) -> Iterator[None]:
    """Report what the `with` block raises.

    Raises:
        typer.Exit: with the exit code.
    """
    try:
        with _left_at_the_second_interrupt():
            yield
        sys.stdout.flush()
    except typer.Exit:
        raise
    except BrokenPipeError:
        raise typer.Exit(_READER_GONE) from None
    except (Exception, KeyboardInterrupt) as error:
        raise typer.Exit(report(error, debug=debug)) from None


@contextmanager
def _left_at_the_second_interrupt() -> Iterator[None]:
    """Have a second Ctrl-C end the process at once.

    The first waits for the requests that are on their way, which may take as long as a time-out.
    """

    def leave(*_: object) -> None:
        os._exit(INTERRUPTED)

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, leave)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
