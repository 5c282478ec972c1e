"""What threads do differently from asyncio: connections, sleeping, and several calls at once.

`_async/io.py` has the same interface for asyncio.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import httpx

from .._data.bulk import EXHAUSTED, BulkResult
from .._http.retry import RetryState
from .._http.transports import ConnectionBase, default_transport

if TYPE_CHECKING:
    import asyncio

    from .client import DataClient


class Connection(ConnectionBase):
    """The transport of a client and its copies."""

    def __init__(self, transport: httpx.BaseTransport | None, base_url: str) -> None:
        super().__init__(transport, "handle_request")
        self._transport = transport or default_transport(base_url)

    def ensure_open(self) -> httpx.BaseTransport:
        self._check()
        return self._transport

    def __enter__(self) -> Self:
        self.ensure_open().__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._transport.__exit__(*exc_info)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._transport.close()


ID_SOURCES: Any = Iterable
_sleep = time.sleep  # tests replace it


def sleep(state: RetryState, seconds: float) -> None:
    """Wait before the next attempt, but no longer than somebody waits for the result."""
    if state.cancelled is None:
        _sleep(seconds)
    else:
        state.cancelled.wait(seconds)


class Background:
    """Makes one call ahead of time, in a thread."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._future: Future[Any] | None = None

    def start(self, call: Callable[[Any], Any], argument: Any) -> None:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="polyai-data-prefetch")
        self._future = self._executor.submit(copy_context().run, call, argument)

    def result(self, call: Callable[[Any], Any], argument: Any) -> Any:
        """Return the result of the call that was started; if there is none, make it now."""
        future, self._future = self._future, None
        return future.result() if future is not None else call(argument)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown()


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
    executor = ThreadPoolExecutor(concurrency, thread_name_prefix="polyai-data-bulk")
    is_default = client._connection.is_default
    twin = object.__new__(async_client.AsyncDataClient)
    if is_default:
        connection = async_io.Connection(None, client._config.base_url)
        vars(twin).update(vars(client), _connection=connection)
    caller: Any = twin if is_default else client._copy(_cancelled=cancelled)
    target = partial(getattr(caller, method), **options)

    async def call(item: str) -> Any:
        client._connection.ensure_open()
        try:
            if is_default:
                return await target(item)
            # Each call in its own copy of the context, so that tracing tools see its parent.
            return await loop.run_in_executor(executor, copy_context().run, target, item)
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

    context = copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="polyai-data-bulk", daemon=True)
    thread.start()
    try:
        yield add, results
    finally:
        cancelled.set()
        for step in (partial(loop.call_soon_threadsafe, cancel), thread.join, executor.shutdown):
            # The event loop may have ended, and garbage collection run this in one of the threads.
            with suppress(RuntimeError):
                step()
