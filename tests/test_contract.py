"""Comparing two versions of a spec: what is reported, and what makes no difference."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from contract import Change, compare

from tests.bumps import CHAT, GET, LIST, Document, original, schema

REFERENCE = "#/components/schemas/"


def walk(node: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy in which `change` has replaced each value, from the inside out."""
    if isinstance(node, dict):
        node = {key: walk(value, change) for key, value in node.items()}
    elif isinstance(node, list):
        node = [walk(each, change) for each in node]
    return change(node)


# --- What makes no difference --------------------------------------------------------------------


def keys_in_another_order(document: Document) -> Document:
    turned: Document = walk(
        document, lambda node: dict(reversed(node.items())) if isinstance(node, dict) else node
    )
    return turned


def parameters_in_another_order(document: Document) -> Document:
    for item in document["paths"].values():
        for owner in item.values():
            if isinstance(owner, dict) and "parameters" in owner:
                owner["parameters"].reverse()
    return document


def parameters_of_paths_in_operations(document: Document) -> Document:
    for item in document["paths"].values():
        shared = item.pop("parameters")
        for operation in item.values():
            operation["parameters"] = [*operation.get("parameters", []), *copy.deepcopy(shared)]
    return document


def parameters_by_reference(document: Document) -> Document:
    document["components"]["parameters"] = {
        "Agent": document["paths"][LIST]["parameters"][0],
    }
    document["paths"][LIST]["parameters"] = [{"$ref": "#/components/parameters/Agent"}]
    return document


def responses_and_bodies_by_reference(document: Document) -> Document:
    operation = document["paths"][f"{GET}/note"]["post"]
    document["components"]["requestBodies"] = {"Note": operation["requestBody"]}
    document["components"]["responses"] = {"Done": operation["responses"]["201"]}
    operation["requestBody"] = {"$ref": "#/components/requestBodies/Note"}
    operation["responses"]["201"] = {"$ref": "#/components/responses/Done"}
    return document


def path_by_reference(document: Document) -> Document:
    document["components"]["pathItems"] = {"List": document["paths"][LIST]}
    document["paths"][LIST] = {"$ref": "#/components/pathItems/List"}
    return document


def schemas_inlined(document: Document) -> Document:
    schemas = document["components"]["schemas"]

    def inline(node: Any) -> Any:
        if isinstance(node, dict) and str(node.get("$ref", "")).startswith(REFERENCE):
            return walk(schemas[node["$ref"].removeprefix(REFERENCE)], inline)
        return node

    document["paths"] = walk(document["paths"], inline)
    return document


def a_schema_extracted(document: Document) -> Document:
    direction = schema(document)["properties"]["direction"]
    document["components"]["schemas"]["Direction"] = dict(direction)
    schema(document)["properties"]["direction"] = {"$ref": f"{REFERENCE}Direction"}
    return document


def longer_descriptions(document: Document) -> Document:
    def describe(node: Any) -> Any:
        if isinstance(node, dict) and isinstance(node.get("description"), str):
            return {**node, "description": node["description"] + " And much more. " * 20}
        return node

    changed: Document = walk(document, describe)
    return changed


def titles_and_examples(document: Document) -> Document:
    def illustrate(node: Any) -> Any:
        if isinstance(node, dict) and isinstance(node.get("type"), str) and "in" not in node:
            return {**node, "title": "T", "examples": [{"$ref": "elsewhere.json"}]}
        return node

    document["paths"] = walk(document["paths"], illustrate)
    document["components"]["schemas"] = walk(document["components"]["schemas"], illustrate)
    return document


def references_wrapped(document: Document) -> Document:
    def wrap(node: Any) -> Any:
        return {"allOf": [node, {"description": "D"}]} if is_reference(node) else node

    def is_reference(node: Any) -> bool:
        return isinstance(node, dict) and str(node.get("$ref", "")).startswith(REFERENCE)

    changed: Document = walk(document, wrap)
    return changed


def enums_and_required_in_another_order(document: Document) -> Document:
    def turn(node: Any) -> Any:
        if isinstance(node, dict):
            for key in ("enum", "required"):
                if isinstance(node.get(key), list):
                    node[key].reverse()
        return node

    changed: Document = walk(document, turn)
    return changed


def types_that_are_implied(document: Document) -> Document:
    for each in document["components"]["schemas"].values():
        each.pop("type", None)
    return document


def security_scheme_renamed(document: Document) -> Document:
    schemes = document["components"]["securitySchemes"]
    schemes["another"] = schemes.pop("polyApiKey")
    document["security"] = [{"another": []}]
    return document


def security_header_in_lower_case(document: Document) -> Document:
    document["components"]["securitySchemes"]["polyApiKey"]["name"] = "x-api-key"
    return document


def security_of_each_operation(document: Document) -> Document:
    security = document.pop("security")
    for item in document["paths"].values():
        for method in item.keys() & {"get", "post"}:
            item[method]["security"] = security
    return document


def servers_of_each_operation(document: Document) -> Document:
    servers = document.pop("servers")
    for item in document["paths"].values():
        item["servers"] = servers
    return document


def parameter_defaults_of_openapi(document: Document) -> Document:
    for parameter in document["paths"][LIST]["get"]["parameters"]:
        parameter |= {"style": "form", "explode": True}
    return document


HARMLESS = [
    keys_in_another_order,
    parameters_in_another_order,
    parameters_of_paths_in_operations,
    parameters_by_reference,
    responses_and_bodies_by_reference,
    path_by_reference,
    schemas_inlined,
    longer_descriptions,
    titles_and_examples,
    references_wrapped,
    enums_and_required_in_another_order,
    types_that_are_implied,
    security_scheme_renamed,
    security_header_in_lower_case,
    security_of_each_operation,
    servers_of_each_operation,
    parameter_defaults_of_openapi,
]
PROSE = {"description", "summary", "title", "examples", "order or notation only"}


def is_prose(change: Change) -> bool:
    return not change.is_breaking and set(change.text.split(", ")) <= PROSE


@pytest.mark.parametrize("change", HARMLESS, ids=lambda each: each.__name__.replace("_", " "))
@pytest.mark.parametrize("backwards", [False, True], ids=["", "backwards"])
def test_a_harmless_change_is_no_change_of_the_contract(
    change: Callable[[Document], Document], backwards: bool
) -> None:
    before, now = original(), change(original())
    assert json.dumps(before) != json.dumps(now)
    if backwards:
        before, now = now, before
    changes = compare(before, now)
    assert changes
    assert [each for each in changes if not is_prose(each)] == []


def test_a_schema_that_is_extracted_is_the_only_change() -> None:
    changes = compare(original(), a_schema_extracted(original()))
    assert [(c.kind, c.where, c.text) for c in changes] == [("added", "schemas", "new: Direction")]


def test_nothing_is_reported_of_the_same_spec() -> None:
    assert compare(original(), original()) == []


# --- What makes a difference ---------------------------------------------------------------------


def parameter(document: Document, name: str) -> Any:
    parameters = document["paths"][LIST]["get"]["parameters"]
    return next(each for each in parameters if each["name"] == name)


def body(document: Document) -> Any:
    return document["paths"][f"{GET}/note"]["post"]["requestBody"]


def responses(document: Document) -> Any:
    return document["paths"][GET]["get"]["responses"]


JSON_ERROR = {"application/json": {"schema": {"type": "object"}}}
Edit = Callable[[Document], Any]
CHANGES: list[tuple[str, Edit, list[str]]] = [
    (
        "a status gets a body",
        lambda d: [r.update(content=JSON_ERROR) for s, r in responses(d).items() if s != "200"],
        [f"  GET {GET}: responses that now have a body: 401, 403, 404"],
    ),
    (
        "a status loses its body",
        lambda d: responses(d)["200"].pop("content"),
        [f"! GET {GET}: responses without a body: 200"],
    ),
    (
        "another status",
        lambda d: responses(d).update({"202": responses(d).pop("200")}),
        [
            f"! GET {GET}: no longer documented statuses: 200",
            f"  GET {GET}: newly documented statuses: 202",
        ],
    ),
    (
        "a header of a response",
        lambda d: responses(d)["200"].update(headers={"X-Next": {"schema": {"type": "string"}}}),
        [f"  GET {GET}: added headers of response 200: X-Next"],
    ),
    (
        "fifteen parameters",
        lambda d: d["paths"][LIST]["get"]["parameters"].extend(
            {"name": f"p{n}", "in": "query", "schema": {"type": "string"}} for n in range(15)
        ),
        [f"  GET {LIST}: new optional query parameters: " + ", ".join(f"p{n}" for n in range(15))],
    ),
    (
        "a parameter with a default",
        lambda d: d["paths"][LIST]["get"]["parameters"].append(
            {
                "name": "client_env",
                "in": "query",
                "schema": {"type": "string", "default": "live"},
            }
        ),
        [
            f"  GET {LIST}: new optional query parameters with a default: "
            'client_env = "live" [default]'
        ],
    ),
    (
        "another default",
        lambda d: parameter(d, "limit")["schema"].update(default=100),
        [f"! GET {LIST}: default of query parameter limit: 50 → 100 [default]"],
    ),
    (
        "another limit",
        lambda d: parameter(d, "limit")["schema"].update(minimum=10, maximum=200),
        [
            f"! GET {LIST}: minimum of query parameter limit: 1 → 10",
            f"! GET {LIST}: maximum of query parameter limit: none → 200",
        ],
    ),
    (
        "a looser limit",
        lambda d: parameter(d, "limit")["schema"].update(minimum=0),
        [f"  GET {LIST}: minimum of query parameter limit: 1 → 0"],
    ),
    (
        "another style",
        lambda d: parameter(d, "limit").update(explode=False),
        [
            f"! GET {LIST}: query parameter limit is serialised differently: "
            "form → form, not exploded [style]"
        ],
    ),
    (
        "a parameter that is required",
        lambda d: parameter(d, "limit").update(required=True),
        [f"! GET {LIST}: query parameter limit became required"],
    ),
    (
        "a parameter in another place",
        lambda d: parameter(d, "limit").update({"in": "header"}),
        [
            f"! GET {LIST}: removed query parameters: limit",
            f"  GET {LIST}: new optional header parameters with a default: limit = 50 [default]",
        ],
    ),
    (
        "a parameter of the path renamed",
        lambda d: d["paths"].update(
            {
                LIST.replace("agentId", "id"): {
                    **d["paths"].pop(LIST),
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
                    ],
                }
            }
        ),
        [
            f"  GET {LIST.replace('agentId', 'id')}: the parameters in the path were renamed: "
            f"was {LIST}"
        ],
    ),
    (
        "another media type of a request",
        lambda d: body(d).update(content={"text/plain": {"schema": {"type": "string"}}}),
        [
            f"! POST {GET}/note: the media type of the request body changed: application/json → "
            "text/plain [media type]",
            f"! POST {GET}/note: type of the request body: object → string",
            f"! POST {GET}/note: removed fields: the request body → note",
        ],
    ),
    (
        "a body that is optional",
        lambda d: body(d).update(required=False),
        [f"  POST {GET}/note: the request body became optional"],
    ),
    (
        "no body",
        lambda d: d["paths"][f"{GET}/note"]["post"].pop("requestBody"),
        [f"! POST {GET}/note: removed the request body [media type]"],
    ),
    (
        "authentication of one operation",
        lambda d: d["paths"][GET]["get"].update(security=[]),
        [f"! GET {GET}: authentication: header X-API-KEY → none [security]"],
    ),
    (
        "another authentication",
        lambda d: d["components"]["securitySchemes"].update(
            polyApiKey={"type": "http", "scheme": "bearer"}
        ),
        ["! document: authentication: header X-API-KEY → http bearer [security]"],
    ),
    (
        "a server that only some operations have",
        lambda d: (
            d["paths"][CHAT].update(servers=[d["servers"][-1]]),
            d["servers"].pop(),
        ),
        [
            f"! servers: https://api.studio.poly.ai of 6 operations; it serves POST {CHAT} only",
            f"! servers: https://api.us.poly.ai of POST {CHAT}",
            f"! servers: https://api.eu.poly.ai of POST {CHAT}",
            f"! servers: https://api.uk.poly.ai of POST {CHAT}",
        ],
    ),
    (
        "an array instead of a string",
        lambda d: schema(d)["properties"].update(
            direction={"type": "array", "items": {"type": "string"}}
        ),
        [
            "! schema ConversationDetailResponse: type of direction: string → array",
            "! schema ConversationDetailResponse: items of direction changed",
        ],
    ),
    (
        "a union",
        lambda d: schema(d)["properties"].update(
            direction={"anyOf": [{"type": "string"}, {"type": "integer"}]}
        ),
        [
            "! schema ConversationDetailResponse: type of direction: string → any",
            "! schema ConversationDetailResponse: direction has a new alternative, string",
            "! schema ConversationDetailResponse: direction has a new alternative, integer",
        ],
    ),
    (
        "webhooks",
        lambda d: d.update(webhooks={"ended": {"post": {"responses": {}}}}),
        ["  webhooks: new: ended [webhooks]"],
    ),
    (
        "deprecated",
        lambda d: d["paths"][LIST]["get"].update(deprecated=True),
        [f"  GET {LIST}: deprecated: none → true"],
    ),
    (
        "an unused schema",
        lambda d: d["components"]["schemas"].update(Unused={"type": "object"}),
        ["  schemas: new: Unused"],
    ),
    (
        "more servers than can be listed",
        lambda d: d.update(
            servers=[
                {
                    "url": "https://{a}.{b}.poly.ai",
                    "variables": {
                        name: {"default": "0", "enum": [str(n) for n in range(50)]} for name in "ab"
                    },
                }
            ]
        ),
        [
            *(f"! servers: https://api.{each}.poly.ai" for each in ("us", "eu", "uk", "studio")),
            "  servers: https://{a}.{b}.poly.ai",
        ],
    ),
]


@pytest.mark.parametrize(
    ("edit", "expected"), [each[1:] for each in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_a_change_is_reported_as_what_it_is(edit: Edit, expected: list[str]) -> None:
    now = original()
    edit(now)
    found = [
        f"{'!' if c.is_breaking else ' '} {c.where}: {c.text}{f' [{c.topic}]' if c.topic else ''}"
        for c in compare(original(), now)
        if not is_prose(c)
    ]
    assert sorted(found) == sorted(expected)


def test_a_change_of_a_shared_schema_is_reported_once() -> None:
    now = original()
    schema(now, "OperationSuccessResponse")["properties"]["id"] = {"type": "string"}
    (change,) = compare(original(), now)
    assert (change.where, change.text) == ("schema OperationSuccessResponse", "new fields: id")


def test_recursive_schemas_can_be_compared() -> None:
    before, now = original(), original()
    for document, kind in ((before, "string"), (now, "integer")):
        reference = {"$ref": f"{REFERENCE}Node"}
        document["components"]["schemas"]["Node"] = {
            "properties": {
                "next": reference,
                "all": {"type": "array", "items": reference},
                "any": {"anyOf": [reference, {"type": "boolean"}, {"type": kind}]},
            }
        }
        schema(document)["properties"]["node"] = reference
    changes = compare(before, now)
    assert [change.text for change in changes] == ["type of any: string → integer"]
