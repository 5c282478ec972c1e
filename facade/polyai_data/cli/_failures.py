"""Collects the failures of a batch, and stops it when continuing is pointless."""

from polyai_data import AuthenticationError, PermissionDeniedError

from ._command import CommandError
from ._errors import error_message, exit_code, most_severe
from ._terminal import Terminal

_MAX_CONSECUTIVE = 100


class Failures:
    """The items of a batch that failed, in order."""

    def __init__(self) -> None:
        self._errors: list[tuple[str, Exception]] = []
        self._consecutive = 0

    def __len__(self) -> int:
        return len(self._errors)

    def succeeded(self) -> None:
        """Record a success."""
        self._consecutive = 0

    def add(self, name: str, error: Exception) -> None:
        """Record a failure.

        Raises:
            Exception: the error itself, if every other item would fail in the same way.
            CommandError: if too many items in a row failed.
        """
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            raise error
        self._errors.append((name, error))
        self._consecutive += 1
        if self._consecutive == _MAX_CONSECUTIVE:
            raise CommandError(
                f"{_MAX_CONSECUTIVE} in a row failed, the last one with: {error_message(error)}",
                "The rest was not attempted.",
                code=exit_code(error),
            )

    def report(self, terminal: Terminal) -> int:
        """Print the failures and return the most severe exit code; 0 if there are none."""
        for name, error in self._errors:
            terminal.error(f"{name}: {error_message(error)}", "")
        return most_severe(exit_code(error) for _, error in self._errors)
