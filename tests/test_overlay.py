"""Applying an overlay: as OpenAPI Overlay 1.0 says, and loudly where it does not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from overlay import OverlayError, Stale, StaleOverlayError, apply_overlay

DOCUMENT: dict[str, Any] = {
    "info": {"title": "T", "tags": ["a"]},
    "paths": {"/x": {"get": {"summary": "S"}, "post": {}}},
    "list": ["a", "b", "c", "d", "b"],
    "text": "t",
}


def apply(*actions: dict[str, Any], document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    given = [{"description": "because", **action} for action in actions]
    return apply_overlay(document, {"overlay": "1.0.0", "actions": given})


def complaint(*actions: dict[str, Any]) -> str:
    with pytest.raises(OverlayError) as caught:
        apply(*actions)
    return str(caught.value)


def test_an_update_merges_objects_deeply_and_replaces_what_was_removed_before() -> None:
    update = {"info": {"title": "New", "version": {"n": 1}}, "text": {"now": "an object"}}
    removed = [{"target": target, "remove": True} for target in ("$.info.title", "$.text")]
    assert apply(*removed, {"target": "$", "update": update}) == {
        **DOCUMENT,
        "info": {"title": "New", "tags": ["a"], "version": {"n": 1}},
        "text": {"now": "an object"},
    }


def test_an_update_appends_to_arrays() -> None:
    merged = apply({"target": "$.info", "update": {"tags": ["b", "c"]}})
    assert merged["info"]["tags"] == ["a", "b", "c"]
    assert apply({"target": "$.info.tags", "update": "b"})["info"]["tags"] == ["a", "b"]
    assert apply({"target": "$.info.tags", "update": ["b"]})["info"]["tags"] == ["a", ["b"]]


def test_an_update_reaches_every_match_with_a_copy_of_its_own() -> None:
    update: dict[str, Any] = {"responses": {"200": {}}}
    operations = apply(
        {"target": "$.paths.*.*", "update": update},
        {"target": "$.paths['/x'].get.responses", "update": {"404": {}}},
    )["paths"]["/x"]
    assert operations["get"] == {"summary": "S", "responses": {"200": {}, "404": {}}}
    assert operations["post"] == {"responses": {"200": {}}}
    assert update == {"responses": {"200": {}}}


def test_a_match_that_is_named_twice_is_updated_once() -> None:
    assert apply({"target": "$.info['tags','tags']", "update": "b"})["info"]["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("$.list[0]", ["b", "c", "d", "b"]),
        ("$.list[-1]", ["a", "b", "c", "d"]),
        ("$.list[0,2]", ["b", "d", "b"]),
        ("$.list[2,0]", ["b", "d", "b"]),
        ("$.list[0,0]", ["b", "c", "d", "b"]),
        ("$.list[?@ == 'b']", ["a", "c", "d"]),
        ("$.list[1:]", ["a"]),
        ("$.list[*]", []),
    ],
)
def test_a_remove_takes_exactly_the_matched_items(target: str, left: list[str]) -> None:
    assert apply({"target": target, "remove": True}) == {**DOCUMENT, "list": left}


def test_a_remove_takes_members_and_what_is_inside_them() -> None:
    removed = apply({"target": "$.info['title']", "remove": True})
    assert removed["info"] == {"tags": ["a"]}
    assert apply({"target": "$.info..*", "remove": True})["info"] == {}
    assert apply({"target": "$['text','list']", "remove": True}) == {
        key: DOCUMENT[key] for key in ("info", "paths")
    }


def test_a_remove_wins_over_an_update_and_a_false_one_does_not() -> None:
    assert "text" not in apply({"target": "$.text", "remove": True, "update": {}})
    merged = apply({"target": "$.info", "remove": False, "update": {"x": 1}})
    assert merged["info"]["x"] == 1


def test_actions_apply_in_their_order() -> None:
    merged = apply(
        {"target": "$", "update": {"new": {}}},
        {"target": "$.new", "update": {"x": 1}},
        {"target": "$.new.x", "remove": True},
    )
    assert merged["new"] == {}


def test_the_document_and_the_overlay_stay_as_they_are() -> None:
    document, update = copy.deepcopy(DOCUMENT), {"tags": ["b"], "deep": {}}
    merged = apply({"target": "$.info", "update": update}, document=document)
    merged["info"]["deep"]["x"] = merged["paths"]["/x"]["get"] = 1
    assert document == DOCUMENT
    assert update == {"tags": ["b"], "deep": {}}
    assert apply() == DOCUMENT


def test_an_action_that_matches_nothing_is_named_with_number_target_and_reason() -> None:
    message = complaint(
        {"target": "$.info", "update": {}},
        {"target": "$.nowhere", "update": {}, "description": "Real answers\n  differ."},
        {"target": "$.list[?@ == 'z']", "remove": True},
    )
    assert message == (
        "action 2: target matches nothing in the spec\n"
        "  target: $.nowhere\n"
        "  reason: Real answers differ.\n"
        "  now: $ exists, but has no 'nowhere' or anything similar\n"
        "action 3: target matches nothing in the spec\n"
        "  target: $.list[?@ == 'z']\n"
        "  reason: because\n"
        "  now: $['list'] exists, but nothing in it matches any more: delete the action"
    )


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"target": "$.text", "remove": True, "description": ""}, "has no description"),
        ({"target": "$.info"}, "has neither update nor remove"),
        ({"target": "$.info", "remove": False}, "has neither update nor remove"),
        ({"target": "$.info[", "update": {}}, "invalid target ("),
        ({"target": "info", "update": {}}, "invalid target ("),
        ({"target": "", "update": {}}, "has no target"),
        ({"update": {}}, "has no target"),
        ({"target": "$.text", "update": {}}, "target of an update must be an object or an array"),
        ({"target": "$.info", "update": "x"}, "update of an object must be an object"),
        ({"target": "$", "remove": True}, "target is the whole document, which cannot be removed"),
    ],
)
def test_an_action_that_cannot_be_applied_is_named(action: dict[str, Any], expected: str) -> None:
    assert complaint({"target": "$.info", "update": {}}, action).startswith(f"action 2: {expected}")


@pytest.mark.parametrize("version", [None, "", "1.1.0", "2.0.0", "1.0", 1.0, "10.0.0"])
def test_only_overlay_1_0_is_applied(version: Any) -> None:
    with pytest.raises(OverlayError, match=r"not an OpenAPI Overlay 1\.0 document"):
        apply_overlay(DOCUMENT, {"overlay": version, "actions": []})
    with pytest.raises(OverlayError, match="must be 1"):
        apply_overlay(DOCUMENT, {})


# --- What is stale -------------------------------------------------------------------------------

API: dict[str, Any] = {
    "paths": {"/v2/agents/{agentId}/chats": {"get": {}}, "/v2/calls": {"post": {}}},
    "components": {
        "schemas": {
            "Detail": {"properties": {"id": {}, "note": {}, "score": {}, "audio": {}}},
            "Page": {"properties": {"items": {}, "limit": {}}},
        }
    },
}


def stale(*actions: dict[str, Any]) -> list[Stale]:
    """Return what is stale, which is the same whether it is refused or left out."""
    given = [{"description": "because", "update": {"x": 1}, **action} for action in actions]
    overlay = {"overlay": "1.0.0", "actions": given}
    known = {"Conversation": frozenset({"id", "note", "score"}), "Chat": frozenset({"text"})}
    with pytest.raises(StaleOverlayError) as caught:
        apply_overlay(API, overlay, known_fields=known)
    skipped: list[Stale] = []
    apply_overlay(API, overlay, skipped=skipped, known_fields=known)
    assert skipped == caught.value.stale
    return skipped


@pytest.mark.parametrize(
    ("target", "where"),
    [
        (
            "$.components.schemas.Conversation.properties.note",
            "$['components']['schemas'] exists, but has no 'Conversation'; "
            "'Detail' has 3 of its 3 fields",
        ),
        (
            "$.paths['/v1/agents/{agentId}/chats'].get",
            "$['paths'] exists, but has no '/v1/agents/{agentId}/chats'; "
            "closest match: '/v2/agents/{agentId}/chats'",
        ),
        (
            "$.components.schemas.Page.properties.note",
            "$['components']['schemas']['Page']['properties'] exists, but has no 'note'; "
            "schemas with that field: Detail",
        ),
        (
            "$.components.schemas.Detail.properties.scores",
            "$['components']['schemas']['Detail']['properties'] exists, but has no 'scores'; "
            "closest match: 'score'",
        ),
        (
            "$.components.schemas.Chat",
            "$['components']['schemas'] exists, but has no 'Chat' or anything similar",
        ),
    ],
)
def test_a_stale_action_says_where_its_target_went(target: str, where: str) -> None:
    (found,) = stale({"target": target})
    assert found.problem == "target matches nothing in the spec"
    assert found.where == where
    assert str(found).endswith(f"\n  now: {where}")


def test_a_name_that_matches_nothing_is_stale_and_the_others_are_still_corrected() -> None:
    action = {"target": "$.components.schemas['Page','Conversation'].properties['limit','offset']"}
    found = stale(action)
    assert [(each.number, each.problem) for each in found] == [
        (1, "'Conversation' in the target matches nothing in the spec"),
        (1, "'offset' in the target matches nothing in the spec"),
    ]
    result = apply_overlay(
        API,
        {"overlay": "1.0.0", "actions": [{"description": "d", "update": {"x": 1}, **action}]},
        skipped=[],
    )
    assert result["components"]["schemas"]["Page"]["properties"]["limit"] == {"x": 1}


@pytest.mark.parametrize(
    "schema", [{"a": 1}, API["components"]["schemas"]["Detail"]], ids=["another", "the same"]
)
def test_a_schema_that_the_document_has_by_now_is_not_mixed_with_the_overlays(schema: Any) -> None:
    action = {"target": "$.components.schemas", "update": {"Detail": schema, "N": {}}}
    (found,) = stale(action)
    assert found.problem == "adds the schema Detail, which the spec now defines"
    assert found.is_given
    assert "compare the two" in found.where
    overlay = {"overlay": "1.0.0", "actions": [{"description": "because", **action}]}
    result = apply_overlay(API, overlay, skipped=[])
    assert result["components"]["schemas"] == {**API["components"]["schemas"], "N": {}}


REF = {"$ref": "#/components/schemas/Page"}


@pytest.mark.parametrize(
    ("present", "update", "told"),
    [
        ({"type": "string"}, {"type": "string"}, "type: the same"),
        ({"type": "string"}, {"type": ["string", "null"]}, 'type: "string"'),
        ({"format": "date-time"}, {"format": "date"}, 'format: "date-time"'),
        ({"description": "theirs"}, {"description": "ours"}, 'description: "theirs"'),
        ({"deep": {"a": 1, "b": 2}}, {"deep": {"b": 3, "c": 4}}, "deep → b: 2"),
        ({"deep": {"a": 1}}, {"deep": "text"}, 'deep: {"a": 1}'),
        ({"required": ["a", "b"]}, {"required": ["b"]}, "required: the same"),
        (REF, {"$ref": "#/components/schemas/Other"}, "$ref: "),
        ({"type": "object"}, REF, "$ref: type instead"),
        ({"properties": {"a": {}}}, REF, "$ref: properties instead"),
        (REF, {"type": "string"}, "type: $ref instead"),
        (REF, {"anyOf": [{}]}, "anyOf: $ref instead"),
        ({"oneOf": [{}]}, {"anyOf": [{}]}, "anyOf: oneOf instead"),
        ({"oneOf": [{}]}, {"format": "date-time"}, "format: oneOf instead"),
        ({"type": "string"}, {"anyOf": [{}]}, "anyOf: type instead"),
        ({"properties": {}}, {"additionalProperties": {}}, "additionalProperties: properties inst"),
    ],
)
def test_an_action_that_would_replace_what_the_spec_says_is_stale(
    present: Any, update: Any, told: str
) -> None:
    document = {"x": copy.deepcopy(present), "components": {"schemas": {"Page": {}, "Other": {}}}}
    overlay = {
        "overlay": "1.0.0",
        "actions": [{"description": "because", "target": "$.x", "update": update}],
    }
    skipped: list[Stale] = []
    assert apply_overlay(document, overlay, skipped=skipped) == document
    (found,) = skipped
    assert found.is_given
    assert found.problem.startswith(f"the spec now says what it adds:\n    x → {told}")


@pytest.mark.parametrize(
    ("present", "update"),
    [
        ({"type": "string"}, {"format": "date-time"}),
        ({"type": "object"}, {"additionalProperties": {}}),
        ({"description": "D"}, REF),
        ({"required": ["a"]}, {"required": ["b"]}),
        ({"content": {}}, {"content": {"application/json": {"schema": REF}}}),
        ({"content": {"text/plain": {}}}, {"content": {}}),
    ],
)
def test_an_action_that_adds_something_is_not_stale(present: Any, update: Any) -> None:
    document = {"x": present, "components": {"schemas": {"Page": {}}}}
    action = {"description": "because", "target": "$.x", "update": update}
    apply_overlay(document, {"overlay": "1.0.0", "actions": [action]})


def test_an_action_that_the_spec_makes_redundant_lists_places_and_the_schema_to_use() -> None:
    responses = {str(status): {"schema": {"$ref": "#/components/schemas/E"}} for status in range(5)}
    fields: dict[str, Any] = {"a": {}, "b": {}}
    document = {
        "responses": {**responses, "5": {}},
        "components": {"schemas": {"E": {"properties": fields}}},
    }
    ours = {"Envelope": {"properties": {**fields, "c": {}}}}
    actions: list[dict[str, Any]] = [
        {"description": "d", "target": "$.components.schemas", "update": ours},
        {
            "description": "d",
            "target": "$.responses.*",
            "update": {"schema": {"$ref": "#/components/schemas/Envelope"}},
        },
    ]
    skipped: list[Stale] = []
    result = apply_overlay(document, {"overlay": "1.0.0", "actions": actions}, skipped=skipped)
    (found,) = skipped
    assert found.problem.splitlines() == [
        "the spec now says what it adds, in 5 places:",
        *(f'    responses → {n} → schema → $ref: "#/components/schemas/E"' for n in range(3)),
        "    and 2 more",
    ]
    assert found.where.startswith(
        "E has 2 of the 3 fields of Envelope: to use it instead, give it the class_name Envelope "
    )
    # Where the spec says nothing, the action still applies.
    assert result["responses"]["5"] == {"schema": {"$ref": "#/components/schemas/Envelope"}}
    assert result["responses"]["4"] == responses["4"]


def test_what_refers_to_a_schema_that_is_left_out_is_left_out_too() -> None:
    reference = {"$ref": "#/components/schemas/New"}
    found = stale(
        {"target": "$.components.schemas.Page", "update": {"new": reference}},
        {"target": "$.components.nowhere", "update": {"New": {}}},
    )
    assert [(each.number, each.problem) for each in found] == [
        (1, "refers to #/components/schemas/New, which does not exist"),
        (2, "target matches nothing in the spec"),
    ]
    actions = [
        {"description": "d", "target": "$.components.schemas.Page", "update": {"new": reference}},
        {"description": "d", "target": "$.components.nowhere", "update": {"New": {}}},
    ]
    assert apply_overlay(API, {"overlay": "1.0.0", "actions": actions}, skipped=[]) == API


def test_a_schema_may_be_referred_to_before_it_is_added() -> None:
    update = {"x": {"$ref": "#/components/schemas/New"}}
    actions = [
        {"description": "d", "target": "$.components.schemas.Page", "update": update},
        {"description": "d", "target": "$.components.schemas", "update": {"New": {}}},
    ]
    result = apply_overlay(API, {"overlay": "1.0.0", "actions": actions})
    assert result["components"]["schemas"]["Page"]["x"]["$ref"] == "#/components/schemas/New"


def test_a_malformed_action_is_an_error_even_where_stale_ones_are_left_out() -> None:
    overlay = {"overlay": "1.0.0", "actions": [{"description": "d", "target": "$.x"}]}
    with pytest.raises(OverlayError, match="action 1: has neither update nor remove"):
        apply_overlay(API, overlay, skipped=[])
