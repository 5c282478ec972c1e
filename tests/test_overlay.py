"""Applying an overlay: as OpenAPI Overlay 1.0 says, and loudly where it does not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from overlay import OverlayError, apply_overlay

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
        "action 2: target matches nothing in the document\n"
        "  target: $.nowhere\n"
        "  reason: Real answers differ.\n"
        "action 3: target matches nothing in the document\n"
        "  target: $.list[?@ == 'z']\n"
        "  reason: because"
    )


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"target": "$.text", "remove": True, "description": ""}, "gives no reason (description)"),
        ({"target": "$.info"}, "has neither update nor remove"),
        ({"target": "$.info", "remove": False}, "has neither update nor remove"),
        ({"target": "$.info[", "update": {}}, "target cannot be read ("),
        ({"target": "info", "update": {}}, "target cannot be read ("),
        ({"target": "", "update": {}}, "names no target"),
        ({"update": {}}, "names no target"),
        ({"target": "$.text", "update": {}}, "target of an update must be an object or an array"),
        ({"target": "$.info", "update": "x"}, "update of an object must be an object"),
        ({"target": "$", "remove": True}, "target is the document itself, which cannot be removed"),
    ],
)
def test_an_action_that_cannot_be_applied_is_named(action: dict[str, Any], expected: str) -> None:
    assert complaint({"target": "$.info", "update": {}}, action).startswith(f"action 2: {expected}")


@pytest.mark.parametrize("version", [None, "", "1.1.0", "2.0.0", "1.0", 1.0, "10.0.0"])
def test_only_overlay_1_0_is_applied(version: Any) -> None:
    with pytest.raises(OverlayError, match=r"not an OpenAPI Overlay 1\.0 document"):
        apply_overlay(DOCUMENT, {"overlay": version, "actions": []})
    with pytest.raises(OverlayError, match="must read 1"):
        apply_overlay(DOCUMENT, {})
