"""What the tests share: a clean environment, made-up answers, and calls on both clients."""

from __future__ import annotations

import asyncio
import copy
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import settings
from polyai_data import AsyncDataClient, Conversation, DataClient, PolyAIError

settings.register_profile("polyai-data", deadline=None, derandomize=True, database=None)
settings.load_profile("polyai-data")

SETTINGS = {"api_key": "made-up-key-8f3a61", "region": "us", "agent_id": "PROJECT-1"}

CONVERSATION: dict[str, Any] = {
    "conversationId": "CA1",
    "accountId": "ACCOUNT-1",
    "projectId": "PROJECT-1",
    "createdAt": "2026-06-03T13:18:06.370000+00:00",
    "startedAt": "2026-06-03T13:18:06.370000+00:00",
    "finishedAt": "2026-06-03T15:19:19+02:00",
    "channel": "VOICE-SIP",
    "fromNumber": "+14155550101",
    "toNumber": "+14155550102",
    "language": "en-US",
    "variantId": "Main",
    "clientEnv": "live",
    "totalDuration": 73,
    "polyaiDuration": 70,
    "duration": 72,
    "inProgress": False,
    "handoff": True,
    "handoffDestination": "front-desk",
    "handoffReason": "asked for it",
    "direction": "inbound",
    "tags": ["booking"],
    "polyScore": 4.5,
    "shortSummary": {"heading": "Booking", "content": "Ada Example booked a table."},
    "deploymentId": "DEPLOYMENT-1",
    "note": "call back",
    "audioUrl": "conversations/CA1/audio",
    "turns": [
        {
            "turn_id": 9007199254740993,
            "user_input": "",
            "agent_response": "Hello, how can I help?",
            "agent_response_datetime": "2026-06-03T13:18:07.100000+00:00",
            "barge_in": False,
            "entities": None,
            "latency": None,
            "llm_requests": [],
        },
        {
            "turn_id": 9007199254740994,
            "user_input": "A table for two.",
            "user_input_datetime": "2026-06-03T13:18:12.000000+00:00",
            "user_input_dtmf": "12",
            "agent_response": "It is booked.",
            "agent_response_datetime": "2026-06-03T13:18:14.000000+00:00",
            "barge_in": True,
            "entities": {"party": 2},
            "latency": {"label": "good", "perceived_latency": 1.25},
            "llm_requests": [{"model": "m"}],
            "reviews": [],
            "metadata": {"current_node": "book", "safety": None},
        },
    ],
    "metrics": {"ENGAGED": [{"timestamp": "2026-06-03T13:19:19.757917", "value": "73"}]},
    "functionEvents": {
        "1": [
            {
                "id": "fe-1",
                "name": "book",
                "turn_id": 1,
                "start_time": "Wed, 03 Jun 2026 13:18:13 GMT",
                "duration": 12.5,
                "arguments": {"party": 2},
                "handoff": {"reason": "done", "type": "sip"},
                "state_changes": {"added": {"table": 4}, "removed": None, "updated": None},
            }
        ]
    },
}

Handler = Callable[[httpx.Request], httpx.Response]
Do = Callable[[Any], Any]


def get_conversation(client: Any) -> Any:
    return client.get_conversation("CA1")


class FakeServer:
    """Answers every request alike, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.respond(200, json=CONVERSATION)

    def respond(self, status: int, **content: Any) -> None:
        self.status, self.content = status, content

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, **self.content)


class Caller:
    """Runs calls on one kind of client, and closes it."""

    def __init__(self, kind: type[DataClient] | type[AsyncDataClient]) -> None:
        self.kind = kind

    def client(self, answer: Handler | None = None, **options: Any) -> Any:
        """Return a client; without an answer, one that uses real sockets."""
        if answer is not None:
            options["transport"] = httpx.MockTransport(answer)
        return self.kind(**options)

    def use(self, client: DataClient | AsyncDataClient, *steps: Do) -> list[Any]:
        """Return what each step gives, done with a client that stays open."""
        if isinstance(client, DataClient):
            return [step(client) for step in steps]

        async def use() -> list[Any]:
            return [await step(client) for step in steps]

        return asyncio.run(use())

    def run(self, client: DataClient | AsyncDataClient, *steps: Do) -> list[Any]:
        """Return what each step gives, done with a client in a with statement."""
        if isinstance(client, DataClient):
            with client:
                return [step(client) for step in steps]

        async def run() -> list[Any]:
            async with client:
                return [await step(client) for step in steps]

        return asyncio.run(run())

    def __call__(
        self, answer: Handler | None = None, do: Do = get_conversation, **options: Any
    ) -> Any:
        """Return what one call on a client gives; the settings that are not given are made up."""
        return self.run(self.client(answer, **{**SETTINGS, **options}), do)[0]

    def fails(
        self, answer: Handler | None = None, do: Do = get_conversation, **options: Any
    ) -> PolyAIError:
        """Return the error that the call raises."""
        with pytest.raises(PolyAIError) as caught:
            self(answer, do, **options)
        return caught.value

    def close(self, client: Any) -> None:
        self.use(client, lambda client: client.close())


@contextmanager
def listen(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on loopback and treat each connection as told; yield the address."""
    stopping = False
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not stopping:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        host, port = listener.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            stopping = True
            socket.create_connection((host, port)).close()  # wakes the thread
            thread.join()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("POLYAI_", "SSL_CERT_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", params=[DataClient, AsyncDataClient], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Caller:
    """Calls of the one client, then of the other."""
    return Caller(request.param)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture(scope="session")
def listening() -> Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]]:
    return listen


@pytest.fixture(scope="session")
def sample() -> Callable[..., dict[str, Any]]:
    """Returns made-up JSON of a conversation, with other values for the fields that are named."""

    def sample(**changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(CONVERSATION), **changes}

    return sample


@pytest.fixture(scope="session")
def conversation(sample: Callable[..., dict[str, Any]]) -> Callable[..., Conversation]:
    """Returns the conversation that the sample describes, likewise."""
    return lambda **changes: Conversation.from_dict(sample(**changes))
