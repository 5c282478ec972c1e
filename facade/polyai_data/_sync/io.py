"""What threads do differently from asyncio: connections, sleeping, and several calls at once.

`_async/io.py` has the same interface for asyncio.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import httpx

from .._data.bulk import EXHAUSTED, BulkResult
from .._http import clock
from .._http.retry import RetryState
from .._http.threads import ThreadCall
from .._http.transports import ConnectionBase, Route, default_transport
from ..errors import PolyAIError

if TYPE_CHECKING:
    import asyncio

    from .client import DataClient


class Connection(ConnectionBase[httpx.BaseTransport]):
    """The transport of a client and its copies."""

    def __init__(self, transport: httpx.BaseTransport | None, base_url: str) -> None:
        super().__init__(transport, "handle_request", default_transport, base_url)
        self._woken = threading.Condition()

    def route(self, url: str) -> Route[httpx.BaseTransport]:
        """Return how to send a request, if the client is open."""
        self._check()
        return self._route(url)

    def sleep(self, state: RetryState, seconds: float) -> None:
        """Wait before the next attempt. Closing the client or cancelling the call ends the wait."""
        end = clock.monotonic() + seconds
        with self._woken:
            while not (self._is_closed or state.is_cancelled) and _sleep(self._woken, seconds):
                seconds = max(0.0, end - clock.monotonic())
        self._check()

    def wake(self) -> None:
        """Let the calls that sleep look whether they are cancelled."""
        with self._woken:
            self._woken.notify_all()

    def _close(self) -> None:
        self._is_closed = True
        self.wake()

    def __enter__(self) -> Self:
        self._check()
        for transport in self._transports():
            transport.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if not self._is_closed:
            self._close()
            for transport in self._transports():
                transport.__exit__(*exc_info)

    def close(self) -> None:
        if not self._is_closed:
            self._close()
            for transport in self._transports():
                transport.close()


ID_SOURCES: Any = Iterable
_sleep = threading.Condition.wait  # tests replace it


def deadline_scope(state: RetryState) -> AbstractContextManager[Any]:  # noqa: ARG001  # as in `_async`
    """Do nothing: the transport keeps the deadline."""
    return nullcontext()


def tracer(state: RetryState) -> Callable[[str, Mapping[str, Any]], None]:
    """Return a callback for the `trace` extension of httpx."""
    return state.on_trace


class Background:
    """Makes one call ahead of time, in a thread."""

    def __init__(self) -> None:
        self._future: ThreadCall | None = None

    def start(self, call: Callable[[Any], Any], argument: Any) -> None:
        with suppress(PolyAIError):  # no more threads start: `result` makes the call
            self._future = ThreadCall(call, argument, name="prefetch")

    def result(self, call: Callable[[Any], Any], argument: Any) -> Any:
        """Return the result of the call that was started; if there is none, make it now."""
        future, self._future = self._future, None
        return future.result() if future is not None else call(argument)

    def close(self) -> None:
        if self._future is not None:
            self._future.join()


def call_many(
    client: DataClient,
    method: str,
    ids: Iterable[str],
    concurrency: int,
    *,
    in_order: bool,
    **options: Any,
) -> Generator[BulkResult[Any]]:
    """Call a method for each ID, several at once, and yield the results.

    The IDs are read in this thread: iterators of databases, for one, require that.
    """
    source = iter(ids)
    exhausted = False
    failure: Exception | None = None
    pending = 0
    with _calls_in_thread(client, method, options, concurrency, in_order) as (add, results):
        while True:
            while not exhausted and pending < 2 * concurrency:
                item: Any = EXHAUSTED
                try:
                    item = next(source, EXHAUSTED)
                except Exception as error:  # raised after the results of the running calls
                    failure = error
                exhausted = item is EXHAUSTED
                pending += not exhausted
                add(item)
            result = results.get()
            if isinstance(result, BaseException):  # such as SystemExit from a callback
                raise result
            if result is EXHAUSTED:
                break
            pending -= 1
            yield result
    if failure is not None:
        raise failure


@contextmanager
def _calls_in_thread(
    client: DataClient, method: str, options: dict[str, Any], concurrency: int, in_order: bool
) -> Iterator[tuple[Callable[[Any], object], SimpleQueue[Any]]]:
    """Run the bulk engine of the asynchronous half in a thread.

    With the default transport, the asynchronous client makes the calls, at half the cost. With the
    user's transport, this client makes them, in threads. EXHAUSTED ends the IDs and the results.
    """
    import asyncio  # only bulk reads need the asynchronous half

    from .._async import client as async_client
    from .._async import io as async_io

    results: SimpleQueue[Any] = SimpleQueue()
    ids: asyncio.Queue[Any] = asyncio.Queue()
    cancelled = threading.Event()
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    running: list[ThreadCall] = []
    is_default = client._connection.is_default
    twin = object.__new__(async_client.AsyncDataClient)
    if is_default:
        connection = async_io.Connection(None, client._config.base_url)
        vars(twin).update(vars(client), _connection=connection)
    caller: Any = twin if is_default else client._copy(_cancelled=cancelled)
    target = partial(getattr(caller, method), **options)

    async def call(item: str) -> Any:
        client._connection.route(client._config.base_url)
        try:
            if is_default:
                return await target(item)
            running[:] = [one for one in running if one.is_alive()]
            running.append(future := ThreadCall(target, item, name="bulk"))
            return await asyncio.wrap_future(future)
        except (SystemExit, KeyboardInterrupt) as error:  # it would stop the event loop
            results.put(error)
            raise asyncio.CancelledError from None

    async def read_ids() -> AsyncGenerator[str]:
        while (item := await ids.get()) is not EXHAUSTED:
            yield item

    async def collect() -> None:
        calls = async_io.call_many(
            SimpleNamespace(call=call), "call", read_ids(), concurrency, in_order=in_order
        )
        try:
            async with aclosing(calls):
                async for result in calls:
                    results.put(result)
            results.put(EXHAUSTED)
        except asyncio.CancelledError:
            pass  # nobody waits any more, or `call` has reported why

    def run() -> None:
        try:
            with runner:
                try:
                    runner.run(collect())
                finally:
                    if is_default:
                        runner.run(twin.close())
        except BaseException as error:
            results.put(error)

    def cancel() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    def add(item: Any) -> None:
        with suppress(RuntimeError):  # the event loop has ended, and `results` has the exception
            loop.call_soon_threadsafe(ids.put_nowait, item)

    try:
        engine = ThreadCall(run, name="bulk")
    except PolyAIError:
        runner.close()
        raise
    try:
        yield add, results
    finally:
        cancelled.set()
        client._connection.wake()
        # The event loop may have ended, and garbage collection run this in one of the threads.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(cancel)
        engine.join()  # from here on, it starts no more calls
        for one in running:
            one.join()
