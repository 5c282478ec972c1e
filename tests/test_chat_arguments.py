"""Debug chats: how they are begun, what is refused, and a whole one with the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import AsyncChat, AsyncDataClient, ChatEndedError, DataClient
from polyai_data.sandbox import serve

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

Script = Generator[Any, Any, Any]

GREETING = {"conversationId": "AS_CHAT_1", "response": "Hello, Ada."}

CIRCULAR: dict[str, Any] = {}
CIRCULAR["self"] = CIRCULAR
NESTED: list[Any] = []
for _ in range(100_000):
    NESTED = [NESTED]

BAD_OBJECTS = [
    ("text", TypeError, "must be a mapping of names to values, not str"),
    ([("a", 1)], TypeError, "must be a mapping of names to values, not list"),
    (5, TypeError, "must be a mapping of names to values, not int"),
    ({"a": float("nan")}, ValueError, "cannot be sent as JSON: Out of range float"),
    ({"a": float("inf")}, ValueError, "cannot be sent as JSON: Out of range float"),
    ({"a": {1}}, TypeError, "cannot be sent as JSON: Object of type set"),
    ({"a": b"x"}, TypeError, "cannot be sent as JSON: Object of type bytes"),
    ({("a", "b"): 1}, TypeError, "cannot be sent as JSON: keys must be str"),
    (CIRCULAR, ValueError, "cannot be sent as JSON: Circular reference"),
    ({"a": NESTED}, ValueError, "cannot be sent as JSON: maximum recursion depth exceeded"),
    ({"a": "\ud800"}, ValueError, "cannot be sent as JSON: .*surrogates not allowed"),
    ({"\ud800": 1}, ValueError, "cannot be sent as JSON: .*surrogates not allowed"),
]
BAD_LANGUAGES = [
    ({name: value}, kind, complaint)
    for name in ("language", "asr_language", "tts_language")
    for value, kind, complaint in [
        ("", ValueError, "language is empty"),
        (5, TypeError, "language must be text .str., not int"),
        ("\ud800", ValueError, "surrogates not allowed"),
    ]
]
BAD_SETTINGS = [
    *BAD_LANGUAGES,
    ({"environment": ""}, ValueError, "environment is empty"),
    ({"environment": b"live"}, TypeError, "environment must be text .str., not bytes"),
    ({"environment": "\ud800"}, ValueError, "surrogates not allowed"),
    ({"agent_id": ""}, ValueError, "agent_id is ''"),
    ({"timeout": 0}, ValueError, "timeout=0"),
    ({"timeout": "soon"}, ValueError, "timeout='soon'"),
]


def refused(
    call: Caller, server: FakeServer, script: Any, kind: type[Exception], complaint: str
) -> None:
    client = call.client(server, api_key="key", region="us", agent_id="PROJECT-1")
    with pytest.raises(kind, match=complaint):
        call.play(client, script)
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "kind", "complaint"),
    [
        *BAD_SETTINGS,
        ({"variant_id": ""}, ValueError, "variant_id is empty"),
        ({"variant_id": 5}, TypeError, "variant_id must be text"),
        ({"channel": ""}, ValueError, "channel is empty"),
        ({"channel": []}, TypeError, "channel must be text"),
        ({"conversation_id": ".."}, ValueError, "conversation_id is '..', which names nothing"),
        ({"conversation_id": "a\n"}, ValueError, r"conversation_id holds .* U\+000A"),
        *(({"attributes": bad}, kind, complaint) for bad, kind, complaint in BAD_OBJECTS),
    ],
)
def test_what_no_chat_can_be_started_with_is_refused_and_nothing_is_sent(
    call: Caller, server: FakeServer, options: Any, kind: type[Exception], complaint: str
) -> None:
    def script(client: Any) -> Script:
        yield client.start_chat(**{"environment": "sandbox", **options})

    refused(call, server, script, kind, complaint)


@pytest.mark.parametrize(
    ("options", "kind", "complaint"),
    [
        *BAD_SETTINGS,
        ({"conversation_id": ""}, ValueError, "conversation_id is ''"),
        ({"conversation_id": 5}, TypeError, "conversation_id must be text"),
    ],
)
def test_what_no_chat_can_be_resumed_with_is_refused_at_once(
    call: Caller, server: FakeServer, options: Any, kind: type[Exception], complaint: str
) -> None:
    def script(client: Any) -> Script:
        client.resume_chat(**{"conversation_id": "x", "environment": "live", **options})
        yield

    refused(call, server, script, kind, complaint)


@pytest.mark.parametrize(
    ("message", "options", "kind", "complaint"),
    [
        (None, {}, TypeError, "message must be text .str., not NoneType"),
        (b"Hi.", {}, TypeError, "message must be text .str., not bytes"),
        ("\udfff", {}, ValueError, "surrogates not allowed"),
        ("Hi.", {"timeout": -1}, ValueError, "timeout=-1"),
        *(("Hi.", *bad) for bad in BAD_LANGUAGES),
        *(("Hi.", {"metadata": bad}, kind, complaint) for bad, kind, complaint in BAD_OBJECTS),
    ],
)
def test_what_no_message_can_be_is_refused_and_nothing_is_sent(
    call: Caller,
    server: FakeServer,
    message: Any,
    options: Any,
    kind: type[Exception],
    complaint: str,
) -> None:
    def script(client: Any) -> Script:
        chat = client.resume_chat("AS_CHAT_1", "sandbox")
        try:
            yield chat.send(message, **options)
        finally:
            assert (chat.history, chat.ended) == ((), False)

    refused(call, server, script, kind, complaint)


def test_any_mapping_and_any_environment_can_be_sent(call: Caller, server: FakeServer) -> None:
    server.respond(201, json=GREETING)
    attributes = MappingProxyType({"name": "Ada ü 🙂", "": None})
    call(server, lambda client: client.start_chat("my own", attributes=attributes))
    (request,) = server.requests
    assert request.read().decode() == (
        '{"clientEnv":"my own","integrationAttributes":{"name":"Ada ü 🙂","":null}}'
    )


def async_client(server: FakeServer) -> AsyncDataClient:
    transport = httpx.MockTransport(server)
    return AsyncDataClient(api_key="key", region="us", agent_id="A", transport=transport)


def test_a_synchronous_chat_serves_a_with_statement(server: FakeServer) -> None:
    server.respond(201, json=GREETING)
    transport = httpx.MockTransport(server)
    client = DataClient(api_key="key", region="us", agent_id="A", transport=transport)
    with client, client.start_chat("sandbox") as chat:
        assert chat.greeting.text == "Hello, Ada."
        assert chat.send("Hi.").text == "Hello, Ada."
    with client.resume_chat("x", "sandbox") as resumed:
        assert resumed.conversation_id == "x"
    assert len(server.requests) == 2  # leaving sends nothing


def test_an_asynchronous_chat_is_awaited_or_entered(server: FakeServer) -> None:
    server.respond(201, json=GREETING)

    async def chats() -> list[AsyncChat]:
        async with async_client(server) as client:
            awaited = await client.start_chat("sandbox")
            assert len(server.requests) == 1
            async with client.start_chat("live") as entered:
                await entered.send("Hi.")
            async with client.resume_chat("x", "live") as resumed:
                pass
            client.start_chat("sandbox")  # neither awaited nor entered
            assert len(server.requests) == 3
            return [awaited, entered, resumed]

    made = asyncio.run(chats())
    assert [type(chat) for chat in made] == [AsyncChat] * 3
    assert [chat.environment for chat in made] == ["sandbox", "live", "live"]
    assert [len(chat.history) for chat in made] == [1, 3, 0]


def test_an_error_leaves_the_with_statement(server: FakeServer) -> None:
    server.respond(201, json=GREETING)

    async def leave() -> None:
        async with async_client(server) as client, client.start_chat("sandbox"):
            raise LookupError("the user's own")

    with pytest.raises(LookupError, match="the user's own"):
        asyncio.run(leave())
    client = DataClient(
        api_key="key", region="us", agent_id="A", transport=httpx.MockTransport(server)
    )
    with pytest.raises(LookupError, match="the user's own"), client, client.start_chat("sandbox"):
        raise LookupError("the user's own")


def test_a_whole_chat_with_the_sandbox(call: Caller) -> None:
    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox", language="en-US", attributes={"name": "Ada"})
        replies = [chat.greeting]
        for message in ("I forgot my password", "that was slow", "a person please", "bye"):
            replies.append((yield chat.send(message)))
        with pytest.raises(ChatEndedError, match="nothing was sent"):
            yield chat.send("Still there?")
        resumed = client.resume_chat(chat.conversation_id, "sandbox")
        with pytest.raises(ChatEndedError) as caught:
            yield resumed.send("Still there?")
        assert resumed.ended is True
        read = yield client.get_conversation(chat.conversation_id)
        return chat, replies, caught.value, read

    with serve(conversations=0) as base_url:
        client = call.client(api_key="sandbox", base_url=base_url, agent_id="PROJECT-DEMO")
        chat, replies, error, read = call.play(client, script)
    assert replies[0].text == "Hello Ada, this is the Larkspur Hotel. How can I help?"
    assert [reply.topics for reply in replies] == [[], ["Online account"], [], [], []]
    assert [reply.delayed for reply in replies] == [False, False, True, False, False]
    assert [reply.ended for reply in replies] == [False, False, False, False, True]
    assert replies[3].metadata.handoff_destination == "front-desk"
    assert (error.status_code, error.code) == (410, "ChatConversationEnded")
    said = [(one.role, one.text, one.turn) for one in read.transcript]
    assert said == [(one.role, one.text, one.turn) for one in chat.history]
    assert len(said) == 9
