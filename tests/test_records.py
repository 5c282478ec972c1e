"""to_record(): flat rows with JSON types only, whatever the server sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import (
    AnnotationRole,
    AnnotationType,
    Conversation,
    ConversationPage,
    ConversationSummary,
    FunctionCall,
    Turn,
    Utterance,
    errors,
    models,
)
from polyai_data._data import operations
from polyai_data._models import writes
from polyai_data._models.readers import is_column
from polyai_data._models.records import column
from polyai_data_generated.models import RecordingDirection

Sample = Callable[..., dict[str, Any]]
Make = Callable[..., Conversation]

EVENT = {
    "name": "book",
    "turn_id": 1,
    "start_time": "Wed, 03 Jun 2026 13:18:09 GMT",
    "duration": 1500,
    "arguments": {"party": 2, "name": "Zoë"},
    "content": "done",
}


def test_a_summary_becomes_a_flat_record(sample: Sample) -> None:
    record = ConversationSummary.from_dict(sample(tags=["a", "b"])).to_record()
    assert record["conversation_id"] == "CA1"
    assert record["started_at"] == "2026-06-03T13:18:06.370000+00:00"
    assert record["duration_seconds"] == 72
    assert {"total_duration_seconds", "polyai_duration_seconds"} <= record.keys()
    assert "duration" not in record
    assert (record["heading"], record["tags"], record["poly_score"]) == ("Booking", ["a", "b"], 4.5)
    assert record["problems"] == []
    assert not {"short_summary", "raw", "turns", "meta"} & record.keys()


def test_a_conversation_has_the_columns_of_a_summary_and_its_transcript(sample: Sample) -> None:
    record = Conversation.from_dict(sample()).to_record()
    summary = ConversationSummary.from_dict(sample()).to_record()
    assert record.pop("transcript") == (
        "Agent: Hello, how can I help?\nUser: A table for two.\nAgent: It is booked."
    )
    # A new spec may add fields to the detail alone.
    detail = {*attrs.fields_dict(Conversation)} - {*attrs.fields_dict(ConversationSummary)}
    assert {name: value for name, value in record.items() if name not in detail} == summary


def test_what_is_not_as_documented_is_none_and_named(sample: Sample) -> None:
    data = sample(
        startedAt="yesterday", duration="long", tags=["a", 1], note={"x": 1}, handoff=1, newField=1
    )
    record = ConversationSummary.from_dict(data).to_record()
    names = ["started_at", "duration_seconds", "tags", "note", "handoff"]
    assert [record[name] for name in names] == [None] * 5
    assert record["problems"] == ["startedAt", "duration", "handoff", "tags[1]", "note"]
    page = ConversationPage.from_dict({"conversations": [5], "count": 1})
    unreadable = page.conversations[0].to_record()
    assert unreadable.keys() == record.keys()
    assert unreadable["problems"] == ["expected an object, got an integer"]


def test_turns_utterances_and_calls_become_records(conversation: Make) -> None:
    read = conversation(functionEvents={"1": [EVENT, {"error": ["x"]}, {"error": "full"}]})
    assert read.turns is not None
    turn = read.turns[1].to_record()
    assert turn["user_input"] == "A table for two."
    assert turn["user_input_datetime"] == "2026-06-03T13:18:12.000000+00:00"
    assert (turn["latency_label"], turn["latency_seconds"]) == ("good", 1.25)
    assert not {"raw", "latency", "entities", "metadata"} & turn.keys()
    assert read.transcript[1].to_record() == {
        "role": "user",
        "text": "A table for two.",
        "at": "2026-06-03T13:18:12.000000+00:00",
        "turn": 1,
    }
    first, second, third = (call.to_record() for call in read.function_calls)
    assert first == {
        "name": "book",
        "turn": 1,
        "started_at": "2026-06-03T13:18:09.000000+00:00",
        "duration_seconds": 1.5,
        "arguments": '{"party": 2, "name": "Zoë"}',
        "result": "done",
        "error": None,
    }
    assert (second["name"], second["error"], third["error"]) == (None, '["x"]', "full")
    assert second.keys() == third.keys() == first.keys()


def test_a_choice_is_its_value() -> None:
    """No model has an enum now; the next version of the spec may."""
    assert column(AnnotationRole.USER, {str}) == "user"
    assert is_column(AnnotationRole | None)


def test_times_are_in_utc_with_microseconds() -> None:
    zone = timezone(timedelta(hours=2))

    def at(moment: datetime) -> Any:
        return Utterance("user", "Hi.", moment, 0).to_record()["at"]

    assert at(datetime(2026, 6, 3, 15, tzinfo=zone)) == "2026-06-03T13:00:00.000000+00:00"
    assert at(datetime(1, 1, 1, tzinfo=zone)) == "0001-01-01T00:00:00.000000+02:00"
    assert Utterance("user", "Hi.", None, 0).to_record()["at"] is None


NAN, INFINITY = float("nan"), float("inf")


def test_numbers_that_json_does_not_have_are_none() -> None:
    """A server's are strings already; these are from JSON that a program has read itself."""
    data: dict[str, Any] = {"conversationId": "CA1", "polyScore": NAN, "duration": INFINITY}
    data["turns"] = [{"latency": {"perceived_latency": INFINITY}}]
    data["functionEvents"] = {"1": [{"arguments": {"x": NAN}, "content": [NAN], "duration": NAN}]}
    read = Conversation.from_dict(data)
    record = read.to_record()
    assert (record["poly_score"], record["duration_seconds"]) == (None, None)
    assert read.turns is not None
    assert read.turns[0].to_record()["latency_seconds"] is None
    call = read.function_calls[0].to_record()
    assert (call["duration_seconds"], call["arguments"]) == (None, "{'x': nan}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(data=st.data())
def test_every_record_is_valid_json_and_has_the_same_columns(
    data: st.DataObject, sample: Sample
) -> None:
    usual = sample(functionEvents={"1": [EVENT]})
    odd = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(usual, JSON)))
    odd_turn = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(usual["turns"][1], JSON)))
    odd_event = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(EVENT, JSON)))
    changed = {**usual, "turns": [odd_turn], "functionEvents": {"1": [odd_event]}, **odd}
    changed["conversationId"] = "CA1"
    read, expected = Conversation.from_dict(changed), Conversation.from_dict(usual)

    def records(one: Conversation) -> list[list[dict[str, Any]]]:
        turns = one.turns if isinstance(one.turns, list) else []
        return [
            [one.to_record()],
            [turn.to_record() for turn in turns if isinstance(turn, Turn)],
            [said.to_record() for said in one.transcript],
            [call.to_record() for call in one.function_calls],
        ]

    for some, like in zip(records(read), records(expected), strict=True):
        for record in some:
            assert record.keys() == like[0].keys()
            json.dumps(record, allow_nan=False)
            for name, value in record.items():
                assert isinstance(value, str | int | float | bool | None) or (
                    name in ("tags", "problems") and all(isinstance(one, str) for one in value)
                )


# --- What the models offer -----------------------------------------------------------------------


def test_models_cannot_be_subscripted(conversation: Make) -> None:
    """Subscripts would find undocumented fields only, which nobody expects."""
    read = conversation(newField=1)
    assert read.turns is not None
    things: list[Any] = [read, read.turns[0], read.short_summary, read.turns[1].latency]
    for thing in things:
        with pytest.raises(TypeError, match="not subscriptable"):
            thing["note"]
        with pytest.raises(TypeError, match="not support item assignment"):
            thing["note"] = 1
        with pytest.raises(TypeError, match="not iterable"):
            dict(thing)
        with pytest.raises(TypeError, match="not iterable"):
            assert "note" in thing
    assert read.additional_properties == {"newField": 1}


def test_a_call_has_its_arguments_and_its_result(conversation: Make) -> None:
    (call,) = conversation(functionEvents={"1": [EVENT]}).function_calls
    assert isinstance(call, FunctionCall)
    assert (call.arguments, call.result) == ({"party": 2, "name": "Zoë"}, "done")
    assert repr(call) == "<FunctionCall book(party, name) turn 1, 1.50 s>"
    (bare,) = conversation(functionEvents={"x": [{"duration": "?"}]}).function_calls
    assert repr(bare) == "<FunctionCall ?()>"
    (odd,) = conversation(
        functionEvents={"1": [{**EVENT, "arguments": {"a\n" * 200: 1}}]}
    ).function_calls
    assert len(repr(odd)) < 210
    assert repr(odd).isprintable()


def test_total_is_the_word_for_the_count(sample: Sample) -> None:
    for count, total in ((7, 7), ("7", None), (None, None), (True, None)):
        page = ConversationPage.from_dict({"conversations": [sample()], "count": count})
        assert page.total == total


@pytest.mark.parametrize(
    ("literal", "enum"),
    [
        (operations.Direction, RecordingDirection),
        (writes._Role, AnnotationRole),
        (writes._Type, AnnotationType),
    ],
)
def test_the_literals_are_the_values_of_the_enums(literal: Any, enum: Any) -> None:
    kind, values = get_args(literal)
    assert kind is enum
    assert set(get_args(values)) == {member.value for member in enum}


@pytest.mark.parametrize("module", [models, errors])
def test_modules_offer_their_public_names_only(module: Any) -> None:
    assert dir(module) == sorted(module.__all__)
