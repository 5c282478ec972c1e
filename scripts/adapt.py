"""Adapts the corrected OpenAPI spec to what the generator supports."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import jsonpath
from openapi_python_client.config import Config
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import ClassName, PythonIdentifier, get_content_type
from overlay import SCHEMAS, references

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DATE_TIME_FORMATS = ("date-time-local", "http-date")  # from the OpenAPI format registry
BINARY = {"type": "string", "format": "binary"}
IGNORED_HEADERS = ("accept", "authorization", "content-type")  # OpenAPI ignores them as parameters
COMBINATIONS = ("allOf", "anyOf", "oneOf")
DESCRIPTIVE = {"description", "title", "example", "examples", "deprecated", "readOnly", "writeOnly"}


class AdaptationError(Exception):
    """No client can be generated from the spec. The message says why."""


def adapt_to_generator(document: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the spec in a form that the generator supports completely, with usable types.

    - Each operation gets a unique operationId, and the same tag. The generator makes a directory
      of each tag, which must not change when a new version of the spec has other tags.
    - References to parameters, request bodies, responses and path items are inlined.
    - Media types that the generator does not know are read as text, bytes or JSON.
    - Maps become untyped, because the generator would wrap them in a class that is not a mapping.
      Users get the dict, and the facade declares the type of its values.
    - In schemas that only responses use, optional properties become nullable and required, because
      users read None in both cases. The generator would use a sentinel for absent properties.
    - In those schemas, all formats with a date and a time become `date-time`, which the generator
      types as datetime.

    Args:
        document: The spec. It is not modified.
        config: The generator's configuration. Media types are added to it.

    Raises:
        AdaptationError: if the spec cannot be adapted.
    """
    document = copy.deepcopy(document)
    document["paths"] = {
        path: resolve(document, item)
        for path, item in (document.get("paths") or {}).items()
        if not path.startswith("x-")
    }
    found = dict(operations(document))
    if not found:
        raise AdaptationError("The spec has no operations.")
    for place, operation_id in operation_ids(document).items():
        found[place]["operationId"] = operation_id
    for (_, path), operation in found.items():
        operation["tags"] = ["operations"]
        item = document["paths"][path]
        _inline(document, item, operation, config)
    schemas = _lift_schemas(document)
    in_requests = schemas_used(document, ("requestBody", "parameters"))
    only_in_responses = schemas_used(document, ("responses",)) - in_requests
    for name, schema in schemas.items():
        schemas[name] = _adapt_schema(
            schema, in_responses=name in only_in_responses, is_component=True
        )
    for operation in found.values():
        _adapt_schemas(operation.get("requestBody"), in_responses=False)
        for response in operation["responses"].values():
            _adapt_schemas(response, in_responses=True)
    document["components"] = {"schemas": schemas}
    return document


def _lift_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Move referenced schemas into the components, in place; return all component schemas."""
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    lifted: dict[str, str] = {}
    pending: list[Any] = [document["paths"], schemas]
    while pending:
        node = pending.pop()
        reference = node.get("$ref") if isinstance(node, dict) else None
        if isinstance(reference, str) and not re.fullmatch(f"{SCHEMAS}[^/]+", reference):
            if reference not in lifted:
                target = _resolve(document, reference)
                if target is None:
                    raise AdaptationError(f"Unresolved $ref: {reference}")
                word = (re.findall(r"[A-Za-z][A-Za-z0-9]*", reference) or ["Schema"])[-1]
                lifted[reference] = name = _free_name(word, schemas)
                schemas[name] = copy.deepcopy(target)
                pending.append(schemas[name])
            node["$ref"] = f"{SCHEMAS}{lifted[reference]}"
        pending += (
            node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        )
    return schemas


def _free_name(name: str, schemas: dict[str, Any]) -> str:
    """Return the name, with a number appended if it is taken."""
    number = 2
    result = name
    while result in schemas:
        result, number = f"{name}{number}", number + 1
    return result


def with_distinct_class(document: dict[str, Any], class_name: str) -> dict[str, Any] | None:
    """Return the spec with one of two schemas renamed that share a class name, or None.

    Two schemas can map to the same Python name, such as `user-list` and `UserList`. Or a schema has
    the name that the generator gives to a schema nested in another one.
    """
    schemas = (document.get("components") or {}).get("schemas") or {}
    same = [name for name in schemas if str(ClassName(UntrustedString(name), "")) == class_name]
    if not same:
        return None
    old, new = same[-1], _free_name(same[-1], schemas)
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {new if k == old else k: v for k, v in schemas.items()}
    pending: list[Any] = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if node.get("$ref") == f"{SCHEMAS}{old}":
                node["$ref"] = f"{SCHEMAS}{new}"
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield the method, the path and the object of each operation."""
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            if isinstance(item, dict) and isinstance(item.get(method), dict):
                yield (method, path), item[method]


def operation_ids(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return the operationId of each operation, by method and path: its own or a derived one.

    Raises:
        AdaptationError: if two map to the same Python name.
    """
    own = {
        place: operation["operationId"]
        for place, operation in operations(document)
        if operation.get("operationId")
    }
    derived = {
        place: derive_operation_id(*place) for place, _ in operations(document) if place not in own
    }
    taken = [python_name(name) for name in (*own.values(), *derived.values())]
    for (method, path), name in derived.items():
        if taken.count(python_name(name)) > 1:
            derived[method, path] = "_".join([method, *re.findall(r"[A-Za-z0-9]+", path)])
    result = {place: own.get(place) or derived[place] for place, _ in operations(document)}
    by_name: dict[str, tuple[str, str]] = {}
    for place, operation_id in result.items():
        other = by_name.setdefault(python_name(operation_id), place)
        if other != place:
            raise AdaptationError(
                f"{_title(other)} and {_title(place)} would both be named "
                f"{python_name(operation_id)!r}: give one of them an operationId in the overlay."
            )
    return result


def _title(place: tuple[str, str]) -> str:
    return f"{place[0].upper()} {place[1]}"


def derive_operation_id(method: str, path: str) -> str:
    """Derive a readable operationId from the method and path alone.

    `GET /v1/agents/{agentId}/conversations` becomes `list_agent_conversations`. Other operations do
    not affect it, so that it is the same in the next version of the spec.
    """
    segments = [
        segment
        for segment in path.split("/")
        if segment and segment != "api" and not re.fullmatch(r"v[0-9]+([._][0-9]+)*", segment)
    ]
    words = []
    for segment, following in itertools.zip_longest(segments, segments[1:], fillvalue=""):
        if not segment.startswith("{"):
            word = "_".join(re.findall(r"[A-Za-z0-9]+", re.sub(r"\{.*?\}", "", segment)))
            words.append(_singular(word) if following.startswith("{") else word)
    last_is_name = bool(segments) and not segments[-1].startswith("{")
    is_collection = bool(words) and last_is_name and _singular(words[-1]) != words[-1]
    verb = {"get": "list" if is_collection else "get", "patch": "update", "put": "replace"}.get(
        method, method
    )
    if method == "post" and is_collection:
        verb, words[-1] = "create", _singular(words[-1])
    return "_".join([verb, *words]) if words else f"{method}_root"


def _singular(word: str) -> str:
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if word.endswith(ending):
            return word.removesuffix(ending) + replacement
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def python_name(operation_id: str) -> str:
    """Return the name of an operation's module."""
    return str(PythonIdentifier(UntrustedString(operation_id), prefix="field_"))


def resolve(document: dict[str, Any], node: Any, *, shared: bool = False) -> Any:
    """Return what a reference resolves to; anything else is returned as it is.

    Args:
        document: The spec.
        node: The reference, or anything else.
        shared: Whether to return the part of the spec itself, instead of a copy.

    Raises:
        AdaptationError: if it resolves to nothing, or is circular.
    """
    followed: list[str] = []
    siblings: dict[str, Any] = {}
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        if node["$ref"] in followed:
            raise AdaptationError(f"Circular $ref: {' → '.join([*followed, node['$ref']])}")
        followed.append(node["$ref"])
        siblings = {**{k: v for k, v in node.items() if k != "$ref"}, **siblings}
        node = _resolve(document, node["$ref"])
        if node is None:
            raise AdaptationError(f"Unresolved $ref: {followed[-1]}")
    if not followed or not isinstance(node, dict) or (shared and not siblings):
        return node
    return {**copy.deepcopy(node), **siblings}


def _inline(
    document: dict[str, Any], item: dict[str, Any], operation: dict[str, Any], config: Config
) -> None:
    """Inline the references of an operation, and adapt its media types."""
    for owner in (item, operation):
        parameters = [resolve(document, each) for each in owner.get("parameters") or ()]
        owner["parameters"] = [
            _with_schema(parameter)
            for parameter in parameters
            if not (parameter["in"] == "header" and parameter["name"].lower() in IGNORED_HEADERS)
        ]
    if operation.get("requestBody") is not None:
        operation["requestBody"] = body = resolve(document, operation["requestBody"])
        body["content"] = _adapt_request(body.get("content") or {}, config)
    operation["responses"] = {
        status: resolve(document, response)
        for status, response in (operation.get("responses") or {}).items()
        if not status.startswith("x-")
    }
    for response in operation["responses"].values():
        if response.get("content"):
            response["content"] = _adapt_response(response["content"], config)


def _with_schema(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return the parameter with a schema that the generator supports.

    A parameter with `content` is sent as a string. The default of a required parameter is removed:
    it has no meaning, and parameters without a default could not follow it.
    """
    if "schema" not in parameter:
        others = {key: value for key, value in parameter.items() if key != "content"}
        return {**others, "schema": {"type": "string"}}
    schema = parameter["schema"]
    if parameter.get("required") and isinstance(schema, dict):
        schema = {key: value for key, value in schema.items() if key != "default"}
    return {**parameter, "schema": _adapt_schema(schema, in_responses=False, is_component=True)}


def _adapt_request(content: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the request bodies with media types that the generator supports."""
    adapted = {}
    for media_type, spec in content.items():
        kind = get_content_type(media_type, config) or ""
        if _is_json(kind) or kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            adapted[media_type] = {**spec, "schema": spec.get("schema", {})}
        elif "*" in media_type and not _is_binary(spec.get("schema")):
            adapted["application/json"] = {**spec, "schema": spec.get("schema", {})}
        else:
            config.content_type_overrides[media_type] = "application/octet-stream"
            adapted[media_type] = {"schema": BINARY}
    return adapted


def _adapt_response(content: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the content that is read: JSON if there is any, else the first."""
    kinds = {name: get_content_type(name, config) or "" for name in content}
    for name, kind in kinds.items():
        if _is_json(kind):
            return {"application/json": content[name]}
    name, kind = next(iter(kinds.items()))
    if kind.startswith("text/") and "*" not in kind:
        return {"text/plain": {"schema": {"type": "string"}}}
    if "*" in name and not _is_binary(content[name].get("schema")):
        return {"application/json": content[name]}
    return {"application/octet-stream": {"schema": BINARY}}


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _is_binary(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "string"


def _adapt_schemas(holder: Any, *, in_responses: bool) -> None:
    """Adapt the schemas of a body or a response in place."""
    for spec in ((holder or {}).get("content") or {}).values():
        if "schema" in spec:
            spec["schema"] = _adapt_schema(
                spec["schema"], in_responses=in_responses, is_component=True
            )


def _adapt_schema(spec: Any, *, in_responses: bool, is_component: bool = False) -> Any:
    """Return the schema with untyped maps and, in responses, nullable optional properties."""
    if not isinstance(spec, dict):
        return {}  # The generator does not support true and false as schemas.
    if _is_map(spec) and not is_component:
        return {key: spec[key] for key in ("description",) if key in spec}
    # The generator would name classes after titles, which need not be unique.
    spec = {key: value for key, value in spec.items() if key != "title"}
    if "boolean" in (spec.get("type"), *_list(spec.get("type"))):
        spec.pop("enum", None)  # the generator would name constants True and False
    values = spec.get("enum")
    if isinstance(values, list) and values and all(isinstance(value, bool) for value in values):
        spec = {**{key: value for key, value in spec.items() if key != "enum"}, "type": "boolean"}
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        names = [re.sub(r"[^A-Z0-9]", "", value.upper()) for value in values]
        if len(set(names)) < len(names):  # the generator would keep only one of them
            spec["x-enum-varnames"] = [f"VALUE_{number}" for number in range(len(values))]
    if isinstance(spec.get("allOf"), list):
        spec["allOf"] = [m for m in spec["allOf"] if not _only_describes(m)] or spec["allOf"]
    for keyword in COMBINATIONS:
        if isinstance(spec.get(keyword), list):
            spec[keyword] = [
                _adapt_schema(member, in_responses=in_responses, is_component=True)
                for member in spec[keyword]
            ]
    if "items" in spec:
        spec["items"] = _adapt_schema(spec["items"], in_responses=in_responses)
    properties = spec.get("properties")
    if isinstance(properties, dict):
        settled = {k: _adapt_schema(v, in_responses=in_responses) for k, v in properties.items()}
        if in_responses:
            for name, field in settled.items():
                if field.get("format") in DATE_TIME_FORMATS:
                    field = {**field, "format": "date-time"}
                settled[name] = field if name in spec.get("required", ()) else _nullable(field)
        spec["properties"] = settled
        if in_responses and settled:
            spec["required"] = list(settled)
    return spec


def _list(types: Any) -> list[Any]:
    return types if isinstance(types, list) else []


def _only_describes(member: Any) -> bool:
    """Return whether a member of an allOf only describes it: `allOf: [$ref, description]`."""
    return isinstance(member, dict) and member.keys() <= DESCRIPTIVE


def _is_map(spec: dict[str, Any]) -> bool:
    """Return whether the schema is an object without declared properties."""
    types = spec.get("type", ())
    declares = spec.get("properties") or "$ref" in spec or any(spec.get(c) for c in COMBINATIONS)
    return "object" in ([types] if isinstance(types, str) else types) and not declares


def _nullable(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that also allows null."""
    types = spec.get("type")
    if isinstance(types, str):
        return {**spec, "type": [types, "null"]} if types != "null" else spec
    if isinstance(types, list):
        return spec if "null" in types else {**spec, "type": [*types, "null"]}
    for combination in ("anyOf", "oneOf"):
        members = spec.get(combination)
        if isinstance(members, list):
            present = any(member.get("type") == "null" for member in members)
            return spec if present else {**spec, combination: [*members, {"type": "null"}]}
    if "$ref" in spec or "allOf" in spec:
        return {"anyOf": [spec, {"type": "null"}]}
    return spec  # an untyped schema allows null already


def schemas_used(document: dict[str, Any], parts: tuple[str, ...]) -> set[str]:
    """Return the names of the component schemas that these parts of the operations use."""
    pending = [
        operation[part]
        for _, operation in operations(document)
        for part in parts
        if part in operation
    ]
    if "parameters" in parts:
        pending += [item.get("parameters") for item in document["paths"].values()]
    followed: set[str] = set()
    while pending:
        for reference in set(references(pending.pop())) - followed:
            followed.add(reference)
            pending.append(_resolve(document, reference))
    return {
        reference.removeprefix(SCHEMAS) for reference in followed if reference.startswith(SCHEMAS)
    }


def _resolve(document: dict[str, Any], reference: str) -> Any:
    """Return the target of a local reference, or None."""
    try:
        return jsonpath.pointer.resolve(unquote(reference.removeprefix("#")), document)
    except jsonpath.JSONPointerError:
        return None  # the generator reports it
