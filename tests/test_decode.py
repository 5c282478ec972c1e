"""From JSON to a Conversation: every field typed, and no drift loses one."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_type_hints

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polyai_data import (
    Conversation,
    ConversationSummary,
    FieldProblem,
    FunctionEvent,
    FunctionHandoff,
    Latency,
    MetricValue,
    ResponseDecodeError,
    StateChanges,
    Summary,
    Turn,
    TurnMetadata,
)
from polyai_data import models as facade
from polyai_data._models.decode import UnexpectedRecord, decode
from polyai_data._models.readers import Readers
from polyai_data_generated import models as generated
from polyai_data_generated.wire_names import WIRE_NAMES

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

    Sample = Callable[..., dict[str, Any]]
    Make = Callable[..., Conversation]

DOCUMENT = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())
DOCUMENTED = DOCUMENT["components"]["schemas"]["ConversationDetailResponse"]["properties"]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)

TAKES: dict[str, tuple[type, ...]] = {
    # which JSON types a field takes; whatever comes of another type is a problem
    **dict.fromkeys(["accountId", "projectId", "channel", "language", "variantId"], (str,)),
    **dict.fromkeys(["clientEnv", "direction", "fromNumber", "toNumber", "note"], (str,)),
    **dict.fromkeys(["handoffDestination", "handoffReason", "deploymentId", "audioUrl"], (str,)),
    **dict.fromkeys(["createdAt", "startedAt", "finishedAt"], (str,)),
    **dict.fromkeys(["totalDuration", "polyaiDuration", "duration"], (int, float)),
    **dict.fromkeys(["inProgress", "handoff"], (bool,)),
    **dict.fromkeys(["tags", "turns"], (list,)),
    "polyScore": (int, float),
    "shortSummary": (str, dict),
    **dict.fromkeys(["metrics", "functionEvents"], (dict,)),
}


def at(hour: int, minute: int, second: int, microsecond: int = 0) -> datetime:
    return datetime(2026, 6, 3, hour, minute, second, microsecond, tzinfo=UTC)


def test_a_conversation_has_every_documented_field_typed(conversation: Make) -> None:
    read = conversation()
    names = WIRE_NAMES["Conversation"]
    assert set(names.values()) == set(DOCUMENTED) >= {*TAKES, "conversationId"}
    typed = {name: getattr(read, name) for name in names}
    assert (typed.pop("started_at"), typed.pop("created_at")) == (at(13, 18, 6, 370000),) * 2
    assert typed.pop("finished_at") == at(13, 19, 19)
    summary, turns = typed.pop("short_summary"), typed.pop("turns")
    assert (summary.heading, summary.content) == ("Booking", "Ada Example booked a table.")
    assert [type(turn) for turn in turns] == [Turn, Turn]
    (metric,) = typed.pop("metrics")["ENGAGED"]
    assert type(metric) is MetricValue
    assert (metric.timestamp, metric.value) == (at(13, 19, 19, 757917), "73")
    assert type(typed.pop("function_events")["1"][0]) is FunctionEvent
    assert typed == {name: read.raw.get(key) for name, key in names.items() if name in typed}
    assert (read.problems, read.additional_properties) == ((), {})


def test_what_is_inside_a_conversation_is_typed_too(conversation: Make) -> None:
    read = conversation()
    assert read.turns is not None
    assert read.function_events is not None
    turn, (event,) = read.turns[1], read.function_events["1"]
    assert turn.turn_id == 9007199254740994
    assert turn.user_input_datetime == at(13, 18, 12)
    assert (turn.barge_in, turn.entities, turn.llm_requests) == (
        True,
        {"party": 2},
        [{"model": "m"}],
    )
    assert type(turn.latency) is Latency
    assert (turn.latency.label, turn.latency.perceived_latency) == ("good", 1.25)
    assert type(turn.metadata) is TurnMetadata
    assert turn.metadata.current_node == "book"
    assert event.start_time == at(13, 18, 13)
    assert (event.duration, event.arguments, event.turn_id) == (12.5, {"party": 2}, 1)
    assert type(event.handoff) is FunctionHandoff
    assert (event.handoff.reason, event.handoff.type_) == ("done", "sip")
    assert type(event.state_changes) is StateChanges
    assert event.state_changes.added == {"table": 4}


@pytest.mark.parametrize("key", TAKES)
def test_null_and_nothing_read_none(sample: Sample, key: str) -> None:
    absent = sample()
    del absent[key]
    for data in (absent, sample(**{key: None})):
        read = Conversation.from_dict(data)
        name = next(name for name, k in WIRE_NAMES["Conversation"].items() if k == key)
        assert getattr(read, name) is None
        assert read.problems == ()


PARTS = [
    Turn,
    Latency,
    TurnMetadata,
    MetricValue,
    FunctionEvent,
    FunctionHandoff,
    StateChanges,
    Summary,
]


@pytest.mark.parametrize("model", PARTS)
def test_a_part_of_which_nothing_came_reads_none_throughout(model: Any) -> None:
    names = WIRE_NAMES[model.__name__]
    for data in ({}, dict.fromkeys(names.values())):
        read = decode(model, data)
        assert {getattr(read, field) for field in names} == {None}


def test_the_identity_is_enough(call: Caller, server: FakeServer) -> None:
    server.respond(200, json={"conversationId": "CA1"})
    read = call(server)
    assert read.conversation_id == "CA1"
    assert (read.turns, read.problems, read.transcript) == (None, (), ())
    assert repr(read) == "<Conversation CA1>"


def problem(read: Conversation) -> FieldProblem:
    (only,) = read.problems
    return only


@given(key=st.sampled_from(sorted(TAKES)), value=JSON)
@example(key="duration", value=True)
@example(key="duration", value=72.5)
@example(key="duration", value=float("inf"))
@example(key="duration", value=10**400)
@example(key="polyScore", value="4.5")
@example(key="startedAt", value=1_780_000_000)
def test_any_value_in_any_field_comes_through(sample: Sample, key: str, value: Any) -> None:
    data = sample(**{key: value})
    read = Conversation.from_dict(data)
    assert read.raw == data
    assert data == sample(**{key: value})
    name = next(name for name, k in WIRE_NAMES["Conversation"].items() if k == key)
    for other in set(WIRE_NAMES["Conversation"]) - {name}:
        assert getattr(read, other) == getattr(Conversation.from_dict(sample()), other)
    if value is not None and type(value) not in TAKES[key]:
        assert getattr(read, name) is value
        assert (problem(read).field, problem(read).value) == (key, value)
    elif value is None or isinstance(value, (bool, int, float)):
        assert getattr(read, name) == value
        fraction = name.endswith("duration") and isinstance(value, float) and value % 1 != 0
        assert len(read.problems) == fraction
    usable(read)


@given(st.dictionaries(st.sampled_from(sorted(DOCUMENTED)) | st.text(max_size=9), JSON))
@example({"turns": [None, [], "x", {"user_input": 5, "input": "y"}, {"latency": "fast"}]})
@example({"functionEvents": {"x": [{"start_time": "soon"}], "y": {}}, "metrics": {"m": None}})
def test_any_object_with_an_identity_is_a_conversation(data: dict[str, Any]) -> None:
    data["conversationId"] = "CA1"
    before = copy.deepcopy(data)
    read = Conversation.from_dict(data)
    assert read.raw == data
    assert data == before
    assert set(read.additional_properties) == set(data) - set(DOCUMENTED)
    usable(read)


def usable(read: Conversation) -> None:
    """Do with a conversation what people do, whatever is in it."""
    assert f"{read!r} {read.transcript} {read.heading} {read.summary_text} {read.problems}"
    assert read.to_dict() is read.raw
    assert Conversation.from_dict(copy.deepcopy(read.raw)) == read
    again = pickle.loads(pickle.dumps(read))
    assert (again, again.raw, again.problems) == (read, read.raw, read.problems)


@pytest.mark.parametrize(
    ("changes", "field", "reason", "value"),
    [
        ({"duration": "73"}, "duration", "expected an integer, got a string", "73"),
        ({"duration": 72.5}, "duration", "expected an integer, got a fraction", 72.5),
        ({"duration": True}, "duration", "expected an integer, got a boolean", True),
        ({"polyScore": "5"}, "polyScore", "expected a number, got a string", "5"),
        ({"handoff": 0}, "handoff", "expected a boolean, got an integer", 0),
        ({"note": {}}, "note", "expected a string, got an object", {}),
        (
            {"startedAt": "soon"},
            "startedAt",
            "expected a date and time, got another string",
            "soon",
        ),
        ({"startedAt": 1.5}, "startedAt", "expected a date and time, got a number", 1.5),
        ({"shortSummary": []}, "shortSummary", "expected an object or a string, got an array", []),
        ({"tags": "a"}, "tags", "expected an array, got a string", "a"),
        ({"tags": ["a", None]}, "tags[1]", "expected a string, got null", None),
        ({"turns": {}}, "turns", "expected an array, got an object", {}),
        ({"turns": [{}, "x"]}, "turns[1]", "expected an object, got a string", "x"),
        (
            {"turns": [{}, {"latency": {"perceived_latency": "1"}}]},
            "turns[1].latency.perceived_latency",
            "expected a number, got a string",
            "1",
        ),
        ({"turns": [{"input": 5}]}, "turns[0].input", "expected a string, got an integer", 5),
        ({"metrics": {"M": 1}}, "metrics.M", "expected an array, got an integer", 1),
        (
            {"metrics": {"M": [{"value": 3}]}},
            "metrics.M[0].value",
            "expected a string, got an integer",
            3,
        ),
        (
            {"functionEvents": {"1": [{"start_time": "Wed"}]}},
            "functionEvents.1[0].start_time",
            "expected a date and time, got another string",
            "Wed",
        ),
        (
            {"functionEvents": {"1": [{"function_version": []}]}},
            "functionEvents.1[0].function_version",
            "expected an integer or a string, got an array",
            [],
        ),
    ],
)
def test_a_problem_says_where_and_why(
    conversation: Make, changes: dict[str, Any], field: str, reason: str, value: Any
) -> None:
    found = problem(conversation(**changes))
    assert found.field == field
    assert found.reason == reason
    assert found.value == value


def test_problems_stand_in_the_order_of_the_fields(conversation: Make) -> None:
    read = conversation(tags=[1, "a", 2], note=5, metrics={"A": 1, "B": [1]})
    fields = [problem.field for problem in read.problems]
    assert fields == ["tags[0]", "tags[2]", "note", "metrics.A", "metrics.B[0]"]
    assert read.tags == [1, "a", 2]


def test_numbers_need_not_be_spelled_as_documented(conversation: Make) -> None:
    read = conversation(duration=72.0, polyScore=5)
    assert (read.duration, type(read.duration), read.poly_score) == (72, int, 5)
    assert read.problems == ()


def test_unknown_fields_are_kept_wherever_they_are(conversation: Make) -> None:
    read = conversation(newField={"a": [1]}, turns=[{"new": 1, "latency": {"newer": 2}}])
    assert read.additional_properties == {"newField": {"a": [1]}}
    assert read.turns is not None
    (turn,) = read.turns
    assert turn.additional_properties == {"new": 1}
    assert turn.latency is not None
    assert turn.latency.additional_properties == {"newer": 2}
    assert turn.raw == {"new": 1, "latency": {"newer": 2}}
    assert read.problems == ()


def test_the_answer_comes_raw_as_well(call: Caller, server: FakeServer, sample: Sample) -> None:
    data = sample(newField=1.0, turns=[{"turn_id": 2**63, "ü": None}], metrics=None, note=7)
    server.respond(200, json=data)
    assert json.dumps(call(server).raw) == json.dumps(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "conversationId is missing"),
        ({"conversationId": None}, "conversationId is null"),
        ({"ConversationId": "CA1"}, "conversationId is missing"),
        (None, "expected an object, got null"),
        ("CA1", "expected an object, got a string"),
        ([("conversationId", "CA1")], "expected an object, got an array"),
        (object(), "expected an object, got object"),
    ],
)
def test_only_what_has_no_identity_is_refused(data: Any, reason: str) -> None:
    with pytest.raises(ResponseDecodeError) as caught:
        Conversation.from_dict(data)
    assert str(caught.value) == f"Not a Conversation: {reason}."


def test_an_identity_of_another_type_comes_through() -> None:
    read = Conversation.from_dict({"conversationId": 7})
    assert read.conversation_id == 7  # type: ignore[comparison-overlap]
    assert problem(read).field == "conversationId"


def test_models_without_a_place_for_problems_hand_values_over_too() -> None:
    page = decode(
        generated.ConversationPage,
        {"conversations": [{"conversationId": "CA1"}, {"note": "lost"}], "count": "many"},
    )
    assert [type(item).__name__ for item in page.conversations] == ["ConversationSummary", "dict"]
    assert page.count == "many"  # type: ignore[comparison-overlap]
    with pytest.raises(UnexpectedRecord, match="conversations is missing"):
        decode(generated.ConversationPage, {})


@attrs.define
class Page(generated.ConversationPage):
    problems: tuple[FieldProblem, ...] = attrs.field(default=(), kw_only=True)


@attrs.define
class Annotation(generated.Annotation):
    problems: tuple[FieldProblem, ...] = attrs.field(default=(), kw_only=True)


def test_a_record_without_identity_inside_an_answer_is_a_problem_of_the_answer() -> None:
    page = decode(Page, {"conversations": [{"conversationId": "CA1"}, {"note": "lost"}]})
    assert page.problems == (
        FieldProblem("conversations[1]", "conversationId is missing", {"note": "lost"}),
    )


def test_an_unknown_value_of_a_closed_set_is_a_problem_that_lists_the_set() -> None:
    data = {"turnId": 0, "role": "supervisor", "annotationType": 5}
    roles, types = decode(Annotation, data).problems
    assert roles == FieldProblem(
        "role", "expected one of agent, user, got another string", "supervisor"
    )
    assert types.reason.startswith("expected one of missing_topic, ")
    assert types.reason.endswith(", got an integer")


@pytest.mark.parametrize("value", ["user", "agent"])
def test_a_value_of_a_closed_set_is_read(value: str) -> None:
    data = {"turnId": 0, "role": value, "annotationType": "missing_topic"}
    assert decode(generated.Annotation, data).role is generated.AnnotationRole(value)


@pytest.mark.parametrize("value", ["supervisor", "", 5])
def test_an_unknown_value_of_a_closed_set_comes_through(value: Any) -> None:
    data = {"turnId": 0, "role": value, "annotationType": "missing_topic"}
    assert decode(generated.Annotation, data).role == value


def test_a_field_with_a_default_keeps_it() -> None:
    body = decode(generated.StartChatBody, {"clientEnv": "sandbox"})
    assert body.to_dict() == {"clientEnv": "sandbox"}


@pytest.mark.parametrize(
    ("annotation", "nullable"),
    [
        ("str", False),
        ("None | str", True),
        ("str | None", True),
        ("Any", True),
        ("list[str]", False),
        ("list[None | str]", False),
        ("dict[str, list[Any | None]]", False),
        ("dict[str, list[Any]] | None", True),
        ("list[str] | None | dict[str, int]", True),
        ("Summary | Latency", False),
    ],
)
def test_a_field_is_required_unless_its_annotation_allows_none(
    annotation: str, nullable: bool
) -> None:
    body = {"__annotations__": {"success": annotation}, "__module__": __name__}
    model: Any = attrs.define(kw_only=True)(type("Changed", (generated.WriteResult,), body))
    if nullable:
        assert decode(model, {}).success is decode(model, {"success": None}).success is None
        return
    with pytest.raises(UnexpectedRecord, match=r"^success is missing$"):
        decode(model, {})
    with pytest.raises(UnexpectedRecord, match=r"^success is null$"):
        decode(model, {"success": None})


def classes_in(annotation: Any) -> set[Any]:
    arguments = get_args(annotation)
    return {annotation} if not arguments else set().union(*map(classes_in, arguments))


def test_models_contain_the_facades_models_instead_of_the_generated_ones() -> None:
    replaced = {
        getattr(generated, name)
        for name in generated.__all__
        if getattr(facade, name, None) not in (None, getattr(generated, name))
    }
    assert generated.Turn in replaced
    models = [kind for kind in vars(facade).values() if attrs.has(kind)]
    for model in models:
        for name, annotation in get_type_hints(model).items():
            assert not classes_in(annotation) & replaced, f"{model.__name__}.{name}"


# --- Lazy decoding -------------------------------------------------------------------------------

NESTED = {"short_summary", "turns", "metrics", "function_events"}
FLAT = {*WIRE_NAMES["Conversation"]} - NESTED - {"conversation_id"}
AT_ONCE = {"conversation_id", "raw", "meta"}
"""What is set from the start."""


def decoded(read: Conversation) -> set[str]:
    """Return the fields that are decoded, without decoding others."""
    names = set()
    for field in attrs.fields(Conversation):
        with suppress(AttributeError):
            object.__getattribute__(read, field.name)
            names.add(field.name)
    return names


def test_only_required_fields_are_decoded_at_once(conversation: Make) -> None:
    assert decoded(conversation()) == AT_ONCE


@pytest.mark.parametrize("name", sorted(FLAT | NESTED | {"problems", "additional_properties"}))
def test_reading_the_first_field_decodes_only_that(conversation: Make, name: str) -> None:
    read = conversation()
    assert getattr(read, name) is getattr(read, name)
    assert decoded(read) == {*AT_ONCE, name}


@pytest.mark.parametrize("first", ["note", "started_at", "turns"])
@pytest.mark.parametrize("changes", [{}, {"tags": None, "inProgress": 5}])
def test_reading_a_second_flat_field_decodes_all_flat_fields(
    conversation: Make, first: str, changes: dict[str, Any]
) -> None:
    read = conversation(**changes)
    value = getattr(read, first)
    assert read.duration == 72
    assert decoded(read) == {*AT_ONCE, *FLAT, first}
    assert getattr(read, first) == value


def test_a_nested_field_is_decoded_only_when_it_is_read(conversation: Make) -> None:
    read = conversation()
    assert (read.note, read.channel, read.heading) == ("call back", "VOICE-SIP", "Booking")
    assert decoded(read) & NESTED == {"short_summary"}
    assert len(read.transcript) == 3
    assert decoded(read) & NESTED == {"short_summary", "turns"}


@pytest.mark.parametrize("name", ["success", "__array__", "_repr_png_", "Note"])
def test_asking_for_an_unknown_attribute_decodes_nothing(conversation: Make, name: str) -> None:
    read = conversation()
    assert not hasattr(read, name)
    assert decoded(read) == AT_ONCE
    assert read.note == "call back"
    assert decoded(read) == {*AT_ONCE, "note"}


@pytest.mark.parametrize(
    "before", [(), ("NAME",), ("note",), ("turns",), ("NAME", "note"), ("note", "channel")]
)
@pytest.mark.parametrize("after", [(), ("note",), ("turns",), ("channel", "note", "turns")])
@pytest.mark.parametrize(
    "name", ["language", "started_at", "metrics", "conversation_id", "problems", "meta"]
)
def test_an_assigned_field_keeps_its_value(
    conversation: Make, name: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    read, mine = conversation(), object()
    for other in before:
        getattr(read, name if other == "NAME" else other)
    setattr(read, name, mine)
    assert getattr(read, name) is mine
    for other in after:
        assert getattr(read, other) == getattr(conversation(), other)
    assert getattr(read, name) is mine
    rest = FLAT | NESTED | {"conversation_id", "problems"}
    for other in sorted(rest - {name}):
        assert getattr(read, other) == getattr(conversation(), other)
    assert getattr(read, name) is mine


HALF_READ = [(), ("note",), ("note", "channel"), ("turns",), ("problems", "note"), ("metrics",)]


@pytest.mark.parametrize("names", HALF_READ)
def test_a_half_read_conversation_copies_and_compares_like_any_other(
    conversation: Make, names: tuple[str, ...]
) -> None:
    def half_read() -> Conversation:
        read = conversation(duration="long")
        for name in names:
            getattr(read, name)
        return read

    whole = conversation(duration="long")
    fields = {field.name: getattr(whole, field.name) for field in attrs.fields(Conversation)}
    for again in (
        copy.copy(half_read()),
        copy.deepcopy(half_read()),
        pickle.loads(pickle.dumps(half_read())),
        attrs.evolve(half_read()),
        half_read(),
    ):
        assert again == whole
        assert whole == again
        assert {name: getattr(again, name) for name in fields} == fields
    assert half_read() != conversation()
    changed = attrs.evolve(half_read(), note="mine", turns=[])
    assert (changed.note, changed.turns, changed.channel) == ("mine", [], "VOICE-SIP")
    assert changed.problems == whole.problems


@given(st.dictionaries(st.sampled_from(sorted(DOCUMENTED)) | st.text(max_size=9), JSON))
@example({"duration": 72.5, "startedAt": "soon", "turns": [{"input": 5}]})
def test_a_value_does_not_depend_on_what_was_read_before(
    sample: Sample, changes: dict[str, Any]
) -> None:
    data = sample(**changes)
    data["conversationId"] = "CA1"
    after_others = Conversation.from_dict(data)
    assert after_others.note == Conversation.from_dict(data).note
    for name in WIRE_NAMES["Conversation"]:
        assert getattr(Conversation.from_dict(data), name) == getattr(after_others, name), name


@attrs.define(repr=False)
class Renamed(Conversation):
    ALIASES: ClassVar[dict[str, tuple[str, ...]]] = {
        "note": ("remark", "comment"),
        "duration": ("seconds",),
        "conversationId": ("id",),
    }


@pytest.mark.parametrize("first", [(), ("channel",), ("channel", "language")])
def test_a_lazy_field_is_found_under_its_aliases(sample: Sample, first: tuple[str, ...]) -> None:
    data = sample(id="CA1", comment="theirs", remark="ours", seconds="long")
    for key in ("note", "duration", "conversationId"):
        del data[key]
    read = Renamed.from_dict(data)
    for name in first:
        getattr(read, name)
    assert (read.conversation_id, read.note) == ("CA1", "ours")
    assert read.duration == "long"  # type: ignore[comparison-overlap]
    assert (read.channel, read.poly_score) == ("VOICE-SIP", 4.5)
    assert read.additional_properties == {"comment": "theirs"}
    assert [problem.field for problem in read.problems] == ["seconds"]


def test_a_list_that_was_changed_in_place_keeps_its_change() -> None:
    summary = ConversationSummary.from_dict({"conversationId": "CA1", "tags": ["a"], "note": "n"})
    assert summary.tags is not None
    summary.tags.append("b")
    assert summary.note == "n"
    assert summary.tags == ["a", "b"]


@attrs.define
class Cat:
    kind: str
    purrs: bool
    additional_properties: dict[str, Any]


@attrs.define
class Dog:
    kind: str
    barks: bool
    additional_properties: dict[str, Any]


def read_pet(model: type[Any], value: dict[str, Any], problems: list[FieldProblem]) -> Any:
    """Read a pet as the facade reads objects: leniently."""
    expected, field = ("cat", "purrs") if model is Cat else ("dog", "barks")
    if "name" in value:
        return value  # of neither
    if value.get("kind", expected) != expected:
        problems.append(FieldProblem("kind", f"expected one of {expected}", value["kind"]))
    others = {key: item for key, item in value.items() if key not in ("kind", field)}
    return model(value.get("kind", ""), value.get(field), others)


@pytest.mark.parametrize(
    ("value", "kind", "count"),
    [
        ({"kind": "cat"}, Cat, 0),
        ({"kind": "dog"}, Dog, 0),
        ({"purrs": True}, Cat, 0),
        ({"barks": True}, Dog, 0),
        ({"kind": "dog", "purrs": True}, Dog, 0),
        ({"kind": "bird", "barks": True}, Dog, 1),
        ({}, Cat, 0),
        ({"name": "x"}, dict, 0),
    ],
    ids=str,
)
def test_an_object_of_a_union_is_read_as_the_model_that_fits_best(
    value: dict[str, Any], kind: type, count: int
) -> None:
    problems: list[FieldProblem] = []
    found = Readers(Cat | Dog | None, read_pet).read("pet", value, problems)
    assert type(found) is kind
    assert len(problems) == count
