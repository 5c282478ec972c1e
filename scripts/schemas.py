"""Brings the schemas of an OpenAPI spec into one form, so that they can be compared."""

from __future__ import annotations

import json
from typing import Any

from attrs import field, frozen
from openapi import resolve
from overlay import SCHEMAS

COMBINATIONS = ("allOf", "anyOf", "oneOf")
_PROSE = frozenset(
    ("title", "description", "example", "examples", "externalDocs", "xml", "$comment", "$defs")
)
_INNER = ("items", "additionalProperties")


@frozen(eq=False)
class Plain:
    """A schema without references, prose and notation.

    Attributes:
        types: The types of its values, without null; None if it allows any.
        nullable: Whether it allows null.
        enum: The allowed values, without null; None if they are not limited.
        limits: Its other keywords.
        properties: The schemas of its properties, as they are in the spec.
        required: The names of the required properties.
        inner: The schemas of the items of an array, and of the values of a map.
        combination: `allOf`, `anyOf`, `oneOf` or "".
        members: The members of the combination, as they are in the spec.
    """

    types: frozenset[str] | None = None
    nullable: bool = False
    enum: list[Any] | None = None
    limits: dict[str, Any] = field(factory=dict)
    properties: dict[str, Any] = field(factory=dict)
    required: frozenset[str] = frozenset()
    inner: dict[str, Any] = field(factory=dict)
    combination: str = ""
    members: list[Any] = field(factory=list)


class Schemas:
    """The schemas of one spec."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.components: dict[str, Any] = (document.get("components") or {}).get("schemas") or {}
        self._plain: dict[int, Plain] = {}
        self._kept: list[Any] = []  # so that no identity is used twice

    def name(self, schema: Any) -> str:
        """Return the name of the schema that this one is a reference to, or ""."""
        if not isinstance(schema, dict):
            return ""
        members = [each for each in schema.get("allOf") or () if not _only_prose(each)]
        if len(members) == 1 and not schema.keys() - {"allOf", "nullable"} - _PROSE:
            return self.name(members[0])
        reference = str(schema.get("$ref", ""))
        if not reference.startswith(SCHEMAS) or schema.keys() - {"$ref"} - _PROSE:
            return ""
        target = self.components.get(reference.removeprefix(SCHEMAS))
        return self.name(target) or reference.removeprefix(SCHEMAS)

    def label(self, schema: Any) -> str:
        """Return a short text that names the schema."""
        plain = self.plain(schema)
        fields = f" with {', '.join(list(plain.properties)[:5])}" if plain.properties else ""
        return self.name(schema) or f"{' | '.join(sorted(plain.types or ['any']))}{fields}"

    def digest(self, schema: Any) -> str:
        """Return a text that is equal for schemas with equal contracts."""
        return json.dumps(self._tree(schema, ()), sort_keys=True, default=sorted)

    def _tree(self, schema: Any, above: tuple[int, ...]) -> Any:
        plain = self.plain(schema)
        if id(plain) in above:
            return above.index(id(plain))
        above = (*above, id(plain))
        return {
            "types": sorted(plain.types) if plain.types is not None else None,
            "nullable": plain.nullable,
            "enum": sorted(map(json.dumps, plain.enum)) if plain.enum is not None else None,
            "limits": plain.limits,
            "required": plain.required,
            "properties": {k: self._tree(v, above) for k, v in plain.properties.items()},
            "inner": {k: self._tree(v, above) for k, v in plain.inner.items()},
            "combination": plain.combination,
            "members": sorted(
                json.dumps(self._tree(each, above), sort_keys=True, default=sorted)
                for each in plain.members
            ),
        }

    def plain(self, schema: Any) -> Plain:
        """Return the schema in its plain form."""
        if id(schema) not in self._plain:
            self._kept.append(schema)
            self._plain[id(schema)] = self._make_plain(schema)
        return self._plain[id(schema)]

    def _make_plain(self, schema: Any) -> Plain:
        if isinstance(schema, dict) and schema.keys() - _PROSE == {"$ref"}:
            return self.plain(resolve(self.document, {"$ref": schema["$ref"]}, shared=True))
        spec = self._flat(schema)
        types, nullable = _types(spec)
        members = list(spec.pop("members", ()))
        combination = spec.pop("combination", "")
        enum = spec.pop("enum", None)
        if "const" in spec:
            enum = [spec.pop("const")]
        if isinstance(enum, list):
            nullable = nullable or (None in enum and spec.get("type") is None)
            enum = [each for each in enum if each is not None]
            if types is None and enum:
                types = frozenset(_json_type(each) for each in enum)
        properties = spec.pop("properties", None) or {}
        if types is None and properties:
            types = frozenset({"object"})
        if types is None and "items" in spec:
            types = frozenset({"array"})
        inner = {key: spec.pop(key) for key in _INNER if key in spec}
        if inner.get("additionalProperties") in (True, {}):
            del inner["additionalProperties"]
        if inner.get("items") in (True, {}):
            del inner["items"]
        required = frozenset(map(str, spec.pop("required", None) or ()))
        spec.pop("type", None)
        limits = {
            key: value
            for key, value in spec.items()
            if key not in _PROSE and not key.startswith("x-")
        }
        return Plain(
            types, nullable, enum, limits, properties, required, inner, combination, members
        )

    def _flat(self, schema: Any) -> dict[str, Any]:
        """Return a copy without references at the top, and with one-member combinations merged."""
        if schema is False:
            return {"not": {}}
        if not isinstance(schema, dict):
            return {}
        spec = {key: value for key, value in schema.items() if key not in _PROSE}
        if isinstance(spec.get("$ref"), str):
            target = resolve(self.document, {"$ref": spec.pop("$ref")}, shared=True)
            spec = _merged(self._flat(target), spec) or spec
        if spec.pop("nullable", False) is True:
            spec["null"] = True
        if spec.get("exclusiveMinimum") is True:
            spec["exclusiveMinimum"] = spec.pop("minimum", None)
        if spec.get("exclusiveMaximum") is True:
            spec["exclusiveMaximum"] = spec.pop("maximum", None)
        for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
            if spec.get(keyword) is False:
                del spec[keyword]
        members = spec.get("allOf")
        if isinstance(members, list):
            merged: dict[str, Any] | None = {k: v for k, v in spec.items() if k != "allOf"}
            for member in members:
                if not _only_prose(member):
                    merged = _merged(merged, self._flat(member))
            if merged is not None:
                spec = merged
        for keyword in ("anyOf", "oneOf"):
            members = spec.get(keyword)
            if isinstance(members, list):
                others = [each for each in members if each != {"type": "null"}]
                if len(others) < len(members):
                    spec["null"] = True
                if len(others) == 1:
                    rest = {k: v for k, v in spec.items() if k != keyword}
                    spec = _merged(rest, self._flat(others[0])) or spec
                else:
                    spec[keyword] = others
        used = [keyword for keyword in COMBINATIONS if isinstance(spec.get(keyword), list)]
        if used and "combination" not in spec:
            spec["combination"], spec["members"] = used[0], spec.pop(used[0])
        return spec


def _merged(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any] | None:
    """Return two schemas in one that must both hold, or None if that is not simple."""
    if one is None:
        return None
    result = {**one}
    for key, value in other.items():
        if key not in one or one[key] == value:
            result[key] = value
        elif key == "properties" and not one[key].keys() & value.keys():
            result[key] = {**one[key], **value}
        elif key == "required":
            result[key] = [*one[key], *value]
        elif key == "null":
            result[key] = one[key] and value
        else:
            return None
    return result


def _types(spec: dict[str, Any]) -> tuple[frozenset[str] | None, bool]:
    nullable = bool(spec.pop("null", False))
    types = spec.get("type")
    if types is None:
        return None, nullable
    found = frozenset([types] if isinstance(types, str) else map(str, types))
    return found - {"null"}, nullable or "null" in found


def _json_type(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def _only_prose(member: Any) -> bool:
    return isinstance(member, dict) and not member.keys() - _PROSE
