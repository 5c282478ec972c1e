"""Debug chats: how they are begun, what is refused, and a whole one with the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import AsyncChat, AsyncDataClient, ChatEndedError
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
    ("text", TypeError, "must be a mapping, not str"),
    ([("a", 1)], TypeError, "must be a mapping, not list"),
    (5, TypeError, "must be a mapping, not int"),
    ({"a": float("nan")}, ValueError, "^Cannot encode the arguments as JSON: Out of range float"),
    ({"a": float("inf")}, ValueError, "^Cannot encode the arguments as JSON: Out of range float"),
    ({"a": {1}}, TypeError, "^Cannot encode the arguments as JSON: Object of type set"),
    ({"a": b"x"}, TypeError, "^Cannot encode the arguments as JSON: Object of type bytes"),
    ({("a", "b"): 1}, TypeError, "^Cannot encode the arguments as JSON: keys must be str"),
    (CIRCULAR, ValueError, "^Cannot encode the arguments as JSON: Circular reference"),
    (
        {"a": NESTED},
        ValueError,
        "^Cannot encode the arguments as JSON: maximum recursion depth exceeded",
    ),
    ({"a": "\ud800"}, ValueError, "^Cannot encode the arguments as JSON: .*surrogates not allowed"),
    ({"\ud800": 1}, ValueError, "^Cannot encode the arguments as JSON: .*surrogates not allowed"),
]
BAD_LANGUAGES = [
    ({name: value}, kind, complaint)
    for name in ("language", "asr_language", "tts_language")
    for value, kind, complaint in [
        ("", ValueError, "language is empty"),
        (5, TypeError, "language must be a string, not int"),
        ("\ud800", ValueError, "surrogates not allowed"),
    ]
]
BAD_SETTINGS = [
    *BAD_LANGUAGES,
    ({"environment": ""}, ValueError, "environment is empty"),
    ({"environment": b"live"}, TypeError, "environment must be a string, not bytes"),
    ({"environment": "\ud800"}, ValueError, "surrogates not allowed"),
    ({"agent_id": ""}, ValueError, "^agent_id='' is not a valid ID"),
    ({"timeout": 5}, TypeError, "unexpected keyword argument 'timeout'"),
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
        ({"variant_id": 5}, TypeError, "variant_id must be a string, not int"),
        ({"channel": ""}, ValueError, "channel is empty"),
        ({"channel": []}, TypeError, "channel must be a string, not list"),
        ({"conversation_id": ".."}, ValueError, "^conversation_id='..' is not a valid ID"),
        (
            {"conversation_id": "a\n"},
            ValueError,
            r"^conversation_id contains an invalid character, U\+000A at position 1",
        ),
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
        ({"conversation_id": ""}, ValueError, "^conversation_id='' is not a valid ID"),
        ({"conversation_id": 5}, TypeError, "conversation_id must be a string, not int"),
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
        (None, {}, TypeError, "message must be a string, not NoneType"),
        (b"Hi.", {}, TypeError, "message must be a string, not bytes"),
        ("\udfff", {}, ValueError, "surrogates not allowed"),
        ("Hi.", {"timeout": 5}, TypeError, "unexpected keyword argument 'timeout'"),
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


def test_an_asynchronous_chat_starts_when_it_is_awaited(server: FakeServer) -> None:
    server.respond(201, json=GREETING)

    async def start() -> AsyncChat:
        transport = httpx.MockTransport(server)
        async with AsyncDataClient(
            api_key="key", region="us", agent_id="A", transport=transport
        ) as client:
            starting = client.start_chat("sandbox")
            assert asyncio.iscoroutine(starting) is True
            assert server.requests == []
            return await starting

    chat = asyncio.run(start())
    assert type(chat) is AsyncChat
    assert (chat.environment, len(chat.history), len(server.requests)) == ("sandbox", 1, 1)


def test_a_chat_is_no_context_manager(call: Caller, server: FakeServer) -> None:
    server.respond(201, json=GREETING)
    chat = call(server, lambda client: client.start_chat("sandbox"))
    assert not isinstance(chat, AbstractContextManager | AbstractAsyncContextManager)


def test_a_whole_chat_with_the_sandbox(call: Caller) -> None:
    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox", language="en-US", attributes={"name": "Ada"})
        replies = [chat.greeting]
        for message in ("I forgot my password", "that was slow", "a person please", "bye"):
            replies.append((yield chat.send(message)))
        with pytest.raises(ChatEndedError, match=r"^This chat has ended\. Start another one\.$"):
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
