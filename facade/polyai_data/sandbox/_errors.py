"""How a request fails: raised by whoever finds out, answered in one place."""


class Problem(Exception):
    """An error answer: its status, code, sentence, and headers beyond the usual ones."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def invalid(message: str) -> Problem:
    """Return the answer to a query or body that the schema does not allow."""
    return Problem(400, "SCHEMA_VALIDATION_FAILED", message)


def not_found() -> Problem:
    """Return the answer to an ID that no conversation has."""
    return Problem(404, "CONVERSATIONS_NOT_FOUND", "Conversation ID does not exist.")
