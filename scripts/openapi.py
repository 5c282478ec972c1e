"""Finds the parts of an OpenAPI spec."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import jsonpath
from overlay import SCHEMAS, references

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class AdaptationError(Exception):
    """No client can be generated from the spec. The message says why."""


def operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield the method, the path and the object of each operation."""
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            if isinstance(item, dict) and isinstance(item.get(method), dict):
                yield (method, path), item[method]


def title(place: tuple[str, str]) -> str:
    """Return an operation's method and path."""
    return f"{place[0].upper()} {place[1]}"


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
        node = find(document, node["$ref"])
        if node is None:
            raise AdaptationError(f"Unresolved $ref: {followed[-1]}")
    if not followed or not isinstance(node, dict) or (shared and not siblings):
        return node
    return {**copy.deepcopy(node), **siblings}


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
            pending.append(find(document, reference))
    return {
        reference.removeprefix(SCHEMAS) for reference in followed if reference.startswith(SCHEMAS)
    }


def find(document: dict[str, Any], reference: str) -> Any:
    """Return the target of a local reference, or None."""
    try:
        return jsonpath.pointer.resolve(unquote(reference.removeprefix("#")), document)
    except jsonpath.JSONPointerError:
        return None  # the generator reports it
