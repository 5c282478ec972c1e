"""Retries, deadlines and bounds: what is sent once more, when, and what never is."""

from __future__ import annotations

import asyncio
import gzip
import logging
import pickle
import socket
import ssl
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import (
    Annotation,
    APIConnectionError,
    APITimeoutError,
    AsyncDataClient,
    ConfigurationError,
    DataClient,
    NotFoundError,
    PolyAIError,
    RateLimitError,
    ResponseDecodeError,
    Retry,
    ServerError,
    _retry,
)

if TYPE_CHECKING:
    from tests.conftest import Caller, Operation

SETTINGS: dict[str, Any] = {
    "api_key": "made-up-key-8f3a61",
    "region": "us",
    "agent_id": "PROJECT-1",
}
WAIT = _retry.sleep_asynchronously
WRITES = ("add_annotations", "start_chat", "send_chat_message")


class Failing:
    """Fails as often as it is told, then answers as the operation does."""

    def __init__(self, operation: Operation, *failures: Any) -> None:
        self.operation = operation
        self.failures = list(failures)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        return failure or self.operation(request)


def envelope(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": "Not now."}, headers=headers)


def broken_off() -> httpx.Response:
    """Return a success whose body ends early."""

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            yield b'{"conversationId":'
            raise httpx.RemoteProtocolError("peer closed connection")

        async def __aiter__(self) -> Any:
            yield b'{"conversationId":'
            raise httpx.RemoteProtocolError("peer closed connection")

    return httpx.Response(200, stream=Stream())


PASSING: dict[str, Callable[[], Any]] = {
    "408": lambda: envelope(408),
    "429": lambda: envelope(429),
    "500": lambda: envelope(500),
    "502": lambda: httpx.Response(502, text="<html>"),
    "503": lambda: envelope(503),
    "504": lambda: envelope(504),
    "refused": lambda: httpx.ConnectError("refused"),
    "connect": lambda: httpx.ConnectTimeout("slow"),
    "pool": lambda: httpx.PoolTimeout("full"),
    "read": lambda: httpx.ReadTimeout("slow"),
    "write": lambda: httpx.WriteTimeout("slow"),
    "dropped": lambda: httpx.RemoteProtocolError("dropped"),
    "reset": lambda: httpx.ReadError("reset"),
    "sending": lambda: httpx.WriteError("reset"),
    "timeout": lambda: TimeoutError(),
}
CERTAINLY_NOT_DONE = ("429", "refused", "connect", "pool")


def tls_failure() -> httpx.ConnectError:
    failure = httpx.ConnectError("handshake")
    failure.__cause__ = ssl.SSLCertVerificationError(1, "verify failed")
    return failure


class DisconnectedElsewhere(Exception):
    """What another HTTP library raises where a server dropped the connection."""


def named_otherwise(cause: BaseException) -> httpx.ConnectTimeout:
    failure = httpx.ConnectTimeout("Server disconnected")
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize("name", ["add_annotations", "start_chat", "send_chat_message"])
def test_what_another_transport_calls_not_connected_is_not_believed_of_a_write(
    call: Caller, operations: dict[str, Operation], name: str
) -> None:
    failing = Failing(operations[name], *[named_otherwise(DisconnectedElsewhere())] * 3)
    error = outcome(call, failing)
    assert (type(error), error.outcome_unknown) == (APITimeoutError, True)
    assert len(failing.requests) == 1


@pytest.mark.parametrize(
    "cause",
    [
        ConnectionRefusedError("refused"),
        socket.gaierror("no such name"),
        httpcore.ConnectTimeout("slow"),
    ],
)
def test_what_cannot_have_connected_is_believed(
    call: Caller, operations: dict[str, Operation], cause: BaseException
) -> None:
    failing = Failing(operations["add_annotations"], named_otherwise(cause))
    assert outcome(call, failing).success
    assert len(failing.requests) == 2


def outcome(call: Caller, failing: Failing, **options: Any) -> Any:
    """Return what the operation gives, or the error that it raises."""
    client = call.client(failing, **{**SETTINGS, **options})
    try:
        return call.play(client, failing.operation.play)
    except PolyAIError as error:
        return error


@pytest.mark.parametrize("name", ["get_conversation", "list_conversations", "set_note"])
@pytest.mark.parametrize("failure", PASSING)
def test_what_does_the_same_twice_is_sent_until_it_succeeds(
    call: Caller,
    operations: dict[str, Operation],
    pauses: list[float],
    name: str,
    failure: str,
) -> None:
    failing = Failing(operations[name], PASSING[failure](), PASSING[failure]())
    result = outcome(call, failing)
    assert result.meta.attempts == 3
    assert len(failing.requests) == 3
    assert len(pauses) == 2
    assert len({r.headers["X-PolyAI-Correlation-Id"] for r in failing.requests}) == 1
    assert len({(r.method, r.url, r.content) for r in failing.requests}) == 1


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("failure", PASSING)
def test_a_write_is_repeated_only_where_it_was_certainly_not_done(
    call: Caller, operations: dict[str, Operation], name: str, failure: str
) -> None:
    failing = Failing(operations[name], PASSING[failure]())
    result = outcome(call, failing)
    if failure in CERTAINLY_NOT_DONE:
        assert not isinstance(result, PolyAIError)
        assert len(failing.requests) == 2
    else:
        assert isinstance(result, PolyAIError)
        assert len(failing.requests) == 1
        assert result.outcome_unknown
        assert "may have taken effect all the same" in str(result)


def test_a_write_that_is_refused_with_a_time_to_come_back_is_repeated(
    call: Caller, operations: dict[str, Operation], pauses: list[float]
) -> None:
    failing = Failing(operations["add_annotations"], envelope(503, **{"Retry-After": "3"}))
    assert outcome(call, failing).success
    assert pauses == [3]


@pytest.mark.parametrize("name", WRITES)
def test_the_outcome_of_a_write_is_known_where_the_server_refused_it(
    call: Caller, operations: dict[str, Operation], name: str
) -> None:
    for status in (400, 401, 404, 409, 422, 429):
        failing = Failing(operations[name], *[envelope(status)] * 3)
        error = outcome(call, failing)
        assert (error.status_code, error.outcome_unknown) == (status, False)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(
    "failure",
    [tls_failure, lambda: httpx.ProxyError("407"), lambda: httpx.UnsupportedProtocol("x")],
)
def test_the_outcome_of_a_write_is_known_where_it_was_never_sent(
    call: Caller, operations: dict[str, Operation], name: str, failure: Any
) -> None:
    failing = Failing(operations[name], failure())
    error = outcome(call, failing)
    assert (len(failing.requests), error.outcome_unknown) == (1, False)
    assert "may have taken effect" not in str(error)


def test_a_success_that_breaks_off_or_cannot_be_read_leaves_a_write_open(
    call: Caller, operations: dict[str, Operation]
) -> None:
    for answer in (broken_off(), httpx.Response(200, text="<html>")):
        failing = Failing(operations["add_annotations"], answer)
        error = outcome(call, failing)
        assert error.outcome_unknown
        assert len(failing.requests) == 1


def test_a_success_that_breaks_off_is_read_again(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["get_conversation"], broken_off())
    assert outcome(call, failing).meta.attempts == 2


@pytest.mark.parametrize(
    "failure",
    [
        lambda: envelope(400),
        lambda: envelope(401),
        lambda: envelope(404),
        lambda: envelope(501),
        lambda: httpx.Response(302),
        lambda: httpx.Response(200, text="{"),
        lambda: httpx.UnsupportedProtocol("gopher"),
        lambda: httpx.ProxyError("407"),
        lambda: httpx.LocalProtocolError("bad header"),
        lambda: RuntimeError("a transport's own"),
        lambda: tls_failure(),
    ],
)
def test_what_would_fail_again_is_sent_once(
    call: Caller, operations: dict[str, Operation], pauses: list[float], failure: Any
) -> None:
    failing = Failing(operations["get_conversation"], failure())
    error = outcome(call, failing)
    assert isinstance(error, PolyAIError)
    assert error.attempts == len(failing.requests) == 1
    assert not error.outcome_unknown
    assert pauses == []


def test_the_error_of_the_last_attempt_is_raised_with_their_number(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["get_conversation"], *(envelope(s) for s in (500, 503, 429, 500)))
    error = outcome(call, failing)
    assert type(error) is RateLimitError
    assert error.attempts == len(failing.requests) == 3
    assert "(3 attempts, correlation ID polyai-data-" in str(error)
    assert pickle.loads(pickle.dumps(error)).attempts == 3


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_the_number_of_retries_is_the_clients_or_the_calls(
    call: Caller, operations: dict[str, Operation], retries: int
) -> None:
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    assert outcome(call, failing, max_retries=retries).attempts == retries + 1
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    error = call.fails(
        failing, lambda client: client.get_conversation("CA1", max_retries=retries), max_retries=3
    )
    assert error.attempts == retries + 1


def test_a_chat_keeps_its_limits_and_a_message_may_have_others(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["send_chat_message"], *(envelope(429) for _ in range(9)))

    def script(client: Any) -> Any:
        chat = client.resume_chat("AS_CHAT_1", "sandbox", max_retries=1)
        with pytest.raises(RateLimitError) as first:
            yield chat.send("Hi.")
        with pytest.raises(RateLimitError) as second:
            yield chat.send("Hi.", max_retries=0)
        return first.value.attempts, second.value.attempts

    assert call.play(call.client(failing, **SETTINGS), script) == (2, 1)


def test_a_recording_that_cannot_be_opened_is_tried_again(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["get_recording"], envelope(503), httpx.ReadError("reset"))
    assert outcome(call, failing).meta.attempts == 3


@pytest.mark.parametrize(("seconds", "expected"), [("7", [7.0]), ("0", [0.0]), ("60", [60.0])])
def test_a_server_that_says_when_to_come_back_is_obeyed(
    call: Caller,
    operations: dict[str, Operation],
    pauses: list[float],
    seconds: str,
    expected: list[float],
) -> None:
    failing = Failing(operations["get_conversation"], envelope(429, **{"Retry-After": seconds}))
    assert outcome(call, failing).meta.attempts == 2
    assert pauses == expected


def test_a_server_that_asks_for_too_long_a_pause_is_not_waited_for(
    call: Caller, operations: dict[str, Operation], pauses: list[float]
) -> None:
    failing = Failing(operations["get_conversation"], envelope(429, **{"Retry-After": "61"}))
    error = outcome(call, failing)
    assert (error.retry_after, error.attempts, pauses) == (61.0, 1, [])


# --- What is told --------------------------------------------------------------------------------


def test_each_retry_is_told_and_logged_without_what_is_private(
    call: Caller,
    operations: dict[str, Operation],
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Retry] = []
    failing = Failing(operations["get_conversation"], envelope(500), httpx.ReadError("made-up"))
    with caplog.at_level(logging.INFO, "polyai_data"):
        outcome(call, failing, on_retry=told.append)
    assert [(retry.operation, retry.attempt, retry.delay) for retry in told] == [
        ("get_conversation", 1, pauses[0]),
        ("get_conversation", 2, pauses[1]),
    ]
    assert isinstance(told[0].cause, ServerError)
    assert isinstance(told[1].cause, APIConnectionError)
    assert "cause=ServerError)" in repr(told[0])
    lines = [r.getMessage() for r in caplog.records if r.name == "polyai_data"]
    assert lines == [
        f"get_conversation: attempt 1 failed (500), the next in {pauses[0]:.1f} s",
        f"get_conversation: attempt 2 failed (APIConnectionError), the next in {pauses[1]:.1f} s",
    ]


def test_a_success_that_broke_off_is_not_logged_as_its_status(
    call: Caller, operations: dict[str, Operation], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "polyai_data"):
        outcome(call, Failing(operations["get_conversation"], broken_off()))
    (line,) = [r.getMessage() for r in caplog.records if r.name == "polyai_data"]
    assert line.startswith("get_conversation: attempt 1 failed (APIConnectionError), ")


def test_what_is_told_cannot_be_changed(call: Caller, operations: dict[str, Operation]) -> None:
    told: list[Retry] = []
    outcome(call, Failing(operations["get_conversation"], envelope(500)), on_retry=told.append)
    with pytest.raises(AttributeError):
        told[0].delay = 0.0  # type: ignore[misc]
    assert told[0].cause.attempts == 1


def test_what_the_callback_raises_passes_and_nothing_more_is_sent(
    call: Caller, operations: dict[str, Operation]
) -> None:
    def tell(_: Retry) -> None:
        raise LookupError("the user's own")

    failing = Failing(operations["get_conversation"], envelope(500))
    client = call.client(failing, **SETTINGS, on_retry=tell)
    with pytest.raises(LookupError, match="the user's own") as caught:
        call.play(client, failing.operation.play)
    assert len(failing.requests) == 1
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "_exchange" in shown
    assert SETTINGS["api_key"] not in shown


def test_no_error_after_retries_holds_the_key(
    call: Caller, operations: dict[str, Operation]
) -> None:
    for failure in (lambda: envelope(500), lambda: httpx.ReadError("reset")):
        error = outcome(call, Failing(operations["get_conversation"], *(failure() for _ in "123")))
        shown = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
        assert SETTINGS["api_key"] not in shown + repr(vars(error))
        assert error.__cause__ is error.__context__ is None


# --- Deadlines -----------------------------------------------------------------------------------


class Clock:
    """Time that passes only where something waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(_retry, "monotonic", lambda: self.now)
        monkeypatch.setattr(_retry, "sleep", self.wait)
        monkeypatch.setattr(_retry, "sleep_asynchronously", self.wait_asynchronously)
        monkeypatch.setattr("random.random", lambda: 1.0)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    async def wait_asynchronously(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def timeouts(request: httpx.Request) -> tuple[float, float]:
    timeout = request.extensions["timeout"]
    return timeout["connect"], timeout["read"]


def test_a_deadline_bounds_the_pauses_and_the_time_outs_of_all_attempts(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    error = outcome(call, failing, deadline=4, max_retries=9)
    assert clock.now == 100 + 0.5 + 1 + 2  # the next pause would last beyond it
    assert error.attempts == 4
    assert [timeouts(request) for request in failing.requests] == [
        (4, 4),
        (3.5, 3.5),
        (2.5, 2.5),
        (0.5, 0.5),
    ]


def test_without_a_deadline_the_time_outs_stay_as_they_are(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    assert outcome(call, failing, max_retries=7).attempts == 8
    assert {timeouts(request) for request in failing.requests} == {(5, 30)}
    assert clock.now == 100 + 0.5 + 1 + 2 + 4 + 8 + 8 + 8


def test_a_body_that_trickles_beyond_the_deadline_is_given_up(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    class Trickle(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            while True:
                clock.now += 1
                yield b" "

        async def __aiter__(self) -> Any:
            while True:
                clock.now += 1
                yield b" "

    failing = Failing(operations["get_conversation"], httpx.Response(200, stream=Trickle()))
    error = call.fails(
        failing, lambda client: client.get_conversation("CA1", deadline=3), max_retries=2
    )
    assert type(error) is APITimeoutError
    assert "the deadline of 3 s has passed" in str(error)
    assert clock.now == 103
    assert error.attempts == 1


@pytest.mark.parametrize(
    ("cut", "kind", "is_unknown"),
    [("connect", httpx.ConnectTimeout, False), ("read", httpx.ReadTimeout, True)],
)
def test_a_wait_that_the_deadline_cut_says_so(
    call: Caller,
    operations: dict[str, Operation],
    clock: Clock,
    cut: str,
    kind: type[httpx.TimeoutException],
    is_unknown: bool,
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        clock.now += request.extensions["timeout"][cut]
        raise kind("slow")

    client = call.client(answer, **SETTINGS, deadline=2.5)
    with pytest.raises(APITimeoutError) as caught:
        call.play(client, operations["add_annotations"].play)
    assert caught.value.message == "the deadline of 2.5 s has passed"
    assert caught.value.outcome_unknown is is_unknown
    assert len(sent) == 1


def test_a_time_out_before_the_deadline_is_no_deadline(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    for failure in (httpx.ReadTimeout("slow"), TimeoutError()):
        error = outcome(
            call, Failing(operations["get_conversation"], failure), deadline=60, max_retries=0
        )
        assert error.message == "nothing more came from api.us.poly.ai within 30 s"
    assert clock.now == 100


def test_a_pause_that_a_server_asks_for_does_not_pass_the_deadline(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    failing = Failing(operations["get_conversation"], envelope(429, **{"Retry-After": "5"}))
    error = outcome(call, failing, deadline=5)
    assert (type(error), error.retry_after, clock.now) == (RateLimitError, 5.0, 100)


def all_of(items: Any) -> Any:
    """Return what a list yields; on the async client, what gives it when it is awaited."""

    async def gather() -> list[Any]:
        return [item async for item in items]

    return gather() if hasattr(items, "__aiter__") else list(items)


def test_each_page_of_a_list_is_tried_again_within_a_deadline_of_its_own(
    call: Caller, sample: Callable[..., Any], clock: Clock
) -> None:
    records = [sample(conversationId=f"CA{n}") for n in range(6)]
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        asked.append(offset)
        if asked.count(offset) == 1:
            return envelope(503, **{"Retry-After": "3"})
        page = {"conversations": records[offset : offset + limit], "count": len(records)}
        return httpx.Response(200, json=page)

    def walk(client: Any) -> Any:
        return all_of(client.list_conversations(page_size=3, prefetch=0, deadline=4, max_retries=1))

    found = call(answer, walk, max_retries=0)
    assert [conversation.conversation_id for conversation in found] == [f"CA{n}" for n in range(6)]
    assert clock.now > 104
    assert len(asked) == 2 * len(set(asked)) > 2


def test_ctrl_c_ends_a_pause(
    call: Caller, operations: dict[str, Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(_retry, "sleep", interrupt)
    monkeypatch.setattr(_retry, "sleep_asynchronously", interrupt)
    failing = Failing(operations["get_conversation"], envelope(500))
    client = call.client(failing, **SETTINGS)
    with pytest.raises(KeyboardInterrupt) as caught:
        call.use(client, lambda client: client.get_conversation("CA1"))
    call.close(client)
    assert len(failing.requests) == 1
    assert caught.value.__cause__ is None


def test_a_task_can_be_cancelled_while_it_waits(
    operations: dict[str, Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(operations["get_conversation"], envelope(500))

    async def main() -> None:
        waiting = asyncio.Event()

        async def wait_for_ever(_: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(_retry, "sleep_asynchronously", wait_for_ever)
        async with AsyncDataClient(
            transport=httpx.MockTransport(failing), api_key="key", region="us", agent_id="A"
        ) as client:
            task = asyncio.ensure_future(client.get_conversation("CA1"))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.get_conversation("CA1")).meta is not None

    asyncio.run(main())
    assert len(failing.requests) == 2


def test_a_client_that_is_closed_while_it_waits_says_so(
    call: Caller, operations: dict[str, Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(operations["get_conversation"], envelope(500))
    client = call.client(failing, **SETTINGS)

    async def close_asynchronously(_: float) -> None:
        await client.close()

    monkeypatch.setattr(_retry, "sleep", lambda _: client.close())
    monkeypatch.setattr(_retry, "sleep_asynchronously", close_asynchronously)
    with pytest.raises(PolyAIError, match="This client is closed"):
        call.use(client, lambda client: client.get_conversation("CA1"))
    assert len(failing.requests) == 1


class Busy:
    """Refuses every conversation once, then gives the one that was asked for."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if name not in self.seen:
            self.seen.add(name)
            return envelope(503)
        return httpx.Response(200, json={"conversationId": name})


NAMES = [f"CA{n}" for n in range(50)]


def test_threads_share_a_client() -> None:
    with (
        DataClient(**SETTINGS, transport=httpx.MockTransport(Busy())) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        found = list(threads.map(client.get_conversation, NAMES))
    assert [(c.conversation_id, c.meta.attempts) for c in found if c.meta] == [
        (name, 2) for name in NAMES
    ]


def test_tasks_share_a_client() -> None:
    async def main() -> list[Any]:
        async with AsyncDataClient(**SETTINGS, transport=httpx.MockTransport(Busy())) as client:
            return await asyncio.gather(*map(client.get_conversation, NAMES))

    found = asyncio.run(main())
    assert [(c.conversation_id, c.meta.attempts) for c in found] == [(name, 2) for name in NAMES]


def test_waiting_leaves_the_event_loop_to_others() -> None:
    async def main() -> list[str]:
        done = []

        async def other() -> None:
            done.append("other")

        task = asyncio.ensure_future(other())
        await WAIT(0)
        await task
        return done

    assert asyncio.run(main()) == ["other"]


def error_with(status: int, retry_after: float | None = None, **options: Any) -> PolyAIError:
    return ServerError("S", status_code=status, retry_after=retry_after, **options)


@pytest.mark.parametrize(
    ("error", "attempt", "left", "chance", "delay"),
    [
        (error_with(500), 1, 99, 1.0, 0.5),
        (error_with(500), 2, 99, 1.0, 1.0),
        (error_with(500), 5, 99, 1.0, 8.0),
        (error_with(500), 6, 99, 1.0, 8.0),
        (error_with(500), 2, 99, 0.25, 0.25),
        (error_with(500), 1, 99, 0.0, 0.0),
        (error_with(500), 9, 99, 1.0, 8.0),
        (error_with(500), 10, 99, 1.0, None),  # there were nine retries
        (error_with(500), 1, 0.5, 1.0, None),  # the pause would last to the deadline
        (error_with(500), 1, 0.51, 1.0, 0.5),
        (error_with(500), 1, 0.0, 0.0, None),
        (error_with(503, 20.0), 1, 99, 1.0, 20.0),
        (error_with(503, 60.0), 1, 99, 1.0, 60.0),
        (error_with(503, 60.5), 1, 99, 1.0, None),
        (error_with(503, 20.0), 1, 20, 1.0, None),
        (error_with(501), 1, 99, 1.0, None),
        (error_with(500, outcome_unknown=True), 1, 99, 1.0, None),
        (error_with(404, 1.0), 1, 99, 1.0, None),
        (ResponseDecodeError("odd", status_code=500), 1, 99, 1.0, None),
        (APIConnectionError("for good"), 1, 99, 1.0, None),
    ],
)
def test_the_policy(
    error: PolyAIError, attempt: int, left: float, chance: float, delay: float | None
) -> None:
    call: Any = type("Call", (), {"max_retries": 9, "is_repeatable": False})()
    assert _retry.delay_before_retry(call, error, attempt, left, chance) == delay


@given(
    attempt=st.integers(1, 10_000),
    left=st.floats(0, 100),
    chance=st.floats(0, 1),
    status=st.sampled_from([408, 429, 500, 502, 503, 504]),
)
def test_every_pause_is_within_its_bounds(
    attempt: int, left: float, chance: float, status: int
) -> None:
    call: Any = type("Call", (), {"max_retries": 10_000, "is_repeatable": True})()
    error = ServerError("S", status_code=status)
    delay = _retry.delay_before_retry(call, error, attempt, left, chance)
    ceiling = min(8.0, 0.5 * 2 ** min(attempt - 1, 10))
    if chance * ceiling >= left:
        assert delay is None
    else:
        assert delay == chance * ceiling


# --- Bounds --------------------------------------------------------------------------------------


def endless(taken: list[int]) -> httpx.Response:
    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            while True:
                taken.append(1000)
                yield b"x" * 1000

        async def __aiter__(self) -> Any:
            while True:
                taken.append(1000)
                yield b"x" * 1000

    return httpx.Response(200, stream=Stream())


def test_an_answer_that_is_too_large_is_refused_while_it_comes(
    call: Caller, operations: dict[str, Operation]
) -> None:
    taken: list[int] = []
    error = outcome(
        call, Failing(operations["get_conversation"], endless(taken)), max_response_bytes=5000
    )
    assert type(error) is ResponseDecodeError
    assert "larger than 5,000 bytes; max_response_bytes= allows for more" in str(error)
    assert sum(taken) == 6000
    assert error.attempts == 1


def packed(body: bytes, times: int) -> bytes:
    for _ in range(times):
        body = gzip.compress(body)
    return body


BOMB = packed(bytes(32 * 1024 * 1024), 1)


def test_a_body_that_unpacks_to_too_much_is_refused_while_it_comes(
    call: Caller, operations: dict[str, Operation]
) -> None:
    taken: list[int] = []

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def pieces(self) -> Any:
            for start in range(0, len(BOMB), 100):
                taken.append(1)
                yield BOMB[start : start + 100]

        def __iter__(self) -> Any:
            yield from self.pieces()

        async def __aiter__(self) -> Any:
            for piece in self.pieces():
                yield piece

    answer = httpx.Response(200, stream=Stream(), headers={"Content-Encoding": "gzip"})
    failing = Failing(operations["get_conversation"], answer)
    error = outcome(call, failing, max_response_bytes=1_000_000)
    assert type(error) is ResponseDecodeError
    assert "larger than 1,000,000 bytes" in str(error)
    assert len(taken) < 12  # each unpacks to a hundred thousand bytes


@pytest.mark.parametrize("encoding", ["gzip, gzip", "GZIP,gzip", "br", "zstd", "deflate, gzip"])
def test_a_compression_that_was_not_asked_for_is_not_unpacked(
    call: Caller, operations: dict[str, Operation], encoding: str
) -> None:
    body = packed(BOMB, 1)  # a few hundred bytes
    for status, kind in ((200, ResponseDecodeError), (404, NotFoundError)):
        answer = httpx.Response(
            status, stream=httpx.ByteStream(body), headers={"Content-Encoding": encoding}
        )
        failing = Failing(operations["list_conversations"], answer)
        tracemalloc.start()
        try:
            error = outcome(call, failing)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert type(error) is kind
        assert error.body == body
        assert peak < 4_000_000
    assert failing.requests[0].headers["Accept-Encoding"] == "gzip, deflate"


def test_a_compression_that_was_not_asked_for_is_named(
    call: Caller, operations: dict[str, Operation]
) -> None:
    answer = httpx.Response(
        200, stream=httpx.ByteStream(b"\xff"), headers={"Content-Encoding": "br"}
    )
    error = outcome(call, Failing(operations["get_conversation"], answer))
    assert error.message == "The body is compressed in a way that was not asked for (br)"


@pytest.mark.parametrize("encoding", ["gzip", " GZip ", "deflate", "identity", "UTF-8", ""])
def test_compressions_that_are_asked_for_and_encodings_that_are_none_are_read(
    call: Caller, operations: dict[str, Operation], encoding: str
) -> None:
    body = b'{"conversationId": "CA1"}'
    name = encoding.strip().lower()
    sent = {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}.get(name, body)
    answer = httpx.Response(
        200, stream=httpx.ByteStream(sent), headers={"Content-Encoding": encoding}
    )
    found = outcome(call, Failing(operations["get_conversation"], answer))
    assert found.conversation_id == "CA1"
    assert found.meta.headers["content-encoding"] == encoding


def test_a_body_in_tiny_pieces_needs_no_more_memory(
    call: Caller, operations: dict[str, Operation]
) -> None:
    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            while True:
                yield b"xy"

        async def __aiter__(self) -> Any:
            while True:
                yield b"xy"

    failing = Failing(operations["get_conversation"], httpx.Response(200, stream=Stream()))
    tracemalloc.start()
    try:
        error = outcome(call, failing, max_response_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is ResponseDecodeError
    assert peak < 2_500_000


def test_of_a_large_error_the_beginning_is_kept(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["get_conversation"], httpx.Response(404, text="x" * 6000))
    error = outcome(call, failing, max_response_bytes=5000)
    assert error.status_code == 404
    assert error.body == "x" * 5000


def test_an_answer_of_just_the_size_is_read(call: Caller, operations: dict[str, Operation]) -> None:
    operation = operations["get_conversation"]
    size = len(operation(httpx.Request("GET", "https://x")).content)
    assert outcome(call, Failing(operation), max_response_bytes=size).conversation_id
    error = outcome(call, Failing(operation), max_response_bytes=size - 1)
    assert type(error) is ResponseDecodeError


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("max_retries", -1, "give a whole number; 0 switches retries off"),
        ("max_retries", 1.0, "give a whole number"),
        ("max_retries", True, "give a whole number"),
        ("deadline", 0, "give seconds, positive and finite"),
        ("deadline", float("inf"), "give seconds, positive and finite"),
        ("deadline", "5", "give seconds, positive and finite"),
        ("max_response_bytes", 0, "give a whole number of bytes, 1 or more"),
        ("max_response_bytes", 1e6, "give a whole number of bytes, 1 or more"),
    ],
)
def test_a_limit_that_is_none_is_refused(
    call: Caller, operations: dict[str, Operation], option: str, value: Any, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}={value!r}: {told}"):
        call.client(None, **SETTINGS, **{option: value})
    if option != "max_response_bytes":
        failing = Failing(operations["get_conversation"])
        with pytest.raises(ConfigurationError, match=f"{option}={value!r}: {told}"):
            call(failing, lambda client: client.get_conversation("CA1", **{option: value}))
        assert failing.requests == []


def test_every_call_takes_limits_of_its_own(call: Caller, operations: dict[str, Operation]) -> None:
    wrong = Annotation(turn=0, role="agent", type="wrong_info")
    for name, do in {
        "list_conversations": lambda client: client.get_page(max_retries=0, deadline=9),
        "add_annotations": lambda client: client.add_annotations(
            "CA1", [wrong], max_retries=0, deadline=9
        ),
        "set_note": lambda client: client.set_note("CA1", "x", max_retries=0, deadline=9),
    }.items():
        failing = Failing(operations[name], envelope(429))
        assert call.fails(failing, do, max_retries=2).attempts == 1
        assert timeouts(failing.requests[0])[1] <= 9
