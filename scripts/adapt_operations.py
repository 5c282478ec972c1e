"""Adapts the parameters, bodies and responses of operations to what the generator supports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapt_schemas import Context, adapt_schema, is_literal
from attrs import evolve
from openapi import resolve
from openapi_python_client.config import Config
from openapi_python_client.strings import get_content_type

BINARY = {"type": "string", "format": "binary"}
IGNORED_HEADERS = ("accept", "authorization", "content-type")  # OpenAPI ignores them as parameters
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_SEPARATORS = {"pipeDelimited": "|", "spaceDelimited": " "}


def inline(
    document: dict[str, Any],
    item: dict[str, Any],
    operation: dict[str, Any],
    config: Config,
    context: Context,
) -> None:
    """Inline the references of an operation, and adapt its parameters and media types."""
    for owner in (item, operation):
        owner["parameters"] = [
            adapted
            for each in owner.get("parameters") or ()
            for adapted in _adapt_parameter(resolve(document, each), context)
        ]
    if operation.pop("callbacks", None):
        context.note("its callbacks")
    if operation.get("requestBody") is not None:
        operation["requestBody"] = body = resolve(document, operation["requestBody"])
        body["content"] = _adapt_request(body.get("content") or {}, config, context)
    operation["responses"] = {
        str(status): resolve(document, response)
        for status, response in (operation.get("responses") or {}).items()
        if not str(status).startswith("x-")
    }
    for status, response in operation["responses"].items():
        if response.get("content"):
            at = evolve(context, place=f"{context.place}, response {status}")
            response["content"] = _adapt_response(response["content"], config, at)


def _adapt_parameter(parameter: dict[str, Any], context: Context) -> Iterator[dict[str, Any]]:
    """Yield the parameter with a schema that the generator supports, or several in its place.

    A parameter with `content` is sent as a string. The default of a required parameter is removed:
    it has no meaning, and parameters without a default could not follow it.
    """
    name, kind = str(parameter["name"]), parameter["in"]
    if kind == "header" and name.lower() in IGNORED_HEADERS:
        return
    at = evolve(context, place=f"{context.place}: {kind} parameter {name!r}")
    if not is_literal(name):
        at.note("the generator would change its name")
        return
    if "schema" not in parameter:
        others = {key: value for key, value in parameter.items() if key != "content"}
        yield {**others, "schema": {"type": "string"}}
        return
    schema = parameter["schema"]
    if parameter.get("required") and isinstance(schema, dict):
        schema = {key: value for key, value in schema.items() if key != "default"}
    parameter = {**parameter, "schema": schema}
    target = resolve(context.document, schema)
    types = _types(target)
    style = parameter.get("style") or ("form" if kind in ("query", "cookie") else "simple")
    exploded = parameter.get("explode", style == "form")
    if "object" in types and kind == "query" and not target.get("properties"):
        at.note("an object with any keys cannot be passed; it is not sent")
        return
    if "object" in types and style == "deepObject":
        yield from _deep_object(parameter, target, at)
        return
    is_list = bool(types & {"array", "object"})
    if is_list and not (kind == "query" and style == "form" and exploded):
        separator = _SEPARATORS.get(style, ",")
        at.note(f"pass a string, with {separator!r} between the values")
        yield {**parameter, "schema": {"type": "string"}}
        return
    if kind == "path" and style != "simple":
        at.note(f"pass it in the style {style}")
        yield {**parameter, "schema": {"type": "string"}}
        return
    adapted = adapt_schema(schema, at, is_component=True)
    yield {**parameter, "schema": _adapt_scalar(adapted, types - {"null"}, kind)}


def _types(schema: Any) -> set[str]:
    """Return the types of a parameter; a schema with properties is an object."""
    if not isinstance(schema, dict):
        return set()
    types = schema.get("type", "object" if schema.get("properties") else [])
    return {types} if isinstance(types, str) else set(types)


def _deep_object(
    parameter: dict[str, Any], schema: dict[str, Any], context: Context
) -> Iterator[dict[str, Any]]:
    """Yield a parameter for each property, such as `filter[from]`."""
    required = schema.get("required") or ()
    rest = {k: v for k, v in parameter.items() if k not in ("style", "explode", "description")}
    for name, inner in schema["properties"].items():
        if _types(resolve(context.document, inner)) & {"array", "object"}:
            context.note(f"its property {name!r} is not sent")
            continue
        yield {
            **rest,
            "name": f"{parameter['name']}[{name}]",
            "required": bool(parameter.get("required")) and name in required,
            "schema": adapt_schema(inner, context, is_component=True),
        }


def _adapt_scalar(schema: dict[str, Any], types: set[str], kind: str) -> dict[str, Any]:
    """Return the schema of a parameter outside the query, where the generator calls `str()`."""
    if kind == "query":
        return schema
    if len(types) != 1:  # untyped, or a union
        return {"type": "string"}
    if "$ref" not in schema:
        schema = {**schema, "type": next(iter(types))}  # null cannot be sent
    if schema.get("format") in ("date", "date-time"):
        return {key: value for key, value in schema.items() if key != "format"}
    if schema.get("type") == "boolean" and kind in ("path", "cookie"):
        others = {key: value for key, value in schema.items() if key not in ("default", "enum")}
        return {**others, "type": "string", "enum": ["true", "false"]}
    return schema


def _adapt_request(content: dict[str, Any], config: Config, context: Context) -> dict[str, Any]:
    """Return the request body with one media type, which the generator supports.

    Of several, JSON is sent, because the generator would confuse those with the same schema.
    """
    adapted: dict[str, Any] = {}
    ranked = sorted(content, key=lambda name: _rank(get_content_type(name, config) or ""))
    if ranked[1:]:
        context.note(f"the request body is sent as {ranked[0]}, not as {', '.join(ranked[1:])}")
    for media_type in ranked[:1]:
        spec = content[media_type] or {}
        kind = get_content_type(media_type, config) or ""
        if _is_json(kind) or kind in _FORMS:
            adapted[media_type] = {**spec, "schema": spec.get("schema", {})}
        elif "*" in media_type and not _is_binary(spec.get("schema")):
            adapted["application/json"] = {**spec, "schema": spec.get("schema", {})}
        else:
            config.content_type_overrides[media_type] = "application/octet-stream"
            adapted[media_type] = {"schema": BINARY}
    for spec in adapted.values():
        for key in ("example", "examples"):
            spec.pop(key, None)
    return adapted


def _rank(kind: str) -> int:
    ranks = ("application/json", *_FORMS)
    return ranks.index(kind) * 2 if kind in ranks else 1 if _is_json(kind) else len(ranks) * 2


def _adapt_response(content: dict[str, Any], config: Config, context: Context) -> dict[str, Any]:
    """Return the content that is read: JSON if there is any, else the first."""
    ranked = sorted(content, key=lambda name: not _is_json(get_content_type(name, config) or ""))
    name = min(ranked, key=lambda name: _rank(get_content_type(name, config) or "") > 1)
    others = [each for each in ranked if each != name]
    if others:
        context.note(f"it is read as {name}, not as {', '.join(others)}")
    spec = {k: v for k, v in (content[name] or {}).items() if k not in ("example", "examples")}
    kind = get_content_type(name, config) or ""
    if _is_json(kind):
        return {"application/json": spec}
    if kind.startswith("text/") and "*" not in kind:
        return {"text/plain": {"schema": {"type": "string"}}}
    if "*" in name and not _is_binary(spec.get("schema")):
        return {"application/json": spec}
    return {"application/octet-stream": {"schema": BINARY}}


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _is_binary(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "string"
