"""What failed of many things, and when it makes no sense to go on."""

from polyai_data import AuthenticationError, PermissionDeniedError

from ._command import Refused
from ._errors import exit_code, message_of, worst
from ._terminal import Terminal

_TOO_MANY_IN_A_ROW = 100


class Failures:
    """The things that failed, in the order in which they did."""

    def __init__(self) -> None:
        self._errors: list[tuple[str, Exception]] = []
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._errors)

    def passed(self) -> None:
        """Note that one did not fail."""
        self._in_a_row = 0

    def add(self, name: str, error: Exception) -> None:
        """Note that one failed.

        Raises:
            Exception: the error, if every other would fail of it as well.
            Refused: if so many failed without one in between that did not.
        """
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            raise error
        self._errors.append((name, error))
        self._in_a_row += 1
        if self._in_a_row == _TOO_MANY_IN_A_ROW:
            raise Refused(
                f"{_TOO_MANY_IN_A_ROW} in a row failed, the last one of this: {message_of(error)}",
                "The rest was not tried.",
                code=exit_code(error),
            )

    def tell(self, terminal: Terminal) -> int:
        """List them, and return the exit code that tells most; 0 if there are none."""
        for name, error in self._errors:
            terminal.fail(f"{name}: {message_of(error)}", "")
        return worst(exit_code(error) for _, error in self._errors)
