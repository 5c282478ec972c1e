"""Unsuccessful responses: which error each becomes, what it carries, and how it reads."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import httpx
import polyai_data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import APIStatusError, PolyAIError, errors
from polyai_data.errors import short_repr

from tests.conftest import SETTINGS

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

URL = "https://api.us.poly.ai/v1/agents/PROJECT-1/conversations/CA1"
REQUEST = "GET /v1/agents/PROJECT-1/conversations/CA1"
ENVELOPE = {
    "success": False,
    "error": "The sentence.",
    "error_id": "id-of-the-envelope",
    "error_code": "SOME_CODE",
    "error_message": "The sentence.",
    "data": None,
}
HINT_401 = (
    "\nA key and its data are in one region only. This request went to region 'us' "
    "(api.us.poly.ai). Check that the key is from this region and has not expired."
)
HINT_404 = (
    "\nA key and its data are in one region only. This request went to region 'us' "
    "(api.us.poly.ai). If the ID is correct, check the region."
)
HINTS = {401: HINT_401, 404: HINT_404}

TEXT = "{phrase} (plain text, not from the API; see body)"
BODIES: dict[str, tuple[bytes, Any, str | None]] = {
    # what is sent, the error's body, and its message where it is not the status's own phrase
    "envelope": (json.dumps(ENVELOPE).encode(), ENVELOPE, "The sentence."),
    "only error": (b'{"error": "Short."}', {"error": "Short."}, "Short."),
    "only error_message": (b'{"error_message": "M"}', {"error_message": "M"}, "M"),
    "error null": (b'{"error": null, "error_id": 7}', {"error": None, "error_id": 7}, None),
    "error blank": (b'{"error": " ", "error_code": ""}', {"error": " ", "error_code": ""}, None),
    "error object": (b'{"error": {"a": 1}}', {"error": {"a": 1}}, None),
    "empty object": (b"{}", {}, None),
    "list": (b'["no"]', ["no"], None),
    "string": (b'"no"', "no", TEXT),
    "number": (b"5", 5, None),
    "null": (b"null", None, None),
    "HTML": (
        b" <html>Bad gateway</html>",
        " <html>Bad gateway</html>",
        "{phrase} (an HTML page, probably from a gateway or proxy)",
    ),
    "plain text": (b"upstream \n failed", "upstream \n failed", TEXT),
    "white space": (b" \r\n", " \r\n", None),
    "empty": (b"", None, None),
    "binary": (b"\x89PNG\xff\x00", b"\x89PNG\xff\x00", None),
    "truncated JSON": (b'{"error": "Sho', '{"error": "Sho', TEXT),
    "deep JSON": (b"[" * 100_000, "[" * 100_000, TEXT),
}

WITH_EVERY_STATUS = ["envelope", "only error", "list", "HTML", "plain text", "empty", "binary"]

CLASSES = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.GoneError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
}


def class_for(status: int, body: Any) -> type[PolyAIError]:
    if status >= 500:
        return errors.ServerError
    if status == 404 and isinstance(body, dict) and body and not body.get("error_code"):
        return errors.ConversationNotFoundError  # the API's own 404, without a code
    return CLASSES.get(status, APIStatusError)


def phrase_for(status: int) -> str:
    return httpx.codes.get_reason_phrase(status) or "non-standard status"


@pytest.mark.parametrize("kind", BODIES)
def test_every_status_with_any_body_is_the_right_error(
    call: Caller, server: FakeServer, kind: str
) -> None:
    content, body, message = BODIES[kind]
    envelope = kind == "envelope"
    statuses = range(300, 600) if kind in WITH_EVERY_STATUS else (302, 400, 401, 404, 500, 599)
    raised: list[Any] = []

    def read_each(client: Any) -> Generator[Any, Any, None]:
        for status in statuses:
            server.respond(status, content=content)
            with pytest.raises(PolyAIError) as caught:
                yield client.get_conversation("CA1")
            raised.append(caught.value)

    call.play(call.client(server, **SETTINGS), read_each)
    for status, error, request in zip(statuses, raised, server.requests, strict=True):
        sent = request.headers["X-PolyAI-Correlation-Id"]
        assert type(error) is class_for(status, body), status
        assert error.status_code == status
        assert error.body == body
        assert error.code == ("SOME_CODE" if envelope else None)
        assert error.correlation_id == ("id-of-the-envelope" if envelope else sent)
        assert (error.method, error.url, error.retry_after) == ("GET", URL, None)
        if 300 <= status < 400 and kind not in ("envelope", "only error", "only error_message"):
            expected = f"{phrase_for(status)}; redirects are not followed (Location: none)"
        else:
            expected = (message or "{phrase}").replace("{phrase}", phrase_for(status))
        code = " SOME_CODE" if envelope else ""
        assert str(error) == (
            f"{REQUEST} → {status}{code}: {expected} (correlation ID {error.correlation_id})"
            f"{HINTS.get(status, '')}"
        )
        assert error.__cause__ is error.__context__ is None


def test_an_error_reads_as_the_readme_shows(call: Caller, server: FakeServer) -> None:
    server.respond(
        404,
        json={
            **ENVELOPE,
            "error_message": "Conversation ID does not exist.",
            "error_code": "CONVERSATIONS_NOT_FOUND",
            "error_id": "550e8400-e29b-41d4-a716-446655440000",
        },
    )
    error = call.fails(server)
    assert type(error) is errors.ConversationNotFoundError
    assert error.hint == HINT_404.strip()
    assert str(error).splitlines() == [
        f"{REQUEST} → 404 CONVERSATIONS_NOT_FOUND: Conversation ID does not exist. "
        "(correlation ID 550e8400-e29b-41d4-a716-446655440000)",
        HINT_404.strip(),
    ]


@pytest.mark.parametrize("status", [401, 404])
def test_a_hint_names_the_host_where_there_is_no_region(
    call: Caller, server: FakeServer, status: int
) -> None:
    server.respond(status)
    error = call.fails(server, base_url="http://127.0.0.1:8765")
    assert error.hint is not None
    assert "This request went to 127.0.0.1:8765." in error.hint
    server.respond(403)
    assert call.fails(server).hint is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "CONVERSATIONS_NOT_FOUND", errors.ConversationNotFoundError),
        (404, "CONVERSATIONS_RECORDING_NOT_FOUND", errors.RecordingNotFoundError),
        (404, "PROJECT_NOT_FOUND", errors.NotFoundError),
        (410, "ChatConversationEnded", errors.ChatEndedError),
        (410, "SOMETHING_ELSE", errors.GoneError),
        (400, "CONVERSATIONS_NOT_FOUND", errors.BadRequestError),
        (500, "CHAT_DRAFT_DEPLOYMENT_FAILED", errors.ServerError),
        (418, "NEVER_HEARD_OF", APIStatusError),
        (600, "NEVER_HEARD_OF", errors.ServerError),
    ],
)
def test_a_code_decides_the_class_together_with_its_status(
    call: Caller, server: FakeServer, status: int, code: str, kind: type[PolyAIError]
) -> None:
    server.respond(status, json={**ENVELOPE, "error_code": code})
    error = call.fails(server)
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    ("error_id", "header", "expected"),
    [
        ("of the envelope", "of the header", "of the envelope"),
        (None, "of the header", "of the header"),
        ("", "of the header", "of the header"),
        (None, "", None),
        (None, None, None),
    ],
)
def test_the_correlation_id_is_the_envelopes_else_the_answers_else_our_own(
    call: Caller, server: FakeServer, error_id: str | None, header: str | None, expected: str | None
) -> None:
    headers = {} if header is None else {"x-polyai-correlation-id": header}
    server.respond(500, json={**ENVELOPE, "error_id": error_id}, headers=headers)
    sent = server.requests
    assert call.fails(server).correlation_id == (
        expected or sent[-1].headers["X-PolyAI-Correlation-Id"]
    )


NOW = 1_780_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        ("1.5", 1.5),
        (" 7 ", 7),
        ("-3", 0),
        ("Thu, 28 May 2026 20:27:40 GMT", 60),
        ("Thu, 28 May 2026 20:27:40 -0000", 60),
        ("Thu, 28 May 2026 22:27:40 +0200", 60),
        ("Thu May 28 20:27:40 2026", 60),
        ("Thu, 28 May 2026 20:20:00 GMT", 0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("Thu, 28 May 99999 20:27:40 GMT", None),
        ("Thu, 99 May 2026 20:27:40 GMT", None),
        ("Thu, 99999999999999999999 May 2026 20:27:40 GMT", None),
    ],
)
def test_retry_after_is_in_seconds(
    call: Caller,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    seconds: float | None,
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    tzset = getattr(time, "tzset", lambda: None)  # Windows has none
    tzset()
    try:
        server.respond(429, headers={"retry-after": value})
        error = call.fails(server)
    finally:
        monkeypatch.undo()
        tzset()
    assert type(error) is errors.RateLimitError
    assert error.retry_after == seconds


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126))
    | st.from_regex(
        r"[A-Z]\w\w, \d+ \w+ \d+ [\d:]+ [-+\w]+",
        fullmatch=True,
        alphabet=st.characters(codec="ascii"),
    )
)
def test_no_retry_after_is_too_odd(call: Caller, value: str) -> None:
    error = call.fails(lambda _: httpx.Response(429, headers={"Retry-After": value}))
    assert error.retry_after is None or 0 <= error.retry_after < float("inf")


def test_texts_of_the_server_are_cut_to_200_characters_on_one_line() -> None:
    error = errors.ServerError(
        "line\nbreak\x1b[31m " + "é" * 300,
        method="GET",
        url="https://x.example/" + "p" * 300 + "?limit=5",
        status_code=500,
        code="C" * 300,
        correlation_id="i" * 300,
    )
    start = "line break [31m "
    assert str(error) == (
        f"GET /{'p' * 198}… → 500 {'C' * 199}…: {start}{'é' * (199 - len(start))}… "
        f"(correlation ID {'i' * 199}…)"
    )
    assert errors.truncate("x" * 200) == "x" * 200
    assert error.message.endswith("é" * 300)


def test_an_error_without_a_request_reads_as_its_message() -> None:
    assert str(errors.ConfigurationError("No key.")) == "No key."
    assert str(PolyAIError()) == ""
    shown = str(PolyAIError("M", method="GET", url="https://x.example/v1?limit=5"))
    assert shown == "GET /v1?limit=5 → no response: M"


ERROR_CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, PolyAIError)
]


@pytest.mark.parametrize("kind", ERROR_CLASSES)
def test_each_error_survives_pickling_and_copying(kind: type[PolyAIError]) -> None:
    attributes: dict[str, Any] = {
        "method": "GET",
        "url": URL,
        "status_code": 404,
        "code": "C",
        "correlation_id": "i",
        "body": {"error": [1, None]},
        "retry_after": 1.5,
        "hint": "H",
        "outcome_unknown": True,
    }
    error = kind("Message.", **attributes)
    error.attempts = attributes["attempts"] = 3
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(2, 6)]
    for other in [*copies, copy.copy(error), copy.deepcopy(error)]:
        assert type(other) is kind
        assert str(other) == str(error)
        assert vars(other) == vars(error) == {"message": "Message.", **attributes}
        assert other.args == error.args


def test_each_error_is_exported_and_stands_in_the_tree() -> None:
    def tree(kind: type[PolyAIError], depth: int = 0) -> list[tuple[int, str]]:
        lines = [(depth, kind.__name__)]
        for child in kind.__subclasses__():
            lines += tree(child, depth + 1)
        return lines

    assert {name for _, name in tree(PolyAIError)} <= set(polyai_data.__all__)
    drawn = re.findall(r"^    ((?:│  |   )*)(?:[├└]─ )?(\w*Error)\b", errors.__doc__ or "", re.M)
    in_docstring = [(len(indent) // 3 + (name != "PolyAIError"), name) for indent, name in drawn]
    assert in_docstring == tree(PolyAIError)


def test_errors_are_also_what_python_calls_them() -> None:
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(errors.APITimeoutError, TimeoutError)
    assert not issubclass(APIStatusError, (ValueError, OSError))


UNEXPECTED = "Unexpected response to this operation: "


@pytest.mark.parametrize(
    ("content", "content_type", "message"),
    [
        (b"", "application/json", "The response body is empty"),
        (b" \n", "application/json", "The response body is empty"),
        (
            b"<!doctype html>",
            "",
            "Expected JSON, got an HTML page, probably from a gateway or proxy",
        ),
        (
            b"Moved",
            "text/html; charset=utf-8",
            "Expected JSON, got an HTML page, probably from a gateway or proxy",
        ),
        (
            b'{"conversationId": "CA',
            "application/json",
            "Expected JSON, got 22 bytes of Content-Type application/json",
        ),
        (b"\x00\xff" * 700, "", "Expected JSON, got 1,400 bytes of Content-Type unknown"),
        (
            b"[" * 100_000,
            "application/json",
            "Expected JSON, got 100,000 bytes of Content-Type application/json",
        ),
        (
            b"9" * 5000,
            "application/json;charset=utf-8",
            f"{UNEXPECTED}expected an object, got a number out of range",
        ),
        (b"null", "application/json", f"{UNEXPECTED}expected an object, got null"),
        (b"[]", "application/json", f"{UNEXPECTED}expected an object, got an array"),
        (b"{}", "application/json", f"{UNEXPECTED}conversationId is missing"),
        (b'{"conversationId": null}', "application/json", f"{UNEXPECTED}conversationId is null"),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_a_success_that_cannot_be_read_is_an_error(
    call: Caller, server: FakeServer, status: int, content: bytes, content_type: str, message: str
) -> None:
    headers = {"content-type": content_type, "X-PolyAI-Correlation-Id": "of the header"}
    server.respond(status, content=content, headers=headers)
    error = call.fails(server)
    assert type(error) is errors.ResponseDecodeError
    assert error.message == message
    assert str(error) == f"{REQUEST} → {status}: {message} (correlation ID of the header)"
    assert (error.status_code, error.url, error.code) == (status, URL, None)
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize("received", ["CA2", "", "CA1 ", "x" * 500])
def test_the_response_to_another_request_is_an_error(
    call: Caller, server: FakeServer, received: str
) -> None:
    """A proxy, or a connection with bytes left over, may mix up two responses."""
    body = {"conversationId": received, "note": "of someone else"}
    server.respond(200, json=body)
    error = call.fails(server)
    assert type(error) is errors.ResponseDecodeError
    shown = short_repr(received)
    expected = f"{UNEXPECTED}conversationId is {shown}, but 'CA1' was requested"
    assert error.message == expected
    assert error.body == body

    def read_many(client: Any) -> Any:
        results = client.get_conversations(["CA1"])

        async def gather() -> list[Any]:
            return [one async for one in results]

        return gather() if hasattr(results, "__aiter__") else list(results)

    (result,) = call(server, read_many)
    assert result.error.message == expected


@pytest.mark.parametrize("received", ["ca1", "CA1", 1, True, ["CA2"], {"is": "CA2"}])
def test_a_case_or_a_type_is_not_another_conversation(
    call: Caller, server: FakeServer, received: object
) -> None:
    server.respond(200, json={"conversationId": received})
    assert call(server, lambda client: client.get_conversation("CA1")).conversation_id == received


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["mailto:x", "https://h:port/", "https://elsewhere.test/", "/v1/there", "x" * 70_000],
    ids=["mailto", "bad port", "elsewhere", "path", "long"],
)
def test_a_redirect_to_anywhere_is_a_status(
    call: Caller, server: FakeServer, status: int, location: str
) -> None:
    server.respond(status, headers={"Location": location})
    error = call.fails(server)
    assert (type(error), error.status_code) == (APIStatusError, status)
    assert f"redirects are not followed (Location: {location})" in error.message
    assert len(server.requests) == 1
