"""Turns the corrected document into one that the generator can do, whole and with good types."""

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
DATE_TIME_FORMATS = ("date-time-local", "http-date")  # of the OpenAPI format registry
BINARY = {"type": "string", "format": "binary"}
IGNORED_HEADERS = ("accept", "authorization", "content-type")  # as parameters, by the specification
COMBINATIONS = ("allOf", "anyOf", "oneOf")
DESCRIBING = {"description", "title", "example", "examples", "deprecated", "readOnly", "writeOnly"}


class AdaptationError(Exception):
    """The document holds what no client can be generated from; the message says what and where."""


def adapt_to_generator(document: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the document as the generator must see it to do all of it, with usable types.

    - Each operation has an operationId of its own, and one tag in common: the tag becomes a folder,
      which a new version must not rename by sorting its operations anew.
    - References to parameters, bodies, responses and path items are replaced by what they lead to.
    - Media types that the generator does not know are read as text, as bytes or as JSON.
    - A map becomes untyped, because the generator would wrap it in a class that is no mapping; it
      reaches users as the dict that it is, and the facade names the type of its values.
    - In schemas that only answers use, what may be absent becomes nullable and required, because
      users read None for both; the generator would give an absent field a sentinel of its own.
    - There, all formats of dates with times become `date-time`, the one that the generator types as
      a datetime.

    Args:
        document: The document, which is left as it is.
        config: The generator's configuration; media types are added to it.

    Raises:
        AdaptationError: naming what cannot be adapted.
    """
    document = copy.deepcopy(document)
    document["paths"] = {
        path: _resolve_all(document, item)
        for path, item in (document.get("paths") or {}).items()
        if not path.startswith("x-")
    }
    found = dict(operations(document))
    if not found:
        raise AdaptationError("The document has no operations.")
    for place, operation_id in operation_ids(document).items():
        found[place]["operationId"] = operation_id
    for (_, path), operation in found.items():
        operation["tags"] = ["operations"]
        item = document["paths"][path]
        _inline(document, item, operation, config)
    schemas = _lift_schemas(document)
    in_requests = _schemas_used(document, ("requestBody", "parameters"))
    only_in_answers = _schemas_used(document, ("responses",)) - in_requests
    for name, schema in schemas.items():
        schemas[name] = _settle(schema, in_answers=name in only_in_answers, is_component=True)
    for operation in found.values():
        _each_schema(operation.get("requestBody"), in_answers=False)
        for response in operation["responses"].values():
            _each_schema(response, in_answers=True)
    document["components"] = {"schemas": schemas}
    return document


def _lift_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return the component schemas, those that references find elsewhere among them, in place."""
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
                    raise AdaptationError(f"$ref leads nowhere: {reference}")
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
    """Return the name, with a number if another schema has it."""
    number = 2
    result = name
    while result in schemas:
        result, number = f"{name}{number}", number + 1
    return result


def with_distinct_class(document: dict[str, Any], class_name: str) -> dict[str, Any] | None:
    """Return the document with one schema renamed whose class another one has too, or None.

    Two schemas may have names that are the same for Python, `user-list` and `UserList`, or one has
    the name that the generator gives to what stands inside another.
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
    """Return the operationId of each operation, by method and path: its own, else one derived.

    Raises:
        AdaptationError: if two become the same name in Python.
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
    """Return a readable name for an operation, from its method and path alone.

    `GET /v1/agents/{agentId}/conversations` is `list_agent_conversations`. Other operations do not
    change it, so that it stays the same from one version to the next.
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


def _resolve_all(document: dict[str, Any], node: Any) -> Any:
    """Return what a reference leads to in the end, as a copy; what is none stays as it is."""
    followed: list[str] = []
    siblings: dict[str, Any] = {}
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        if node["$ref"] in followed:
            raise AdaptationError(
                f"$ref leads in a circle: {' → '.join([*followed, node['$ref']])}"
            )
        followed.append(node["$ref"])
        siblings = {**{k: v for k, v in node.items() if k != "$ref"}, **siblings}
        node = _resolve(document, node["$ref"])
        if node is None:
            raise AdaptationError(f"$ref leads nowhere: {followed[-1]}")
    return {**copy.deepcopy(node), **siblings} if followed and isinstance(node, dict) else node


def _inline(
    document: dict[str, Any], item: dict[str, Any], operation: dict[str, Any], config: Config
) -> None:
    """Put what references lead to in their place, and make of media types what can be generated."""
    for owner in (item, operation):
        parameters = [_resolve_all(document, each) for each in owner.get("parameters") or ()]
        owner["parameters"] = [
            _with_schema(parameter)
            for parameter in parameters
            if not (parameter["in"] == "header" and parameter["name"].lower() in IGNORED_HEADERS)
        ]
    if operation.get("requestBody") is not None:
        operation["requestBody"] = body = _resolve_all(document, operation["requestBody"])
        body["content"] = _adapt_request(body.get("content") or {}, config)
    operation["responses"] = {
        status: _resolve_all(document, response)
        for status, response in (operation.get("responses") or {}).items()
        if not status.startswith("x-")
    }
    for response in operation["responses"].values():
        if response.get("content"):
            response["content"] = _adapt_response(response["content"], config)


def _with_schema(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return the parameter with a schema that the generator can do.

    One that is given as content travels as text. The default of one that is required means
    nothing, and would stand before others without a default.
    """
    if "schema" not in parameter:
        others = {key: value for key, value in parameter.items() if key != "content"}
        return {**others, "schema": {"type": "string"}}
    schema = parameter["schema"]
    if parameter.get("required") and isinstance(schema, dict):
        schema = {key: value for key, value in schema.items() if key != "default"}
    return {**parameter, "schema": _settle(schema, in_answers=False, is_component=True)}


def _adapt_request(content: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the bodies with media types that the generator knows; it sends the original name."""
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
    """Return the one content that is read: JSON where there is some, else the first."""
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


def _each_schema(holder: Any, *, in_answers: bool) -> None:
    """Settle the schemas of a body or a response in place."""
    for spec in ((holder or {}).get("content") or {}).values():
        if "schema" in spec:
            spec["schema"] = _settle(spec["schema"], in_answers=in_answers, is_component=True)


def _settle(spec: Any, *, in_answers: bool, is_component: bool = False) -> Any:
    """Return the schema with its maps untyped and, in answers, what may be absent nullable."""
    if not isinstance(spec, dict):
        return {}  # true or false: the generator knows only schemas that are objects
    if _is_map(spec) and not is_component:
        return {key: spec[key] for key in ("description",) if key in spec}
    # Titles name classes, and need not be unique; a class is named after its place instead.
    spec = {key: value for key, value in spec.items() if key != "title"}
    if "boolean" in (spec.get("type"), *_list(spec.get("type"))):
        spec.pop("enum", None)  # the generator takes true and false for names of constants
    values = spec.get("enum")
    if isinstance(values, list) and values and all(isinstance(value, bool) for value in values):
        spec = {**{key: value for key, value in spec.items() if key != "enum"}, "type": "boolean"}
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        names = [re.sub(r"[^A-Z0-9]", "", value.upper()) for value in values]
        if len(set(names)) < len(names):  # the generator would keep one of them only
            spec["x-enum-varnames"] = [f"VALUE_{number}" for number in range(len(values))]
    if isinstance(spec.get("allOf"), list):
        spec["allOf"] = [m for m in spec["allOf"] if not _only_describes(m)] or spec["allOf"]
    for keyword in COMBINATIONS:
        if isinstance(spec.get(keyword), list):
            spec[keyword] = [
                _settle(member, in_answers=in_answers, is_component=True)
                for member in spec[keyword]
            ]
    if "items" in spec:
        spec["items"] = _settle(spec["items"], in_answers=in_answers)
    properties = spec.get("properties")
    if isinstance(properties, dict):
        settled = {k: _settle(v, in_answers=in_answers) for k, v in properties.items()}
        if in_answers:
            for name, field in settled.items():
                if field.get("format") in DATE_TIME_FORMATS:
                    field = {**field, "format": "date-time"}
                settled[name] = field if name in spec.get("required", ()) else _nullable(field)
        spec["properties"] = settled
        if in_answers and settled:
            spec["required"] = list(settled)
    return spec


def _list(types: Any) -> list[Any]:
    return types if isinstance(types, list) else []


def _only_describes(member: Any) -> bool:
    """Whether a member of an allOf says nothing of the value: `allOf: [$ref, description]`."""
    return isinstance(member, dict) and member.keys() <= DESCRIBING


def _is_map(spec: dict[str, Any]) -> bool:
    """Whether the schema is an object that declares no properties."""
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


def _schemas_used(document: dict[str, Any], parts: tuple[str, ...]) -> set[str]:
    """Return the names of the component schemas that these parts of the operations lead to."""
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
    """Return what a local reference points at, or None."""
    try:
        return jsonpath.pointer.resolve(unquote(reference.removeprefix("#")), document)
    except jsonpath.JSONPointerError:
        return None  # the generator names what cannot be resolved
