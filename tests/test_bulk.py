"""Bulk reads: every result, in bounded memory, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing, closing, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import (
    AsyncDataClient,
    BulkResult,
    Conversation,
    ConversationNotFoundError,
    DataClient,
    RateLimitError,
    RecordingNotFoundError,
)
from polyai_data._http.threads import ThreadCall
from polyai_data._sync import io as sync_io
from polyai_data.sandbox import serve

if TYPE_CHECKING:
    from tests.conftest import Caller

SETTINGS: dict[str, Any] = {
    "api_key": "made-up-key-8f3a61",
    "region": "us",
    "agent_id": "PROJECT-1",
    "max_retries": 0,
}
IDS = [f"CA{number}" for number in range(20)]


def id_of(request: httpx.Request) -> str:
    return request.url.path.split("/")[5]


def answer(request: httpx.Request) -> httpx.Response:
    """Return the conversation that is asked for, or its recording; CA7 is missing."""
    wanted = id_of(request)
    if wanted == "CA7":
        return httpx.Response(404, json={"error": "none"})
    if request.url.path.endswith("/audio"):
        content = b"RIFF" + wanted.encode()
        return httpx.Response(200, content=content, headers={"Content-Type": "audio/wav"})
    return httpx.Response(200, json={"conversationId": wanted})


def all_of(client: Any, results: Any) -> Any:
    """Return every result."""

    async def collect() -> list[Any]:
        return [result async for result in results]

    return list(results) if isinstance(client, DataClient) else collect()


def get_all(ids: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda client: all_of(client, client.get_conversations(ids, **options))


def download_all(ids: Any, folder: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda client: all_of(client, client.download_recordings(ids, folder, **options))


@contextmanager
def listening_with(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[str]:
    """Serve on loopback, with a thread for each connection; yield the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            host = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            response = answer(httpx.Request("GET", host + self.path, extensions={"at": self}))
            content = response.read()
            headers = {**response.headers, "Content-Length": str(len(content))}
            headers.pop("content-length", None)
            with suppress(OSError):  # the client is gone
                self.send_response(response.status_code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until_gone(request: httpx.Request) -> None:
    """Wait until the client closes the connection of the request."""
    connection = request.extensions["at"].connection
    connection.settimeout(60)
    with suppress(ConnectionError):
        assert connection.recv(1) == b""


@pytest.fixture(params=["transport", pytest.param("sockets", marks=pytest.mark.slow)])
def either_transport(
    request: pytest.FixtureRequest, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Makes the calls with a transport of the user's, then with the default transport."""
    with ExitStack() as stack:

        def client(answer: Any = None, **options: Any) -> Any:
            if answer is not None:
                options["base_url"] = stack.enter_context(listening_with(answer))
            return call.kind(**options)

        if request.param == "sockets":
            monkeypatch.setattr(call, "client", client)
        yield


EITHER_TRANSPORT = pytest.mark.usefixtures("either_transport")


@pytest.mark.parametrize("concurrency", [1, 3, 20, 50])
@EITHER_TRANSPORT
def test_every_id_has_its_result(call: Caller, concurrency: int) -> None:
    results = call(answer, get_all(iter(IDS), concurrency=concurrency))
    assert sorted(result.id for result in results) == sorted(IDS)
    for result in results:
        assert isinstance(result, BulkResult)
        if result.id == "CA7":
            assert type(result.error) is ConversationNotFoundError
            with pytest.raises(ConversationNotFoundError):
                _ = result.value
        else:
            assert result.error is None
            assert isinstance(result.value, Conversation)
            assert result.value.conversation_id == result.id


@EITHER_TRANSPORT
def test_nothing_gives_nothing(call: Caller) -> None:
    assert call(answer, get_all([])) == []


def test_the_ids_may_be_an_async_iterator() -> None:
    async def ids() -> AsyncIterator[str]:
        for wanted in IDS:
            await asyncio.sleep(0)
            yield wanted

    async def main() -> list[str]:
        async with AsyncDataClient(**SETTINGS, transport=httpx.MockTransport(answer)) as client:
            return [result.id async for result in client.get_conversations(ids(), concurrency=3)]

    assert sorted(asyncio.run(main())) == sorted(IDS)


def test_slow_ids_hold_no_result_back() -> None:
    async def main() -> None:
        never = asyncio.Event()

        async def ids() -> AsyncIterator[str]:
            yield "CA1"
            await never.wait()

        async with AsyncDataClient(**SETTINGS, transport=httpx.MockTransport(answer)) as client:
            async with aclosing(client.get_conversations(ids())) as results:
                assert (await anext(results)).id == "CA1"
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


class Gate:
    """Responds for each conversation when it is let through, in threads and in tasks."""

    def __init__(self) -> None:
        self.open: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def _event(self, wanted: str) -> threading.Event:
        with self._lock:
            return self.open.setdefault(wanted, threading.Event())

    def let(self, wanted: str) -> None:
        with self._lock:
            self.open.setdefault(wanted, threading.Event()).set()

    def sync(self, request: httpx.Request) -> httpx.Response:
        assert self._event(id_of(request)).wait(60)
        return answer(request)

    async def asynchronous(self, request: httpx.Request) -> httpx.Response:
        event = self._event(id_of(request))
        while not event.is_set():
            await asyncio.sleep(0)
        return answer(request)


@pytest.mark.parametrize("in_order", [False, True])
def test_results_come_as_they_complete_or_in_order_sync(in_order: bool) -> None:
    gate = Gate()
    transport = httpx.MockTransport(gate.sync)
    with DataClient(**SETTINGS, transport=transport) as client:
        results = client.get_conversations(["CA1", "CA2", "CA3"], in_order=in_order)
        gate.let("CA3")
        if not in_order:
            assert next(results).id == "CA3"
        gate.let("CA2")
        if not in_order:
            assert next(results).id == "CA2"
        gate.let("CA1")
        assert [result.id for result in results] == (["CA1", "CA2", "CA3"] if in_order else ["CA1"])


@pytest.mark.parametrize("in_order", [False, True])
def test_results_come_as_they_complete_or_in_order_async(in_order: bool) -> None:
    async def main() -> None:
        gate = Gate()
        transport = httpx.MockTransport(gate.asynchronous)
        async with AsyncDataClient(**SETTINGS, transport=transport) as client:
            results = client.get_conversations(["CA1", "CA2", "CA3"], in_order=in_order)
            gate.let("CA3")
            if not in_order:
                assert (await anext(results)).id == "CA3"
            gate.let("CA2")
            if not in_order:
                assert (await anext(results)).id == "CA2"
            gate.let("CA1")
            rest = [result.id async for result in results]
            assert rest == (["CA1", "CA2", "CA3"] if in_order else ["CA1"])

    asyncio.run(main())


@pytest.mark.parametrize("in_order", [False, True])
@EITHER_TRANSPORT
def test_no_more_ids_are_read_ahead_than_twice_the_concurrency(
    call: Caller, in_order: bool
) -> None:
    taken: list[str] = []
    handed: list[str] = []
    most = 0

    def ids() -> Iterator[str]:
        nonlocal most
        for number in itertools.count():  # endless
            taken.append(f"CA{number}")
            most = max(most, len(taken) - len(handed))
            yield taken[-1]

    def use(client: Any) -> Any:
        results = client.get_conversations(ids(), concurrency=4, in_order=in_order)

        async def consume() -> None:
            async with aclosing(results):
                async for result in results:
                    handed.append(result.id)
                    if len(handed) == 50:
                        break

        if not isinstance(client, DataClient):
            return consume()
        with closing(results):
            for result in results:
                handed.append(result.id)
                if len(handed) == 50:
                    break
        return None

    call(answer, use)
    assert most <= 9  # four that run, four that wait, and the one that was just handed over
    if in_order:
        assert handed == [f"CA{number}" for number in range(50)]


def no_thread_is_left() -> bool:
    return not any(thread.name.startswith("polyai-data") for thread in threading.enumerate())


@pytest.mark.parametrize("end", ["break", "raise", "close"])
def test_however_it_ends_no_thread_is_left(end: str) -> None:
    class Boom(Exception):
        pass

    sent: list[str] = []

    def slow(request: httpx.Request) -> httpx.Response:
        sent.append(id_of(request))
        return answer(request)

    with DataClient(**SETTINGS, transport=httpx.MockTransport(slow)) as client:
        ids = (f"CA{number}" for number in itertools.count())
        results = client.get_conversations(ids, concurrency=3)
        if end == "close":
            next(results)
            results.close()
        elif end == "raise":
            with suppress(Boom), closing(results):
                next(results)
                raise Boom
        else:
            for _ in results:
                break
            del results
            gc.collect()
        assert no_thread_is_left()
        before = len(sent)
        assert before <= 7
        client.get_conversation("CA1")  # it can be used on
        assert len(sent) == before + 1


@pytest.mark.parametrize("end", ["break", "raise", "cancel"])
def test_however_it_ends_no_task_is_left(end: str) -> None:
    class Boom(Exception):
        pass

    cancelled: list[str] = []

    async def stall(request: httpx.Request) -> httpx.Response:
        if id_of(request) == "CA1":
            return answer(request)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(id_of(request))
            raise
        raise AssertionError

    async def consume(client: AsyncDataClient) -> None:
        ids = (f"CA{number}" for number in itertools.count(1))
        async with aclosing(client.get_conversations(ids, concurrency=3)) as results:
            async for _ in results:
                if end == "raise":
                    raise Boom
                if end == "cancel":
                    asyncio.current_task().cancel()  # type: ignore[union-attr]
                    await asyncio.sleep(0)
                return

    async def main() -> None:
        async with AsyncDataClient(**SETTINGS, transport=httpx.MockTransport(stall)) as client:
            task = asyncio.create_task(consume(client))
            await asyncio.wait([task])
            expected = {"raise": Boom, "cancel": asyncio.CancelledError}
            if end in expected:
                with pytest.raises(expected[end]):
                    await task
            assert sorted(cancelled) == ["CA2", "CA3", "CA4"]
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("status", [429, 503])
def test_stopping_early_does_not_wait_for_retries(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause ends when nobody waits for the result any more, and nothing is sent after it."""
    monkeypatch.setattr(sync_io, "_sleep", threading.Condition.wait)
    arrived, refused = threading.Event(), threading.Event()
    sent: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(id_of(request))
        if id_of(request) == "CA1":
            arrived.set()
            assert refused.wait(60)
            return answer(request)
        assert arrived.wait(60)  # a 429 before that would hold CA1 up, too
        return httpx.Response(status, headers={"Retry-After": "59"})

    with DataClient(
        **{**SETTINGS, "max_retries": 2},
        transport=httpx.MockTransport(refuse),
        on_retry=lambda _: refused.set(),
    ) as client:
        with closing(client.get_conversations(["CA1", "CA2"])) as results:
            assert next(results).id == "CA1"
        assert no_thread_is_left()
    assert sorted(sent) == ["CA1", "CA2"]


def test_stopping_early_does_not_wait_for_the_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    with DataClient(
        **SETTINGS, transport=httpx.MockTransport(answer), max_requests_per_second=0.02
    ) as client:
        acquire = client._limiter.acquire

        def note(now: float, left: float) -> float | None:
            wait = acquire(now, left)
            if wait:
                held.set()
            return wait

        monkeypatch.setattr(client._limiter, "acquire", note)
        with closing(client.get_conversations(["CA1", "CA2"])) as results:
            next(results)
            assert held.wait(60)
    assert no_thread_is_left()


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3, 20])
@EITHER_TRANSPORT
def test_an_exception_of_the_ids_is_raised_after_the_results_of_running_calls(
    call: Caller, concurrency: int, in_order: bool
) -> None:
    class Boom(Exception):
        pass

    taken: list[str] = []
    handed: list[str] = []

    def ids() -> Iterator[str]:
        for number in range(7):
            taken.append(f"CA{number}")
            yield taken[-1]
        raise Boom

    async def ids_asynchronously() -> AsyncIterator[str]:
        for wanted in ids():
            yield wanted

    def use(kind: Any) -> Any:
        def consume(client: Any) -> Any:
            results = client.get_conversations(kind(), concurrency=concurrency, in_order=in_order)

            async def asynchronously() -> None:
                async for result in results:
                    handed.append(result.id)

            if not isinstance(client, DataClient):
                return asynchronously()
            handed.extend(result.id for result in results)
            return None

        return consume

    for kind in (ids,) if call.kind is DataClient else (ids, ids_asynchronously):
        with pytest.raises(Boom):
            call(answer, use(kind))
        assert sorted(handed) == taken
        taken.clear()
        handed.clear()
    assert no_thread_is_left()


@pytest.mark.parametrize("wrong", ["", "..", None, 5, "a\0b"])
@EITHER_TRANSPORT
def test_an_invalid_id_has_its_own_result(call: Caller, wrong: Any) -> None:
    results = call(answer, get_all(["CA1", wrong, "CA2"], in_order=True))
    assert [result.id for result in results] == ["CA1", wrong, "CA2"]
    assert [type(result.error) for result in results[::2]] == [type(None)] * 2
    assert isinstance(results[1].error, TypeError | ValueError)


@pytest.mark.parametrize("ids", ["CA1", b"CA1", None, 5])
@EITHER_TRANSPORT
def test_invalid_ids_are_refused_at_once(call: Caller, ids: Any, tmp_path: Path) -> None:
    for do in (
        lambda client: client.get_conversations(ids),
        lambda client: client.download_recordings(ids, tmp_path),
    ):
        with pytest.raises(
            TypeError,
            match=f"^ids must be an iterable of conversation IDs, not {type(ids).__name__}",
        ):
            call(answer, do)


@EITHER_TRANSPORT
def test_an_invalid_concurrency_is_refused_at_once(call: Caller, tmp_path: Path) -> None:
    for do in (
        lambda client: client.get_conversations(IDS, concurrency=0),
        lambda client: client.download_recordings(IDS, tmp_path, concurrency=0),
    ):
        with pytest.raises(ValueError, match=r"^concurrency=0: expected 1 or more\.$"):
            call(answer, do)


@EITHER_TRANSPORT
def test_the_recordings_are_saved_in_the_directory(call: Caller, tmp_path: Path) -> None:
    results = call(answer, download_all(IDS, tmp_path))
    assert sorted(result.id for result in results) == sorted(IDS)
    (missing,) = (result for result in results if result.error)
    assert missing.id == "CA7"
    assert type(missing.error) is RecordingNotFoundError
    for result in results:
        if result is not missing:
            assert result.value == tmp_path / f"{result.id}.wav"
            assert result.value.read_bytes() == b"RIFF" + result.id.encode()
    assert len(list(tmp_path.iterdir())) == len(IDS) - 1


@EITHER_TRANSPORT
def test_an_existing_file_has_its_own_result(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "CA1.wav").write_bytes(b"mine")
    results = call(answer, download_all(["CA1", "CA2"], tmp_path, in_order=True))
    assert type(results[0].error) is FileExistsError
    assert results[1].error is None
    assert (tmp_path / "CA1.wav").read_bytes() == b"mine"
    results = call(answer, download_all(["CA1"], str(tmp_path), overwrite=True))
    assert results[0].value.read_bytes() == b"RIFFCA1"


@EITHER_TRANSPORT
def test_downloading_one_recording_twice_saves_it_once(call: Caller, tmp_path: Path) -> None:
    results = call(answer, download_all(["CA1"] * 9, tmp_path, concurrency=3))
    assert [result.error for result in results].count(None) == 1
    assert {type(result.error) for result in results} <= {type(None), FileExistsError}
    assert [path.name for path in tmp_path.iterdir()] == ["CA1.wav"]
    assert (tmp_path / "CA1.wav").read_bytes() == b"RIFFCA1"


def download_at(folder: Path, client: Any) -> Any:
    return client.download_recordings(IDS, folder)


@EITHER_TRANSPORT
def test_an_invalid_directory_or_direction_is_refused_at_once(call: Caller, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(NotADirectoryError, match=r"^'.*file' is a file, not a directory\.$"):
        call(answer, partial(download_at, file))
    with pytest.raises(ValueError, match=r"^direction='both': expected one of"):
        call(answer, lambda client: client.download_recordings(IDS, tmp_path, direction="both"))


@EITHER_TRANSPORT
def test_stopping_early_leaves_no_incomplete_recording(call: Caller, tmp_path: Path) -> None:
    with serve(recording_bytes=3_000_000) as url:
        client = call.client(None, api_key="sandbox", agent_id="PROJECT-DEMO", base_url=url)

        def leave(client: Any) -> Any:
            page = client.get_page(limit=20)

            async def asynchronously() -> None:
                ids = [one.conversation_id for one in (await page).conversations if one.audio_url]
                async with aclosing(client.download_recordings(ids, tmp_path)) as results:
                    assert (await anext(results)).error is None

            if not isinstance(client, DataClient):
                return asynchronously()
            ids = [one.conversation_id for one in page.conversations if one.audio_url]
            with closing(client.download_recordings(ids, tmp_path)) as results:
                assert next(results).error is None
            return None

        call.run(client, leave)
    assert no_thread_is_left()
    files = list(tmp_path.iterdir())
    assert {path.suffix for path in files} == {".wav"}
    assert {path.stat().st_size for path in files} == {3_000_000}
    assert len(files) < 8


@pytest.mark.parametrize("kind", ["get", "download"])
@EITHER_TRANSPORT
def test_other_arguments_arrive(call: Caller, tmp_path: Path, kind: str) -> None:
    requests: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(request)

    if kind == "get":
        call(keep, get_all(["CA1"], agent_id="A2"))
    else:
        options = {"direction": "user", "redacted": True, "agent_id": "A2"}
        call(keep, download_all(["CA1"], tmp_path, **options))
        assert dict(requests[0].url.params) == {"direction": "user", "redacted": "true"}
        assert (tmp_path / "CA1.user.redacted.wav").exists()
    (request,) = requests
    assert "/agents/A2/" in request.url.path


def test_a_download_that_is_cancelled_stops_between_two_chunks(tmp_path: Path) -> None:
    started, stopped = threading.Event(), threading.Event()

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield bytes(100)
                started.set()

        def close(self) -> None:
            stopped.set()

    def respond(request: httpx.Request) -> httpx.Response:
        if id_of(request) == "CA1":
            assert started.wait(60)
            return answer(request)
        return httpx.Response(200, stream=Endless(), headers={"Content-Type": "audio/wav"})

    with DataClient(**SETTINGS, transport=httpx.MockTransport(respond)) as client:
        with closing(client.download_recordings(["CA1", "CA2"], tmp_path)) as results:
            assert next(results).id == "CA1"
        assert stopped.is_set()
    assert no_thread_is_left()
    assert [path.name for path in tmp_path.iterdir()] == ["CA1.wav"]


# --- The synchronous client's bulk reads ---------------------------------------------------------


@contextmanager
def sync_client(
    transport: str, respond: Callable[[httpx.Request], httpx.Response], **options: Any
) -> Iterator[DataClient]:
    """A client with the default transport, over sockets, or with a transport of the user's."""
    settings: dict[str, Any] = {**SETTINGS, **options}
    if transport == "user's":
        with DataClient(**settings, transport=httpx.MockTransport(respond)) as client:
            yield client
        return
    with listening_with(respond) as url, DataClient(**settings, base_url=url) as client:
        yield client


BOTH_TRANSPORTS = pytest.mark.parametrize("transport", ["default", "user's"])


@BOTH_TRANSPORTS
def test_the_ids_are_read_in_the_callers_thread(transport: str) -> None:
    threads: set[int] = set()

    def ids() -> Iterator[str]:
        for wanted in IDS:
            threads.add(threading.get_ident())
            yield wanted
        threads.add(threading.get_ident())

    with sync_client(transport, answer) as client:
        assert len(list(client.get_conversations(ids(), concurrency=3))) == len(IDS)
    assert threads == {threading.get_ident()}


@BOTH_TRANSPORTS
def test_no_id_is_read_before_the_iteration_starts(transport: str) -> None:
    read: list[str] = []

    def ids() -> Iterator[str]:
        read.append("CA1")
        yield "CA1"

    with sync_client(transport, answer) as client:
        results = client.get_conversations(ids())
        assert (read, no_thread_is_left()) == ([], True)
        assert [result.id for result in results] == ["CA1"]


@BOTH_TRANSPORTS
def test_the_calls_run_in_a_daemon_thread(transport: str) -> None:
    with sync_client(transport, answer) as client:
        results = client.get_conversations(IDS, concurrency=2)
        next(results)
        names = {t.name: t.daemon for t in threading.enumerate() if "polyai" in t.name}
        assert names["polyai-data-bulk"] is True
        results.close()
    assert no_thread_is_left()


@BOTH_TRANSPORTS
def test_an_exception_of_the_ids_follows_the_results_of_running_calls(transport: str) -> None:
    class Boom(Exception):
        pass

    raised = threading.Event()

    def respond(request: httpx.Request) -> httpx.Response:
        assert raised.wait(60)  # no call has ended when the exception is raised
        return answer(request)

    def ids() -> Iterator[str]:
        yield from ("CA1", "CA2", "CA3")
        raised.set()
        raise Boom

    with sync_client(transport, respond) as client:
        results = client.get_conversations(ids(), concurrency=2)
        assert sorted(next(results).id for _ in range(3)) == ["CA1", "CA2", "CA3"]
        with pytest.raises(Boom):
            next(results)
    assert no_thread_is_left()


def test_stopping_early_cancels_the_running_calls() -> None:
    running = threading.Semaphore(0)
    cancelled: list[str] = []
    gone = threading.Semaphore(0)

    def respond(request: httpx.Request) -> httpx.Response:
        wanted = id_of(request)
        if wanted in ("CA2", "CA3", "CA4"):
            running.release()
            wait_until_gone(request)
            cancelled.append(wanted)
            gone.release()
        return answer(request)

    def ids() -> Iterator[str]:
        yield from ("CA1", "CA2", "CA3", "CA4", "CA5")

    with sync_client("default", respond) as client:
        with closing(client.get_conversations(ids(), concurrency=3)) as results:
            assert next(results).id == "CA1"
            for _ in range(3):
                assert running.acquire(timeout=60)
        assert no_thread_is_left()
        for _ in range(3):
            assert gone.acquire(timeout=60)
        assert sorted(cancelled) == ["CA2", "CA3", "CA4"]
        assert client.get_conversation("CA8").conversation_id == "CA8"


def test_no_more_calls_run_at_once_than_the_concurrency() -> None:
    lock, running, most = threading.Lock(), 0, 0
    full = threading.Barrier(4)

    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait(60)  # four run at the same time
        with lock:
            running -= 1
        return answer(request)

    with sync_client("default", respond) as client:
        results = list(client.get_conversations(IDS, concurrency=4))
    assert (len(results), most) == (20, 4)


@BOTH_TRANSPORTS
def test_a_closed_client_reads_nothing(transport: str) -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(request)

    with sync_client(transport, respond) as client:
        client.close()
        results = list(client.get_conversations(["CA1", "CA2"], in_order=True))
    assert [result.id for result in results] == ["CA1", "CA2"]
    assert {str(result.error) for result in results} == {
        "This client is closed. Create another one."
    }
    assert requests == []
    assert no_thread_is_left()


@BOTH_TRANSPORTS
def test_a_client_that_is_closed_during_a_bulk_read_sends_no_more(transport: str) -> None:
    requests: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(id_of(request))
        return answer(request)

    ids = [f"CB{number}" for number in range(10)]
    with sync_client(transport, respond) as client:
        results = client.get_conversations(ids, concurrency=1, in_order=True)
        assert next(results).error is None
        client.close()
        rest = list(results)
    assert [result.id for result in rest] == ids[1:]
    assert len(requests) <= 3  # what was read ahead
    assert {str(result.error) for result in rest[2:]} == {
        "This client is closed. Create another one."
    }


class Leaving(SystemExit):
    """What a callback raises to end the program."""


def leave(_: Any) -> None:
    raise Leaving


@BOTH_TRANSPORTS
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_callback_can_end_the_program(transport: str, concurrency: int) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503)

    with sync_client(transport, respond, max_retries=2, on_retry=leave) as client:
        with pytest.raises(Leaving):
            list(client.get_conversations(IDS, concurrency=concurrency))
        assert no_thread_is_left()


@BOTH_TRANSPORTS
def test_a_callback_can_end_the_program_while_results_are_consumed(transport: str) -> None:
    """The calls have ended when the next ID is read."""

    def respond(request: httpx.Request) -> httpx.Response:
        return answer(request) if id_of(request) == "CA0" else httpx.Response(503)

    with sync_client(transport, respond, max_retries=2, on_retry=leave) as client:
        results = client.get_conversations(IDS, concurrency=1)
        assert next(results).id == "CA0"
        for thread in threading.enumerate():
            if thread.name == "polyai-data-bulk":
                thread.join(60)
        with pytest.raises(Leaving):
            list(results)
        assert no_thread_is_left()


@BOTH_TRANSPORTS
def test_an_id_iterator_can_end_the_program(transport: str) -> None:
    def ids() -> Iterator[str]:
        yield "CA1"
        raise Leaving

    with sync_client(transport, answer) as client:
        with pytest.raises(Leaving):
            list(client.get_conversations(ids()))
        assert no_thread_is_left()


@BOTH_TRANSPORTS
def test_a_synchronous_bulk_read_works_inside_a_running_event_loop(transport: str) -> None:
    async def main() -> list[str]:  # as in a notebook
        with sync_client(transport, answer) as client:
            return [result.id for result in client.get_conversations(IDS, in_order=True)]

    assert asyncio.run(main()) == IDS


@BOTH_TRANSPORTS
def test_two_bulk_reads_of_one_client_do_not_mix(transport: str) -> None:
    with sync_client(transport, answer) as client:
        first = client.get_conversations(IDS[:10], concurrency=2, in_order=True)
        second = client.get_conversations(IDS[10:], concurrency=2, in_order=True)
        found = [(one.id, other.id) for one, other in zip(first, second, strict=True)]
    assert found == list(zip(IDS[:10], IDS[10:], strict=True))
    assert no_thread_is_left()


@BOTH_TRANSPORTS
def test_a_429_of_a_bulk_read_pauses_the_client(transport: str, pauses: list[float]) -> None:
    responses = [httpx.Response(429, headers={"Retry-After": "30"})]

    def respond(request: httpx.Request) -> httpx.Response:
        return responses.pop() if responses else answer(request)

    with sync_client(transport, respond) as client:
        (result,) = client.get_conversations(["CA1"])
        assert isinstance(result.error, RateLimitError)
        assert pauses == []
        client.get_conversation("CA1")
    assert sum(pauses) == pytest.approx(30, abs=1)


@BOTH_TRANSPORTS
def test_bulk_reads_have_the_options_of_a_copy(transport: str) -> None:
    requests: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.path)
        return httpx.Response(503)

    with sync_client(transport, respond) as client:
        copy = client.with_options(agent_id="B", max_retries=1)
        assert next(copy.get_conversations(["CA1"])).error is not None
    assert requests == ["/v1/agents/B/conversations/CA1"] * 2


@BOTH_TRANSPORTS
def test_a_bulk_read_may_be_garbage_collected_in_one_of_its_threads(transport: str) -> None:
    abandoned, collected = threading.Event(), threading.Event()

    def collect(_: Any) -> None:
        gc.collect()
        collected.set()

    def respond(request: httpx.Request) -> httpx.Response:
        if id_of(request) == "CA1":
            return answer(request)
        assert abandoned.wait(60)
        return httpx.Response(503)

    gc.disable()  # the callback collects the generator, nothing else
    try:
        with sync_client(transport, respond, max_retries=1, on_retry=collect) as client:
            results = client.get_conversations(["CA1", "CA2"])
            assert next(results).id == "CA1"
            cycle: list[Any] = [results]
            cycle.append(cycle)
            del results, cycle
            abandoned.set()
            assert collected.wait(60)
    finally:
        gc.enable()
    for thread in threading.enumerate():
        if thread.name.startswith("polyai-data"):
            thread.join(60)
    assert no_thread_is_left()


def test_no_thread_is_waited_for_while_the_interpreter_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    call = ThreadCall(ended.wait, 5, name="test")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "is_finalizing", lambda: True)
        call.join()
    assert call.is_alive()
    ended.set()
    call.join()
    assert not call.is_alive()


PROGRAM = """
import httpx, sys
from polyai_data import DataClient

transport = httpx.HTTPTransport() if sys.argv[2] == "user's" else None
client = DataClient(
    api_key="sandbox", agent_id="PROJECT-DEMO", base_url=sys.argv[1], transport=transport
)
ids = [conversation.conversation_id for conversation in client.list_conversations(max_items=50)]
results = client.get_conversations(ids, concurrency=4)
assert next(results).error is None
if sys.argv[3] == "cycle":
    cycle = [results]
    cycle.append(cycle)
    del results, cycle
elif sys.argv[3] == "exception":
    raise SystemExit("stopped")
print("done")
"""


@pytest.mark.slow
@BOTH_TRANSPORTS
@pytest.mark.parametrize("how", ["held", "cycle", "exception"])
def test_a_bulk_read_that_was_not_finished_does_not_hang_the_exit(transport: str, how: str) -> None:
    with serve(conversations=60) as url:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, url, transport, how],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    expected = (1, "", "stopped\n") if how == "exception" else (0, "done\n", "")
    assert (ended.returncode, ended.stdout, ended.stderr) == expected
