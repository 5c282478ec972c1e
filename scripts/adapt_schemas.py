"""Adapts schemas to what the generator supports."""

from __future__ import annotations

import copy
import re
from typing import Any

from attrs import evolve, field, frozen
from openapi import resolve
from overlay import SCHEMAS

DATE_TIME_FORMATS = ("date-time-local", "http-date")  # from the OpenAPI format registry
COMBINATIONS = ("allOf", "anyOf", "oneOf")
DESCRIPTIVE = {"description", "title", "example", "examples", "deprecated", "readOnly", "writeOnly"}
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


@frozen
class Context:
    """Where a schema is.

    Attributes:
        document: The spec.
        place: The part of the spec, for notes.
        in_responses: Whether only responses use the schema.
        notes: What cannot be generated; notes are appended.
    """

    document: dict[str, Any]
    place: str
    in_responses: bool
    notes: list[str] = field(repr=False)

    def note(self, text: str) -> None:
        """Note what is not generated."""
        note = f"{self.place}: {text}"
        if note not in self.notes:
            self.notes.append(note)

    def inside(self, name: str) -> Context:
        """Return the context of a part."""
        return evolve(self, place=f"{self.place} → {name}")


def adapt_schema(spec: Any, context: Context, *, is_component: bool = False) -> Any:
    """Return the schema with untyped maps and, in responses, nullable optional properties."""
    if not isinstance(spec, dict):
        return {}  # The generator does not support true and false as schemas.
    if _is_map(spec) and not is_component:
        return {key: spec[key] for key in ("description",) if key in spec}
    # The generator would name classes after titles, which need not be unique.
    spec = {k: v for k, v in spec.items() if k not in ("title", "discriminator", "xml")}
    for key in ("example", "examples"):
        if isinstance(spec.get(key), dict | list):
            del spec[key]  # it may look like a reference
    if spec.pop("nullable", False) is True:  # OpenAPI 3.0
        spec = nullable(spec)
    if "default" in spec and not _default_fits(spec, context):
        del spec["default"]
        if not context.in_responses:
            context.note("its default is not one of its values; it is not sent")
    default = spec.get("default")
    if isinstance(default, str) and not default.isprintable():
        del spec["default"]
        context.note("its default has characters that the generator would change; it is not sent")
    spec = _adapt_values(spec, context)
    if spec.get("type") in ("null", ["null"]):
        del spec["type"]  # mypy rejects what the generator makes of it
    if spec.get("type") == "array" or "array" in _list(spec.get("type")):
        spec.setdefault("items", {})
    if isinstance(spec.get("allOf"), list):
        spec["allOf"] = [m for m in spec["allOf"] if not _only_describes(m)] or spec["allOf"]
    spec = _fold_alternatives(spec, context)
    for keyword in COMBINATIONS:
        if isinstance(spec.get(keyword), list):
            spec[keyword] = [
                {"type": "null"}
                if member == {"type": "null"}
                else adapt_schema(member, context, is_component=True)
                for member in spec[keyword]
            ]
    if "items" in spec:
        spec["items"] = adapt_schema(spec["items"], context)
    properties = spec.get("properties")
    if isinstance(properties, dict):
        _adapt_properties(spec, properties, context)
    return spec


def _adapt_properties(spec: dict[str, Any], properties: dict[str, Any], context: Context) -> None:
    """Adapt the properties in place."""
    settled = {}
    for name, inner in properties.items():
        if not is_literal(name):
            context.note(f"a property whose name the generator would change: {name!r}")
            continue
        settled[name] = adapt_schema(inner, context.inside(name))
    if context.in_responses:
        for name, schema in settled.items():
            if schema.get("format") in DATE_TIME_FORMATS:
                schema = {**schema, "format": "date-time"}
            is_required = name in (spec.get("required") or ())
            settled[name] = _named_enum(name, schema if is_required else nullable(schema))
    spec["properties"] = settled
    if context.in_responses and settled:
        spec["required"] = list(settled)
    elif isinstance(spec.get("required"), list) and len(settled) < len(properties):
        spec["required"] = [each for each in spec["required"] if each in settled]


def _named_enum(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a nullable enum as a union whose enum is named after the property.

    The generator takes null for an enum's value only if the enum has it, and then makes several.
    """
    types, values = schema.get("type"), schema.get("enum")
    if not isinstance(values, list) or "null" not in _list(types):
        return schema
    kinds = [each for each in _list(types) if each != "null"]
    values = [each for each in values if each is not None]
    inner = {k: v for k, v in schema.items() if k not in ("description", "default")}
    enum = {**inner, "type": kinds[0], "enum": values, "title": name}
    rest: dict[str, Any] = {k: schema[k] for k in ("description", "default") if k in schema}
    return {**rest, "anyOf": [enum, {"type": "null"}]} if len(kinds) == 1 else schema


def _default_fits(spec: dict[str, Any], context: Context) -> bool:
    """Return whether the default of a schema is one of its values, as far as types tell.

    And whether the generator supports it: it has no defaults that are arrays or objects, and none
    with a format in fields that may be null.
    """
    default, types = spec.get("default"), spec.get("type")
    if isinstance(default, list | dict) or (context.in_responses and "format" in spec):
        return False
    if types is None:
        return True
    kind = "null" if default is None else _TYPES.get(type(default), "object")
    allowed = [types] if isinstance(types, str) else _list(types)
    fits = kind in allowed or (kind == "integer" and "number" in allowed)
    return fits and default in (spec.get("enum") or [default])


def is_literal(value: str) -> bool:
    """Return whether the generator writes the string into code as it is."""
    return value.isprintable()


def _adapt_values(spec: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return the schema with an enum that the generator supports, and with a type."""
    spec = {**spec}
    if "const" in spec:
        spec["enum"] = [spec.pop("const")]
    values = spec.get("enum")
    if not isinstance(values, list):
        return spec
    present = [value for value in values if value is not None]
    kinds = list(dict.fromkeys(_TYPES.get(type(value), "object") for value in present))
    types = {spec["type"]} if isinstance(spec.get("type"), str) else {*_list(spec.get("type"))}
    if types - {"null"} == {"string"} and kinds in (["integer"], ["number"]):
        # From a YAML file without quotes: the type tells what is sent.
        present = [str(value) for value in present]
        values = [None if value is None else str(value) for value in values]
        spec["enum"], kinds = values, ["string"]
    if types - {"null"} == {"number"} and kinds == ["integer"]:
        kinds = ["number"]
    if "type" not in spec and not any(spec.get(each) for each in ("$ref", *COMBINATIONS)):
        known = [*kinds, "null"] if len(present) < len(values) else kinds
        spec |= {"type": known[0] if len(known) == 1 else known} if known else {}
    if kinds == ["boolean"] or not present:
        del spec["enum"]  # the generator would name constants True and False
    elif kinds not in (["string"], ["integer"]):
        del spec["enum"]
        context.note("its values are not limited to its enum, which has several types or fractions")
    elif kinds == ["string"]:
        if not all(map(is_literal, present)):
            del spec["enum"]
            context.note("its values are strings instead of an enum: some contain line breaks")
            return spec
        names = [re.sub(r"[^A-Z0-9]", "", value.upper()) for value in present]
        if len(set(names)) < len(names) or "" in names:  # the generator would keep only one of them
            spec["x-enum-varnames"] = [f"VALUE_{number}" for number in range(len(present))]
    return spec


def _fold_alternatives(spec: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return an object with the properties of its alternatives, of which each is optional.

    The generator would drop alternatives beside properties, or inside an allOf.
    """
    if isinstance(spec.get("allOf"), list):
        members = []
        for member in spec["allOf"]:
            target = resolve(context.document, member)
            folded = isinstance(target, dict) and any(target.get(c) for c in ("anyOf", "oneOf"))
            properties = _properties(context.document, member, ()) if folded else None
            if folded and properties is None:
                context.note("a part of its allOf that has alternatives which are not objects")
            members.append({"type": "object", "properties": properties} if properties else member)
        spec = {**spec, "allOf": members}
    present = [each for each in ("anyOf", "oneOf") if isinstance(spec.get(each), list)]
    if present and (spec.get("properties") or spec.get("allOf")):
        own = {key: value for key, value in spec.items() if key not in present}
        properties = _properties(context.document, {k: spec[k] for k in present}, ())
        if properties is None:
            context.note("its alternatives, which are not objects")
            return own
        if own.get("allOf"):
            own["allOf"] = [*own["allOf"], {"type": "object", "properties": properties}]
            return own
        both = {**properties, **own["properties"]}
        return {**own, "properties": both}
    return spec


def _properties(
    document: dict[str, Any], schema: Any, above: tuple[str, ...]
) -> dict[str, Any] | None:
    """Return the properties that an object may have; None if it is not an object."""
    if isinstance(schema, dict) and "$ref" in schema:
        if schema["$ref"] in above:
            return {}
        above = (*above, schema["$ref"])
        schema = resolve(document, schema)
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return None
    found: dict[str, Any] = copy.deepcopy(schema.get("properties") or {})
    for keyword in COMBINATIONS:
        for member in _list(schema.get(keyword)):
            inner = _properties(document, member, above)
            if inner is None:
                return None
            for name, each in inner.items():
                found[name] = each if found.get(name, each) == each else {}
    return found


def cut_recursion(schemas: dict[str, Any]) -> None:
    """Replace references by untyped values where a schema contains itself, but no object does.

    The generator supports recursion through the properties of objects only.
    """
    done: set[str] = set()

    def walk(node: Any, above: tuple[str, ...]) -> None:
        if isinstance(node, list):
            for each in node:
                walk(each, above)
            return
        if not isinstance(node, dict) or node.get("properties"):
            return
        name = str(node.get("$ref", "")).removeprefix(SCHEMAS)
        if name in above:
            node.clear()
        elif name in schemas and name not in done:
            walk(schemas[name], (*above, name))
            done.add(name)
        for key in ("items", "additionalProperties", "prefixItems", *COMBINATIONS):
            walk(node.get(key), above)

    for name in schemas:
        if name not in done:
            walk(schemas[name], (name,))
            done.add(name)


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


def nullable(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that also allows null."""
    types = spec.get("type")
    if isinstance(types, str):
        return {**spec, "type": [types, "null"]} if types != "null" else spec
    if isinstance(types, list):
        return spec if "null" in types else {**spec, "type": [*types, "null"]}
    for combination in ("anyOf", "oneOf"):
        members = spec.get(combination)
        if isinstance(members, list):
            present = any(isinstance(m, dict) and m.get("type") == "null" for m in members)
            return spec if present else {**spec, combination: [*members, {"type": "null"}]}
    if "$ref" in spec or "allOf" in spec:
        return {"anyOf": [spec, {"type": "null"}]}
    return spec  # an untyped schema allows null already
