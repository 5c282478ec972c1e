"""A transport from the user is used as httpx.Client and httpx.AsyncClient use it."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest
from polyai_data import Annotation, APIConnectionError, AsyncDataClient, DataClient

if TYPE_CHECKING:
    from tests.conftest import Caller

SETTINGS: dict[str, Any] = {
    "api_key": "made-up-key",
    "region": "us",
    "agent_id": "PROJECT-1",
    "timeout": (5, 30),
    "max_retries": 0,
}
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
CORRELATION_ID = "x-polyai-correlation-id"  # differs between requests


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in two chunks, and can be read once, as from a connection."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.is_consumed = self.is_closed = False

    def _take(self) -> Iterator[bytes]:
        assert not self.is_consumed
        self.is_consumed = True
        yield self.content[:7]
        yield self.content[7:]

    def __iter__(self) -> Iterator[bytes]:
        return self._take()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._take():
            yield chunk

    def close(self) -> None:
        self.is_closed = True

    async def aclose(self) -> None:
        self.is_closed = True


def content_of(request: httpx.Request) -> dict[str, Any]:
    """Return the JSON that a server responds with: it depends on the request."""
    if request.method == "GET":
        return {"conversationId": "CA1", "note": "é" * 20, "path": request.url.path}
    return {"success": True, "received": json.loads(request.content)}


def as_content(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(content_of(request)).encode())


def as_json(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=content_of(request))


def as_stream(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Chunks(json.dumps(content_of(request)).encode()))


def as_gzip_content(request: httpx.Request) -> httpx.Response:
    body = gzip.compress(json.dumps(content_of(request)).encode())
    return httpx.Response(200, content=body, headers=GZIP)


def as_gzip_stream(request: httpx.Request) -> httpx.Response:
    body = gzip.compress(json.dumps(content_of(request)).encode())
    return httpx.Response(200, stream=Chunks(body), headers=GZIP)


FORMS = [as_content, as_json, as_stream, as_gzip_content, as_gzip_stream]


class Wrapper(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport for both clients over a server that is a function. It records requests."""

    def __init__(self, respond: Callable[[httpx.Request], httpx.Response]) -> None:
        self.respond = respond
        self.seen: list[Any] = []

    def send(self, request: httpx.Request) -> httpx.Response:
        """Record everything that httpx tells a transport about a request, and send it."""
        headers = dict(request.headers)
        assert headers.pop(CORRELATION_ID)
        self.seen.append(
            {
                "method": request.method,
                "url": str(request.url),
                "headers": headers,
                "header names": sorted(name for name, _ in request.headers.raw),
                "content": request.content,
                "extensions": dict(request.extensions),
                "stream": isinstance(request.stream, httpx.ByteStream),
            }
        )
        return self.respond(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.send(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.send(request)


def read_and_write(client: Any) -> Any:
    """Send a GET and a POST three times each, and return the JSON of the responses."""
    wrong = Annotation(turn=0, role="agent", type="wrong_info")
    received = []
    for _ in range(3):
        received.append((yield client.get_conversation("CA1")).raw)
        received.append((yield client.add_annotations("CA1", [wrong])).raw)
    return received


def play(client: Any, script: Callable[[Any], Any]) -> Any:
    """Return what a script returns. It yields each call, and receives the call's result."""
    if hasattr(client, "__enter__"):
        with client:
            steps, result = script(client), None
            while True:
                try:
                    result = steps.send(result)
                except StopIteration as end:
                    return end.value

    async def run() -> Any:
        async with client:
            steps, result = script(client), None
            while True:
                try:
                    step = steps.send(result)
                except StopIteration as end:
                    return end.value
                result = await step

    return asyncio.run(run())


def httpx_client(call: Caller, transport: Any) -> Any:
    kind = httpx.Client if call.kind is DataClient else httpx.AsyncClient
    return kind(transport=transport, timeout=httpx.Timeout(30, connect=5))


def with_ours(call: Caller, transport: Any) -> Any:
    """Return the JSON that our client receives through a transport."""
    return play(call.client(transport=transport, **SETTINGS), read_and_write)


def with_httpx(call: Caller, transport: Any) -> Any:
    """Return the JSON that httpx's own client receives for the same requests."""
    sent: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return as_json(request)

    def script(client: Any) -> Any:
        received = []
        for one in sent:
            response = yield client.request(
                one.method, one.url, headers=one.headers, content=one.content or None
            )
            received.append(response.json())
        return received

    with_ours(call, httpx.MockTransport(keep))
    assert [request.method for request in sent] == ["GET", "POST"] * 3
    return play(httpx_client(call, transport), script)


@pytest.mark.parametrize("form", FORMS)
def test_a_transport_gets_requests_as_from_httpx(call: Caller, form: Any) -> None:
    ours, theirs = Wrapper(form), Wrapper(form)
    assert with_ours(call, ours) == with_httpx(call, theirs)
    assert len(ours.seen) == 6
    assert ours.seen == theirs.seen


# --- Logging -------------------------------------------------------------------------------------


class Logging(Wrapper):
    """Reads requests and responses completely, and logs them."""

    def __init__(self, respond: Callable[[httpx.Request], httpx.Response]) -> None:
        super().__init__(respond)
        self.lines: list[Any] = []

    def log(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        headers = dict(request.headers)
        assert headers.pop(CORRELATION_ID)
        sent = (request.method, str(request.url), headers, request.content)
        received = (response.status_code, response.headers.items(), response.content, response.text)
        self.lines.append((sent, *received))
        return response

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        response = self.send(request)
        response.read()
        return self.log(request, response)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        response = self.send(request)
        await response.aread()
        return self.log(request, response)


@pytest.mark.parametrize("form", FORMS)
def test_a_transport_may_read_requests_and_responses(call: Caller, form: Any) -> None:
    ours, theirs = Logging(form), Logging(form)
    assert with_ours(call, ours) == with_httpx(call, theirs)
    assert len(ours.lines) == 6
    assert ours.lines == theirs.lines


class Peeking(Wrapper):
    """Reads a response without keeping it, so that nothing is left for the client."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.send(request)
        for _ in response.iter_raw():
            pass
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = self.send(request)
        async for _ in response.aiter_raw():
            pass
        return response


@pytest.mark.parametrize("form", [as_stream, as_gzip_stream])
def test_a_response_that_is_used_up_is_an_error_as_with_httpx(call: Caller, form: Any) -> None:
    with pytest.raises(httpx.StreamConsumed):
        with_httpx(call, Peeking(form))
    with pytest.raises(APIConnectionError, match="StreamConsumed"):
        with_ours(call, Peeking(form))


@pytest.mark.parametrize("form", [as_stream, as_gzip_stream])
def test_the_stream_of_a_response_is_closed(call: Caller, form: Any) -> None:
    streams: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        response: httpx.Response = form(request)
        streams.append(response.stream)
        return response

    for use in (with_ours, with_httpx):
        use(call, Wrapper(respond))
        assert [stream.is_closed for stream in streams] == [True] * 6
        streams.clear()


# --- Caching -------------------------------------------------------------------------------------


class Cache(Wrapper):
    """Stores each response, read, and returns the same object again, or a copy of it."""

    def __init__(
        self, respond: Callable[[httpx.Request], httpx.Response], *, on_disk: bool
    ) -> None:
        super().__init__(respond)
        self.stored: dict[Any, Any] = {}
        self.on_disk = on_disk

    def find(self, request: httpx.Request) -> httpx.Response | None:
        stored = self.stored.get((request.method, request.url, request.content))
        return pickle.loads(stored) if stored and self.on_disk else stored

    def store(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        key = (request.method, request.url, request.content)
        self.stored[key] = pickle.dumps(response) if self.on_disk else response
        found = self.find(request)
        assert found is not None
        return found

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if (found := self.find(request)) is not None:
            return found
        response = self.send(request)
        response.read()
        return self.store(request, response)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if (found := self.find(request)) is not None:
            return found
        response = self.send(request)
        await response.aread()
        return self.store(request, response)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_transport_may_return_a_stored_response_several_times(
    call: Caller, form: Any, on_disk: bool
) -> None:
    ours, theirs = Cache(form, on_disk=on_disk), Cache(form, on_disk=on_disk)
    assert with_ours(call, ours) == with_httpx(call, theirs)
    assert len(ours.seen) == 2  # the other four came from the cache
    assert ours.seen == theirs.seen


# --- Mocking, retrying, mounting -----------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_httpx_mock_transport_is_a_transport(call: Caller, form: Any) -> None:
    async def respond(request: httpx.Request) -> httpx.Response:
        return form(request)  # type: ignore[no-any-return]

    expected = with_httpx(call, httpx.MockTransport(form))
    assert with_ours(call, httpx.MockTransport(form)) == expected
    if call.kind is AsyncDataClient:
        assert with_ours(call, httpx.MockTransport(respond)) == expected


class Retrying(Wrapper):
    """Sends each request twice. The first response is an error, and is not read."""

    def send(self, request: httpx.Request) -> httpx.Response:
        response = super().send(request)
        is_first = len(self.seen) % 2 == 1
        return httpx.Response(503, stream=Chunks(b"try again")) if is_first else response

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        assert self.send(request).status_code == 503
        assert b"".join(request.stream) == request.content
        return self.send(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        assert self.send(request).status_code == 503
        assert b"".join([chunk async for chunk in request.stream]) == request.content
        return self.send(request)


@pytest.mark.parametrize("form", FORMS)
def test_a_transport_may_send_a_request_twice(call: Caller, form: Any) -> None:
    ours, theirs = Retrying(form), Retrying(form)
    assert with_ours(call, ours) == with_httpx(call, theirs)
    assert ours.seen == theirs.seen
    assert ours.seen[::2] == ours.seen[1::2]
    assert [one["content"][:15] for one in ours.seen[2:4]] == [b'{"annotations":'] * 2


class Mounts(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Chooses another transport by URL."""

    def __init__(self, transports: dict[str, Wrapper]) -> None:
        self.transports = transports

    def choose(self, url: httpx.URL) -> Wrapper:
        return next(
            one for end, one in self.transports.items() if f"{url.host}{url.path}".endswith(end)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.choose(request.url).handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.choose(request.url).handle_async_request(request)


def test_a_transport_may_choose_another_one_by_url(call: Caller) -> None:
    def mounts() -> Mounts:
        return Mounts(
            {"/conversations/CA1": Wrapper(as_gzip_stream), "/CA1/annotation": Wrapper(as_json)}
        )

    ours, theirs = mounts(), mounts()
    assert with_ours(call, ours) == with_httpx(call, theirs)
    for our, their in zip(ours.transports.values(), theirs.transports.values(), strict=True):
        assert len(our.seen) == 3
        assert our.seen == their.seen


# --- Extensions ----------------------------------------------------------------------------------


def test_a_transport_may_set_extensions(call: Caller) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        request.extensions["from_cache"] = True
        request.extensions["timeout"]["read"] = 1.5
        response = as_gzip_stream(request)
        response.extensions = {
            "http_version": b"HTTP/2",
            "reason_phrase": b"Fine \xe9",
            "network_stream": object(),
            "from_cache": True,
            "cache_metadata": {"created_at": 1},
        }
        return response

    ours, theirs = Wrapper(respond), Wrapper(respond)
    assert with_ours(call, ours) == with_httpx(call, theirs)
    assert ours.seen == theirs.seen
    assert [one["extensions"]["timeout"]["connect"] for one in ours.seen] == [5] * 6


# --- Opening and closing -------------------------------------------------------------------------


class Lifecycle(Wrapper):
    """Records when it is opened, used and closed."""

    def __init__(self, *, exit_closes: bool) -> None:
        super().__init__(as_json)
        self.exit_closes = exit_closes
        self.events: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.events.append("request")
        return self.respond(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)

    def __enter__(self) -> Self:
        self.events.append("enter")
        return self

    async def __aenter__(self) -> Self:
        return self.__enter__()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.events.append(f"exit {exc_value!r} {(exc_type is None, traceback is None)}")
        if self.exit_closes:
            self.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.__exit__(exc_type, exc_value, traceback)

    def close(self) -> None:
        self.events.append("close")

    async def aclose(self) -> None:
        self.close()


USES = [
    "with, two requests",
    "with, no request",
    "with, an exception",
    "with, then close",
    "close, two requests",
    "close, no request",
    "close, close",
]


def use(client: Any, request: Callable[[], Any], how: str) -> None:
    """Use a client as named."""
    requests = 0 if "no request" in how else 2

    def use_sync() -> None:
        if how.startswith("with"):
            with suppress(LookupError), client:
                for _ in range(requests):
                    request()
                if "exception" in how:
                    raise LookupError("mine")
        else:
            for _ in range(requests):
                request()
        for _ in range(how.count("close")):
            client.close()

    async def use_async() -> None:
        if how.startswith("with"):
            with suppress(LookupError):
                async with client:
                    for _ in range(requests):
                        await request()
                    if "exception" in how:
                        raise LookupError("mine")
        else:
            for _ in range(requests):
                await request()
        for _ in range(how.count("close")):
            await (client.aclose() if hasattr(client, "aclose") else client.close())

    if hasattr(client, "__enter__"):
        use_sync()
    else:
        asyncio.run(use_async())


@pytest.mark.parametrize("exit_closes", [True, False])
@pytest.mark.parametrize("how", USES)
def test_a_transport_is_opened_and_closed_as_by_httpx(
    call: Caller, how: str, exit_closes: bool
) -> None:
    ours, theirs = Lifecycle(exit_closes=exit_closes), Lifecycle(exit_closes=exit_closes)
    client = call.client(transport=ours, **SETTINGS)
    use(client, lambda: client.get_conversation("CA1"), how)
    reference = httpx_client(call, theirs)
    use(reference, lambda: reference.get("https://api.us.poly.ai/"), how)
    assert ours.events == theirs.events
    assert ours.events.count("enter") == (1 if how.startswith("with") else 0)
