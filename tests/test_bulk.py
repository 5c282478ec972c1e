"""Many calls at once: every result, in bounded memory, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing, suppress
from functools import partial
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
    RecordingNotFoundError,
)
from polyai_data._bulk import Downloads, stop_if_set
from polyai_data._retry import Stopped
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


@pytest.mark.parametrize("concurrency", [1, 3, 20, 50])
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


def test_nothing_gives_nothing(call: Caller) -> None:
    assert call(answer, get_all([])) == []


def test_an_async_iterator_of_ids_is_one_too() -> None:
    async def ids() -> AsyncIterator[str]:
        for wanted in IDS:
            await asyncio.sleep(0)
            yield wanted

    async def main() -> list[str]:
        async with AsyncDataClient(**SETTINGS, transport=httpx.MockTransport(answer)) as client:
            return [result.id async for result in client.get_conversations(ids(), concurrency=3)]

    assert sorted(asyncio.run(main())) == sorted(IDS)


def test_ids_that_come_slowly_hold_no_result_back() -> None:
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
    """Answers each conversation when it is let through, in threads and in tasks alike."""

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
def test_no_more_is_taken_than_twice_what_runs_at_once(call: Caller, in_order: bool) -> None:
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
def test_who_leaves_early_does_not_wait_for_retries(status: int) -> None:
    """A pause ends when nobody waits for the result any more, and nothing is sent after it."""
    refused = threading.Event()
    sent: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(id_of(request))
        if id_of(request) == "CA1":
            assert refused.wait(60)
            return answer(request)
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


def test_who_leaves_early_does_not_wait_for_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    with DataClient(
        **SETTINGS, transport=httpx.MockTransport(answer), max_requests_per_second=0.02
    ) as client:
        reserve = client._pace.reserve

        def note(now: float, left: float) -> float | None:
            wait = reserve(now, left)
            if wait:
                held.set()
            return wait

        monkeypatch.setattr(client._pace, "reserve", note)
        with closing(client.get_conversations(["CA1", "CA2"])) as results:
            next(results)
            assert held.wait(60)
    assert no_thread_is_left()


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3, 20])
def test_an_exception_of_the_ids_comes_out_after_what_was_under_way(
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
def test_an_id_that_can_be_none_is_a_result_of_its_own(call: Caller, wrong: Any) -> None:
    results = call(answer, get_all(["CA1", wrong, "CA2"], in_order=True))
    assert [result.id for result in results] == ["CA1", wrong, "CA2"]
    assert [type(result.error) for result in results[::2]] == [type(None)] * 2
    assert isinstance(results[1].error, TypeError | ValueError)


@pytest.mark.parametrize("ids", ["CA1", b"CA1", None, 5])
def test_what_is_no_list_of_ids_is_refused_at_once(call: Caller, ids: Any, tmp_path: Path) -> None:
    for do in (
        lambda client: client.get_conversations(ids),
        lambda client: client.download_recordings(ids, tmp_path),
    ):
        with pytest.raises(TypeError, match="ids must be several conversation IDs"):
            call(answer, do)


def test_a_concurrency_that_makes_no_sense_is_refused_at_once(call: Caller, tmp_path: Path) -> None:
    for do in (
        lambda client: client.get_conversations(IDS, concurrency=0),
        lambda client: client.download_recordings(IDS, tmp_path, concurrency=0),
    ):
        with pytest.raises(ValueError, match="concurrency"):
            call(answer, do)


def test_the_recordings_lie_in_the_directory(call: Caller, tmp_path: Path) -> None:
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


def test_a_file_that_is_there_is_a_result_too(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "CA1.wav").write_bytes(b"mine")
    results = call(answer, download_all(["CA1", "CA2"], tmp_path, in_order=True))
    assert type(results[0].error) is FileExistsError
    assert results[1].error is None
    assert (tmp_path / "CA1.wav").read_bytes() == b"mine"
    results = call(answer, download_all(["CA1"], str(tmp_path), overwrite=True))
    assert results[0].value.read_bytes() == b"RIFFCA1"


def test_one_recording_twice_is_whole_and_there_once(call: Caller, tmp_path: Path) -> None:
    results = call(answer, download_all(["CA1"] * 9, tmp_path, concurrency=3))
    assert [result.error for result in results].count(None) == 1
    assert {type(result.error) for result in results} <= {type(None), FileExistsError}
    assert [path.name for path in tmp_path.iterdir()] == ["CA1.wav"]
    assert (tmp_path / "CA1.wav").read_bytes() == b"RIFFCA1"


def download_at(folder: Path, client: Any) -> Any:
    return client.download_recordings(IDS, folder)


def test_what_can_be_no_download_is_refused_at_once(call: Caller, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for folder in (tmp_path / "absent", file):
        with pytest.raises(FileNotFoundError, match="There is no directory"):
            call(answer, partial(download_at, folder))
    with pytest.raises(ValueError, match="direction='both'"):
        call(answer, lambda client: client.download_recordings(IDS, tmp_path, direction="both"))


def test_who_leaves_early_leaves_no_half_recording(call: Caller, tmp_path: Path) -> None:
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
def test_other_arguments_arrive(call: Caller, tmp_path: Path, kind: str) -> None:
    requests: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(request)

    limits = {"agent_id": "A2", "timeout": 7, "max_retries": 1, "deadline": 50}
    if kind == "get":
        call(keep, get_all(["CA1"], **limits))
    else:
        call(keep, download_all(["CA1"], tmp_path, direction="user", redacted=True, **limits))
        assert dict(requests[0].url.params) == {"direction": "user", "redacted": "true"}
        assert (tmp_path / "CA1.user.redacted.wav").exists()
    (request,) = requests
    assert "/agents/A2/" in request.url.path
    assert request.extensions["timeout"]["read"] == 7


def test_the_same_download_is_refused_while_the_first_goes_on() -> None:
    downloads = Downloads()
    with downloads.one_of("CA1"):
        with (
            pytest.raises(FileExistsError, match="CA1 is being downloaded; it is in ids twice"),
            downloads.one_of("CA1"),
        ):
            pass
        with downloads.one_of("CA2"):
            pass
    with downloads.one_of("CA1"):
        pass


def test_a_download_that_nobody_waits_for_stops_between_two_pieces(tmp_path: Path) -> None:
    class Stopping(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield bytes(100)
            stopped.set()
            yield bytes(100)
            raise AssertionError("more than that is not read")

    stopped = threading.Event()

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Stopping(), headers={"Content-Type": "audio/wav"})

    with DataClient(**SETTINGS, transport=httpx.MockTransport(answer)) as client:
        stoppable = client._until(stopped)
        with pytest.raises(Stopped):
            stoppable.download_recording(
                "CA1", tmp_path, progress=lambda *sizes: stop_if_set(stopped, *sizes)
            )
    assert list(tmp_path.iterdir()) == []
