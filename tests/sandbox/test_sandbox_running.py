"""What tests can change while a sandbox runs: faults, conversations, replies."""

import asyncio
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from polyai_data import (
    Annotation,
    ChatEndedError,
    ConversationNotFoundError,
    DataClient,
    PermissionDeniedError,
    RecordingNotFoundError,
    ServerError,
)
from polyai_data.sandbox import Fault, Received, Sandbox, create_app, serve

SHOWCASE = "CA22d437f4405070690f8906b76c8ea4ed"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox with a few conversations."""
    with serve(conversations=3) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[DataClient]:
    """A client of the sandbox that does not retry."""
    with DataClient(
        base_url=sandbox, api_key="sandbox", agent_id="PROJECT-DEMO", max_retries=0
    ) as client:
        yield client


def test_a_sandbox_is_its_base_url(sandbox: Sandbox) -> None:
    """It can be used as a string; `base_url` is a plain one."""
    assert sandbox.startswith("http://127.0.0.1:")
    assert sandbox.base_url == sandbox
    assert type(sandbox.base_url) is str
    assert type(pickle.loads(pickle.dumps(sandbox))) is str


@pytest.mark.parametrize("options", [{}, {"api_key": "other", "agent_id": "OTHER"}])
def test_clients_of_a_sandbox(options: dict[str, Any]) -> None:
    """They have its settings, with options of their own, whatever the environment says."""
    received: list[Received] = []

    async def count(sandbox: Sandbox) -> int | None:
        async with sandbox.async_client(max_retries=0) as client:
            return (await client.get_page()).count

    with serve(conversations=3, received=received, **options) as sandbox:
        assert (sandbox.api_key, sandbox.agent_id) == (
            options.get("api_key", "sandbox"),
            options.get("agent_id", "PROJECT-DEMO"),
        )
        with sandbox.client() as client:
            assert client.get_page().count == 3
        assert asyncio.run(count(sandbox)) == 3
        with sandbox.client(agent_id="WRONG") as client, pytest.raises(PermissionDeniedError):
            client.get_page()
        assert sandbox.received is received
        assert len(received) == 3


def test_requests_are_collected_on_request(sandbox: Sandbox) -> None:
    """By default there is no list, which would grow for as long as the sandbox runs."""
    with pytest.raises(ValueError, match=r"pass received=\[\] to serve\(\)"):
        sandbox.received  # noqa: B018


def test_faults_are_added_and_cleared(sandbox: Sandbox, client: DataClient) -> None:
    """A fault applies from when it is added, until it is cleared."""
    client.get_conversation(SHOWCASE)
    sandbox.faults.add(Fault(503, path="*/conversations"), Fault(500))
    for call in (client.get_page, lambda: client.get_conversation(SHOWCASE)):
        with pytest.raises(ServerError):
            call()
    sandbox.faults.clear()
    assert client.get_page().count == 3
    sandbox.faults.add(Fault(503, nth=2))  # counted from now on
    client.get_page()
    with pytest.raises(ServerError):
        client.get_page()


def test_faults_of_an_application() -> None:
    """The faults of an application that is not served can be changed as well."""
    app = create_app(faults=[Fault(503)])
    assert app.faults.match("/x") == Fault(503)
    app.faults.clear()
    assert app.faults.match("/x") is None


def test_own_conversations(sandbox: Sandbox, client: DataClient) -> None:
    """A conversation is added as the newest one, with defaults for what is missing."""
    given = {
        "conversationId": "CA1",
        "polyScore": 1.5,
        "tags": ["mine"],
        "turns": [("", "Hello!"), ("Hi.", "Goodbye!")],
        "extra": {"a": [1]},
    }
    returned = sandbox.add_conversation(given)
    listed = list(client.list_conversations())
    assert [one.conversation_id for one in listed][:1] == ["CA1"]
    assert len(listed) == 4
    assert listed[0].poly_score == 1.5
    assert listed[0].duration == 14
    assert "turns" not in listed[0].raw
    conversation = client.get_conversation("CA1")
    assert conversation.raw == returned
    assert conversation.raw["extra"] == {"a": [1]}
    assert conversation.problems == ()
    assert [one.text for one in conversation.transcript] == ["Hello!", "Hi.", "Goodbye!"]
    with pytest.raises(RecordingNotFoundError), client.open_recording("CA1"):
        pass


def test_own_conversations_can_be_written_to(sandbox: Sandbox, client: DataClient) -> None:
    """Annotations and notes are kept; replacing the conversation removes them."""
    raw = {"conversationId": "CA1", "turns": [{"user_input": "Hi"}], "audioUrl": "x"}
    sandbox.add_conversation(raw)
    client.set_note("CA1", "noted")
    client.add_annotations("CA1", [Annotation(turn=0, role="user", type="missing_topic")])
    found = client.get_conversation("CA1")
    assert found.note == "noted"
    assert found.raw["turns"][0]["reviews"] == [
        {"role": "user", "annotation_type": "missing_topic"}
    ]
    with client.open_recording("CA1") as recording:
        assert len(recording.read()) > 44
    assert raw["turns"] == [{"user_input": "Hi"}]  # unchanged
    sandbox.add_conversation({"conversationId": "CA1", "turns": "none"})
    found = client.get_conversation("CA1")
    assert (found.note, found.raw["turns"]) == (None, "none")


@pytest.mark.parametrize(
    ("conversation", "problem"),
    [
        ({}, "conversationId must be a string"),
        ({"conversationId": ""}, "conversationId must be a string"),
        ({"conversationId": 5}, "conversationId must be a string"),
        ({"conversationId": SHOWCASE}, f"the sandbox has a conversation {SHOWCASE} already"),
        ({"conversationId": "CHAT1"}, "the sandbox has a conversation CHAT1 already"),
    ],
)
def test_ids_of_other_conversations_are_rejected(
    sandbox: Sandbox, client: DataClient, conversation: dict[str, Any], problem: str
) -> None:
    """An own conversation cannot replace another one."""
    client.start_chat("sandbox", conversation_id="CHAT1")
    with pytest.raises(ValueError, match=problem):
        sandbox.add_conversation(conversation)


def test_a_chat_cannot_replace_an_own_conversation(sandbox: Sandbox, client: DataClient) -> None:
    """A conversation that was added accepts no messages."""
    sandbox.add_conversation({"conversationId": "CA1"})
    with pytest.raises(Exception, match="this ID is in use"):
        client.start_chat("sandbox", conversation_id="CA1")
    with pytest.raises(ConversationNotFoundError):
        client.resume_chat("CA1", "sandbox").send("Hi")


def test_scripted_replies(sandbox: Sandbox, client: DataClient) -> None:
    """Scripted replies come first, in their order; then the agent replies as usual."""
    chat = client.start_chat("sandbox")
    sandbox.script_replies(
        "One.",
        {"response": "Two.", "metadata": {"retrievedTopics": ["Pets"]}, "extra": 1},
        {"delayedResponse": True},
        {"response": None, "metadata": 5},
    )
    assert chat.send("dog").text == "One."
    two = chat.send("x")
    assert (two.text, two.topics, two.raw["extra"]) == ("Two.", ["Pets"], 1)
    assert chat.send("x").delayed
    odd = chat.send("x").raw
    assert (odd["response"], odd["metadata"]) == (None, 5)
    assert chat.send("May I bring a dog?").text.startswith("Dogs are very welcome")
    found = client.get_conversation(chat.conversation_id)
    assert [one.text for one in found.transcript][1:5] == ["dog", "One.", "x", "Two."]


def test_a_scripted_end(sandbox: Sandbox, client: DataClient) -> None:
    """A scripted reply can end the chat, and the script can be dropped."""
    chat = client.start_chat("sandbox")
    sandbox.script_replies("never")
    sandbox.script_replies()
    assert chat.send("hm").text.startswith("I am afraid")
    sandbox.script_replies({"response": "Bye!", "conversationEnded": True}, "never")
    assert chat.send("x").ended
    with pytest.raises(ChatEndedError):
        client.resume_chat(chat.conversation_id, "sandbox").send("x")
