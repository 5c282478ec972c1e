"""The exception that becomes an error response."""


class APIError(Exception):
    """An error response: status, error code, message and extra headers."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def invalid(message: str) -> APIError:
    """Return the error for a query or body that violates the schema."""
    return APIError(400, "SCHEMA_VALIDATION_FAILED", message)


def not_found() -> APIError:
    """Return the error for an unknown conversation ID."""
    return APIError(404, "CONVERSATIONS_NOT_FOUND", "Conversation ID does not exist.")
