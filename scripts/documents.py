"""Joins the vendored OpenAPI specs into one: openapi.json, and single paths of the others."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from openapi import AdaptationError, find, operations, title
from overlay import DATA, MAPS

Document = dict[str, Any]
MAIN = "openapi.json"


@frozen
class Other:
    """What is taken from a spec beside openapi.json.

    Attributes:
        prefix: What its components' names start with, so that they differ from those of others.
        paths: The paths. They keep the spec's servers and its authentication.
    """

    prefix: str
    paths: tuple[str, ...]


OTHERS = {
    # The successor of the Data API's list. This spec also describes single conversations,
    # recordings and debug chats, which openapi.json describes in more detail.
    "openapi.conversations-v3.json": Other("V3", ("/v3/{account_id}/{project_id}/conversations",)),
}
"""The other specs, by file name. A path that is not listed here is not generated."""


def file_name(document: str) -> str:
    """Return the file of a spec that DOCUMENT names, such as `conversations-v3`.

    Raises:
        AdaptationError: if there is no such spec.
    """
    names = {"": MAIN, **{re.sub(r"^openapi\.|\.json$", "", each): each for each in OTHERS}}
    if document not in names:
        known = ", ".join(filter(None, names))
        raise AdaptationError(f"DOCUMENT={document}: expected {known}, or nothing for {MAIN}.")
    return names[document]


def read_others(directory: Path) -> dict[str, bytes]:
    """Return the vendored specs beside openapi.json."""
    paths = [directory / name for name in OTHERS]
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def join(main: Document, others: Mapping[str, Document]) -> Document:
    """Return openapi.json with the paths that are taken from other specs, by file name.

    Raises:
        AdaptationError: if a path is missing there, or openapi.json has it as well.
    """
    joined = copy.deepcopy(main)
    for name, document in others.items():
        other = OTHERS[name]
        for path in other.paths:
            if path not in (document.get("paths") or {}):
                raise AdaptationError(f"{name} has no path {path}; see scripts/documents.py.")
            if path in joined["paths"]:
                raise AdaptationError(f"{path} is in {name} and in {MAIN} as well.")
            item = _renamed(document["paths"][path], other.prefix)
            if "servers" in document:
                item.setdefault("servers", copy.deepcopy(document["servers"]))
            joined["paths"][path] = item
            for _, operation in operations({"paths": {path: item}}):
                ways = operation.get("security", document.get("security")) or []
                operation["security"] = [
                    {f"{other.prefix}{scheme}": scopes for scheme, scopes in way.items()}
                    for way in ways
                ]
        _add_components(joined, document, other)
    return joined


def only_taken(name: str, document: Document) -> Document:
    """Return a spec with what is taken from it; all of openapi.json."""
    if name not in OTHERS:
        return document
    paths = {path: item for path, item in document["paths"].items() if path in OTHERS[name].paths}
    reduced: Document = {**document, "paths": paths, "components": {}}
    for section, key in _used(document, OTHERS[name]):
        reduced["components"].setdefault(section, {})[key] = document["components"][section][key]
    schemes = (document.get("components") or {}).get("securitySchemes")
    return {**reduced, "components": {**reduced["components"], "securitySchemes": schemes or {}}}


def not_taken(name: str, document: Document, main: Document) -> list[str]:
    """Return the operations of another spec that no spec describes here."""
    described = {*main["paths"], *OTHERS[name].paths}
    return [
        f"{title(place)}: not listed in scripts/documents.py"
        for place, _ in operations(document)
        if place[1] not in described
    ]


def _add_components(joined: Document, document: Document, other: Other) -> None:
    """Add the components that the paths use, under their new names."""
    components = joined.setdefault("components", {})
    for section, key in _used(document, other):
        component = document["components"][section][key]
        named = components.setdefault(section, {})
        named[f"{other.prefix}{key}"] = _renamed(component, other.prefix)
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    for key, scheme in schemes.items():
        components.setdefault("securitySchemes", {})[f"{other.prefix}{key}"] = scheme


def _used(document: Document, other: Other) -> list[tuple[str, str]]:
    """Return the section and name of each component that the paths use, others included."""
    found: dict[tuple[str, str], None] = {}
    pending: list[Any] = [item for path, item in document["paths"].items() if path in other.paths]

    def note(reference: str) -> str:
        section, name = reference.split("/")[2:4]
        if (section, name) not in found:
            component = find(document, f"#/components/{section}/{name}")
            if component is None:
                raise AdaptationError(f"Unresolved $ref: {reference}")
            found[section, name] = None
            pending.append(component)
        return reference

    while pending:
        _mapped(pending.pop(), note)
    return list(found)


def _renamed(node: Any, prefix: str) -> Any:
    def rename(reference: str) -> str:
        start, section, name, *rest = reference.removeprefix("#/").split("/")
        return "/".join([f"#/{start}", section, f"{prefix}{name}", *rest])

    return _mapped(node, rename)


def _mapped(node: Any, change: Callable[[str], str], *, has_names: bool = False) -> Any:
    """Return a copy with other references to components; data, such as examples, is kept."""
    if isinstance(node, list):
        return [_mapped(each, change) for each in node]
    if not isinstance(node, dict):
        return node
    copied = {}
    for key, value in node.items():
        if has_names:
            copied[key] = _mapped(value, change)
        elif key == "$ref" and isinstance(value, str):
            copied[key] = _reference(value, change)
        elif key == "mapping" and isinstance(value, dict):
            copied[key] = {name: _target(each, change) for name, each in value.items()}
        elif key in DATA:
            copied[key] = copy.deepcopy(value)
        else:
            copied[key] = _mapped(value, change, has_names=key in MAPS)
    return copied


def _reference(reference: str, change: Callable[[str], str]) -> str:
    if not re.match("#/components/[^/]+/[^/]", reference):
        raise AdaptationError(f"$ref {reference}: only references to components can be joined.")
    return change(reference)


def _target(name: str, change: Callable[[str], str]) -> str:
    """Return the target of a discriminator, which may be the name of a schema."""
    is_name = re.fullmatch(r"[\w.-]+", name) is not None
    return _reference(f"#/components/schemas/{name}" if is_name else name, change)
