"""Retries, deadlines and size limits: what is sent again, when, and what is not."""

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
from types import SimpleNamespace
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
)
from polyai_data._async import io as async_io
from polyai_data._http import clock as http_clock
from polyai_data._http import retry
from polyai_data._sync import io as sync_io

if TYPE_CHECKING:
    from tests.conftest import Caller, Operation

SETTINGS: dict[str, Any] = {
    "api_key": "made-up-key-8f3a61",
    "region": "us",
    "agent_id": "PROJECT-1",
}
WAIT = async_io._sleep
WRITES = ("add_annotations", "start_chat", "send_chat_message")


class Failing:
    """Fails as often as it is told, then responds as the operation does."""

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
def test_a_write_is_not_repeated_if_another_transports_exception_is_no_proof(
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
def test_a_write_is_repeated_if_the_cause_proves_that_there_was_no_connection(
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
def test_an_idempotent_request_is_sent_until_it_succeeds(
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
def test_a_write_is_repeated_only_if_the_server_cannot_have_processed_it(
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
        assert "\nThe write may have taken effect. Check before you send it again." in str(result)


def test_a_write_that_is_refused_with_a_retry_after_is_repeated(
    call: Caller, operations: dict[str, Operation], pauses: list[float]
) -> None:
    failing = Failing(operations["add_annotations"], envelope(503, **{"Retry-After": "3"}))
    assert outcome(call, failing).success
    assert pauses == [3]


@pytest.mark.parametrize("name", WRITES)
def test_the_outcome_of_a_write_is_known_if_the_server_refused_it(
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
def test_the_outcome_of_a_write_is_known_if_it_was_never_sent(
    call: Caller, operations: dict[str, Operation], name: str, failure: Any
) -> None:
    failing = Failing(operations[name], failure())
    error = outcome(call, failing)
    assert (len(failing.requests), error.outcome_unknown) == (1, False)
    assert "may have taken effect" not in str(error)


def test_the_outcome_of_a_write_is_unknown_if_its_success_cannot_be_read(
    call: Caller, operations: dict[str, Operation]
) -> None:
    for answer in (broken_off(), httpx.Response(200, text="<html>")):
        failing = Failing(operations["add_annotations"], answer)
        error = outcome(call, failing)
        assert error.outcome_unknown
        assert len(failing.requests) == 1


def test_a_read_is_repeated_if_its_success_is_incomplete(
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
        lambda: tls_failure(),
    ],
)
def test_a_request_that_would_fail_again_is_sent_once(
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
def test_the_number_of_retries_can_be_set(
    call: Caller, operations: dict[str, Operation], retries: int
) -> None:
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    assert outcome(call, failing, max_retries=retries).attempts == retries + 1
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    error = call.fails(
        failing,
        lambda client: client.with_options(max_retries=retries).get_conversation("CA1"),
        max_retries=3,
    )
    assert error.attempts == retries + 1


def test_a_chat_keeps_the_options_of_its_client(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["send_chat_message"], *(envelope(429) for _ in range(9)))

    def script(client: Any) -> Any:
        chat = client.with_options(max_retries=1).resume_chat("AS_CHAT_1", "sandbox")
        with pytest.raises(RateLimitError) as first:
            yield chat.send("Hi.")
        with pytest.raises(RateLimitError) as second:
            yield client.resume_chat("AS_CHAT_1", "sandbox").send("Hi.")
        return first.value.attempts, second.value.attempts

    assert call.play(call.client(failing, **SETTINGS, max_retries=0), script) == (2, 1)


def test_a_recording_that_cannot_be_opened_is_tried_again(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["get_recording"], envelope(503), httpx.ReadError("reset"))
    assert outcome(call, failing).meta.attempts == 3


@pytest.mark.parametrize(("seconds", "expected"), [("7", [7.0]), ("0", [0.0]), ("60", [60.0])])
def test_a_retry_waits_as_long_as_the_server_asks(
    call: Caller,
    operations: dict[str, Operation],
    pauses: list[float],
    seconds: str,
    expected: list[float],
) -> None:
    failing = Failing(operations["get_conversation"], envelope(429, **{"Retry-After": seconds}))
    assert outcome(call, failing).meta.attempts == 2
    assert pauses == expected


def test_a_pause_of_more_than_a_minute_is_not_waited_for(
    call: Caller, operations: dict[str, Operation], pauses: list[float]
) -> None:
    failing = Failing(operations["get_conversation"], envelope(429, **{"Retry-After": "61"}))
    error = outcome(call, failing)
    assert (error.retry_after, error.attempts, pauses) == (61.0, 1, [])


# --- Callback and log ----------------------------------------------------------------------------


def test_each_retry_is_reported_and_logged_without_private_data(
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
    first, second = pauses
    records: list[Any] = [r for r in caplog.records if r.name == "polyai_data"]
    assert [
        (r.polyai_operation, r.polyai_attempt, r.polyai_reason, r.polyai_delay) for r in records
    ] == [
        ("get_conversation", 1, 500, first),
        ("get_conversation", 2, "APIConnectionError", second),
    ]
    assert [r.polyai_correlation_id for r in records] == [
        retry.cause.correlation_id for retry in told
    ]
    assert all(r.polyai_correlation_id for r in records)
    assert [r.getMessage() for r in records] == [
        f"get_conversation: attempt 1 failed (500), next attempt in {first:.1f} s",
        f"get_conversation: attempt 2 failed (APIConnectionError), next attempt in {second:.1f} s",
    ]


def test_an_incomplete_success_is_not_logged_as_its_status(
    call: Caller, operations: dict[str, Operation], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "polyai_data"):
        outcome(call, Failing(operations["get_conversation"], broken_off()))
    (line,) = [r.getMessage() for r in caplog.records if r.name == "polyai_data"]
    assert line.startswith("get_conversation: attempt 1 failed (APIConnectionError), ")


def test_a_retry_cannot_be_changed(call: Caller, operations: dict[str, Operation]) -> None:
    told: list[Retry] = []
    outcome(call, Failing(operations["get_conversation"], envelope(500)), on_retry=told.append)
    with pytest.raises(AttributeError):
        told[0].delay = 0.0  # type: ignore[misc]
    assert told[0].cause.attempts == 1


def test_an_exception_of_the_callback_propagates_and_nothing_more_is_sent(
    call: Caller, operations: dict[str, Operation]
) -> None:
    def tell(_: Retry) -> None:
        raise LookupError("raised by the callback")

    failing = Failing(operations["get_conversation"], envelope(500))
    client = call.client(failing, **SETTINGS, on_retry=tell)
    with pytest.raises(LookupError, match="raised by the callback") as caught:
        call.play(client, failing.operation.play)
    assert len(failing.requests) == 1
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "_send_with_retries" in shown
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
        monkeypatch.setattr(http_clock, "monotonic", lambda: self.now)
        monkeypatch.setattr(sync_io, "_sleep", lambda _, seconds: self.wait(seconds))
        monkeypatch.setattr(async_io, "_sleep", self.wait_asynchronously)
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


def test_a_deadline_limits_the_pauses_and_the_timeouts_of_all_attempts(
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


def test_without_a_deadline_the_timeouts_stay_as_they_are(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    failing = Failing(operations["get_conversation"], *(envelope(500) for _ in range(9)))
    assert outcome(call, failing, max_retries=7).attempts == 8
    assert {timeouts(request) for request in failing.requests} == {(5, 30)}
    assert clock.now == 100 + 0.5 + 1 + 2 + 4 + 8 + 8 + 8


def test_reading_a_slow_body_stops_at_the_deadline(
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
        failing,
        lambda client: client.with_options(deadline=3).get_conversation("CA1"),
        max_retries=2,
    )
    assert type(error) is APITimeoutError
    assert "the deadline of 3 s has passed" in str(error)
    assert clock.now == 103
    assert error.attempts == 1


@pytest.mark.parametrize(
    ("cut", "kind", "is_unknown"),
    [("connect", httpx.ConnectTimeout, False), ("read", httpx.ReadTimeout, True)],
)
def test_a_timeout_at_the_deadline_says_so(
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


def test_a_timeout_before_the_deadline_does_not_mention_it(
    call: Caller, operations: dict[str, Operation], clock: Clock
) -> None:
    failing = Failing(operations["get_conversation"], httpx.ReadTimeout("slow"))
    error = outcome(call, failing, deadline=60, max_retries=0)
    assert error.message == "no data from api.us.poly.ai for 30 s"
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


def test_each_page_of_a_list_has_its_own_retries_and_deadline(
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
        client = client.with_options(deadline=4, max_retries=1)
        return all_of(client.list_conversations(page_size=3, prefetch=0))

    found = call(answer, walk, max_retries=0)
    assert [conversation.conversation_id for conversation in found] == [f"CA{n}" for n in range(6)]
    assert clock.now > 104
    assert len(asked) == 2 * len(set(asked)) > 2


def test_ctrl_c_ends_a_pause(
    call: Caller, operations: dict[str, Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(sync_io, "_sleep", lambda _, seconds: interrupt(seconds))
    monkeypatch.setattr(async_io, "_sleep", interrupt)
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

        monkeypatch.setattr(async_io, "_sleep", wait_for_ever)
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


def test_a_client_that_is_closed_while_it_waits_raises(
    call: Caller, operations: dict[str, Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(operations["get_conversation"], envelope(500))
    client = call.client(failing, **SETTINGS)

    async def close_asynchronously(_: float) -> None:
        await client.close()

    monkeypatch.setattr(sync_io, "_sleep", lambda *_: client.close())
    monkeypatch.setattr(async_io, "_sleep", close_asynchronously)
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


def request_with(max_retries: int, *, idempotent: bool) -> Any:
    return SimpleNamespace(config=SimpleNamespace(max_retries=max_retries), idempotent=idempotent)


def error_with(status: int, retry_after: float | None = None, **options: Any) -> PolyAIError:
    return ServerError("S", status_code=status, retry_after=retry_after, **options)


@pytest.mark.parametrize(
    ("error", "attempt", "left", "jitter", "delay"),
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
        (ResponseDecodeError("odd", status_code=200), 1, 99, 1.0, None),
        (APIConnectionError("for good"), 1, 99, 1.0, None),
    ],
)
def test_the_policy(
    error: PolyAIError, attempt: int, left: float, jitter: float, delay: float | None
) -> None:
    assert retry.backoff(request_with(9, idempotent=False), error, attempt, left, jitter) == delay


@given(
    attempt=st.integers(1, 10_000),
    left=st.floats(0, 100),
    jitter=st.floats(0, 1),
    status=st.sampled_from([408, 429, 500, 502, 503, 504]),
)
def test_every_pause_is_within_its_bounds(
    attempt: int, left: float, jitter: float, status: int
) -> None:
    error = ServerError("S", status_code=status)
    request = request_with(10_000, idempotent=True)
    delay = retry.backoff(request, error, attempt, left, jitter)
    ceiling = min(8.0, 0.5 * 2 ** min(attempt - 1, 10))
    if jitter * ceiling >= left:
        assert delay is None
    else:
        assert delay == jitter * ceiling


# --- Size limits ---------------------------------------------------------------------------------


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


def test_a_response_that_is_too_large_is_refused_while_it_arrives(
    call: Caller, operations: dict[str, Operation]
) -> None:
    taken: list[int] = []
    error = outcome(
        call, Failing(operations["get_conversation"], endless(taken)), max_response_bytes=5000
    )
    assert type(error) is ResponseDecodeError
    assert error.message == "The response is larger than max_response_bytes=5,000"
    assert sum(taken) == 6000
    assert error.attempts == 1


def packed(body: bytes, times: int) -> bytes:
    for _ in range(times):
        body = gzip.compress(body)
    return body


BOMB = packed(bytes(32 * 1024 * 1024), 1)


def test_a_compressed_response_that_is_too_large_is_refused_while_it_arrives(
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
    assert error.message == "The response is larger than max_response_bytes=1,000,000"
    assert len(taken) < 12  # each decompresses to a hundred thousand bytes


@pytest.mark.parametrize("encoding", ["gzip, gzip", "GZIP,gzip", "br", "zstd", "deflate, gzip"])
def test_an_unsupported_encoding_is_not_decompressed(
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


def test_an_unsupported_encoding_is_named(call: Caller, operations: dict[str, Operation]) -> None:
    answer = httpx.Response(
        200, stream=httpx.ByteStream(b"\xff"), headers={"Content-Encoding": "br"}
    )
    error = outcome(call, Failing(operations["get_conversation"], answer))
    assert error.message == "The response has an unsupported Content-Encoding (br)"


@pytest.mark.parametrize("encoding", ["gzip", " GZip ", "deflate", "identity", "UTF-8", ""])
def test_accepted_compressions_and_unknown_single_encodings_are_read(
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


def test_a_body_in_tiny_chunks_needs_no_more_memory(
    call: Caller, operations: dict[str, Operation]
) -> None:
    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            while True:
                yield b"wxyz"

        async def __aiter__(self) -> Any:
            while True:
                yield b"wxyz"

    failing = Failing(operations["get_conversation"], httpx.Response(200, stream=Stream()))
    tracemalloc.start()
    try:
        error = outcome(call, failing, max_response_bytes=200_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is ResponseDecodeError
    assert peak < 1_000_000  # the chunks by themselves would need more than two


def test_the_beginning_of_a_large_error_is_kept(
    call: Caller, operations: dict[str, Operation]
) -> None:
    failing = Failing(operations["get_conversation"], httpx.Response(404, text="x" * 6000))
    error = outcome(call, failing, max_response_bytes=5000)
    assert error.status_code == 404
    assert error.body == "x" * 5000


def test_a_response_of_exactly_the_maximum_size_is_read(
    call: Caller, operations: dict[str, Operation]
) -> None:
    operation = operations["get_conversation"]
    size = len(operation(httpx.Request("GET", "https://x")).content)
    assert outcome(call, Failing(operation), max_response_bytes=size).conversation_id
    error = outcome(call, Failing(operation), max_response_bytes=size - 1)
    assert type(error) is ResponseDecodeError


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_retries", -1, "expected an integer, 0 or more."),
        ("max_retries", 1.0, "expected an integer, 0 or more."),
        ("max_retries", True, "expected an integer, 0 or more."),
        ("deadline", 0, "expected a positive number of seconds."),
        ("deadline", float("inf"), "expected a positive number of seconds."),
        ("deadline", "5", "expected a positive number of seconds."),
        ("max_response_bytes", 0, "expected an integer, 1 or more."),
        ("max_response_bytes", 1e6, "expected an integer, 1 or more."),
    ],
)
def test_an_invalid_option_is_refused(call: Caller, option: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        call.client(None, **SETTINGS, **{option: value})
    assert str(caught.value) == f"{option}={value!r}: {message}"


def test_every_call_keeps_to_the_options_of_its_client(
    call: Caller, operations: dict[str, Operation]
) -> None:
    def limited(client: Any) -> Any:
        return client.with_options(max_retries=0, deadline=9)

    wrong = Annotation(turn=0, role="agent", type="wrong_info")
    for name, do in {
        "list_conversations": lambda client: limited(client).get_page(),
        "add_annotations": lambda client: limited(client).add_annotations("CA1", [wrong]),
        "set_note": lambda client: limited(client).set_note("CA1", "x"),
    }.items():
        failing = Failing(operations[name], envelope(429))
        assert call.fails(failing, do, max_retries=2).attempts == 1
        assert timeouts(failing.requests[0])[1] <= 9
