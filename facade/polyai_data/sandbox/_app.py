"""The HTTP side: routes, authentication, what may be in a query or body, and error answers."""

import re
from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, unquote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ._audio import HEADER_BYTES, MAX_BYTES
from ._damage import fail
from ._data import MAX_CONVERSATIONS
from ._errors import Problem
from ._faults import HEADER, Fault, Faults, requested
from ._schema import annotations, body_object, chat_body, check_field, query_choice, query_integer
from ._store import Store

_CORRELATION = "X-PolyAI-Correlation-Id"
_DIRECTIONS = ("combined", "user", "agent")


@dataclass(frozen=True)
class Received:
    """A request that arrived.

    Attributes:
        method: such as `GET`.
        path: decoded; a slash in an ID looks like any other.
        headers: by their names in lower case, the key among them.

    """

    method: str
    path: str
    headers: Mapping[str, str]


def create_app(
    *,
    api_key: str = "sandbox",
    agent_id: str = "PROJECT-DEMO",
    conversations: int = 200,
    seed: int = 0,
    faults: Iterable[Fault] = (),
    received: list[Received] | None = None,
    max_page_size: int | None = None,
    recording_bytes: int | None = None,
    ranges: bool = True,
) -> ASGIApp:
    """Make the sandbox as an ASGI application, to serve it yourself or to call it in process.

    Args:
        api_key: the key that requests must carry in `X-API-KEY`.
        agent_id: the only agent that the key may read.
        conversations: how many conversations there are, up to a billion. They are computed when
            they are asked for, so any number costs the same memory.
        seed: another seed gives other conversations; the same one, the same bytes again.
        faults: failures to answer with. A request can ask for one too, with the header
            `X-Sandbox-Fault` and a `Fault` as JSON: `{"kind": "late", "delay": 2}`.
        received: a list to add each request to, when it arrives.
        max_page_size: the most conversations in a list answer; None for as many as are asked for.
        recording_bytes: the size of every recording in bytes, from 44 (rounded down to an even
            number); None for the length that the conversation has.
        ranges: whether a part of a recording can be asked for.

    Returns:
        An ASGI 3 application.

    Raises:
        ValueError: an option is out of range; the text names it.

    """
    if not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key != ""):
        raise ValueError("api_key must be printable ASCII without spaces around it")
    if not agent_id:
        raise ValueError("agent_id must not be empty")
    _check_range("conversations", conversations, 0, MAX_CONVERSATIONS)
    if max_page_size is not None:
        _check_range("max_page_size", max_page_size, 1, MAX_CONVERSATIONS)
    if recording_bytes is not None:
        _check_range("recording_bytes", recording_bytes, HEADER_BYTES, MAX_BYTES)
    store = Store(agent_id, conversations, seed)
    api = _Api(
        store, api_key, agent_id, Faults(faults), received, max_page_size, recording_bytes, ranges
    )
    return Router(default=api)  # it sees to the lifespan protocol


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")


class _Api:
    """Answers HTTP requests from the store."""

    def __init__(
        self,
        store: Store,
        api_key: str,
        agent_id: str,
        faults: Faults,
        received: list[Received] | None,
        max_page_size: int | None,
        recording_bytes: int | None,
        ranges: bool,
    ) -> None:
        self._store = store
        self._api_key = api_key
        self._agent_id = agent_id
        self._faults = faults
        self._received = received
        self._max_page_size = max_page_size
        self._recording_bytes = recording_bytes
        self._ranges = ranges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # Split before decoding, so that an ID may contain an encoded slash.
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        segments = [unquote(segment) for segment in raw_path.decode("latin-1").split("/")]
        path = "/".join(segments)
        if self._received is not None:
            self._received.append(Received(request.method, path, dict(request.headers)))
        due = self._faults.next(path)
        try:
            fault = requested(request.headers.get(HEADER)) or due
            if fault is not None:
                await fail(fault, partial(self._answer, request, segments), scope, receive, send)
                return
            response = await self._answer(request, segments)
        except Problem as problem:
            response = _error_response(problem, str(uuid4()))
        await response(scope, receive, send)

    async def _answer(self, request: Request, segments: list[str]) -> Response:
        correlation_id = request.headers.get(_CORRELATION, "")
        if not re.fullmatch(r"[ -~]{1,200}", correlation_id):
            correlation_id = str(uuid4())
        try:
            response = await self._route(request, segments)
        except Problem as problem:
            response = _error_response(problem, correlation_id)
        response.headers[_CORRELATION] = correlation_id
        return response

    async def _route(self, request: Request, segments: list[str]) -> Response:
        handle: Callable[[Request], Awaitable[Response]]
        match segments:
            case ["", "v1", "agents", agent, "conversations"]:
                method, handle = "GET", self._list
            case ["", "v1", "agents", agent, "conversations", found]:
                method, handle = "GET", partial(self._get, found)
            case ["", "v1", "agents", agent, "conversations", found, "audio"]:
                method, handle = "GET", partial(self._audio, found)
            case ["", "v1", "agents", agent, "conversations", found, "annotation"]:
                method, handle = "POST", partial(self._annotate, found)
            case ["", "v1", "agents", agent, "conversations", found, "note"]:
                method, handle = "POST", partial(self._set_note, found)
            case ["", "v1", "agents", agent, "debug-chat"]:
                method, handle = "POST", self._start_chat
            case ["", "v1", "agents", agent, "debug-chat", found]:
                method, handle = "POST", partial(self._send, found)
            case _:
                raise Problem(404, "NOT_FOUND", "No such path.")
        if request.method != method:
            raise Problem(
                405, "METHOD_NOT_ALLOWED", f"Only {method} is allowed here.", {"Allow": method}
            )
        key = request.headers.get("X-API-KEY")
        if not key:
            raise Problem(401, "AUTH_USER_NOT_FOUND", "The header X-API-KEY is missing.")
        if key != self._api_key:
            raise Problem(401, "AUTH_USER_INVALID_TOKEN", "The API key is not valid.")
        if agent != self._agent_id:
            raise Problem(
                403, "ACCOUNT_INSUFFICIENT_PERMISSIONS", "The API key may not use this agent."
            )
        return await handle(request)

    async def _list(self, request: Request) -> Response:
        limit = query_integer(request, "limit", 50, 1)
        offset = query_integer(request, "offset", 0, 0)
        return JSONResponse(self._store.page(min(limit, self._max_page_size or limit), offset))

    async def _get(self, conversation_id: str, _request: Request) -> Response:
        return JSONResponse(self._store.get(conversation_id))

    async def _audio(self, conversation_id: str, request: Request) -> Response:
        direction = query_choice(request, "direction", _DIRECTIONS)
        redacted = query_choice(request, "redacted", ("false", "true")) == "true"
        recording = self._store.recording(
            conversation_id, direction, redacted, self._recording_bytes
        )
        status, start, end, headers = 200, 0, recording.size, {}
        if self._ranges:
            tag = f'"{conversation_id}-{direction}-{redacted}-{recording.size}"'
            headers = {"Accept-Ranges": "bytes", "ETag": tag}
            asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", request.headers.get("Range", ""))
            if asked and request.headers.get("If-Range", tag) == tag:
                start, end = int(asked[1]), min(end, int(asked[2] or end) + 1)
                if start >= end:
                    place = {"Content-Range": f"bytes */{recording.size}"}
                    raise Problem(416, "RANGE_NOT_SATISFIABLE", "It has no such bytes.", place)
                status = 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{recording.size}"

        async def stream() -> AsyncIterator[bytes]:
            # A plain iterator would cost a thread switch for each chunk.
            for chunk in recording.chunks(start, end):
                await sleep(0)  # lets the server see that nobody reads any more
                yield chunk

        headers["Content-Length"] = str(end - start)
        return StreamingResponse(stream(), status, headers, media_type="audio/wav")

    async def _annotate(self, conversation_id: str, request: Request) -> Response:
        self._store.annotate(conversation_id, await annotations(request))
        return JSONResponse({"success": True}, 201)

    async def _set_note(self, conversation_id: str, request: Request) -> Response:
        note = check_field(await body_object(request), "note", str, required=True)
        self._store.set_note(conversation_id, note)
        return JSONResponse({"success": True}, 201)

    async def _start_chat(self, request: Request) -> Response:
        body = await chat_body(request)
        for name in ("conversationId", "variantId", "channel"):
            check_field(body, name, str)
        check_field(body, "integrationAttributes", dict)
        return JSONResponse(self._store.start_chat(body), 201)

    async def _send(self, chat_id: str, request: Request) -> Response:
        body = await chat_body(request)
        check_field(body, "message", str)
        check_field(body, "metadata", dict)
        return JSONResponse(self._store.send(chat_id, body))


def _error_response(problem: Problem, correlation_id: str) -> Response:
    envelope = {
        "success": False,
        "error": problem.message,
        "error_id": correlation_id,
        "error_code": problem.code,
        "error_message": problem.message,
        "data": None,
    }
    return JSONResponse(envelope, problem.status, problem.headers)
