"""The made-up responses: whole, the same in every run, and changed where a test says so."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from polyai_data import Conversation, ConversationPage, DataClient
from polyai_data.sandbox import serve
from polyai_data.testing import conversation, page

WITHOUT_EXTRAS = """
import sys
for name in ("pytest", "starlette", "uvicorn"):
    sys.modules[name] = None
from polyai_data.testing import conversation, page
print(len(conversation()["turns"]), page()["count"])
"""


def test_a_conversation_is_whole() -> None:
    """It has every field of the sandbox's conversations, and the models read all of it."""
    with serve() as sandbox, sandbox.client() as client:
        real = client.get_conversation("CA22d437f4405070690f8906b76c8ea4ed").raw
    made = conversation()
    assert list(made) == list(real)
    assert json.loads(json.dumps(made)) == made
    read = Conversation.from_dict(made)
    assert read.problems == ()
    assert read.heading == "Room booked, with a late arrival and a dog"
    assert read.transcript[-1].role == "agent"
    assert {*made["metrics"]} >= {"BOOKING_CONFIRMED"}


def test_each_is_the_same_and_a_copy() -> None:
    """Changing one changes no other."""
    tags = ["mine"]
    first = conversation(tags=tags)
    first["tags"].append("x")
    first["turns"].clear()
    assert tags == ["mine"]
    assert conversation() == conversation()
    events = {"0": [{"id": "1"}]}
    conversation(turns=[], functionEvents=events)["functionEvents"]["0"].clear()
    page(extra=events)["extra"].clear()
    assert events == {"0": [{"id": "1"}]}
    listed = page(conversations=[first])
    listed["conversations"][0]["tags"].append("y")
    assert first["tags"] == ["mine", "x"]
    assert page() == page()


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"polyScore": 2.0}, "polyScore", 2.0),
        ({"newField": {"a": 1}}, "newField", {"a": 1}),
        ({"conversationId": "CA1"}, "audioUrl", "conversations/CA1/audio"),
        ({"conversationId": "CA1", "audioUrl": None}, "audioUrl", None),
        ({"turns": []}, "functionEvents", {}),  # which belong to turns
        ({"turns": [], "functionEvents": {"0": []}}, "functionEvents", {"0": []}),
        ({"turns": "none"}, "turns", "none"),
        ({"turns": [{"turn_id": 1}]}, "turns", [{"turn_id": 1}]),
    ],
)
def test_fields_of_a_conversation(fields: dict[str, Any], name: str, value: Any) -> None:
    """A given field replaces or adds one, and what repeats it follows."""
    made = conversation(**fields)
    assert made[name] == value
    assert made | fields == made


def test_function_events_name_the_conversation() -> None:
    made = conversation(conversationId="CA1")
    events = [event for events in made["functionEvents"].values() for event in events]
    assert {event["conversation_id"] for event in events} == {"CA1"}


def test_turns_may_be_pairs() -> None:
    """A pair becomes a turn with all fields, at the time of the conversation."""
    made = conversation(turns=[("", "Hello!"), ("Hi.", "Bye.")])
    assert [one.text for one in Conversation.from_dict(made).transcript] == [
        "Hello!",
        "Hi.",
        "Bye.",
    ]
    assert {*made["turns"][0]} == {*conversation()["turns"][0]}
    assert made["turns"][1]["user_input_datetime"].startswith(made["startedAt"][:16])


def test_a_conversation_can_be_added_to_a_sandbox() -> None:
    made = conversation()
    with serve() as sandbox, sandbox.client() as client:
        sandbox.add_conversation(made)
        assert client.get_conversation(made["conversationId"]).raw == made


def test_a_page() -> None:
    """It has three different conversations, with the fields of a list."""
    read = ConversationPage.from_dict(page())
    assert read.problems == ()
    assert (read.count, len(read.conversations)) == (3, 3)
    assert len({one.conversation_id for one in read.conversations}) == 3
    assert {*conversation()} - {*page()["conversations"][0]} == {
        "turns",
        "metrics",
        "functionEvents",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (3, 3, 50, 0)),
        ({"conversations": [conversation(), "odd"]}, (2, 2, 50, 0)),
        ({"conversations": []}, (0, 0, 50, 0)),
        ({"count": 9, "limit": 3, "offset": 6}, (3, 9, 3, 6)),
    ],
)
def test_fields_of_a_page(fields: dict[str, Any], expected: tuple[int, ...]) -> None:
    made = page(**fields)
    numbers = (len(made["conversations"]), made["count"], made["limit"], made["offset"])
    assert numbers == expected


def test_the_conversations_of_a_page_are_listed_ones() -> None:
    made = page(conversations=[conversation(tags=["mine"]), "odd"], extra=1)
    assert made["conversations"][0]["tags"] == ["mine"]
    assert "turns" not in made["conversations"][0]
    assert (made["conversations"][1], made["extra"]) == ("odd", 1)


def test_in_place_of_a_server() -> None:
    """A mock that returns them satisfies the client."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=page()))
    with DataClient(api_key="key", region="us", agent_id="A", transport=transport) as client:
        assert len(list(client.list_conversations())) == 3


def test_neither_pytest_nor_an_extra_is_needed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "8 3\n"
