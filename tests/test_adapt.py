"""Documents as the generator must see them: whole, and with types that users can work with."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import adapt
import adapt_schemas
import generate
import pytest
from adapt import AdaptationError, adapt_to_generator, derive_operation_id, operation_ids
from openapi_python_client.config import Config, ConfigFile, MetaType


def config() -> Config:
    return Config.from_sources(
        ConfigFile(),
        MetaType.NONE,
        document_source=Path("openapi.json"),
        file_encoding="utf-8",
        overwrite=False,
        output_path=None,
    )


OK = {"responses": {"200": {"description": "fine"}}}


def document(paths: dict[str, Any], **components: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": paths,
        "components": components,
    }


# --- Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/v1/agents/{agentId}/conversations", "list_agent_conversations"),
        ("get", "/v1/agents/{agentId}/conversations/{id}", "get_agent_conversation"),
        ("get", "/v1/agents/{agentId}/conversations/{id}/audio", "get_agent_conversation_audio"),
        ("get", "/api/v2.1/status", "get_status"),
        ("post", "/v1/agents", "create_agent"),
        ("post", "/v1/agents/{agentId}/debug-chat", "post_agent_debug_chat"),
        ("post", "/v1/agents/{agentId}/debug-chat/{id}", "post_agent_debug_chat"),
        ("put", "/agents/{agentId}/note", "replace_agent_note"),
        ("patch", "/companies/{id}", "update_company"),
        ("delete", "/boxes/{id}/addresses/{n}", "delete_box_address"),
        ("get", "/v1/branches/{id}/analysis", "get_branch_analysis"),
        ("get", "/{id}", "get_root"),
        ("get", "/", "get_root"),
        ("get", "/files/{name}.json", "get_file"),
    ],
)
def test_an_operation_without_a_name_gets_one_from_its_path(
    method: str, path: str, name: str
) -> None:
    assert derive_operation_id(method, path) == name


def test_derived_names_that_clash_become_the_whole_path_and_given_ones_stay() -> None:
    paths = {
        "/v1/chats": {"get": OK},
        "/v2/chats": {"get": OK},
        "/v1/agents": {"get": OK},
        "/x": {"get": {**OK, "operationId": "list_agents"}},
        "/y": {"get": {**OK, "operationId": "keep.this"}},
    }
    assert list(operation_ids(document(paths)).values()) == [
        "get_v1_chats",
        "get_v2_chats",
        "get_v1_agents",
        "list_agents",
        "keep.this",
    ]


def test_two_operations_of_one_name_in_python_are_refused() -> None:
    paths = {
        "/x": {"get": {**OK, "operationId": "getUser"}},
        "/y": {"post": {**OK, "operationId": "get_user"}},
    }
    with pytest.raises(AdaptationError, match=r"GET /x and POST /y would both be named 'get_user'"):
        operation_ids(document(paths))


def test_a_document_without_operations_is_refused() -> None:
    with pytest.raises(AdaptationError, match="no operations"):
        adapt_to_generator(document({"x-paths": {"get": OK}, "/x": {"summary": "S"}}), config())


# --- References ----------------------------------------------------------------------------------


def test_references_are_replaced_by_what_they_lead_to() -> None:
    result = adapt_to_generator(
        document(
            {"/x/{id}": {"$ref": "#/components/pathItems/X"}},
            pathItems={
                "X": {
                    "parameters": [{"$ref": "#/components/parameters/Id"}],
                    "post": {
                        "requestBody": {"$ref": "#/components/requestBodies/B"},
                        "responses": {
                            "200": {"$ref": "#/components/responses/A", "description": "nearer"},
                            "x-note": "none",
                        },
                    },
                }
            },
            parameters={
                "Id": {"$ref": "#/components/parameters/Id2"},
                "Id2": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            },
            requestBodies={"B": {"content": {"application/json": {"schema": {"type": "string"}}}}},
            responses={"A": {"description": "far", "content": {"application/json": {}}}},
        ),
        config(),
    )
    item = result["paths"]["/x/{id}"]
    assert item["parameters"][0]["name"] == "id"
    operation = item["post"]
    assert operation["operationId"] == "post_x"
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"type": "string"}
    assert operation["responses"] == {
        "200": {"description": "nearer", "content": {"application/json": {}}}
    }
    assert set(result["components"]) == {"schemas"}


@pytest.mark.parametrize(
    ("components", "told"),
    [
        (
            {"A": {"$ref": "#/components/responses/B"}, "B": {"$ref": "#/components/responses/A"}},
            r"Circular \$ref: #/components/responses/A → #/components/responses/B → .*/A$",
        ),
        ({}, r"Unresolved \$ref: #/components/responses/A$"),
    ],
    ids=["circle", "nowhere"],
)
def test_a_reference_that_leads_to_nothing_is_named(components: Any, told: str) -> None:
    paths = {"/x": {"get": {"responses": {"200": {"$ref": "#/components/responses/A"}}}}}
    with pytest.raises(AdaptationError, match=told):
        adapt_to_generator(document(paths, responses=components), config())


def test_a_schema_that_stands_in_an_operation_can_be_referred_to() -> None:
    def answer(schema: Any) -> Any:
        return {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}

    inline = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    reference = {"$ref": "#/paths/~1x/get/responses/200/content/application~1json/schema"}
    result = adapt_to_generator(
        document(
            {"/x": {"get": answer(inline)}, "/y": {"get": answer(reference)}},
            schemas={"schema": {}},
        ),
        config(),
    )
    found = result["paths"]["/y"]["get"]["responses"]["200"]["content"]["application/json"]
    assert found["schema"] == {"$ref": "#/components/schemas/schema2"}
    assert result["components"]["schemas"]["schema2"] == inline


def test_a_schema_whose_class_another_has_too_is_renamed_with_its_references() -> None:
    before = document(
        {"/x": {"get": {"x": {"$ref": "#/components/schemas/user-list"}}}},
        schemas={"UserList": {}, "user-list": {}, "user-list2": {}},
    )
    after = adapt.with_distinct_class(before, "UserList")
    assert after is not None
    assert list(after["components"]["schemas"]) == ["UserList", "user-list3", "user-list2"]
    assert after["paths"]["/x"]["get"]["x"] == {"$ref": "#/components/schemas/user-list3"}
    assert adapt.with_distinct_class(before, "Other") is None


# --- Parameters and media types ------------------------------------------------------------------


def adapted_operation(operation: dict[str, Any], settings: Config | None = None) -> Any:
    result = adapt_to_generator(
        document({"/x": {"post": {**OK, **operation}}}), settings or config()
    )
    return result["paths"]["/x"]["post"]


def test_parameters_are_what_the_generator_can_do() -> None:
    operation = adapted_operation(
        {
            "parameters": [
                {"name": "filter", "in": "query", "content": {"application/json": {}}},
                {"name": "Accept", "in": "header", "schema": {"type": "string"}},
                {"name": "q", "in": "query", "required": True, "schema": {"default": 1}},
                {"name": "n", "in": "query", "schema": {"default": 1}},
                {"name": "b", "in": "query", "schema": True},
            ]
        }
    )
    assert operation["parameters"] == [
        {"name": "filter", "in": "query", "schema": {"type": "string"}},
        {"name": "q", "in": "query", "required": True, "schema": {}},
        {"name": "n", "in": "query", "schema": {"default": 1}},
        {"name": "b", "in": "query", "schema": {}},
    ]


@pytest.mark.parametrize(
    ("media_type", "schema", "adapted_type", "adapted_schema", "override"),
    [
        ("application/json", {"type": "string"}, "application/json", {"type": "string"}, None),
        ("application/merge-patch+json", {}, "application/merge-patch+json", {}, None),
        ("multipart/form-data", {}, "multipart/form-data", {}, None),
        (
            "*/*",
            {"type": "array"},
            "application/json",
            {"type": "array", "items": {}},
            None,
        ),
        ("text/plain", {"type": "string"}, "text/plain", adapt.BINARY, "application/octet-stream"),
        ("application/xml", {}, "application/xml", adapt.BINARY, "application/octet-stream"),
        ("audio/*", adapt.BINARY, "audio/*", adapt.BINARY, "application/octet-stream"),
    ],
)
def test_a_body_of_any_media_type_can_be_sent(
    media_type: str, schema: Any, adapted_type: str, adapted_schema: Any, override: str | None
) -> None:
    settings = config()
    operation = adapted_operation(
        {"requestBody": {"content": {media_type: {"schema": schema}}}}, settings
    )
    assert operation["requestBody"]["content"] == {adapted_type: {"schema": adapted_schema}}
    assert settings.content_type_overrides.get(media_type) == override


@pytest.mark.parametrize(
    ("content", "adapted_content"),
    [
        (
            {"text/csv": {}, "application/problem+json": {"schema": {"type": "integer"}}},
            {"application/json": {"schema": {"type": "integer"}}},
        ),
        (
            {"text/event-stream": {"schema": {"type": "object"}}},
            {"text/plain": {"schema": {"type": "string"}}},
        ),
        (
            {"*/*": {"schema": {"type": "array"}}},
            {"application/json": {"schema": {"type": "array", "items": {}}}},
        ),
        ({"*/*": {"schema": adapt.BINARY}}, {"application/octet-stream": {"schema": adapt.BINARY}}),
        ({"audio/wav": {}}, {"application/octet-stream": {"schema": adapt.BINARY}}),
        (
            {"application/xml": {"schema": {"type": "object"}}},
            {"application/octet-stream": {"schema": adapt.BINARY}},
        ),
        ({}, {}),
    ],
    ids=str,
)
def test_an_answer_of_any_media_type_can_be_read(content: Any, adapted_content: Any) -> None:
    operation = adapted_operation({"responses": {"200": {"content": content}}})
    assert operation["responses"]["200"]["content"] == adapted_content


def adapted_parameters(parameter: dict[str, Any]) -> tuple[list[Any], list[str]]:
    notes: list[str] = []
    given = {"name": "p", "in": "query", **parameter}
    path = "/x/{p}" if given["in"] == "path" else "/x"
    result = adapt_to_generator(
        document({path: {"get": {**OK, "parameters": [given]}}}), config(), notes
    )
    found = result["paths"][path]["get"]["parameters"]
    changed = [
        {k: v for k, v in each.items() if given.get(k) != v or k == "schema"} for each in found
    ]
    return changed, notes


STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING}
FILTER = {
    "type": "object",
    "properties": {"from": STRING, "to": STRINGS},
    "required": ["from"],
}


@pytest.mark.parametrize(
    ("parameter", "expected", "told"),
    [
        ({"schema": STRINGS}, [{"schema": STRINGS}], ""),
        ({"schema": STRINGS, "explode": False}, [{"schema": STRING}], "with ',' between"),
        ({"schema": STRINGS, "style": "pipeDelimited"}, [{"schema": STRING}], "with '|' between"),
        ({"schema": STRINGS, "style": "spaceDelimited"}, [{"schema": STRING}], "with ' ' between"),
        ({"schema": STRINGS, "in": "header"}, [{"schema": STRING}], "with ',' between"),
        ({"schema": STRINGS, "in": "cookie"}, [{"schema": STRING}], "with ',' between"),
        (
            {"schema": FILTER, "style": "deepObject", "explode": True, "required": True},
            [{"name": "p[from]", "schema": STRING}],
            "query parameter 'p': its property 'to' is not sent",
        ),
        ({"schema": {"type": "object"}}, [], "an object with any keys"),
        ({"schema": FILTER, "explode": False}, [{"schema": STRING}], "with ',' between"),
        (
            {"schema": {"type": "boolean"}, "in": "path", "required": True},
            [{"schema": {"type": "string", "enum": ["true", "false"]}}],
            "",
        ),
        (
            {"schema": {"type": "string", "format": "date-time"}, "in": "path", "required": True},
            [{"schema": STRING}],
            "",
        ),
        (
            {"schema": STRING, "in": "path", "required": True, "style": "label"},
            [{"schema": STRING}],
            "pass it in the style label",
        ),
        ({"schema": {}, "in": "header"}, [{"schema": STRING}], ""),
        ({"schema": {"anyOf": [STRING, {}]}, "in": "cookie"}, [{"schema": STRING}], ""),
        (
            {"schema": {"type": ["integer", "null"]}, "in": "path", "required": True},
            [{"schema": {"type": "integer"}}],
            "",
        ),
        ({"schema": STRING, "name": "a\nb"}, [], "the generator would change its name"),
        ({"schema": {**STRING, "default": "a\nb"}}, [{"schema": STRING}], "its default has chara"),
    ],
)
def test_a_parameter_that_would_be_serialised_wrongly_is_changed_and_noted(
    parameter: dict[str, Any], expected: list[Any], told: str
) -> None:
    found, notes = adapted_parameters(parameter)
    assert found == expected
    assert len(notes) == bool(told), notes
    assert told in "".join(notes)
    assert all(note.startswith("GET /x") for note in notes)


@pytest.mark.parametrize(
    ("content", "sent", "others"),
    [
        (["application/xml", "application/json"], "application/json", "application/xml"),
        (["application/vnd.v2+json", "application/json"], "application/json", "vnd.v2+json"),
        (["multipart/form-data", "text/plain"], "multipart/form-data", "text/plain"),
        (["text/plain", "application/xml"], "text/plain", "application/xml"),
    ],
)
def test_of_several_media_types_one_is_generated_and_the_others_are_noted(
    content: list[str], sent: str, others: str
) -> None:
    notes: list[str] = []
    media = {"content": {name: {"schema": {"type": "object"}} for name in content}}
    operation = {"requestBody": media, "responses": {"200": copy.deepcopy(media)}}
    result = adapt_to_generator(document({"/x": {"post": operation}}), config(), notes)
    assert list(result["paths"]["/x"]["post"]["requestBody"]["content"]) == [sent]
    assert len(result["paths"]["/x"]["post"]["responses"]["200"]["content"]) == 1
    assert notes[0].startswith(f"POST /x: the request body is sent as {sent}, not as ")
    assert notes[1].startswith("POST /x, response 200: it is read as ")
    assert others in notes[0]


def test_webhooks_and_callbacks_are_noted() -> None:
    notes: list[str] = []
    paths = {"/x": {"post": {**OK, "callbacks": {"done": {"{$url}": {"post": OK}}}}}}
    adapt_to_generator({**document(paths), "webhooks": {"w": {"post": OK}}}, config(), notes)
    assert notes == ["webhook w", "POST /x: its callbacks"]


@pytest.mark.parametrize(
    "schemas",
    [
        {"V": {"anyOf": [STRING, {"type": "array", "items": {"$ref": "#/components/schemas/V"}}]}},
        {
            "V": {"type": "array", "items": {"$ref": "#/components/schemas/W"}},
            "W": {"oneOf": [STRING, {"$ref": "#/components/schemas/V"}]},
        },
        {
            "V": {
                "type": "object",
                "additionalProperties": {"$ref": "#/components/schemas/V"},
            }
        },
    ],
    ids=["union", "two schemas", "map"],
)
def test_recursion_that_no_object_is_part_of_ends_in_an_untyped_value(schemas: Any) -> None:
    adapt_schemas.cut_recursion(schemas)
    text = json.dumps(schemas)
    assert "{}" in text
    assert text.count("$ref") < 2


def test_what_fails_unexpectedly_is_named_with_its_place() -> None:
    broken = document({"/x": {"get": {**OK, "parameters": [{"in": "query"}]}}})
    with pytest.raises(AdaptationError, match="GET /x: KeyError: 'name'"):
        adapt_to_generator(broken, config())


# --- Schemas -------------------------------------------------------------------------------------


def adapted(schemas: dict[str, Any], *, request: str = "Request") -> Any:
    def body(name: str) -> dict[str, Any]:
        return {
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        }

    document = {
        "paths": {
            "/x": {
                "summary": "a path item holds more than operations",
                "post": {"requestBody": body(request), "responses": {"200": body("Answer")}},
            }
        },
        "components": {"schemas": schemas},
    }
    before = copy.deepcopy(document)
    result = adapt_to_generator(document, config())
    assert document == before
    return result["components"]["schemas"]


REF = {"$ref": "#/components/schemas/Inner"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("spec", "adapted_spec"),
    [
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"type": "null"}, {}),
        ({"const": None}, {}),
        (
            {"enum": ["a", "b"]},
            {"anyOf": [{"type": "string", "enum": ["a", "b"], "title": "field"}, NULL]},
        ),
        (
            {"type": "string", "enum": ["a", None], "description": "D"},
            {
                "description": "D",
                "anyOf": [{"type": "string", "enum": ["a"], "title": "field"}, NULL],
            },
        ),
        ({"const": 5}, {"anyOf": [{"type": "integer", "enum": [5], "title": "field"}, NULL]}),
        ({"const": "a\nb"}, {"type": ["string", "null"]}),
        ({"enum": [1.5, None]}, {"type": ["number", "null"]}),
        ({"enum": [1, "a"]}, {"type": ["integer", "string", "null"]}),
        ({"type": "integer", "default": "x"}, {"type": ["integer", "null"]}),
        ({"type": "integer", "default": 1}, {"type": ["integer", "null"], "default": 1}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": ["string", "integer"]}, {"type": ["string", "integer", "null"]}),
        ({"anyOf": [REF]}, {"anyOf": [REF, NULL]}),
        ({"oneOf": [REF, NULL]}, {"oneOf": [REF, NULL]}),
        (REF, {"anyOf": [REF, NULL]}),
        ({"allOf": [REF]}, {"anyOf": [{"allOf": [REF]}, NULL]}),
        ({}, {}),
        (
            {"type": "string", "format": "http-date"},
            {"type": ["string", "null"], "format": "date-time"},
        ),
        ({"type": "object", "description": "D"}, {"description": "D"}),
        ({"type": ["object", "null"], "additionalProperties": REF}, {}),
        (
            {"type": "object", "properties": {"a": {}}},
            {"type": ["object", "null"], "properties": {"a": {}}, "required": ["a"]},
        ),
        (
            {"type": "array", "items": {"type": "object"}},
            {"type": ["array", "null"], "items": {}},
        ),
    ],
    ids=str,
)
def test_what_an_answer_may_leave_out_becomes_nullable_and_required(
    spec: Any, adapted_spec: Any
) -> None:
    schemas = adapted(
        {
            "Answer": {"properties": {"field": spec, "id": {"type": "string"}}, "required": ["id"]},
            "Inner": {},
        }
    )
    assert schemas["Answer"] == {
        "properties": {"field": adapted_spec, "id": {"type": "string"}},
        "required": ["field", "id"],
    }


def test_what_requests_use_stays_optional() -> None:
    inner = {"properties": {"field": {"type": "string"}}}
    schemas = adapted(
        {
            "Request": {"properties": {"inner": {"type": "array", "items": REF}}},
            "Answer": {"properties": {"inner": REF}},
            "Inner": inner,
            "Unused": inner,
        }
    )
    assert schemas["Request"] == {"properties": {"inner": {"type": "array", "items": REF}}}
    assert schemas["Inner"] == schemas["Unused"] == inner
    assert schemas["Answer"]["required"] == ["inner"]


def test_a_reference_to_nowhere_is_left_to_the_generator() -> None:
    schemas = adapted({"Answer": {"properties": {"field": REF}}}, request="Nowhere")
    assert schemas["Answer"]["properties"]["field"] == {"anyOf": [REF, NULL]}


@pytest.mark.parametrize(
    ("spec", "adapted_spec"),
    [
        ({"title": "T", "type": "string"}, {"type": "string"}),
        ({"properties": {"title": {"title": "T"}}}, {"properties": {"title": {}}}),
        ({"type": "boolean", "enum": [True]}, {"type": "boolean"}),
        ({"type": ["boolean", "null"], "enum": [True, None]}, {"type": ["boolean", "null"]}),
        ({"allOf": [REF, {"description": "D", "deprecated": True}]}, {"allOf": [REF]}),
        ({"allOf": [{"description": "D"}]}, {"allOf": [{"description": "D"}]}),
        ({"allOf": [REF, {"required": ["a"]}]}, {"allOf": [REF, {"required": ["a"]}]}),
        ({"enum": [True, False]}, {"type": "boolean"}),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"], "type": "string"}),
        (
            {"type": "string", "enum": ["a-b", "a_b"]},
            {
                "type": "string",
                "enum": ["a-b", "a_b"],
                "x-enum-varnames": ["VALUE_0", "VALUE_1"],
            },
        ),
        ({"type": "string", "enum": []}, {"type": "string"}),
        ({"type": "string", "enum": [1, 2]}, {"type": "string", "enum": ["1", "2"]}),
        ({"type": "number", "enum": [1, 2]}, {"type": "number"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "string", "examples": [{"$ref": "x.json"}]}, {"type": "string"}),
        ({"allOf": [REF], "nullable": True}, {"anyOf": [{"allOf": [REF]}, NULL]}),
        (
            {
                "type": "object",
                "properties": {"a": {}},
                "oneOf": [{"required": ["a"]}, {"properties": {"b": {}, "a": {"type": "string"}}}],
            },
            {"type": "object", "properties": {"a": {}, "b": {}}},
        ),
        (
            {"allOf": [REF, {"oneOf": [{"properties": {"b": {}}}, {"properties": {"c": {}}}]}]},
            {"allOf": [REF, {"type": "object", "properties": {"b": {}, "c": {}}}]},
        ),
        ({"properties": {"a\nb": {}}, "required": ["a\nb"]}, {"properties": {}, "required": []}),
        ({"properties": {"a": True}}, {"properties": {"a": {}}}),
        ({"items": False}, {"items": {}}),
        ({"anyOf": [{"title": "T"}, True]}, {"anyOf": [{}, {}]}),
        ({"type": "object", "oneOf": [REF]}, {"type": "object", "oneOf": [REF]}),
        (
            {"properties": {"a": {"type": "object", "oneOf": [REF]}}},
            {"properties": {"a": {"type": "object", "oneOf": [REF]}}},
        ),
    ],
    ids=str,
)
def test_schemas_become_what_the_generator_can_do(spec: Any, adapted_spec: Any) -> None:
    assert adapted({"Request": spec, "Answer": {}, "Inner": {}})["Request"] == adapted_spec


def test_absence_is_settled_in_what_stands_inside_answers() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}}}
    settled = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}},
        "required": ["a"],
    }
    schemas = adapted(
        {
            "Answer": {
                "allOf": [inner],
                "properties": {"nested": inner, "several": {"type": "array", "items": inner}},
                "required": ["nested", "several"],
            },
            "Request": inner,
        }
    )
    assert schemas["Request"] == inner
    assert schemas["Answer"] == {
        "allOf": [settled],
        "properties": {"nested": settled, "several": {"type": "array", "items": settled}},
        "required": ["nested", "several"],
    }


def test_a_document_of_all_of_it_is_generated_whole_imports_and_type_checks(tmp_path: Path) -> None:
    schema = {"$ref": "#/components/schemas/Thing"}
    parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    whole = document(
        {
            "/v1/things": {
                "get": {
                    "parameters": [
                        {
                            "name": "tags",
                            "in": "query",
                            "schema": {"type": "array", "items": {"type": "string"}},
                        },
                        {"name": "like", "in": "query", "content": {"application/json": {}}},
                    ],
                    "responses": {
                        "200": {
                            "description": "x",
                            "content": {
                                "text/csv": {},
                                "application/json": {"schema": {"type": "array", "items": schema}},
                            },
                        },
                        "4XX": {"$ref": "#/components/responses/Error"},
                        "default": {"$ref": "#/components/responses/Error"},
                    },
                },
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {"schema": schema},
                            "multipart/form-data": {
                                "schema": {"type": "object", "properties": {"file": adapt.BINARY}}
                            },
                        },
                    },
                    "responses": {
                        "201": {
                            "description": "x",
                            "content": {"application/json": {"schema": schema}},
                        }
                    },
                },
            },
            "/v1/things/{id}/stream": {
                "parameters": [parameter],
                "get": {
                    "tags": ["A"],
                    "responses": {
                        "200": {
                            "description": "x",
                            "content": {"text/event-stream": {"schema": schema}},
                        }
                    },
                },
                "put": {
                    "tags": ["B"],
                    "requestBody": {"content": {"audio/mpeg": {}}},
                    "responses": {"204": {"description": "x"}},
                },
            },
        },
        schemas={
            "Thing": {
                "type": "object",
                "title": "Same",
                "properties": {
                    "parent": {"allOf": [schema, {"description": "above"}]},
                    "part": {
                        "title": "Same",
                        "type": "object",
                        "properties": {"n": {"type": "integer"}},
                    },
                    "state": {"type": "string", "enum": ["on-hold", "on_hold"]},
                    "flag": {"type": "boolean", "enum": [True]},
                    "any": True,
                },
            },
            "ThingPart": {"type": "object", "properties": {"x": {"type": "string"}}},
        },
        responses={
            "Error": {
                "description": "x",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/ThingPart"}
                    }
                },
            }
        },
    )
    package = tmp_path / "polyai_data_generated"
    generate.generate(package, json.dumps(whole).encode(), stale=[])
    modules = {path.stem for path in (package / "api" / "operations").glob("*.py")} - {"__init__"}
    things = {"list_things", "create_thing", "get_thing_stream", "replace_thing_stream"}
    assert modules == things | {"search_conversations"}  # of the other document
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--disable-error-code=redundant-cast",
            "--no-error-summary",
            "--cache-dir",
            str(tmp_path / "cache"),
            package.name,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert checked.stdout == ""
    names = ", ".join(
        f"polyai_data_generated.api.operations.{module}" for module in sorted(modules)
    )
    code = f"import {names}, polyai_data_generated as p; print(p.__file__)"
    imported = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(tmp_path) in imported.stdout
