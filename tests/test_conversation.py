"""What a conversation offers beyond its fields: summary, transcript, copies, a discreet repr."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from polyai_data import (
    ChatReply,
    Conversation,
    ConversationPage,
    ConversationSummary,
    Summary,
    Transcript,
    Turn,
    UnreadableRecord,
    Utterance,
    WriteResult,
)
from polyai_data_generated.wire_names import WIRE_NAMES

Sample = Callable[..., dict[str, Any]]
Make = Callable[..., Conversation]


def test_any_mapping_can_be_read(sample: Sample) -> None:
    read = Conversation.from_dict(MappingProxyType(sample()))
    assert read == Conversation.from_dict(sample())
    assert read.raw == sample()


def test_conversations_are_equal_by_their_fields(conversation: Make) -> None:
    assert conversation() == conversation()
    assert conversation() != conversation(note="another")
    assert conversation(turns=[{"user_input": "x"}]) == conversation(turns=[{"input": "x"}])


def test_a_copy_has_all_of_a_conversation(conversation: Make) -> None:
    read = conversation(note=5, new=1)
    for again in (copy.copy(read), copy.deepcopy(read), pickle.loads(pickle.dumps(read))):
        assert type(again) is Conversation
        assert again == read
        assert (again.raw, again.problems) == (read.raw, read.problems)
        assert (again.additional_properties, again.transcript) == ({"new": 1}, read.transcript)
    changed = attrs.evolve(read, note="better")
    assert (changed.note, changed.raw) == ("better", read.raw)


@pytest.mark.parametrize(
    "kind",
    [ConversationSummary, UnreadableRecord, ConversationPage, Conversation, ChatReply, WriteResult],
)
def test_each_field_is_documented(kind: Any) -> None:
    text = inspect.getdoc(kind) or ""
    if kind is UnreadableRecord or "the fields of ConversationSummary" in text:
        text += inspect.getdoc(ConversationSummary) or ""
    for name in (field.name for field in attrs.fields(kind)):
        assert f"\n    {name}: " in text, name


@pytest.mark.parametrize(
    ("summary", "heading", "text"),
    [
        ({"heading": "H", "content": "C"}, "H", "C"),
        ({"heading": "H"}, "H", None),
        ({"content": "C", "heading": None}, None, "C"),
        ({"heading": "", "content": ""}, None, None),
        ({}, None, None),
        ('{"heading": "H", "content": "C"}', "H", "C"),
        ('{"content": "C"}', None, "C"),
        ("They booked a table.", None, "They booked a table."),
        ('"quoted"', None, '"quoted"'),
        ("{broken", None, "{broken"),
        ("[" * 100_000, None, "[" * 100_000),
        ("5", None, "5"),
        ("", None, None),
        (None, None, None),
        (["H", "C"], None, None),
        (5, None, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_summary_is_read_in_each_of_its_forms(
    conversation: Make, summary: Any, heading: str | None, text: str | None
) -> None:
    read = conversation(shortSummary=summary)
    assert (read.heading, read.summary_text) == (heading, text)
    if isinstance(summary, dict):
        assert isinstance(read.short_summary, Summary)
    else:
        assert read.short_summary == summary


def only_turn(read: Conversation) -> Turn:
    assert read.turns is not None
    (turn,) = read.turns
    return turn


def camel(key: str) -> str:
    return "".join(
        word if index == 0 else word.capitalize() for index, word in enumerate(key.split("_"))
    )


@pytest.mark.parametrize("name", WIRE_NAMES["Turn"])
def test_each_key_of_a_turn_may_be_in_camel_case(conversation: Make, name: str) -> None:
    snake = WIRE_NAMES["Turn"][name]
    turn = only_turn(conversation(turns=[{camel(snake): None}]))
    assert turn.additional_properties == {}
    turn = only_turn(conversation(turns=[{camel(snake): "drifted or not"}]))
    assert getattr(turn, name) == "drifted or not"


def test_the_texts_of_a_turn_may_be_called_input_and_response(conversation: Make) -> None:
    turn = only_turn(conversation(turns=[{"input": "Hi.", "response": "Hello."}]))
    assert (turn.user_input, turn.agent_response) == ("Hi.", "Hello.")
    assert turn.additional_properties == {}


def test_the_documented_key_wins_and_the_other_is_kept(conversation: Make) -> None:
    data = {"user_input": "", "userInput": "b", "input": "c", "agentResponse": "d", "response": "e"}
    turn = only_turn(conversation(turns=[data]))
    assert (turn.user_input, turn.agent_response) == ("", "d")
    assert turn.additional_properties == {"userInput": "b", "input": "c", "response": "e"}


def said(role: Any, text: str, turn: int, second: int | None = None) -> Utterance:
    moment = None if second is None else datetime(2026, 6, 3, 13, 18, second, tzinfo=UTC)
    return Utterance(role=role, text=text, at=moment, turn=turn)


def test_the_transcript_has_who_said_what_in_order(conversation: Make) -> None:
    transcript = conversation().transcript
    assert isinstance(transcript, Transcript)
    assert [(one.role, one.text, one.turn) for one in transcript] == [
        ("agent", "Hello, how can I help?", 0),
        ("user", "A table for two.", 1),
        ("agent", "It is booked.", 1),
    ]
    assert transcript[1:] == (
        said("user", "A table for two.", 1, 12),
        said("agent", "It is booked.", 1, 14),
    )
    assert str(transcript) == (
        "Agent: Hello, how can I help?\nUser: A table for two.\nAgent: It is booked."
    )


@pytest.mark.parametrize("turns", [None, [], "x", [None, "x", {}], [{"user_input": " \n"}]])
def test_a_transcript_of_nothing_is_empty(conversation: Make, turns: Any) -> None:
    transcript = conversation(turns=turns).transcript
    assert transcript == ()
    assert str(transcript) == ""


def test_the_transcript_skips_what_is_no_text_and_keeps_counting(conversation: Make) -> None:
    turns = [
        "unreadable",
        {"user_input": 5, "agent_response": "a"},
        {"user_input": "b", "user_input_datetime": "soon", "agent_response": None},
    ]
    assert conversation(turns=turns).transcript == (said("agent", "a", 1), said("user", "b", 2))


PERSONAL = {
    "fromNumber": "+14155550101",
    "toNumber": "+14155550102",
    "note": "call Ada back",
    "shortSummary": "Ada Example called",
    "handoffReason": "Ada asked",
    "handoffDestination": "+14155550103",
    "tags": ["Ada"],
    "turns": [{"user_input": "Ada here", "agent_response": "Hello Ada", "user_input_dtmf": "Ada"}],
    "metrics": {"NAME": [{"value": "Ada"}]},
    "duration": "Ada",
    "startedAt": "Ada",
    "new": "Ada",
}


def test_no_repr_shows_personal_data(conversation: Make) -> None:
    read = conversation(**PERSONAL)
    for thing in (read, [read], read.turns, read.transcript, read.problems):
        assert "Ada" not in repr(thing)
        assert "+1415" not in repr(thing)
    assert read.problems != ()
    assert "Ada" not in f"{read}"


def test_a_repr_says_which_conversation_it_is(conversation: Make) -> None:
    read = conversation()
    assert repr(read) == "<Conversation CA1 VOICE-SIP 2026-06-03T13:18:06+00:00 72 s>"
    assert repr(read.turns) == (
        "[<Turn user: nothing, agent: 22 characters>, "
        "<Turn user: 16 characters, agent: 13 characters>]"
    )
    assert (
        repr(conversation(turns=[{"input": 5}]).turns) == "[<Turn user: nothing, agent: nothing>]"
    )
    assert repr(read.transcript[1]) == (
        "Utterance(role='user', at=datetime.datetime(2026, 6, 3, 13, 18, 12, "
        "tzinfo=datetime.timezone.utc), turn=1)"
    )


def test_from_dict_and_to_dict_go_round(sample: Sample) -> None:
    data = sample(new=1, note=5)
    read = Conversation.from_dict(json.loads(json.dumps(data)))
    assert read.to_dict() == data
    assert Conversation.from_dict(read.to_dict()) == read


def test_a_turn_is_made_of_what_came(sample: Sample, conversation: Make) -> None:
    turns = conversation().turns or []
    assert [type(turn) for turn in turns] == [Turn, Turn]
    assert [turn.raw for turn in turns] == sample()["turns"]


def unread() -> ConversationSummary:
    """Return a record of a page that nobody has looked at yet."""
    data = {"conversationId": "CA1", "note": "theirs", "fromNumber": "sip:x", "duration": "long"}
    (record,) = ConversationPage.from_dict({"conversations": [data]}).conversations
    return record


def test_a_field_that_is_set_before_any_is_looked_at_stays_set() -> None:
    record = unread()
    record.from_number = None
    record.conversation_id = "CA2"
    assert (record.note, record.from_number, record.conversation_id) == ("theirs", None, "CA2")
    record = unread()
    record.problems = ()
    assert (record.note, record.problems) == ("theirs", ())


def test_a_record_that_nobody_looked_at_copies_and_compares_like_any_other() -> None:
    copies = (copy.copy(unread()), pickle.loads(pickle.dumps(unread())), attrs.evolve(unread()))
    for again in copies:
        assert again == unread()
        assert (again.note, again.raw) == ("theirs", unread().raw)
        assert again.problems == unread().problems
    assert [problem.field for problem in unread().problems] == ["duration"]


def test_a_page_names_the_problems_of_all_its_records() -> None:
    data = [unread().raw, {"note": "lost"}, "odd"]
    page = ConversationPage.from_dict({"conversations": data, "count": "many"})
    assert [(problem.field, problem.reason) for problem in page.problems] == [
        ("conversations[0].duration", "expected an integer, got a string"),
        ("conversations[1]", "conversationId is missing"),
        ("conversations[2]", "expected an object, got a string"),
        ("count", "expected an integer, got a string"),
    ]


def test_a_name_that_no_record_has_is_an_attribute_error() -> None:
    for record in (unread(), Conversation.from_dict({"conversationId": "CA1"})):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            _ = record.nothing  # type: ignore[union-attr]


def test_a_record_can_be_made_by_hand() -> None:
    fields: dict[str, Any] = dict.fromkeys(WIRE_NAMES["ConversationSummary"])
    fields["note"] = "ours"
    made = ConversationSummary(**fields, raw={"conversationId": "CA1", "note": "theirs"})
    assert (made.note, made.raw["note"]) == ("ours", "theirs")
    rest: dict[str, Any] = dict.fromkeys(WIRE_NAMES["ConversationPage"])
    page = ConversationPage(**rest | {"conversations": [made], "count": 1, "limit": 1, "offset": 0})
    assert (page.conversations, page.problems) == ([made], ())


def test_what_was_never_read_from_json_has_no_fields() -> None:
    empty = Conversation.__new__(Conversation)
    with pytest.raises(AttributeError, match="raw"):
        empty.duration  # noqa: B018
