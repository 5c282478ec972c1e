"""Debug chats: what is sent, what comes back, and what a chat knows of itself."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import (
    APIConnectionError,
    ChatEndedError,
    ConversationNotFoundError,
    GoneError,
    PolyAIError,
    ServerError,
    Transcript,
)

if TYPE_CHECKING:
    from tests.conftest import Caller

Script = Generator[Any, Any, Any]

GREETING: dict[str, Any] = {
    "conversationId": "AS_CHAT_1",
    "userInput": "",
    "response": "Hello, Ada.",
    "metadata": {},
    "conversationEnded": False,
    "delayedResponse": False,
}


class Agent:
    """Greets, then answers message after message as told; an exception is raised."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/debug-chat"):
            return httpx.Response(201, json=GREETING)
        reply = self.replies.pop(0) if self.replies else "Yes."
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return httpx.Response(reply.status_code, content=reply.content)
        changes = reply if isinstance(reply, dict) else {"response": reply}
        return httpx.Response(200, json={**GREETING, **changes})

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.read()) for request in self.requests]


def client_of(call: Caller, agent: Any) -> Any:
    return call.client(agent, api_key="key", region="us", agent_id="PROJECT-1", max_retries=0)


START = {
    "language": "en-US",
    "asr_language": "en-GB",
    "tts_language": "en-AU",
    "variant_id": "Main",
    "channel": "chat.polyai",
    "conversation_id": "my/chat",
    "attributes": {"name": "Ada", "nested": [{"x": None}]},
}


def test_every_parameter_of_a_chat_is_sent_under_its_wire_name(call: Caller) -> None:
    agent = Agent()

    def script(client: Any) -> Script:
        slow = client.with_options(timeout=(1, 2))
        chat = yield slow.start_chat("pre-release", **START, agent_id="B")
        yield chat.send("Hi.", asr_language="fr-FR", tts_language="fr-CA", metadata={"n": 1})
        yield chat.send("Bye.")

    call.play(client_of(call, agent), script)
    first, second, third = agent.requests
    assert [request.method for request in agent.requests] == ["POST"] * 3
    assert first.url.path == "/v1/agents/B/debug-chat"
    assert second.url.path == third.url.path == "/v1/agents/B/debug-chat/AS_CHAT_1"
    assert agent.bodies == [
        {
            "clientEnv": "pre-release",
            "asrLangCode": "en-GB",
            "ttsLangCode": "en-AU",
            "variantId": "Main",
            "channel": "chat.polyai",
            "conversationId": "my/chat",
            "integrationAttributes": {"name": "Ada", "nested": [{"x": None}]},
        },
        {
            "clientEnv": "pre-release",
            "asrLangCode": "fr-FR",
            "ttsLangCode": "fr-CA",
            "message": "Hi.",
            "metadata": {"n": 1},
        },
        {
            "clientEnv": "pre-release",
            "asrLangCode": "en-GB",
            "ttsLangCode": "en-AU",
            "message": "Bye.",
        },
    ]
    for request in agent.requests:
        assert request.headers["Content-Type"] == "application/json"
    timeouts = [request.extensions["timeout"] for request in agent.requests]
    assert [(timeout["connect"], timeout["read"]) for timeout in timeouts] == [(1, 2)] * 3


def test_what_is_not_given_is_not_sent(call: Caller) -> None:
    agent = Agent()

    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox")
        yield chat.send("")

    call.play(client_of(call, agent), script)
    assert agent.bodies == [{"clientEnv": "sandbox"}, {"clientEnv": "sandbox", "message": ""}]
    assert agent.requests[0].extensions["timeout"]["read"] == 30


@pytest.mark.parametrize("begin", ["start", "resume"])
@pytest.mark.parametrize(
    ("of_the_chat", "of_the_message", "asr", "tts"),
    [
        ({}, {}, None, None),
        ({"language": "a"}, {}, "a", "a"),
        ({"language": "a", "asr_language": "b"}, {}, "b", "a"),
        ({"language": "a", "tts_language": "b"}, {}, "a", "b"),
        ({"asr_language": "b"}, {}, "b", None),
        ({"language": "a"}, {"language": "c"}, "c", "c"),
        ({"asr_language": "b", "tts_language": "b"}, {"language": "c"}, "c", "c"),
        ({"language": "a"}, {"language": "c", "tts_language": "d"}, "c", "d"),
        ({"language": "a"}, {"asr_language": "d"}, "d", "a"),
        ({"language": "a"}, {"language": "c", "asr_language": "d"}, "d", "c"),
    ],
)
def test_the_nearer_and_the_narrower_language_wins(
    call: Caller, begin: str, of_the_chat: Any, of_the_message: Any, asr: Any, tts: Any
) -> None:
    agent = Agent()

    def script(client: Any) -> Script:
        if begin == "start":
            chat = yield client.start_chat("live", **of_the_chat)
        else:
            chat = client.resume_chat("AS_CHAT_1", "live", **of_the_chat)
        yield chat.send("Hi.", **of_the_message)
        yield chat.send("Hi.", **of_the_message)

    call.play(client_of(call, agent), script)
    for body in agent.bodies[-2:]:
        assert (body.get("asrLangCode"), body.get("ttsLangCode")) == (asr, tts)
    if begin == "start" and not of_the_message:
        assert agent.bodies[0] == {
            key: value for key, value in agent.bodies[1].items() if key != "message"
        }


def test_a_chat_keeps_what_both_sides_said(call: Caller) -> None:
    agent = Agent("A table?", {"response": None}, {"response": "Bye!", "conversationEnded": True})
    seen: list[tuple[bool, int]] = []

    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox")
        seen.append((chat.ended, len(chat.history)))
        for message in ("I am hungry.", " ", "Bye."):
            yield chat.send(message)
            seen.append((chat.ended, len(chat.history)))
        return chat

    chat = call.play(client_of(call, agent), script)
    assert type(chat).__name__ == call.kind.__name__.replace("DataClient", "Chat")
    assert seen == [(False, 1), (False, 3), (False, 3), (True, 5)]
    assert isinstance(chat.history, Transcript)
    assert [(said.role, said.text, said.turn, said.at) for said in chat.history] == [
        ("agent", "Hello, Ada.", 0, None),
        ("user", "I am hungry.", 1, None),
        ("agent", "A table?", 1, None),
        ("user", "Bye.", 3, None),
        ("agent", "Bye!", 3, None),
    ]
    assert str(chat.history) == (
        "Agent: Hello, Ada.\nUser: I am hungry.\nAgent: A table?\nUser: Bye.\nAgent: Bye!"
    )
    assert (chat.conversation_id, chat.environment) == ("AS_CHAT_1", "sandbox")
    assert (chat.greeting.text, chat.greeting.meta.status_code) == ("Hello, Ada.", 201)
    assert repr(chat) == f"<{type(chat).__name__} AS_CHAT_1 in sandbox, ended>"


def test_a_resumed_chat_sends_nothing_before_its_first_message(call: Caller) -> None:
    agent = Agent()

    def script(client: Any) -> Script:
        chat = client.with_options(timeout=7).resume_chat("AS/CHAT", "live", agent_id="B")
        with pytest.raises(PolyAIError) as caught:
            _ = chat.greeting
        assert str(caught.value) == "This chat was resumed, so its greeting is not available."
        assert (chat.history, chat.ended) == ((), False)
        assert "Chat AS/CHAT in live, open>" in repr(chat)
        assert agent.requests == []
        yield chat.send("Hi.")
        return chat

    chat = call.play(client_of(call, agent), script)
    (request,) = agent.requests
    assert request.url.raw_path == b"/v1/agents/B/debug-chat/AS%2FCHAT"
    assert request.extensions["timeout"]["read"] == 7
    assert [said.turn for said in chat.history] == [1, 1]


def test_after_the_end_nothing_is_sent(call: Caller) -> None:
    agent = Agent({"conversationEnded": True})

    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox")
        yield chat.send("Bye.")
        for _ in range(2):
            with pytest.raises(
                ChatEndedError, match=r"^This chat has ended\. Start another one\.$"
            ):
                yield chat.send("Hello?")
        return chat

    assert len(call.play(client_of(call, agent), script).history) == 3
    assert len(agent.requests) == 2


@pytest.mark.parametrize(
    ("envelope", "kind"),
    [
        ({"error_code": "ChatConversationEnded", "error": "It has ended."}, ChatEndedError),
        ({"error": "It has ended."}, ChatEndedError),
        ({"error_code": "ANOTHER_NAME_FOR_IT", "error": "It has ended."}, ChatEndedError),
        (None, GoneError),  # not the API's own words
    ],
    ids=["code", "no code", "another code", "gateway"],
)
def test_a_410_of_the_api_ends_the_chat(call: Caller, envelope: Any, kind: Any) -> None:
    gone = httpx.Response(410, json=envelope) if envelope else httpx.Response(410, html="<p>Gone")
    agent = Agent(gone)

    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox")
        with pytest.raises(GoneError) as caught:
            yield chat.send("Hello?")
        return chat, caught.value

    chat, error = call.play(client_of(call, agent), script)
    assert (type(error), error.status_code) == (kind, 410)
    assert chat.ended is (kind is ChatEndedError)
    assert len(chat.history) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("refused"), APIConnectionError),
        (httpx.Response(503), ServerError),
        (httpx.Response(404, json={"error": "No such chat."}), ConversationNotFoundError),
        (httpx.Response(200, text="<p>"), PolyAIError),
        (httpx.Response(200, json={"response": "no ID"}), PolyAIError),
        (httpx.Response(200, json={"success": False, "error": "No."}), PolyAIError),
    ],
)
def test_a_message_that_failed_is_not_in_the_history(
    call: Caller, failure: Any, kind: type[Exception]
) -> None:
    agent = Agent(failure, "Here.")

    def script(client: Any) -> Script:
        chat = yield client.start_chat("sandbox")
        before = chat.history
        with pytest.raises(kind):
            yield chat.send("Hello?")
        assert (chat.history, chat.ended) == (before, False)
        yield chat.send("Again?")
        return chat

    said = call.play(client_of(call, agent), script).history
    assert [(one.text, one.turn) for one in said[1:]] == [("Again?", 1), ("Here.", 1)]


def test_a_chat_is_resumed_in_the_environment_that_is_named(call: Caller) -> None:
    agent = Agent()

    def script(client: Any) -> Script:
        chat = yield client.start_chat("pre-release")
        with pytest.raises(TypeError, match="environment"):
            client.resume_chat(chat.conversation_id)
        resumed = client.resume_chat(chat.conversation_id, "live")
        yield resumed.send("Still there?")
        return resumed

    assert call.play(client_of(call, agent), script).environment == "live"
    assert [body["clientEnv"] for body in agent.bodies] == ["pre-release", "live"]
