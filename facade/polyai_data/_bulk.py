"""Many calls at once: their results as they come, and nothing left behind however it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from attrs import field, frozen

from ._request import check_whole_number
from ._retry import Stopped
from .errors import shown

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

_T = TypeVar("_T")
_F = TypeVar("_F", bound="asyncio.Future[Any] | Future[Any]")

_OVER = object()
"""There are no more IDs."""


@frozen
class BulkResult(Generic[_T]):
    """What came of one of many calls.

    Attributes:
        id: The conversation's ID.
        error: Why it failed; None if it did not.
    """

    id: str
    error: Exception | None = None
    _value: _T | None = field(default=None, repr=False)

    @property
    def value(self) -> _T:
        """The result of the call.

        Raises:
            Exception: the `error`, if the call failed.
        """
        if self.error is not None:
            raise self.error
        return cast(_T, self._value)


def _to_hand_over(running: dict[_F, None], ended: _F, *, in_order: bool) -> Iterator[_F]:
    """Take out of what is running what can be handed over now that one more has ended."""
    if not in_order:
        del running[ended]
        yield ended
        return
    while running and (oldest := next(iter(running))).done():
        del running[oldest]
        yield oldest


def check_bulk(ids: object, concurrency: int, *, may_be_async: bool = False) -> None:
    """Refuse what makes no sense before anything is sent.

    Raises:
        TypeError: if `ids` is one text, or nothing to iterate.
        ValueError: if `concurrency` is less than 1.
    """
    is_iterable = isinstance(ids, Iterable) or (may_be_async and isinstance(ids, AsyncIterable))
    if isinstance(ids, str | bytes) or not is_iterable:
        raise TypeError(
            f"ids must be several conversation IDs (a list or an iterator of text), not "
            f"{type(ids).__name__}."
        )
    check_whole_number("concurrency", concurrency, least=1)


def check_folder(directory: str | os.PathLike[str]) -> Path:
    """Return the directory to save in.

    Raises:
        FileNotFoundError: if it is not there, or is no directory.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no directory {shown(str(folder))}.")
    return folder


class Downloads:
    """Those that go on, so that no two of them write one file."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def one_of(self, conversation_id: str) -> Iterator[None]:
        """Note a download while it goes on.

        Raises:
            FileExistsError: if the same one goes on already.
        """
        with self._lock:
            if conversation_id in self._ids:
                raise FileExistsError(f"{conversation_id} is being downloaded; it is in ids twice.")
            self._ids.add(conversation_id)
        try:
            yield
        finally:
            self._ids.discard(conversation_id)


def stop_if_set(stopped: threading.Event, _received: int, _total: int | None) -> None:
    """Stop a download between two pieces; it is called as its `progress`."""
    if stopped.is_set():
        raise Stopped


def in_threads(
    do: Callable[[str, threading.Event], _T],
    ids: Iterable[str],
    concurrency: int,
    *,
    in_order: bool,
) -> Generator[BulkResult[_T], None, None]:
    """Yield the results of calls in threads.

    Args:
        do: Makes the call for an ID; it is to end soon once the event is set.
        ids: The IDs. They are taken as threads become free.
        concurrency: How many calls there are at once. Twice as many are taken, so that those that
            ended do not hold up the others while nobody asks for their results.
        in_order: Whether the results come in the order of the IDs, else as they complete.
    """
    from concurrent.futures import ThreadPoolExecutor  # here: few programs need these imports
    from queue import SimpleQueue

    stopped = threading.Event()

    def result_of(wanted: str) -> BulkResult[_T]:
        try:
            return BulkResult(wanted, None, do(wanted, stopped))
        except Exception as error:
            return BulkResult(wanted, error)

    source = iter(ids)
    is_over = False
    failure: Exception | None = None
    finished: SimpleQueue[Future[BulkResult[_T]]] = SimpleQueue()
    running: dict[Future[BulkResult[_T]], None] = {}  # the oldest first; ended ones wait in it
    # Its threads end with the block, however that ends.
    with ThreadPoolExecutor(concurrency, thread_name_prefix="polyai-data-bulk") as executor:
        try:
            while True:
                while not is_over and len(running) < 2 * concurrency:
                    try:
                        wanted = next(source, _OVER)
                    except Exception as error:  # raised once the calls under way are handed over
                        wanted, failure = _OVER, error
                    if wanted is _OVER:
                        is_over = True
                        break
                    future = executor.submit(result_of, cast(str, wanted))
                    running[future] = None
                    future.add_done_callback(finished.put)
                if not running:
                    if failure is not None:
                        raise failure
                    return
                for ended in _to_hand_over(running, finished.get(), in_order=in_order):
                    yield ended.result()
        finally:
            stopped.set()
            for future in running:
                future.cancel()


async def in_tasks(
    do: Callable[[str], Awaitable[_T]],
    ids: Iterable[str] | AsyncIterable[str],
    concurrency: int,
    *,
    in_order: bool,
) -> AsyncGenerator[BulkResult[_T], None]:
    """Yield the results of calls in tasks; the arguments are those of `in_threads`."""
    import asyncio  # here: it would slow down the import of the package

    finished: dict[int, BulkResult[_T]] = {}  # by the place of the ID
    taken = handed_over = 0
    is_over = False
    has_more, has_room = asyncio.Event(), asyncio.Event()
    turn = asyncio.Lock()  # an asynchronous iterator takes one question at a time
    source = aiter(ids) if isinstance(ids, AsyncIterable) else iter(ids)

    async def take() -> Any:
        if not isinstance(source, AsyncIterator):
            return next(source, _OVER)
        async with turn:
            return _OVER if is_over else await anext(source, _OVER)

    async def work() -> None:
        nonlocal taken, is_over
        while True:
            while not is_over and taken - handed_over >= 2 * concurrency:
                has_room.clear()
                await has_room.wait()
            if is_over:
                return
            place, taken = taken, taken + 1
            try:
                wanted = await take()
            except Exception:  # raised once the calls under way are handed over
                is_over = True
                has_room.set()
                raise
            if wanted is _OVER:
                is_over = True
                has_room.set()
                return
            try:
                result = BulkResult(wanted, None, await do(wanted))
            except Exception as error:
                result = BulkResult(wanted, error)
            finished[place] = result
            has_more.set()

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    for worker in workers:
        worker.add_done_callback(lambda _: has_more.set())
    try:
        while True:
            place = handed_over if in_order else next(iter(finished), None)
            if place in finished:
                handed_over += 1
                has_room.set()
                yield finished.pop(place)
                continue
            if all(worker.done() for worker in workers):
                for worker in workers:
                    worker.result()  # raises what the IDs did
                return
            has_more.clear()
            await has_more.wait()
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
