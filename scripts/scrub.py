"""Removes secrets and personal data from cassettes."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from attrs import Factory, frozen
from polyai_data_generated.wire_names import WIRE_NAMES

ACCOUNT_ID = "ACCOUNT-DEMO"
AGENT_ID = "PROJECT-DEMO"
CORRELATION_ID = "550e8400-e29b-41d4-a716-446655440000"

KEPT_REQUEST_HEADERS = {"accept", "content-type"}
KEPT_RESPONSE_HEADERS = {"content-type", "retry-after", "x-polyai-correlation-id", "allow"}


def compact_json(value: Any) -> str:
    """Return compact JSON, as the API sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def without_secrets(request: Any) -> Any:
    """Remove all but a few headers from a request, and so the API key."""
    request.headers = {
        name: value
        for name, value in request.headers.items()
        if name.lower() in KEPT_REQUEST_HEADERS
    }
    return request


def with_fixed_ids(response: dict[str, Any]) -> dict[str, Any]:
    """Remove all but a few headers from a response, and replace its correlation ID."""
    headers = {
        name.lower(): values
        for name, values in response["headers"].items()
        if name.lower() in KEPT_RESPONSE_HEADERS
    }
    for old in headers.get("x-polyai-correlation-id", []):
        body = response["body"]["string"]
        response["body"]["string"] = body.replace(old.encode(), CORRELATION_ID.encode())
    if "x-polyai-correlation-id" in headers:
        headers["x-polyai-correlation-id"] = [CORRELATION_ID]
    response["headers"] = headers
    return response


# Keys whose strings are kept: times, languages, and values that the API itself defines.
_KEPT_STRINGS = {
    *("started_at", "environment", "cursor"),
    *("createdAt", "startedAt", "finishedAt", "user_input_datetime", "agent_response_datetime"),
    *("timestamp", "start_time", "language", "asr_lang_code", "tts_lang_code", "clientEnv"),
    *("channel", "direction", "label", "error", "error_code", "error_message", "error_id"),
}
_KNOWN_KEYS = {key for names in WIRE_NAMES.values() for key in names.values()}
_INVENTED = {
    **dict.fromkeys(("accountId", "account_id"), ACCOUNT_ID),
    **dict.fromkeys(("projectId", "project_id"), AGENT_ID),
    **dict.fromkeys(("fromNumber", "from_number"), "+14155550100"),
    **dict.fromkeys(("toNumber", "to_number"), "+14155550101"),
}


def scrubbed(value: Any, key: str = "", invented: Collection[str] = ()) -> Any:
    """Return a JSON value of the same shape without personal data.

    Strings are replaced, except under the kept keys and those in `invented`. Keys that are not in
    the spec may be a customer's, and are replaced by numbered ones.
    """
    if isinstance(value, dict):
        names = {name: name if name in _KNOWN_KEYS else f"key_{n}" for n, name in enumerate(value)}
        return {names[name]: scrubbed(item, name, invented) for name, item in value.items()}
    if isinstance(value, list):
        return [scrubbed(item, key, invented) for item in value]
    if not isinstance(value, str) or not value or key in _KEPT_STRINGS or value in invented:
        return value
    return _INVENTED.get(key, f"({key})" if key in _KNOWN_KEYS else "(text)")


@frozen
class Scrubber:
    """Replaces real IDs with invented ones, and scrubs responses of the real API."""

    replacements: dict[str, str] = Factory(dict)

    def request(self, request: Any) -> Any:
        """Scrub a request."""
        for real, invented in self.replacements.items():
            request.uri = request.uri.replace(real, invented)
        return without_secrets(request)

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Scrub a response; a body that is not JSON is removed."""
        body: bytes = response["body"]["string"]
        for real, invented in self.replacements.items():
            body = body.replace(real.encode(), invented.encode())
        try:
            data = scrubbed(json.loads(body), invented=self.replacements.values())
        except ValueError:
            data = None
        response["body"]["string"] = compact_json(data).encode()
        return with_fixed_ids(response)
