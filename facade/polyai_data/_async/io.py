"""What asyncio does differently from threads: connections, sleeping, and several calls at once.

`_sync/io.py` has the same interface for threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Self

import httpx

from .._data.bulk import EXHAUSTED, BulkResult
from .._http.retry import RetryState
from .._http.transports import ConnectionBase, Route, default_async_transport
from ..errors import PolyAIError


class Connection(ConnectionBase[httpx.AsyncBaseTransport]):
    """The transport of a client and its copies."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None, base_url: str) -> None:
        super().__init__(transport, "handle_async_request", default_async_transport, base_url)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sleepers: set[asyncio.Future[None]] = set()

    def route(self, url: str) -> Route[httpx.AsyncBaseTransport]:
        """Return how to send a request, if the client is open."""
        self._check()
        self._enter_loop()
        return self._route(url)

    async def sleep(self, state: RetryState, seconds: float) -> None:  # noqa: ARG002  # as in `_sync`
        """Wait before the next attempt. Closing the client ends the wait."""
        sleeper = asyncio.ensure_future(_sleep(seconds))
        self._sleepers.add(sleeper)
        try:
            await asyncio.wait([sleeper])
        finally:
            self._sleepers.discard(sleeper)
            sleeper.cancel()
        self._check()

    def _close(self) -> None:
        self._enter_loop()
        self._is_closed = True
        for sleeper in self._sleepers:
            sleeper.cancel()

    def _enter_loop(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise PolyAIError(
                "The asynchronous client needs asyncio. With trio, use the synchronous client in a "
                "thread: trio.to_thread.run_sync."
            ) from None
        if self._loop is not None and self._loop is not loop:
            if not self._loop.is_closed():
                raise PolyAIError(
                    "This client belongs to another event loop, which is still open. Create a "
                    "client in each event loop."
                )
            if self.is_default:  # the old connections went with their loop
                self._routes.clear()
        self._loop = loop

    async def __aenter__(self) -> Self:
        self._check()
        self._enter_loop()
        for transport in self._transports():
            await transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        if not self._is_closed:
            self._close()
            for transport in self._transports():
                await transport.__aexit__(*exc_info)

    async def aclose(self) -> None:
        if not self._is_closed:
            self._close()
            for transport in self._transports():
                await transport.aclose()


ID_SOURCES: Any = (Iterable, AsyncIterable)
_sleep = asyncio.sleep  # tests replace it


def deadline_scope(state: RetryState) -> AbstractAsyncContextManager[Any]:
    """Return a context manager that raises TimeoutError at the deadline."""
    return asyncio.timeout(max(0.0, state.time_left)) if state.has_deadline else nullcontext()


def tracer(state: RetryState) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """Return a callback for the `trace` extension of httpx."""

    async def trace(name: str, info: Mapping[str, Any]) -> None:
        state.on_trace(name, info)

    return trace


class Background:
    """Makes one call ahead of time, as a task."""

    def __init__(self) -> None:
        self._task: asyncio.Future[Any] | None = None

    def start(self, call: Callable[[Any], Awaitable[Any]], argument: Any) -> None:
        self._task = asyncio.ensure_future(call(argument))

    async def result(self, call: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        """Return the result of the call that was started; if there is none, make it now."""
        task, self._task = self._task, None
        return await (task or call(argument))

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def call_many(
    client: Any,
    method: str,
    ids: Iterable[str] | AsyncIterable[str],
    concurrency: int,
    *,
    in_order: bool,
    **options: Any,
) -> AsyncGenerator[BulkResult[Any]]:
    """Call a method for each ID, several at once, and yield the results.

    At most twice `concurrency` IDs are read ahead, so that finished calls do not hold up others
    before anyone asks for their results.
    """
    results: dict[int, BulkResult[Any]] = {}  # by the position of the ID
    read = yielded = 0
    exhausted = False
    has_results, has_capacity = asyncio.Event(), asyncio.Event()
    source_lock = asyncio.Lock()  # an asynchronous iterator cannot be read concurrently
    source = aiter(ids) if isinstance(ids, AsyncIterable) else iter(ids)
    call = partial(getattr(client, method), **options)

    async def next_id() -> Any:
        if not isinstance(source, AsyncIterator):
            return next(source, EXHAUSTED)
        async with source_lock:
            return EXHAUSTED if exhausted else await anext(source, EXHAUSTED)

    async def work() -> None:
        nonlocal read, exhausted
        while True:
            while not exhausted and read - yielded >= 2 * concurrency:
                has_capacity.clear()
                await has_capacity.wait()
            if exhausted:
                return
            position, read = read, read + 1
            item: Any = EXHAUSTED
            try:
                item = await next_id()  # its exception is raised after the results of running calls
            finally:
                if item is EXHAUSTED:
                    exhausted = True
                    has_capacity.set()
            if item is EXHAUSTED:
                return
            try:
                results[position] = BulkResult(item, None, await call(item))
            except Exception as error:
                results[position] = BulkResult(item, error)
            has_results.set()

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    for worker in workers:
        worker.add_done_callback(lambda _: has_results.set())
    try:
        while True:
            position = yielded if in_order else next(iter(results), -1)
            if position in results:
                yielded += 1
                has_capacity.set()
                yield results.pop(position)
            elif all(worker.done() for worker in workers):
                for worker in workers:
                    worker.result()  # raises the exception of the IDs
                return
            else:
                has_results.clear()
                await has_results.wait()
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
