"""Adapts the corrected OpenAPI spec to what the generator supports."""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any

from adapt_operations import BINARY, inline
from adapt_schemas import Context, adapt_schema, cut_recursion
from attrs import evolve
from openapi import METHODS, AdaptationError, find, operations, resolve, schemas_used, title
from openapi_python_client.config import Config
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import ClassName, PythonIdentifier
from overlay import SCHEMAS, reference_nodes

__all__ = [
    "BINARY",
    "METHODS",
    "AdaptationError",
    "adapt_to_generator",
    "operation_ids",
    "operations",
    "python_name",
    "with_distinct_class",
]


def adapt_to_generator(
    document: dict[str, Any], config: Config, notes: list[str] | None = None
) -> dict[str, Any]:
    """Return the spec in a form that the generator supports completely, with usable types.

    - Each operation gets a unique operationId, and the same tag. The generator makes a directory
      of each tag, which must not change when a new version of the spec has other tags.
    - References to parameters, request bodies, responses and path items are inlined.
    - Media types that the generator does not know are read as text, bytes or JSON.
    - Parameters that it would serialise wrongly are strings, or one parameter for each property.
    - Alternatives that it would drop become optional properties.
    - Maps become untyped, because the generator would wrap them in a class that is not a mapping.
      Users get the dict, and the facade declares the type of its values.
    - In schemas that only responses use, optional properties become nullable and required, because
      users read None in both cases. The generator would use a sentinel for absent properties.
    - In those schemas, all formats with a date and a time become `date-time`, which the generator
      types as datetime.

    Args:
        document: The spec. It is not modified.
        config: The generator's configuration. Media types are added to it.
        notes: If given, what the package will not contain is appended to this list.

    Raises:
        AdaptationError: if the spec cannot be adapted.
    """
    notes = [] if notes is None else notes
    document = copy.deepcopy(document)
    for name in document.pop("webhooks", None) or document.pop("x-webhooks", None) or ():
        notes.append(f"webhook {name}")
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
    context = Context(document, "", in_responses=False, notes=notes)
    for (method, path), operation in found.items():
        operation["tags"] = ["operations"]
        with _named(title((method, path))):
            at = evolve(context, place=title((method, path)))
            inline(document, document["paths"][path], operation, config, at)
    schemas = _lift_schemas(document)
    cut_recursion(schemas)
    in_requests = schemas_used(document, ("requestBody", "parameters"))
    only_in_responses = schemas_used(document, ("responses",)) - in_requests
    adapted = {}
    for name, schema in schemas.items():
        with _named(f"schema {name}"):
            at = evolve(context, place=f"schema {name}", in_responses=name in only_in_responses)
            adapted[name] = adapt_schema(schema, at, is_component=True)
    for place, operation in found.items():
        with _named(title(place)):
            at = evolve(context, place=title(place))
            _adapt_schemas(operation.get("requestBody"), at)
            for response in operation["responses"].values():
                _adapt_schemas(response, evolve(at, in_responses=True))
    document["components"] = {"schemas": adapted}
    return document


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    """Name the place in errors: whatever is wrong there, it is rejected."""
    try:
        yield
    except AdaptationError as error:
        raise AdaptationError(f"{place}: {error}") from None
    except Exception as error:
        raise AdaptationError(f"{place}: {type(error).__name__}: {error}") from error


def _adapt_schemas(holder: Any, context: Context) -> None:
    """Adapt the schemas of a body or a response in place."""
    for spec in ((holder or {}).get("content") or {}).values():
        if "schema" in spec:
            spec["schema"] = adapt_schema(spec["schema"], context, is_component=True)


def _lift_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Move referenced schemas into the components, in place; return all component schemas."""
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    lifted: dict[str, str] = {}
    pending: list[Any] = [document["paths"], schemas]
    while pending:
        for node in reference_nodes(pending.pop()):
            reference = node["$ref"]
            if re.fullmatch(f"{SCHEMAS}[^/]+", reference):
                continue
            if reference not in lifted:
                target = find(document, reference)
                if target is None:
                    raise AdaptationError(f"Unresolved $ref: {reference}")
                word = (re.findall(r"[A-Za-z][A-Za-z0-9]*", reference) or ["Schema"])[-1]
                lifted[reference] = name = _free_name(word, schemas)
                schemas[name] = copy.deepcopy(target)
                pending.append(schemas[name])
            node["$ref"] = f"{SCHEMAS}{lifted[reference]}"
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
                f"{title(other)} and {title(place)} would both be named "
                f"{python_name(operation_id)!r}: give one of them an operationId in the overlay."
            )
    return result


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
