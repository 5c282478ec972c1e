"""Annotations and notes: what is sent, what is refused, and what the response means."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import (
    Annotation,
    AnnotationRole,
    AnnotationType,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConversationNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    ResponseDecodeError,
    WriteResult,
)
from polyai_data.sandbox import serve

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

Do = Callable[[Any], Any]

WRONG = Annotation(turn=1, role="agent", type="wrong_info")


def annotate(client: Any) -> Any:
    return client.add_annotations("CA1", [WRONG])


def note(client: Any) -> Any:
    return client.set_note("CA1", "Called back.")


DO = pytest.mark.parametrize("do", [annotate, note])
WRITES = pytest.mark.parametrize(("do", "path"), [(annotate, "annotation"), (note, "note")])


@pytest.fixture
def server(server: FakeServer) -> FakeServer:
    server.respond(201, json={"success": True})
    return server


def sent(server: FakeServer) -> Any:
    (request,) = server.requests
    return json.loads(request.read())


@WRITES
def test_a_write_is_a_post_of_json(call: Caller, server: FakeServer, do: Do, path: str) -> None:
    call(server, do)
    (request,) = server.requests
    assert request.method == "POST"
    assert str(request.url) == (
        f"https://api.us.poly.ai/v1/agents/PROJECT-1/conversations/CA1/{path}"
    )
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(request.read()))


def test_annotations_are_sent_as_documented(call: Caller, server: FakeServer) -> None:
    annotations = [
        Annotation(turn=0, role="user", type="missing_topic"),
        Annotation(turn=12, role=AnnotationRole.AGENT, type=AnnotationType.WRONG_INFO),
        Annotation(turn=0, role=AnnotationRole.USER, type="wrong_transcript"),
    ]
    call(server, lambda client: client.add_annotations("CA1", annotations))
    assert server.requests[0].read() == (
        b'{"annotations":[{"turnId":0,"role":"user","annotationType":"missing_topic"},'
        b'{"turnId":12,"role":"agent","annotationType":"wrong_info"},'
        b'{"turnId":0,"role":"user","annotationType":"wrong_transcript"}]}'
    )


@pytest.mark.parametrize("kind", [tuple, iter, lambda items: (item for item in items), set])
def test_annotations_may_be_any_iterable(call: Caller, server: FakeServer, kind: Any) -> None:
    call(server, lambda client: client.add_annotations("CA1", kind([WRONG])))
    assert len(sent(server)["annotations"]) == 1


@pytest.mark.parametrize("text", ["Called back.", "", 'ü 🙂 \u2028\n\t"\\', "x" * 100_000])
def test_a_note_is_sent_as_it_is(call: Caller, server: FakeServer, text: str) -> None:
    call(server, lambda client: client.set_note("CA1", text))
    assert sent(server) == {"note": text}


@pytest.mark.parametrize(
    ("method", "argument", "path"),
    [("add_annotations", [WRONG], "annotation"), ("set_note", "x", "note")],
)
def test_a_write_goes_to_the_agent_of_the_call_with_the_timeout_of_the_client(
    call: Caller, server: FakeServer, method: str, argument: Any, path: str
) -> None:
    call(
        server,
        lambda client: getattr(client.with_options(timeout=(1, 2)), method)(
            "a/b", argument, agent_id="B"
        ),
    )
    (request,) = server.requests
    assert request.url.raw_path == f"/v1/agents/B/conversations/a%2Fb/{path}".encode()
    assert request.extensions["timeout"] == {"connect": 1, "read": 2, "write": 2, "pool": 2}


@DO
def test_the_result_has_the_response(call: Caller, server: FakeServer, do: Do) -> None:
    server.respond(
        201, json={"success": True, "new": "Ada"}, headers={"X-Polyai-Correlation-Id": "c"}
    )
    result: Any = call(server, do)
    assert isinstance(result, WriteResult)
    assert result.meta is not None
    assert (result.success, result.raw) == (True, {"success": True, "new": "Ada"})
    assert result.additional_properties == {"new": "Ada"}
    assert (result.meta.status_code, result.meta.correlation_id) == (201, "c")
    assert repr(result) == "<WriteResult success=True>"


@pytest.mark.parametrize("name", ["turn", "role", "type"])
def test_an_annotation_has_the_values_that_it_was_created_with(name: str) -> None:
    assert Annotation(1, "agent", "wrong_info") == WRONG
    assert (
        getattr(WRONG, name)
        == {
            "turn": 1,
            "role": AnnotationRole.AGENT,
            "type": AnnotationType.WRONG_INFO,
        }[name]
    )
    with pytest.raises(AttributeError):
        setattr(WRONG, name, None)


@pytest.mark.parametrize(
    ("changes", "kind", "complaint"),
    [
        ({"turn": -1}, ValueError, "^turn=-1: turns are counted from 0.$"),
        ({"turn": True}, TypeError, "^turn=True: expected the index of the turn, an integer.$"),
        ({"turn": 1.0}, TypeError, "^turn=1.0: expected the index"),
        ({"turn": "1"}, TypeError, "^turn='1': expected the index"),
        ({"turn": None}, TypeError, "^turn=None: expected the index"),
        ({"role": "caller"}, ValueError, "^role='caller': expected one of 'agent', 'user'.$"),
        ({"role": "AGENT"}, ValueError, "^role='AGENT': expected one of"),
        ({"role": None}, ValueError, "^role=None: expected one of"),
        ({"role": []}, ValueError, r"^role=\[\]: expected one of"),
        (
            {"role": AnnotationType.WRONG_INFO},
            ValueError,
            "^role=.*expected one of 'agent', 'user'.$",
        ),
        (
            {"type": "wrong"},
            ValueError,
            "^type='wrong': expected one of 'missing_topic', 'wrong_info', 'wrong_transcript'.$",
        ),
        ({"type": 5}, ValueError, "^type=5: expected one of"),
    ],
    ids=str,
)
def test_an_invalid_annotation_is_refused(
    changes: dict[str, Any], kind: type[Exception], complaint: str
) -> None:
    with pytest.raises(kind, match=complaint) as caught:
        Annotation(**{"turn": 0, "role": "agent", "type": "wrong_info", **changes})
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("annotations", "kind", "complaint"),
    [
        ([], ValueError, r"^annotations is empty\.$"),
        pytest.param(iter(()), ValueError, r"^annotations is empty\.$", id="no items"),
        (
            [WRONG, {"turnId": 0}],
            TypeError,
            "^annotations must contain Annotation objects, not dict.$",
        ),
        ("wrong_info", TypeError, "^annotations must contain Annotation objects, not str.$"),
        (
            WRONG,
            TypeError,
            "^annotations must be an iterable of Annotation objects, not Annotation.$",
        ),
        (None, TypeError, "^annotations must be an iterable of .*, not NoneType.$"),
    ],
    ids=repr,
)
def test_invalid_annotations_are_refused_and_nothing_is_sent(
    call: Caller, server: FakeServer, annotations: Any, kind: type[Exception], complaint: str
) -> None:
    if not isinstance(annotations, (list, str, Annotation, type(None))):
        annotations = iter(())  # a new one for each client
    with pytest.raises(kind, match=complaint):
        call(server, lambda client: client.add_annotations("CA1", annotations))
    assert server.requests == []


@pytest.mark.parametrize(
    ("text", "kind", "complaint"),
    [
        (None, TypeError, "^note must be a string, not NoneType.$"),
        (b"x", TypeError, "^note must be a string, not bytes.$"),
        (5, TypeError, "^note must be a string, not int.$"),
        (
            "lone \ud800",
            ValueError,
            "^Cannot encode the arguments as JSON: .*surrogates not allowed.$",
        ),
    ],
    ids=repr,
)
def test_an_invalid_note_is_refused_and_nothing_is_sent(
    call: Caller, server: FakeServer, text: Any, kind: type[Exception], complaint: str
) -> None:
    with pytest.raises(kind, match=complaint):
        call(server, lambda client: client.set_note("CA1", text))
    assert server.requests == []


@pytest.mark.parametrize("method", ["add_annotations", "set_note"])
def test_an_invalid_id_is_refused_and_nothing_is_sent(
    call: Caller, server: FakeServer, method: str
) -> None:
    argument = [WRONG] if method == "add_annotations" else "x"
    with pytest.raises(ValueError, match=r"^conversation_id='' is not a valid ID\."):
        call(server, lambda client: getattr(client, method)("", argument))
    assert server.requests == []


@WRITES
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    ("body", "message", "code", "correlation_id"),
    [
        (
            {"error_message": "No such turn.", "error_code": "NO_TURN", "error_id": "c-1"},
            "No such turn.",
            "NO_TURN",
            "c-1",
        ),
        ({"error": "Locked."}, "Locked.", None, "c-header"),
        ({}, "the server reports a failure", None, "c-header"),
        ({"conversationId": "CA1"}, "the server reports a failure", None, "c-header"),
    ],
    ids=["envelope", "error", "bare", "with an ID"],
)
def test_a_success_that_reports_a_failure_is_an_error(
    call: Caller,
    server: FakeServer,
    do: Do,
    path: str,
    status: int,
    body: dict[str, Any],
    message: str,
    code: str | None,
    correlation_id: str,
) -> None:
    body = {"success": False, **body}
    server.respond(status, json=body, headers={"X-PolyAI-Correlation-Id": "c-header"})
    error = call.fails(server, do)
    assert type(error) is APIStatusError
    assert error.message == message
    assert (error.status_code, error.code, error.body) == (status, code, body)
    assert error.correlation_id == correlation_id
    shown = str(error)
    assert shown.startswith(f"POST /v1/agents/PROJECT-1/conversations/CA1/{path} → {status}")
    assert message in shown
    assert correlation_id in shown


@DO
@pytest.mark.parametrize("body", [{"error": "Locked."}, {"error": "Locked.", "success": None}])
def test_a_success_with_an_error_message_is_an_error(
    call: Caller, server: FakeServer, do: Do, body: Any
) -> None:
    server.respond(201, json=body)
    error = call.fails(server, do)
    assert (type(error), error.message) == (APIStatusError, "Locked.")


@DO
@pytest.mark.parametrize("body", [{}, {"success": None}, {"success": True, "error": None}])
def test_a_success_need_not_say_so(call: Caller, server: FakeServer, do: Do, body: Any) -> None:
    server.respond(201, json=body)
    assert call(server, do).raw == body


@DO
@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b"true"])
def test_a_success_that_is_not_an_object_is_an_error(
    call: Caller, server: FakeServer, do: Do, content: bytes
) -> None:
    server.respond(201, content=content)
    assert type(call.fails(server, do)) is ResponseDecodeError


@DO
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "SCHEMA_VALIDATION_FAILED", BadRequestError),
        (401, "AUTH_USER_INVALID_TOKEN", AuthenticationError),
        (403, "USER_ACCESS_FORBIDDEN", PermissionDeniedError),
        (404, "CONVERSATIONS_NOT_FOUND", ConversationNotFoundError),
        (404, None, ConversationNotFoundError),
        (404, "PROJECT_NOT_FOUND", NotFoundError),
    ],
)
def test_an_error_of_the_server_has_its_class(
    call: Caller,
    server: FakeServer,
    do: Do,
    status: int,
    code: str | None,
    kind: type[APIStatusError],
) -> None:
    envelope = {"success": False, "error": "No.", "error_code": code, "error_id": "c-1"}
    server.respond(status, json=envelope)
    error = call.fails(server, do)
    assert type(error) is kind
    assert (error.message, error.code, error.correlation_id) == ("No.", code, "c-1")


def test_the_sandbox_keeps_what_is_written(call: Caller) -> None:
    def script(client: Any) -> Generator[Any, Any, Any]:
        page = yield client.get_page(limit=1)
        conversation_id = page.conversations[0].conversation_id
        for text in ("First.", "Second: ü"):
            assert (yield client.set_note(conversation_id, text)).success is True
        last = (yield client.get_conversation(conversation_id)).transcript[-1]
        mark = Annotation(turn=last.turn, role=last.role, type="wrong_info")
        assert (yield client.add_annotations(conversation_id, [mark])).success is True
        return last.turn, (yield client.get_conversation(conversation_id))

    with serve(conversations=3) as base_url:
        client = call.client(api_key="sandbox", base_url=base_url, agent_id="PROJECT-DEMO")
        turn, read = call.play(client, script)
    assert read.note == "Second: ü"
    assert [len(one.reviews) for one in read.turns] == [
        int(index == turn) for index in range(len(read.turns))
    ]
    assert "wrong_info" in json.dumps(read.turns[turn].reviews)


@pytest.mark.parametrize("success", ["false", 0, "no", {}])
def test_a_success_that_is_not_true_is_an_error(
    call: Caller, server: FakeServer, success: object
) -> None:
    server.respond(201, json={"success": success})
    error = call.fails(server, lambda client: client.set_note("CA1", "x"))
    assert type(error) is APIStatusError
