"""The HTTP layer: routes, authentication and error responses."""

import re
from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypedDict
from urllib.parse import quote, unquote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from polyai_data.testing._data import ACCOUNT_ID, MAX_CONVERSATIONS

from ._audio import HEADER_BYTES, MAX_BYTES
from ._errors import APIError
from ._fault_injection import send_faulty_response
from ._faults import HEADER, Fault, Faults, fault_from_header
from ._schema import (
    annotations_body,
    body_field,
    body_object,
    chat_body,
    query_choice,
    query_integer,
)
from ._search import Query, search
from ._store import Store

_CORRELATION_ID = "X-PolyAI-Correlation-Id"
CONVERSATIONS_KEY = "sandbox-v3"
_DIRECTIONS = ("combined", "user", "agent")


@dataclass(frozen=True)
class Received:
    """A request that the sandbox received.

    Attributes:
        method: the HTTP method, such as `GET`.
        path: the decoded path. Slashes in IDs are decoded, too.
        headers: the headers, including the API key. Their names are in lower case.

    """

    method: str
    path: str
    headers: Mapping[str, str]


class SandboxOptions(TypedDict, total=False):
    """The options of `create_app`, all of them optional, as a type for wrappers."""

    api_key: str
    conversations_api_key: str
    agent_id: str
    conversations: int
    seed: int
    faults: Iterable[Fault]
    received: list[Received] | None
    max_page_size: int | None
    recording_bytes: int | None
    ranges: bool
    now: datetime | None


class App(Router):
    """The sandbox as an ASGI application.

    Attributes:
        api_key: The API key that it accepts.
        agent_id: The ID of its agent.
        faults: The faults, which can be changed while it runs.
        received: The requests that arrived, or None if they are not collected.
    """

    def __init__(self, api: "_Api") -> None:
        super().__init__(default=api)  # the router handles the lifespan protocol
        self.api_key: str = api._api_key
        self.agent_id: str = api._agent_id
        self.faults: Faults = api._faults
        self.received: list[Received] | None = api._received
        self._store: Store = api._store


def create_app(
    *,
    api_key: str = "sandbox",
    conversations_api_key: str = CONVERSATIONS_KEY,
    agent_id: str = "PROJECT-DEMO",
    conversations: int = 200,
    seed: int = 0,
    faults: Iterable[Fault] = (),
    received: list[Received] | None = None,
    max_page_size: int | None = None,
    recording_bytes: int | None = None,
    ranges: bool = True,
    now: datetime | None = None,
) -> App:
    """Create the sandbox as an ASGI application, to serve it yourself or call it in process.

    Args:
        api_key: the API key to accept in the header `X-API-KEY`.
        conversations_api_key: the API key to accept for the Conversations API v3, and only there.
        agent_id: the ID of the only agent.
        conversations: the number of conversations, up to a billion. They are generated on demand,
            so memory use does not depend on their number.
        seed: the seed for generating conversations. The same seed always gives the same data,
            apart from the times. The conversation of the documentation is always there.
        faults: the faults to inject. A request can ask for a fault of its own in the header
            `X-Sandbox-Fault`, which holds a `Fault` as JSON: `{"kind": "late", "delay": 2}`.
        received: a list to append every received request to.
        max_page_size: the maximum number of conversations per page. None for no maximum.
        recording_bytes: the size of every recording in bytes, at least 44 and rounded down to an
            even number. If None, it follows from the duration of the conversation.
        ranges: whether to support `Range` requests for recordings.
        now: the time to use instead of the current time, with its UTC offset, so that all times
            are the same in every run. The newest conversation starts a minute before.

    Returns:
        An ASGI 3 application.

    Raises:
        ValueError: an option is out of range.

    """
    for name, key in (("api_key", api_key), ("conversations_api_key", conversations_api_key)):
        if not (key.isascii() and key.isprintable() and key.strip() == key != ""):
            raise ValueError(f"{name} must be printable ASCII without spaces around it")
    if not agent_id:
        raise ValueError("agent_id must not be empty")
    _check_range("conversations", conversations, 0, MAX_CONVERSATIONS)
    if max_page_size is not None:
        _check_range("max_page_size", max_page_size, 1, MAX_CONVERSATIONS)
    if recording_bytes is not None:
        _check_range("recording_bytes", recording_bytes, HEADER_BYTES, MAX_BYTES)
    if now is not None and now.tzinfo is None:
        raise ValueError("now must have a UTC offset, as in datetime.now(UTC)")
    store, active = Store(agent_id, conversations, seed, now), Faults(faults)
    api = _Api(
        store,
        api_key,
        conversations_api_key,
        agent_id,
        seed,
        active,
        received,
        max_page_size,
        recording_bytes,
        ranges,
    )
    return App(api)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")


@dataclass(frozen=True, eq=False, repr=False)
class _Api:
    """The ASGI application."""

    _store: Store
    _api_key: str
    _conversations_api_key: str
    _agent_id: str
    _seed: int
    _faults: Faults
    _received: list[Received] | None
    _max_page_size: int | None
    _recording_bytes: int | None
    _ranges: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # Split before decoding, since an ID may contain an encoded slash.
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        segments = [unquote(segment) for segment in raw_path.decode("latin-1").split("/")]
        path = "/".join(segments)
        if self._received is not None:
            self._received.append(Received(request.method, path, dict(request.headers)))
        matched = self._faults.match(path)
        try:
            fault = fault_from_header(request.headers.get(HEADER)) or matched
            if fault is not None:
                respond = partial(self._respond, request, segments)
                await send_faulty_response(fault, respond, scope, receive, send)
                return
            response = await self._respond(request, segments)
        except APIError as error:
            response = _error_response(error, str(uuid4()))
        await response(scope, receive, send)

    async def _respond(self, request: Request, segments: list[str]) -> Response:
        correlation_id = request.headers.get(_CORRELATION_ID, "")
        if not re.fullmatch(r"[ -~]{1,200}", correlation_id):
            correlation_id = str(uuid4())
        try:
            response = await self._route(request, segments)
        except APIError as error:
            response = _error_response(error, correlation_id)
        response.headers[_CORRELATION_ID] = correlation_id
        return response

    async def _route(self, request: Request, segments: list[str]) -> Response:
        handle: Callable[[Request], Awaitable[Response]]
        account, valid_key = ACCOUNT_ID, self._api_key
        unknown_agent = APIError(
            403, "ACCOUNT_INSUFFICIENT_PERMISSIONS", "The API key may not use this agent."
        )
        match segments:
            case ["", "v3", account, agent, "conversations"]:
                method, handle, valid_key = "GET", self._search, self._conversations_api_key
                unknown_agent = APIError(404, "PROJECT_NOT_FOUND", "No such project.")
            case ["", "v1", "agents", agent, "conversations"]:
                method, handle = "GET", self._list
            case ["", "v1", "agents", agent, "conversations", conversation_id]:
                method, handle = "GET", partial(self._get, conversation_id)
            case ["", "v1", "agents", agent, "conversations", conversation_id, "audio"]:
                method, handle = "GET", partial(self._audio, conversation_id)
            case ["", "v1", "agents", agent, "conversations", conversation_id, "annotation"]:
                method, handle = "POST", partial(self._annotate, conversation_id)
            case ["", "v1", "agents", agent, "conversations", conversation_id, "note"]:
                method, handle = "POST", partial(self._set_note, conversation_id)
            case ["", "v1", "agents", agent, "debug-chat"]:
                method, handle = "POST", self._start_chat
            case ["", "v1", "agents", agent, "debug-chat", conversation_id]:
                method, handle = "POST", partial(self._send, conversation_id)
            case _:
                raise APIError(404, "NOT_FOUND", "No such path.")
        if request.method != method:
            raise APIError(
                405, "METHOD_NOT_ALLOWED", f"Only {method} is allowed here.", {"Allow": method}
            )
        key = request.headers.get("X-API-KEY")
        if not key:
            raise APIError(401, "AUTH_USER_NOT_FOUND", "The header X-API-KEY is missing.")
        if key != valid_key:
            raise APIError(401, "AUTH_USER_INVALID_TOKEN", "The API key is not valid.")
        if account != ACCOUNT_ID:
            raise APIError(
                403, "ACCOUNT_INSUFFICIENT_PERMISSIONS", "The API key may not use this account."
            )
        if agent != self._agent_id:
            raise unknown_agent
        return await handle(request)

    async def _list(self, request: Request) -> Response:
        limit = query_integer(request, "limit", 50, 1)
        offset = query_integer(request, "offset", 0, 0)
        return JSONResponse(self._store.page(min(limit, self._max_page_size or limit), offset))

    async def _search(self, request: Request) -> Response:
        return JSONResponse(search(self._store, Query.of(request), self._seed))

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
            etag = f'"{conversation_id}-{direction}-{redacted}-{recording.size}"'
            headers = {"Accept-Ranges": "bytes", "ETag": etag}
            byte_range = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", request.headers.get("Range", ""))
            if byte_range and request.headers.get("If-Range", etag) == etag:
                start, end = int(byte_range[1]), min(end, int(byte_range[2] or end) + 1)
                if start >= end:
                    raise APIError(
                        416,
                        "RANGE_NOT_SATISFIABLE",
                        "The recording does not have this range.",
                        {"Content-Range": f"bytes */{recording.size}"},
                    )
                status = 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{recording.size}"

        async def stream() -> AsyncIterator[bytes]:
            # Starlette would run a plain iterator in a thread, with a switch for each chunk.
            for chunk in recording.chunks(start, end):
                await sleep(0)  # lets the server notice a disconnect
                yield chunk

        headers["Content-Length"] = str(end - start)
        return StreamingResponse(stream(), status, headers, media_type="audio/wav")

    async def _annotate(self, conversation_id: str, request: Request) -> Response:
        self._store.annotate(conversation_id, await annotations_body(request))
        return JSONResponse({"success": True}, 201)

    async def _set_note(self, conversation_id: str, request: Request) -> Response:
        note = body_field(await body_object(request), "note", str, required=True)
        self._store.set_note(conversation_id, note)
        return JSONResponse({"success": True}, 201)

    async def _start_chat(self, request: Request) -> Response:
        body = await chat_body(request)
        for name in ("conversationId", "variantId", "channel"):
            body_field(body, name, str)
        body_field(body, "integrationAttributes", dict)
        return JSONResponse(self._store.start_chat(body), 201)

    async def _send(self, chat_id: str, request: Request) -> Response:
        body = await chat_body(request)
        body_field(body, "message", str)
        body_field(body, "metadata", dict)
        return JSONResponse(self._store.send(chat_id, body))


def _error_response(error: APIError, correlation_id: str) -> Response:
    envelope = {
        "success": False,
        "error": error.message,
        "error_id": correlation_id,
        "error_code": error.code,
        "error_message": error.message,
        "data": None,
    }
    return JSONResponse(envelope, error.status, error.headers)
