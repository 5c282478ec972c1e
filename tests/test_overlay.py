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


def test_an_update_merges_objects_deeply_and_replaces_the_rest() -> None:
    update = {"info": {"title": "New", "version": {"n": 1}}, "text": {"now": "an object"}}
    assert apply({"target": "$", "update": update}) == {
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


def test_a_schema_that_the_document_has_by_now_is_not_mixed_with_the_overlays() -> None:
    page = API["components"]["schemas"]["Page"]
    action = {
        "target": "$.components.schemas",
        "update": {"Detail": {"a": 1}, "Page": page, "N": {}},
    }
    (found,) = stale(action)
    assert found.problem == "adds the schema Detail, which the spec now defines"
    assert "compare the two" in found.where
    overlay = {"overlay": "1.0.0", "actions": [{"description": "because", **action}]}
    result = apply_overlay(API, overlay, skipped=[])
    assert result["components"]["schemas"] == {**API["components"]["schemas"], "N": {}}


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
    update = {"$ref": "#/components/schemas/New"}
    actions = [
        {"description": "d", "target": "$.components.schemas.Page", "update": update},
        {"description": "d", "target": "$.components.schemas", "update": {"New": {}}},
    ]
    result = apply_overlay(API, {"overlay": "1.0.0", "actions": actions})
    assert result["components"]["schemas"]["Page"]["$ref"] == "#/components/schemas/New"


def test_a_malformed_action_is_an_error_even_where_stale_ones_are_left_out() -> None:
    overlay = {"overlay": "1.0.0", "actions": [{"description": "d", "target": "$.x"}]}
    with pytest.raises(OverlayError, match="action 1: has neither update nor remove"):
        apply_overlay(API, overlay, skipped=[])
