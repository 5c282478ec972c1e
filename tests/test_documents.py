"""Joining the specs: what is taken from each, and that nothing of one gets into the other."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import committed
import documents
import generate
import impact
import pytest
import vendor
from documents import OTHERS, Other, file_name, join, not_taken, only_taken
from openapi import AdaptationError, operations
from polyai_data_generated import origin

ROOT = Path(__file__).parent.parent
V3 = "openapi.conversations-v3.json"
SEARCH = "/v3/{account_id}/{project_id}/conversations"

_PART = "#/components/schemas/Part"
MAIN: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Main", "version": "1"},
    "servers": [{"url": "https://main.example"}],
    "security": [{"Key": []}],
    "paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/Thing"}}}}},
    "components": {
        "schemas": {"Thing": {"type": "string"}},
        "responses": {"Thing": {"description": "main"}},
        "securitySchemes": {"Key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
}
OTHER: dict[str, Any] = {
    "openapi": "3.0.1",
    "info": {"title": "Other", "version": "2"},
    "servers": [{"url": "https://other.example"}],
    "security": [{"Key": []}],
    "paths": {
        "/b": {
            "parameters": [{"$ref": "#/components/parameters/limit"}],
            "get": {
                "responses": {
                    "200": {
                        "description": "a page",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/Thing"},
                                "example": {"$ref": "#/components/schemas/Data"},
                            }
                        },
                    },
                    "404": {"$ref": "#/components/responses/Thing"},
                }
            },
        },
        "/a": {"get": {"responses": {"200": {"description": "the older path"}}}},
        "/c": {"get": {"responses": {"200": {"$ref": "#/components/responses/Unused"}}}},
    },
    "components": {
        "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}},
        "responses": {"Thing": {"description": "other"}, "Unused": {"description": "x"}},
        "schemas": {
            "Thing": {
                "discriminator": {"propertyName": "k", "mapping": {"a": "Part", "b": _PART}},
                "properties": {"$ref": {"type": "string"}, "mapping": {"$ref": _PART}},
            },
            "Part": {"type": "object", "properties": {"x": {"$ref": "#/components/schemas/Thing"}}},
            "Unused": {"type": "string"},
            "Data": {"type": "string"},
        },
        "securitySchemes": {"Key": {"type": "http", "scheme": "bearer"}},
    },
}


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(documents, "OTHERS", {"other.json": Other("Two", ("/b",))})
    return {"other.json": copy.deepcopy(OTHER)}


def test_only_what_is_listed_is_taken_and_nothing_leaks(others: dict[str, Any]) -> None:
    joined = join(MAIN, others)
    assert joined["paths"]["/a"] == MAIN["paths"]["/a"]
    assert list(joined["paths"]) == ["/a", "/b"]
    assert {key: joined[key] for key in ("info", "servers", "security")} == {
        key: MAIN[key] for key in ("info", "servers", "security")
    }
    item = joined["paths"]["/b"]
    assert item["servers"] == [{"url": "https://other.example"}]
    assert item["parameters"] == [{"$ref": "#/components/parameters/Twolimit"}]
    assert item["get"]["security"] == [{"TwoKey": []}]
    responses = item["get"]["responses"]
    assert responses["404"] == {"$ref": "#/components/responses/TwoThing"}
    assert responses["200"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/TwoThing"},
        "example": {"$ref": "#/components/schemas/Data"},
    }
    components = joined["components"]
    assert components["responses"] == {
        "Thing": {"description": "main"},
        "TwoThing": {"description": "other"},
    }
    assert list(components["schemas"]) == ["Thing", "TwoThing", "TwoPart"]
    assert components["schemas"]["Thing"] == {"type": "string"}
    two = components["schemas"]["TwoThing"]
    part = "#/components/schemas/TwoPart"
    assert two["discriminator"] == {"propertyName": "k", "mapping": {"a": part, "b": part}}
    assert two["properties"] == {"$ref": {"type": "string"}, "mapping": {"$ref": part}}
    assert components["securitySchemes"] == {
        "Key": MAIN["components"]["securitySchemes"]["Key"],
        "TwoKey": {"type": "http", "scheme": "bearer"},
    }


def test_neither_spec_is_changed(others: dict[str, Any]) -> None:
    main = copy.deepcopy(MAIN)
    joined = join(main, others)
    joined["paths"]["/b"]["servers"].append("x")
    assert main == MAIN
    assert others == {"other.json": OTHER}


def remove_path(other: dict[str, Any]) -> None:
    del other["paths"]["/b"]


def refer_elsewhere(other: dict[str, Any]) -> None:
    other["paths"]["/b"]["get"]["responses"]["404"] = {"$ref": "#/paths/~1a"}


def refer_to_a_file(other: dict[str, Any]) -> None:
    other["paths"]["/b"]["get"]["responses"]["404"] = {"$ref": "common.yaml#/components/x/y"}


def refer_to_nothing(other: dict[str, Any]) -> None:
    del other["components"]["responses"]["Thing"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (remove_path, "other.json has no path /b; see scripts/documents.py."),
        (refer_elsewhere, "$ref #/paths/~1a: only references to components can be joined."),
        (refer_to_a_file, "$ref common.yaml#/components/x/y: only references to components"),
        (refer_to_nothing, "Unresolved $ref: #/components/responses/Thing"),
    ],
)
def test_what_cannot_be_joined_is_refused(
    others: dict[str, Any], change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    change(others["other.json"])
    with pytest.raises(AdaptationError) as caught:
        join(MAIN, others)
    assert str(caught.value).startswith(reason)


def test_a_path_of_both_is_refused(others: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "OTHERS", {"other.json": Other("Two", ("/a",))})
    with pytest.raises(AdaptationError, match="is in other"):
        join(MAIN, others)


def test_a_spec_without_servers_and_security_has_those_of_its_paths(
    others: dict[str, Any],
) -> None:
    for key in ("servers", "security", "components"):
        del others["other.json"][key]
    others["other.json"]["paths"]["/b"] = {"get": {"responses": {"200": {"description": "x"}}}}
    item = join(MAIN, others)["paths"]["/b"]
    assert "servers" not in item
    assert item["get"]["security"] == []


def test_what_is_not_taken_is_not_compared_but_told(others: dict[str, Any]) -> None:
    reduced = only_taken("other.json", others["other.json"])
    assert list(reduced["paths"]) == ["/b"]
    assert list(reduced["components"]["schemas"]) == ["Thing", "Part"]
    assert list(reduced["components"]["responses"]) == ["Thing"]
    assert only_taken("openapi.json", MAIN) is MAIN
    told = not_taken("other.json", others["other.json"], MAIN)
    assert told == ["GET /c: not listed in scripts/documents.py"]


@pytest.mark.parametrize(("document", "name"), [("", "openapi.json"), ("conversations-v3", V3)])
def test_document_names_a_spec(document: str, name: str) -> None:
    assert file_name(document) == name
    assert (ROOT / name).exists()


@pytest.mark.parametrize("document", ["x", "openapi.json", "../conversations-v3", V3])
def test_any_other_name_is_refused_with_the_valid_ones(document: str) -> None:
    with pytest.raises(AdaptationError, match="expected conversations-v3, or nothing for openapi"):
        file_name(document)


# --- The vendored specs --------------------------------------------------------------------------


def test_the_search_comes_from_its_own_spec_with_its_own_hosts() -> None:
    joined = generate.joined_document()
    main = json.loads((ROOT / "openapi.json").read_bytes())
    added = {place[1] for place, _ in operations(joined)} - set(main["paths"])
    assert added == {path for other in OTHERS.values() for path in other.paths} == {SEARCH}
    other = json.loads((ROOT / V3).read_bytes())
    hosts = tuple(server["url"] for server in other["servers"])
    assert {"search_conversations": hosts} == origin.OPERATION_SERVERS
    assert not set(hosts) & set(origin.SERVERS)
    for name, (title, version, _) in origin.OTHER_DOCUMENTS.items():
        info = json.loads((ROOT / name).read_bytes())["info"]
        assert (title, version) == (info["title"], info["version"])
    for section, components in joined["components"].items():
        own = main["components"].get(section, {})
        assert all(name in own or name.startswith("V3") for name in components), section
        assert {name: components[name] for name in own} == own


@pytest.fixture
def without_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the type check of the facade, which takes its time."""
    monkeypatch.setattr(impact, "_facade", lambda _: iter(()))


def measured(change: Callable[[Any], object]) -> impact.Impact:
    old = (ROOT / V3).read_bytes()
    new = json.loads(old)
    change(new)
    return impact.measure(old, json.dumps(new).encode(), name=V3)


def to_do(result: impact.Impact) -> list[str]:
    """Return what is to be decided, without operations that maintainers left out of the facade."""
    found = [task.what for task in result.tasks]
    return [what for what in found if not what.startswith("the facade does not wrap")]


@pytest.mark.usefixtures("without_types")
def test_a_new_version_of_the_other_spec_is_measured_by_what_is_taken() -> None:
    def change(new: Any) -> None:
        del new["paths"]["/v1/agents/{agentId}/debug-chat"]
        new["paths"]["/v3/metrics"] = {"get": {"responses": {"200": {"description": "x"}}}}
        found = new["paths"][SEARCH]["get"]["parameters"]
        found.append({"name": "moon_phase", "in": "query", "schema": {"type": "string"}})

    result = measured(change)
    assert to_do(result) == ["search_conversations has a new parameter, moon_phase"]
    (changed,) = result.changes
    assert not changed.is_breaking
    assert SEARCH in changed.where
    assert "GET /v3/metrics: not listed in scripts/documents.py" in result.omitted
    assert V3 in result.mark


@pytest.mark.usefixtures("without_types")
def test_nothing_is_to_be_decided_about_the_same_spec() -> None:
    def change(new: Any) -> None:
        new["info"]["version"] = "3.0.1"
        new["paths"].pop("/v1/agents/{agentId}/debug-chat")

    assert to_do(measured(change)) == []


@pytest.mark.usefixtures("without_types")
def test_a_path_that_is_gone_blocks() -> None:
    result = measured(lambda new: new["paths"].pop(SEARCH))
    assert [task.what for task in result.tasks if task.urgency == impact.BLOCKS] == [
        f"{V3} has no path {SEARCH}; see scripts/documents.py."
    ]


def test_vendoring_the_other_spec_replaces_its_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("openapi.json", V3):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    new = json.loads((ROOT / V3).read_bytes())
    new["info"]["version"] = "3.1.0"
    (tmp_path / "new.json").write_text(json.dumps(new))
    asked: list[Any] = []

    def measure(*arguments: Any) -> Any:
        asked.append(arguments)
        return impact.Impact(
            ("a", "b"), ("1", "2"), "0.1.0", changes=[], tasks=[], bump="none", mark="", omitted=[]
        )

    monkeypatch.setattr(vendor, "DOCUMENT", tmp_path / "openapi.json")
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    monkeypatch.setattr(vendor, "REPORT", tmp_path / "build" / "spec-diff.md")
    monkeypatch.setattr(vendor, "check", lambda _: None)
    monkeypatch.setattr(committed, "extract", lambda *_: generate.PACKAGE)
    monkeypatch.setattr(vendor, "measure", measure)
    monkeypatch.setattr(sys, "argv", ["vendor.py", str(tmp_path / "new.json")])
    monkeypatch.setenv("DOCUMENT", "conversations-v3")
    assert vendor.main() == 0
    assert capsys.readouterr().out.endswith(f"Wrote {V3}. Full report: build/spec-diff.md.\n")
    assert json.loads((tmp_path / V3).read_bytes())["info"]["version"] == "3.1.0"
    assert (tmp_path / "openapi.json").read_bytes() == (ROOT / "openapi.json").read_bytes()
    assert asked[0][3] == V3
    monkeypatch.setenv("DOCUMENT", "v4")
    assert vendor.main() == 1
    assert "DOCUMENT=v4: expected conversations-v3" in capsys.readouterr().out
