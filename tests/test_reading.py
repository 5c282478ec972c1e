"""What reads better than the wire: function calls, metrics, where an answer came from, reprs."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import (
    ChatReply,
    Conversation,
    ConversationPage,
    ConversationSummary,
    FunctionEvent,
    ResponseDecodeError,
    ResponseMeta,
    Turn,
    UnreadableRecord,
    WriteResult,
)

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer, Operation

    Make = Callable[..., Conversation]

EVENT = {
    "name": "book",
    "turn_id": 7,
    "start_time": "Wed, 03 Jun 2026 13:18:13 GMT",
    "duration": 1500.5,
    "arguments": {"party": 2},
    "error": None,
}


def test_a_function_call_has_its_parts_parsed(conversation: Make) -> None:
    read = conversation(functionEvents={"3": [{**EVENT, "error": "full", "content": "done"}]})
    (called,) = read.function_calls
    assert (called.name, called.turn, called.error) == ("book", 3, "full")
    assert called.started_at == datetime(2026, 6, 3, 13, 18, 13, tzinfo=UTC)
    assert called.duration == timedelta(seconds=1, microseconds=500_500)
    assert called.arguments == {"party": 2}
    assert type(called.event) is FunctionEvent
    assert read.function_events is not None
    assert called.event is read.function_events["3"][0]
    assert called.result == "done"
    assert repr(called) == "<FunctionCall book(party) turn 3, 1.50 s, failed>"
    assert "full" not in repr(called)


def names(events: Any) -> dict[str, Any]:
    return {key: [{"name": name} for name in value] for key, value in events.items()}


def test_function_calls_stand_in_the_order_of_their_turns(conversation: Make) -> None:
    events = names({"10": "ab", "x": "g", "9": "c", "0": "def"})
    calls = conversation(functionEvents=events).function_calls
    assert "".join(str(called.name) for called in calls) == "defcabg"
    assert [called.turn for called in calls] == [0, 0, 0, 9, 10, 10, None]


@pytest.mark.parametrize(
    ("key", "turn_id", "turn"),
    [
        ("3", 7, 3),
        ("x", 7, 7),
        ("-1", 7, 7),
        ("²", 7, 7),
        ("9" * 5000, 7, 7),
        ("", None, None),
        ("x", "7", None),
        ("x", True, None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_the_turn_of_a_function_call_is_the_key_else_its_own(
    conversation: Make, key: str, turn_id: Any, turn: int | None
) -> None:
    (called,) = conversation(functionEvents={key: [{**EVENT, "turn_id": turn_id}]}).function_calls
    assert called.turn == turn
    assert type(called.turn) in (int, type(None))


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"duration": "12"}, "duration", None),
        ({"duration": None}, "duration", None),
        ({"duration": True}, "duration", None),
        ({"duration": 1e300}, "duration", None),
        ({"duration": float("nan")}, "duration", None),
        ({"duration": float("inf")}, "duration", None),
        ({"duration": 0}, "duration", timedelta(0)),
        ({"duration": -1}, "duration", timedelta(milliseconds=-1)),
        ({"start_time": "soon"}, "started_at", None),
        ({"start_time": 5}, "started_at", None),
        ({"start_time": ""}, "started_at", None),
        (
            {"start_time": "2026-06-03T15:18:13+02:00"},
            "started_at",
            datetime(2026, 6, 3, 13, 18, 13, tzinfo=UTC),
        ),
        ({"arguments": None}, "arguments", {}),
        ({"arguments": "x"}, "arguments", {}),
        ({"error": {"code": 5}}, "error", {"code": 5}),
    ],
    ids=str,
)
def test_what_is_odd_in_a_function_event_does_not_lose_the_call(
    conversation: Make, changes: Any, field: str, value: Any
) -> None:
    (called,) = conversation(functionEvents={"1": [{**EVENT, **changes}]}).function_calls
    assert getattr(called, field) == value
    assert (called.name, called.turn) == ("book", 1)


@pytest.mark.parametrize(
    "events",
    [None, {}, [], "x", {"1": None}, {"1": "x"}, {"1": []}, {"1": [None, 5, "x", []]}],
    ids=repr,
)
def test_what_is_no_function_event_is_no_call(conversation: Make, events: Any) -> None:
    assert conversation(functionEvents=events).function_calls == []


@pytest.mark.parametrize(
    ("metrics", "last"),
    [
        ({"M": [{"value": "1"}, {"value": "2"}]}, "2"),
        ({"M": [{"value": "1"}, None, 5]}, "1"),
        ({"M": [{"value": "1"}, {"value": None}]}, None),
        ({"M": []}, None),
        ({"M": None}, None),
        ({"M": "5"}, None),
        ({"N": [{"value": "1"}]}, None),
        ({}, None),
        (None, None),
        ("M", None),
    ],
    ids=repr,
)
def test_a_metric_is_its_last_value(conversation: Make, metrics: Any, last: str | None) -> None:
    assert conversation(metrics=metrics).metric("M") == last


@pytest.mark.parametrize(
    ("latency", "seconds"),
    [
        ({"perceived_latency": 1.25}, 1.25),
        ({"perceived_latency": 2}, 2),
        ({"perceived_latency": 0.0}, 0.0),
        ({"perceived_latency": None}, None),
        ({"perceived_latency": "1"}, None),
        ({"perceived_latency": True}, None),
        ({}, None),
        (None, None),
        ("fast", None),
    ],
    ids=repr,
)
def test_the_perceived_latency_of_a_turn_is_in_seconds(
    conversation: Make, latency: Any, seconds: float | None
) -> None:
    turns = conversation(turns=[{"latency": latency}]).turns
    assert turns is not None
    assert turns[0].perceived_latency == seconds
    assert turns[0].perceived_latency is not True


@pytest.mark.parametrize(
    "summary", [{"heading": "H", "content": "C"}, '{"heading": "H", "content": "C"}']
)
def test_the_list_reads_summaries_too(summary: Any) -> None:
    read = ConversationSummary.from_dict({"conversationId": "CA1", "shortSummary": summary})
    assert (read.heading, read.summary_text) == ("H", "C")
    read = ConversationSummary.from_dict({"conversationId": "CA1", "shortSummary": "C"})
    assert (read.heading, read.summary_text) == (None, "C")
    assert read.to_dict() == {"conversationId": "CA1", "shortSummary": "C"}


# --- Where an answer came from -------------------------------------------------------------------


SETTINGS = {"conversations_api_key": "v3", "region": "us", "agent_id": "PROJECT-1"}


def played(call: Caller, operation: Operation, answer: Any = None) -> Any:
    client = call.client(
        answer or operation,
        api_key="key",
        conversations_api_key="v3",
        region="us",
        agent_id="PROJECT-1",
    )
    return call.play(client, operation.play)


def test_every_answer_knows_where_it_came_from(call: Caller, operation: Operation) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        response = operation(request)
        response.headers.update({"X-Made-Up": "A, b", "X-POLYAI-Correlation-ID": "c-1"})
        return response

    meta = played(call, operation, answer).meta
    assert type(meta) is ResponseMeta
    assert (meta.status_code, meta.correlation_id, meta.attempts) == (operation.status, "c-1", 1)
    assert type(meta.headers) is dict
    assert (meta.headers["x-made-up"], meta.headers["x-polyai-correlation-id"]) == ("A, b", "c-1")
    assert all(name == name.lower() for name in meta.headers)
    assert {type(text) for pair in meta.headers.items() for text in pair} == {str}
    assert type(meta.elapsed) is timedelta
    assert timedelta(0) <= meta.elapsed < timedelta(minutes=5)
    assert b"httpx" not in pickle.dumps(meta)
    assert pickle.loads(pickle.dumps(meta)) == meta == copy.deepcopy(meta)
    assert "A, b" not in repr(meta)
    assert len(sent) == 1


def test_an_answer_without_a_correlation_id_has_the_requests(
    call: Caller, operation: Operation
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return operation(request)

    meta = played(call, operation, answer).meta
    assert meta.correlation_id == sent[0].headers["X-PolyAI-Correlation-Id"]


def test_what_did_not_come_from_the_api_has_no_meta(conversation: Make) -> None:
    assert conversation().meta is None


def test_elapsed_is_the_time_that_passed(
    call: Caller, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 102.5])
    sender = call.kind.__module__.replace("client", "sender")
    monkeypatch.setattr(f"{sender}.time.perf_counter", lambda: next(times, 103.0))
    assert call(server).meta.elapsed >= timedelta(seconds=2.5)


# --- Copies and reprs ----------------------------------------------------------------------------


def test_every_answer_can_be_pickled_copied_and_compared(
    call: Caller, operations: dict[str, Operation]
) -> None:
    for name, operation in operations.items():
        if name == "get_recording":  # a stream
            continue
        answer = played(call, operation)
        for again in (
            copy.copy(answer),
            copy.deepcopy(answer),
            pickle.loads(pickle.dumps(answer)),
        ):
            assert type(again) is type(answer)
            assert again == answer
            assert (again.raw, again.meta) == (answer.raw, answer.meta)
            assert answer != 5
        assert played(call, operation) == answer  # wherever it came from


def test_different_answers_differ(conversation: Make) -> None:
    assert conversation() != conversation(conversationId="CA2")
    unreadable = [record(5), record({}), record({"conversationId": None})]
    assert unreadable[0] != unreadable[1] != unreadable[2]


def record(raw: Any) -> Any:
    (only,) = page_of([raw]).conversations
    return only


def page_of(records: list[Any]) -> ConversationPage:
    from polyai_data import ConversationPage

    return ConversationPage.from_dict(
        {"conversations": records, "count": 9, "limit": 50, "offset": 2}
    )


@pytest.mark.parametrize("raw", [5, None, "Ada", ["Ada"], {}, {"conversationId": None, "note": 1}])
def test_an_unreadable_record_is_whole_and_can_be_pickled(raw: Any) -> None:
    unreadable = record(raw)
    assert type(unreadable) is UnreadableRecord
    assert unreadable.raw == raw
    assert (unreadable.conversation_id, unreadable.note, unreadable.heading) == ("", None, None)
    for again in (
        copy.copy(unreadable),
        copy.deepcopy(unreadable),
        pickle.loads(pickle.dumps(unreadable)),
    ):
        assert again == unreadable
        assert (again.raw, again.reason) == (raw, unreadable.reason)
    assert repr(unreadable) == f"<UnreadableRecord: {unreadable.reason}>"
    assert unreadable.reason.startswith(("expected an object, got ", "conversationId is "))


def test_no_repr_of_an_answer_shows_what_is_personal(call: Caller, operation: Operation) -> None:
    mark = "+14155550177"
    key = "made-up-key-8f3a61"

    def answer(request: httpx.Request) -> httpx.Response:
        response = operation(request)
        kind = response.headers["Content-Type"]
        content = response.read()
        if kind == "application/json":
            content = re.sub(rb"(Ada|call back|\+1415555010\d)", mark.encode(), content)
            content = content.replace(b"{", b'{"new":"%s",' % mark.encode(), 1)
        headers = {"Content-Type": kind, "X-Note": mark, "X-Key": key}
        return httpx.Response(response.status_code, content=content, headers=headers)

    shown: list[str] = []

    def script(client: Any) -> Generator[Any, Any, Any]:
        result = yield from operation.play(client)
        chat = client.resume_chat("AS_CHAT_1", "sandbox")
        shown.extend([repr(result), repr([result]), repr(result.meta), f"{result}", repr(chat)])
        shown.extend([repr(client.list_conversations()), repr(client)])
        if hasattr(result, "raw"):
            assert mark in str(result.raw)  # it is there to be seen
        return result

    call.play(
        call.client(
            answer, api_key=key, conversations_api_key="v3", region="us", agent_id="PROJECT-1"
        ),
        script,
    )
    for text in shown:
        assert mark not in text
        assert key not in text


@pytest.mark.parametrize("conversations", [{}, "x", 5, None])
def test_a_page_without_a_list_is_an_error(
    call: Caller, server: FakeServer, conversations: Any
) -> None:
    server.respond(200, json={"conversations": conversations, "count": 0})
    error = call.fails(server, lambda client: client.get_page())
    assert type(error) is ResponseDecodeError
    assert "conversations is n" in str(error)


def test_the_repr_of_a_page_counts() -> None:
    page = page_of([{"conversationId": "CA1"}, 5])
    assert repr(page) == "<ConversationPage 2 of 9, offset 2>"
    assert repr(page.conversations[0]) == "<ConversationSummary CA1>"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Turn, {"userInput": "Hi.", "response": "Hello."}),
        (ChatReply, {"conversationId": "1", "response": "Hello."}),
        (ConversationPage, {"conversations": [{"conversationId": "1"}, None], "new": 1}),
        (ConversationSummary, {"conversationId": "1", "duration": "x"}),
        (WriteResult, {"success": True}),
    ],
)
def test_every_answer_is_made_from_its_json_and_gives_it_back(kind: Any, data: Any) -> None:
    made = kind.from_dict(data)
    assert type(made) is kind
    assert made.raw == made.to_dict() == data
    assert kind.from_dict(made.to_dict()) == made


def test_a_page_from_json_marks_what_is_unreadable() -> None:
    page = ConversationPage.from_dict({"conversations": [{"conversationId": "1"}, None]})
    assert [type(record) for record in page.conversations] == [
        ConversationSummary,
        UnreadableRecord,
    ]
    with pytest.raises(
        ResponseDecodeError, match=r"^Not a ConversationPage: conversations is missing\.$"
    ):
        ConversationPage.from_dict({})
