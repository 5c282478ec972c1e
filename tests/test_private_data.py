"""The key and people's data stay out of errors, logs, pickles and what the programs print."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import pprint
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import rich.console
import rich.pretty
import rich.traceback
from polyai_data import (
    APIStatusError,
    ChatReply,
    Conversation,
    ConversationNotFoundError,
    ConversationPage,
    ConversationSummary,
    DataClient,
    PolyAIError,
    ResponseDecodeError,
)
from polyai_data.sandbox import serve
from polyai_data_generated import models

if TYPE_CHECKING:
    from tests.conftest import Caller, Operation

MARK = "4be7d1"
KEY = f"made-up/key+{MARK}=="
ROOT = Path(__file__).parent.parent

NUMBER = "+14155550177"
WORDS = "my mother's maiden name"
SECRETS = (NUMBER, NUMBER[1:], WORDS, MARK)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def record(sample: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """A conversation with a number and words that belong to somebody."""
    turn = {**sample()["turns"][1], "user_input": WORDS, "agent_response": f"{WORDS}?"}
    summary = {"heading": WORDS, "content": f"{NUMBER} called"}
    return sample(fromNumber=NUMBER, note=WORDS, shortSummary=summary, turns=[turn], tags=[WORDS])


@pytest.fixture
def keyed(call: Caller) -> Callable[..., Any]:
    """Makes clients with the key; its frame is over when they are used."""

    def make(answer: Any = None, **options: Any) -> Any:
        settings = {"region": "us", "agent_id": "PROJECT-1", "max_retries": 1, **options}
        return call.client(answer, api_key=KEY, conversations_api_key=KEY, **settings)

    return make


def report(error: BaseException) -> str:
    """Return what a program prints that reports errors with all variables of all frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format())


def shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Return the texts of an error and of the log, but not what its attributes keep."""
    records = "".join(f"{vars(record)}" for record in caplog.records)
    parts = [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
    return "\n".join([*parts, str(getattr(error, "message", "")), caplog.text, records])


def check_hidden(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


# --- The key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 401, 404, 410, 429, 500, 503])
def test_a_report_with_all_variables_lacks_the_key(
    call: Caller,
    keyed: Callable[..., Any],
    operation: Operation,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        echo = request.headers["X-API-KEY"]
        return httpx.Response(status, text=f"<p>{echo}", headers={"X-Echo": echo})

    with pytest.raises(PolyAIError) as caught:
        call.play(keyed(answer), operation.play)
    assert "answer = " in report(caught.value)
    assert MARK not in report(caught.value)
    assert MARK not in shown(caught.value, caplog)
    assert MARK.encode() not in pickle.dumps(caught.value)


def test_the_report_does_show_variables() -> None:
    def fail(secret: str) -> None:
        raise ValueError(len(secret))

    with pytest.raises(ValueError, match="7") as caught:
        fail("visible")
    assert "secret = 'visible'" in report(caught.value)


def test_a_failure_of_the_transport_reports_no_key(
    call: Caller, keyed: Callable[..., Any], operation: Operation
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(str(request.headers.raw))

    with pytest.raises(PolyAIError) as caught:
        call.play(keyed(answer), operation.play)
    assert MARK not in report(caught.value)


def test_nothing_that_is_returned_holds_the_key(
    call: Caller, keyed: Callable[..., Any], operation: Operation
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        response = operation(request)
        response.headers["X-Echo"] = request.headers["X-API-KEY"]
        return response

    result = call.play(keyed(answer), operation.play)
    assert MARK not in f"{result!r}{result}{result.meta}{result.meta.headers}"
    try:
        dumped = pickle.dumps(result)
    except (TypeError, AttributeError):
        return  # a recording holds its connection, and cannot be pickled
    assert MARK.encode() not in dumped


def test_a_retry_is_logged_and_told_without_the_key(
    call: Caller, keyed: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, text=f"{request.headers['X-API-KEY']} {NUMBER} {WORDS}")

    told: list[Any] = []
    with pytest.raises(PolyAIError):
        call.run(keyed(answer, on_retry=told.append), lambda client: client.get_conversation("CA1"))
    (line,) = [record for record in caplog.records if record.name == "polyai_data"]
    assert line.getMessage().startswith(
        "get_conversation: attempt 1 failed (503), next attempt in "
    )
    check_hidden(f"{vars(line)}{told}{told[0]}")
    assert MARK.encode() not in pickle.dumps(told[0].cause)


# --- What programs print -------------------------------------------------------------------------


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLYAI_")}
    kept.update(POLYAI_API_KEY=KEY, POLYAI_API_KEY_US=KEY, PYTHONUNBUFFERED="1", **variables)
    return kept


def command_of(process: subprocess.Popen[str]) -> str:
    """Return what lists of processes show of it."""
    told = Path(f"/proc/{process.pid}/cmdline")
    if told.exists():
        return told.read_text().replace("\0", " ")
    command = ["ps", "-ww", "-o", "args=", "-p", str(process.pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs ps")
def test_the_sandbox_prints_no_key_but_its_own(call: Caller) -> None:
    command = [sys.executable, "-X", "dev", "-m", "polyai_data.sandbox", "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        base_url = next(line.split()[-1] for line in lines if "base URL" in line)
        error = call.fails(api_key=KEY, base_url=base_url)
        listed = command_of(process)
        process.terminate()
        rest, errors = process.communicate()
    assert error.status_code in (401, 403)
    assert MARK not in f"{error}{error.body}"
    assert "polyai_data.sandbox" in listed
    assert MARK not in listed
    assert MARK not in "".join(lines) + rest + errors


@pytest.mark.slow
def test_the_demo_prints_no_key_of_the_environment() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/demo.py"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment(PYTHONIOENCODING="utf-8"),
        encoding="utf-8",
    )
    assert "The newest conversations" in done.stdout
    assert MARK not in done.stdout + done.stderr


CRASH = """
import asyncio, faulthandler, logging, sys
from polyai_data import AsyncDataClient, DataClient
faulthandler.enable()
logging.basicConfig(level=logging.DEBUG)
if sys.argv[1] == "sync":
    DataClient().get_conversation("CA1")
else:
    async def main():
        async with AsyncDataClient() as client:
            await client.get_conversation("CA1")
    asyncio.run(main(), debug=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_program_that_dies_of_an_error_prints_no_key(kind: str) -> None:
    with serve(conversations=1) as base_url:
        variables = {"POLYAI_BASE_URL": base_url, "POLYAI_AGENT_ID": "PROJECT-DEMO"}
        died = subprocess.run(
            [sys.executable, "-X", "dev", "-c", CRASH, kind],
            capture_output=True,
            text=True,
            check=False,
            env=environment(**variables),
        )
    assert died.returncode == 1
    assert "polyai_data.errors.AuthenticationError: GET" in died.stderr
    assert ("DEBUG:httpcore" in died.stderr) == (kind == "sync")
    assert "DEBUG:" in died.stderr
    assert MARK not in died.stdout + died.stderr


# --- People's data -------------------------------------------------------------------------------


def get(client: Any) -> Any:
    return client.get_conversation("CA1")


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_a_conversation_in_the_body_of_an_error_stays_there(
    call: Caller, record: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    error = call.fails(lambda _: httpx.Response(status, json={**record, "detail": [NUMBER]}))
    assert isinstance(error, APIStatusError)
    check_hidden(shown(error, caplog))
    check_hidden(report(error).replace(repr(error.body), ""))
    assert error.body["fromNumber"] == NUMBER


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_page_for_people_stays_in_the_body(
    call: Caller, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    page = f"<html><title>{WORDS}</title><p>{NUMBER}</html>"
    error = call.fails(lambda _: httpx.Response(status, html=page))
    check_hidden(shown(error, caplog))
    assert error.body == page


@pytest.mark.parametrize("status", [400, 404, 429, 500, 520])
def test_a_text_that_is_not_the_apis_stays_in_the_body(
    call: Caller, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    error = call.fails(lambda _: httpx.Response(status, text=f"{NUMBER}: {WORDS}"))
    check_hidden(shown(error, caplog))
    assert error.body == f"{NUMBER}: {WORDS}"


@pytest.mark.parametrize(
    "number",
    [
        *("+14155550177", "14155550177", "(415) 555-0177", "+44 20 7946 0958", "415.555.0177"),
        *(
            "5550177",
            "+1-415-555-0177",
            "4111 1111 1111 1111",
            "4111111111111111",
            "+49 (0) 30 901820",
        ),
    ],
)
@pytest.mark.parametrize("key", ["error_message", "error"])
def test_a_number_in_the_apis_message_is_not_shown(
    call: Caller, key: str, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"No caller {number}, in 2 lists."
    error = call.fails(lambda _: httpx.Response(400, json={key: said}))
    assert error.message == "No caller [number], in 2 lists."
    assert number not in shown(error, caplog)
    assert error.body == {key: said}


@pytest.mark.parametrize(
    "said",
    [
        "CA22d437f4405070690f8906b76c8ea4ed does not exist.",
        "CA22043744050706908906076084041234 does not exist.",
        "AS_CHAT_01234567-0123-0123-0123-012345678901 does not exist.",
        "limit must be at most 100000, not 999999.",
        "It ended on 2026-06-03 at 13:18:06.370000.",
        "It ended at 2026-06-03T13:18:06.370000+00:00.",
    ],
)
def test_what_is_no_telephone_number_is_shown(call: Caller, said: str) -> None:
    assert call.fails(lambda _: httpx.Response(400, json={"error": said})).message == said


@pytest.mark.parametrize(
    ("kind", "shown_as"),
    [
        (f"text/{WORDS}", "invalid"),
        (NUMBER, "invalid"),
        ("text/x; name=" + NUMBER, "text/x"),
        ("text/" + "x" * 100, "invalid"),
    ],
)
def test_of_a_content_type_only_the_kind_is_shown(
    call: Caller, kind: str, shown_as: str, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"?", headers={"Content-Type": kind})

    error = call.fails(answer)
    check_hidden(shown(error, caplog))
    assert error.message == f"Expected JSON, got 1 bytes of Content-Type {shown_as}"
    error = call.fails(answer, lambda client: client.download_recording("CA1", "x.wav"))
    check_hidden(shown(error, caplog))
    assert error.message == f"Expected audio, got {shown_as}"


@pytest.mark.parametrize("field", ["conversationId", "channel"])
def test_an_id_that_drifted_is_shown_nowhere(
    call: Caller, record: dict[str, Any], field: str, caplog: pytest.LogCaptureFixture
) -> None:
    record[field] = {"of": NUMBER, "who": WORDS}
    page = {"conversations": [record], "count": 1, "limit": 50, "offset": 0}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=page)

    listed = call(answer, lambda client: client.get_page())
    check_hidden(f"{listed!r}{listed.conversations!r}{listed.problems!r}")
    error = call.fails(answer, walk)
    check_hidden(shown(error, caplog))
    expected = "conversations[0]" if field == "conversationId" else "CA1"
    assert error.message.startswith(f"{expected}: {field} expected ")


def damaged(record: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield answers with data in them that cannot be read as a conversation."""
    text = json.dumps(record)
    yield "cut off", text[:-20].encode()
    yield "not UTF-8", text.encode() + b"\xff"
    yield "followed by more", f"{text} {text}".encode()
    yield "without its ID", json.dumps({**record, "conversationId": None}).encode()
    yield "a list", json.dumps([record]).encode()
    yield "text", json.dumps(f"{NUMBER} {WORDS}").encode()
    yield "no JSON", f"{NUMBER} {WORDS}".encode()


def test_what_cannot_be_decoded_stays_in_the_body(
    call: Caller, record: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for what, content in damaged(record):

        def answer(_: httpx.Request, content: bytes = content) -> httpx.Response:
            return httpx.Response(200, content=content)

        error = call.fails(answer)
        assert type(error) is ResponseDecodeError, what
        check_hidden(shown(error, caplog))
        body = error.body if isinstance(error.body, bytes) else repr(error.body).encode()
        assert NUMBER.encode() in body, what


DRIFT: dict[str, Any] = {
    "startedAt": f"{NUMBER} {WORDS}",
    "fromNumber": {"number": NUMBER},
    "note": [WORDS],
    "duration": WORDS,
    "handoff": NUMBER,
    "tags": {WORDS: NUMBER},
    "shortSummary": [WORDS],
}


def walk(client: Any) -> Any:
    conversations = client.list_conversations(strict=True)

    async def wait() -> Any:
        return [conversation async for conversation in conversations]

    return list(conversations) if isinstance(client, DataClient) else wait()


@pytest.mark.parametrize("field", DRIFT)
def test_a_strict_list_names_the_field_and_not_its_value(
    call: Caller, record: dict[str, Any], field: str, caplog: pytest.LogCaptureFixture
) -> None:
    record[field] = DRIFT[field]
    page = {"conversations": [record], "count": 1, "limit": 50, "offset": 0}
    error = call.fails(lambda _: httpx.Response(200, json=page), walk)
    assert type(error) is ResponseDecodeError
    assert error.message.startswith(f"CA1: {field} expected ")
    check_hidden(shown(error, caplog))
    assert error.body[field] == DRIFT[field]


def test_a_record_that_cannot_be_read_shows_nothing_of_it(
    call: Caller, record: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    del record["conversationId"]
    page = {"conversations": [record, WORDS, [NUMBER]], "count": 3, "limit": 50, "offset": 0}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=page)

    listed = call(answer, lambda client: client.get_page())
    check_hidden(f"{listed!r}{listed.conversations!r}{listed.problems!r}")
    assert listed.conversations[0].raw["fromNumber"] == NUMBER
    error = call.fails(answer, walk)
    check_hidden(shown(error, caplog))


def test_a_conversation_shows_nobody_in_its_repr_and_in_no_log(
    call: Caller, record: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    record.update({"startedAt": WORDS, "duration": NUMBER})  # drift is no way around that
    conversation = call(lambda _: httpx.Response(200, json=record))
    assert isinstance(conversation, Conversation)
    assert (conversation.from_number, conversation.note) == (NUMBER, WORDS)
    check_hidden(f"{conversation!r}{conversation}{conversation.problems}{conversation.turns}")
    check_hidden(f"{conversation.transcript!r}{conversation.function_calls!r}")
    check_hidden(caplog.text)


PRINTERS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "pprint": lambda thing: pprint.pformat(thing, width=40),
    "rich": lambda thing: rich_text(thing),
    "rich, deeper": lambda thing: rich_text({"a": [thing]}),
    "rich.pretty": lambda thing: rich.pretty.pretty_repr(thing, max_string=500),
}


def rich_text(*things: Any) -> str:
    console = rich.console.Console(file=io.StringIO(), width=300)
    console.print(*things)
    file: Any = console.file
    return str(file.getvalue())


@pytest.mark.parametrize("printer", PRINTERS)
def test_no_printer_shows_a_caller(record: dict[str, Any], printer: str) -> None:
    event = {
        "name": "book",
        "arguments": {"party": WORDS, "phone": NUMBER},
        "content": WORDS,
        "error": NUMBER,
        "duration": 120,
        "state_changes": {"added": {"name": WORDS}},
    }
    metrics = {"SAID": [{"value": WORDS, "timestamp": None}]}
    data = {**record, "functionEvents": {"3": [event]}, "metrics": metrics, "other": WORDS}
    conversation = Conversation.from_dict(data)
    summary = ConversationSummary.from_dict(data)
    page = ConversationPage.from_dict({"conversations": [data, WORDS], "count": 2})
    metadata = {"state": {"name": WORDS}, "retrievedTopics": [WORDS], "citedTopic": WORDS}
    reply = ChatReply.from_dict(
        {"conversationId": "CA1", "userInput": WORDS, "response": NUMBER, "metadata": metadata}
    )
    calls, turns, events = (
        conversation.function_calls,
        conversation.turns,
        conversation.function_events,
    )
    request = models.SetNoteBody(WORDS)
    things: list[Any] = [
        *(conversation, summary, page, page.conversations, reply, reply.metadata, calls, turns),
        *(events, conversation.metrics, conversation.short_summary, request),
        list(conversation.transcript),
    ]
    if printer != "str":  # which is there to show it
        things.append(conversation.transcript)
    for thing in things:
        check_hidden(PRINTERS[printer](thing))
    expected = "<FunctionCall book(party, phone) turn 3, 0.12 s, failed>"
    assert expected in PRINTERS[printer](calls[0])
    assert repr(conversation) in PRINTERS[printer](conversation)
    assert repr(request) == "<SetNoteBody note>"
    assert "<Latency>" in PRINTERS[printer](models.Latency(None, None, None))


def frames_of_the_package(error: BaseException) -> str:
    """Return what a program shows that reports errors with the variables of our frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    stack = [frame for frame in told.stack if "polyai_data" in frame.filename]
    assert stack
    shown = [f"{name} = {value}" for frame in stack for name, value in (frame.locals or {}).items()]
    frames = error.__traceback__
    while frames is not None and "polyai_data" not in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    trace = rich.traceback.Traceback.extract(
        type(error), error, frames, show_locals=True, locals_max_string=500, locals_max_length=99
    )
    rich_frames = [frame.locals or {} for stack in trace.stacks for frame in stack.frames]
    assert rich_frames
    by_rich = [f"{name} = {value}" for one in rich_frames for name, value in one.items()]
    return "\n".join([*shown, *by_rich])


WRITES: dict[str, Callable[[Any], Any]] = {
    "set_note": lambda client: client.set_note("CA1", f"{WORDS} {NUMBER}"),
    "start_chat": lambda client: client.start_chat("live", attributes={"who": [WORDS, NUMBER]}),
    "send": lambda client: client.resume_chat("CA1", "live").send(WORDS, metadata={"of": NUMBER}),
}


@pytest.mark.parametrize("name", ["get_conversation", "get_page", "walk", "download", *WRITES])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_no_frame_of_the_package_shows_a_caller_or_the_key(
    call: Caller, keyed: Callable[..., Any], status: int, name: str
) -> None:
    reads: dict[str, Callable[[Any], Any]] = {
        "get_conversation": get,
        "get_page": lambda client: client.get_page(),
        "walk": walk,
        "download": lambda client: client.download_recording("CA1", "x.wav"),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        key = request.headers["X-API-KEY"]
        text = f"<html>{NUMBER} {WORDS} {key}"
        return httpx.Response(status, text=text, headers={"X-Echo": key, "X-Who": NUMBER})

    with pytest.raises(PolyAIError) as caught:
        call.run(keyed(answer, max_retries=0), {**reads, **WRITES}[name])
    check_hidden(frames_of_the_package(caught.value))


@pytest.mark.parametrize("model", [Conversation, ConversationSummary, ConversationPage, ChatReply])
def test_json_that_is_not_of_a_model_is_in_no_frame(model: Any, record: dict[str, Any]) -> None:
    for data in ({"of": NUMBER, "turns": WORDS}, [NUMBER], WORDS):
        with pytest.raises(ResponseDecodeError) as caught:
            model.from_dict(data)
        check_hidden(frames_of_the_package(caught.value))
    misspelled = ConversationSummary.from_dict(record)
    with pytest.raises(AttributeError) as missing:
        misspelled.from_numbr  # type: ignore[attr-defined]  # noqa: B018
    check_hidden(frames_of_the_package(missing.value))


def test_what_is_written_stands_in_no_error_and_no_log(
    call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, content=request.content)

    steps: list[Callable[[Any], Any]] = [
        lambda client: client.set_note("CA1", f"{WORDS} {NUMBER}"),
        lambda client: client.resume_chat("CA1", "live").send(f"{WORDS} {NUMBER}"),
    ]
    for step in steps:
        error = call.fails(answer, step)
        assert type(error) is ConversationNotFoundError
        check_hidden(shown(error, caplog))
        assert WORDS in repr(error.body)


def test_a_chat_shows_nothing_of_what_was_said(
    call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    reply = {"conversationId": "CA1", "userInput": WORDS, "response": NUMBER, "metadata": {}}

    def talk(client: Any) -> Any:
        chat = client.resume_chat("CA1", "live")
        answered = yield chat.send(WORDS)
        return chat, answered

    settings = {"api_key": KEY, "region": "us", "agent_id": "PROJECT-1"}
    chat, answered = call.play(
        call.client(lambda _: httpx.Response(200, json=reply), **settings), talk
    )
    assert [said.text for said in chat.history] == [WORDS, NUMBER]
    check_hidden(f"{chat!r}{chat}{answered!r}{chat.history!r}{list(chat.history)!r}")
    check_hidden(caplog.text)


def test_a_log_file_of_everything_holds_no_body(call: Caller) -> None:
    """The libraries log, too; over a real connection they log most."""
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    logging.getLogger().addHandler(handler)
    try:
        with serve(conversations=20) as base_url:
            options = {"api_key": "sandbox", "agent_id": "PROJECT-DEMO", "base_url": base_url}
            page = call(None, lambda client: client.get_page(), **options)
            ids = [item.conversation_id for item in page.conversations]
            whole = call(None, lambda client: client.get_conversation(ids[0]), **options)
    finally:
        logging.getLogger().removeHandler(handler)
    text = file.getvalue()
    assert ("receive_response_body" in text) == (call.kind is DataClient)
    assert "Using selector" in text or call.kind is DataClient
    said = [utterance.text for utterance in whole.transcript]
    numbers = [str(item.from_number) for item in page.conversations]
    numbers = [number for number in numbers if number.startswith("+")]
    assert len(said) > 1
    assert numbers
    assert [words for words in [*said, *numbers] if words in text] == []
