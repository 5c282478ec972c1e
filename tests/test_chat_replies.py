"""Debug chats: what an agent's reply offers, and that no drift in it loses the reply."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import ChatMetadata, ChatReply
from polyai_data_generated.wire_names import WIRE_NAMES

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


def reply_of(call: Caller, **changes: Any) -> ChatReply:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**GREETING, **changes})

    def script(client: Any) -> Script:
        return (yield client.resume_chat("AS_CHAT_1", "sandbox").send("Hi."))

    reply = call.play(call.client(answer, api_key="key", region="us", agent_id="A"), script)
    assert type(reply) is ChatReply
    return reply


METADATA: dict[str, Any] = {
    "state": {"name": "Ada"},
    "currentNode": "answer",
    "nodeTrace": ["greeting", "answer"],
    "metrics": {"TURNS": []},
    "functionEvents": [{}],
    "handoffDestination": "front-desk",
    "retrievedTopics": ["Parking", "Pets"],
    "retrievedSources": ["Handbook"],
    "citedTopic": "Pets",
    "inFlow": "f",
    "inStep": "s",
    "llmRequests": [{"model": "m"}],
    "asrLangCode": "en-US",
    "ttsLangCode": "en-GB",
}


ALL = dict.fromkeys(WIRE_NAMES["ChatMetadata"].values())


def test_a_reply_is_typed(call: Caller) -> None:
    reply = reply_of(call, userInput="Hi.", metadata=METADATA, new=1)
    assert (reply.text, reply.user_input, reply.ended, reply.delayed) == (
        "Hello, Ada.",
        "Hi.",
        False,
        False,
    )
    assert type(reply.metadata) is ChatMetadata
    assert reply.metadata.to_dict() == ALL | METADATA
    assert (reply.metadata.current_node, reply.metadata.in_step) == ("answer", "s")
    assert (reply.topics, reply.problems) == (["Pets", "Parking"], ())
    assert reply.raw == {**GREETING, "userInput": "Hi.", "metadata": METADATA, "new": 1}
    assert reply.additional_properties == {"new": 1}
    assert reply.meta is not None
    assert reply.meta.status_code == 200
    assert repr(reply) == "<ChatReply AS_CHAT_1 11 characters, open>"


@pytest.mark.parametrize(
    ("metadata", "topics"),
    [
        (None, []),
        ({}, []),
        ("Pets", []),
        ([], []),
        ({"citedTopic": "Pets"}, ["Pets"]),
        ({"retrievedTopics": ["Pets"], "citedTopic": ""}, ["Pets"]),
        ({"retrievedTopics": "Pets", "citedTopic": 5}, []),
        ({"retrievedTopics": ["A", None, 5, ["B"], "", "C", "A"], "citedTopic": "C"}, ["C", "A"]),
    ],
    ids=str,
)
def test_topics_are_read_whatever_came(call: Caller, metadata: Any, topics: list[str]) -> None:
    reply = reply_of(call, metadata=metadata)
    assert reply.topics == topics
    assert reply.raw["metadata"] == metadata


@pytest.mark.parametrize("key", METADATA)
def test_metadata_with_a_part_missing_or_odd_is_read(call: Caller, key: str) -> None:
    rest = {name: value for name, value in METADATA.items() if name != key}
    missing = reply_of(call, metadata=rest)
    assert isinstance(missing.metadata, ChatMetadata)
    assert missing.metadata.to_dict() == ALL | {**METADATA, key: None}
    assert missing.problems == ()
    odd = reply_of(call, metadata={**METADATA, key: 5})
    assert isinstance(odd.metadata, ChatMetadata)
    assert odd.metadata.to_dict() == ALL | {**METADATA, key: 5}
    anything = key in ("state", "metrics")
    assert [p.field for p in odd.problems] == ([] if anything else [f"metadata.{key}"])


@pytest.mark.parametrize("odd", [None, 5, "true", {}, []], ids=repr)
def test_an_odd_reply_is_still_one(call: Caller, odd: Any) -> None:
    reply = reply_of(call, response=odd, conversationEnded=odd, delayedResponse=odd)
    text = odd if isinstance(odd, str) else ""
    assert (reply.text, reply.ended, reply.delayed) == (text, False, False)
    assert reply.response == odd
    assert len(reply.problems) == (0 if odd is None else 2 if isinstance(odd, str) else 3)
    assert "open>" in repr(reply)


def test_a_delayed_reply_is_visible_as_such(call: Caller) -> None:
    reply = reply_of(call, response="One moment…", delayedResponse=True)
    assert (reply.delayed, reply.ended) == (True, False)
    assert repr(reply) == "<ChatReply AS_CHAT_1 11 characters, delayed>"
    assert "0 characters, ended>" in repr(reply_of(call, response="", conversationEnded=True))
