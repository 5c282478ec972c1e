# Written by `make sync` from _async/sender.py. Do not edit: the next run overwrites it.
"""Sends the requests of a client, with retries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import httpx

from .._config import Config
from .._http.error_map import to_error, unchained
from .._http.rate_limit import RateLimiter
from .._http.request import PreparedRequest
from .._http.response import RawResponse, ResponseReader, parse_response
from .._http.retry import RetryState
from .._http.transports import Route
from ..errors import PolyAIError
from .body import iter_body
from .io import Connection, deadline_scope, tracer

_T = TypeVar("_T")


class Sender:
    """What a client does apart from its operations: it sends requests, and is closed."""

    _config: Config
    _limiter: RateLimiter
    _cancelled: threading.Event | None
    _connection: Connection

    def _copy(self, **changes: Any) -> Self:
        """Return a client that shares everything with this one but the changes."""
        copy = object.__new__(type(self))
        vars(copy).update(vars(self), **changes)
        return copy

    def _send(self, request: PreparedRequest[_T]) -> _T:
        state = RetryState(request, self._limiter, self._cancelled)
        result: _T
        _, result = self._send_with_retries(request, state, parse_response)
        return result

    def _send_with_retries(
        self,
        request: PreparedRequest[Any],
        state: RetryState,
        parse: Callable[[RawResponse], Any],
        should_stream: Callable[[Mapping[str, str]], bool] = lambda _: False,
    ) -> tuple[httpx.Response, Any]:
        """Return the response, unread if it is a success to stream, and what `parse` returns."""
        while True:
            route = self._connection.route(request.url)
            for pause in state.wait_for_turn():
                self._connection.sleep(state, pause)
            try:
                response, raw = self._send_once(route, request, state, should_stream)
                try:
                    return response, parse(raw)
                except PolyAIError:
                    response.close()  # a stream is still open
                    raise
            except PolyAIError as failure:
                error = unchained(failure)
            delay = state.next_delay(error)
            if delay is None:
                raise error
            self._connection.sleep(state, delay)

    def _send_once(
        self,
        route: Route[httpx.BaseTransport],
        request: PreparedRequest[Any],
        state: RetryState,
        should_stream: Callable[[Mapping[str, str]], bool],
    ) -> tuple[httpx.Response, RawResponse]:
        started = time.perf_counter()
        response = None
        extensions: dict[str, Any] = {"timeout": state.timeouts()}
        if route.needs_trace:
            extensions["trace"] = tracer(state)
        try:
            with deadline_scope(state):
                response = route.transport.handle_request(request.to_httpx(extensions))
                reader = ResponseReader(request, response)
                if not (reader.is_success and should_stream(reader.headers)):
                    try:
                        for chunk in iter_body(response, reader.headers):
                            state.check()
                            if not reader.feed(chunk):
                                break
                    finally:
                        response.close()
            return response, reader.finish(time.perf_counter() - started, state.attempt)
        except BaseException as failure:
            late, sent = state.deadline_exceeded, state.sent
            error = to_error(request, response, failure, deadline_exceeded=late, sent=sent)
        # Outside the except clause: the frames of the failure hold the key.
        raise error

    def close(self) -> None:
        """Close the connections. A closed client, or a copy of it, sends no more requests."""
        self._connection.close()

    def __enter__(self) -> Self:
        self._connection.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.__exit__(exc_type, exc_value, traceback)

    def __repr__(self) -> str:
        config: Config | None = vars(self).get("_config")  # None in the traceback of a failed init
        if config is None:
            return f"<{type(self).__name__} not set up>"
        where = config.describe(config.base_url)
        return f"<{type(self).__name__} {where} agent {config.agent_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A client cannot be pickled. Create one in each process instead.")
