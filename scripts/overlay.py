"""Applies an OpenAPI Overlay 1.0 document: https://spec.openapis.org/overlay/v1.0.0.html.

Stricter than the specification, so that an overlay cannot outlive the spec that it corrects. An
action is stale if its target, or a name in it, matches nothing; if the spec now says what it adds,
or something else in that place; or if it refers to a schema that does not exist. To replace what
the spec says, remove it in an earlier action.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonpath
from attrs import frozen
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import NameSelector

SCHEMAS = "#/components/schemas/"
MAX_PLACES = 3
"""Maximum number of places to list for one action."""
DATA = frozenset({"example", "examples", "default", "const", "enum"})
"""The keys of values that are data, where `$ref` has no meaning."""
MAPS = {
    *("properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "schemas"),
    *("responses", "parameters", "requestBodies", "headers", "callbacks", "links", "pathItems"),
    *("paths", "webhooks", "content", "encoding", "securitySchemes", "variables"),
}
"""The keys of objects whose keys are names."""
PROSE = frozenset({"description", "title", "summary", "example", "examples", "deprecated"})
_COMBINATIONS = frozenset({"allOf", "anyOf", "oneOf"})
_EXCLUDES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("type", "format"), frozenset({"$ref"}) | _COMBINATIONS),
    **dict.fromkeys(("properties", "items", "enum"), frozenset({"$ref"}) | _COMBINATIONS),
    "additionalProperties": frozenset({"$ref", "properties", "patternProperties"}) | _COMBINATIONS,
    **{
        each: frozenset({"$ref", "type", "properties", "items", "enum", "additionalProperties"})
        | (_COMBINATIONS - {each})
        for each in _COMBINATIONS
    },
}
"""The keywords of a schema that must not be added to one that has one of the others."""

KnownFields = Mapping[str, frozenset[str]]
"""The fields of each schema when the overlay last matched. They identify a renamed schema."""


class OverlayError(Exception):
    """The overlay is malformed, or stale."""


@frozen
class Stale:
    """An action that no longer matches the spec.

    Attributes:
        number: Its position in the overlay, starting at 1.
        target: Its target.
        reason: Its description.
        problem: What does not match.
        where: Where its target may be now, or what to do; "" if unknown.
        is_given: Whether the spec now says what the action adds, or something else in its place.
    """

    number: int
    target: str
    reason: str
    problem: str
    where: str
    is_given: bool = False

    def __str__(self) -> str:
        text = f"action {self.number}: {self.problem}\n  target: {self.target}\n"
        return f"{text}  reason: {self.reason}" + (f"\n  now: {self.where}" if self.where else "")


class StaleOverlayError(OverlayError):
    """Actions of the overlay no longer match the spec."""

    def __init__(self, stale: list[Stale]) -> None:
        super().__init__("\n".join(str(action) for action in stale))
        self.stale = stale


def apply_overlay(
    document: Mapping[str, Any],
    overlay: Mapping[str, Any],
    *,
    skipped: list[Stale] | None = None,
    known_fields: KnownFields | None = None,
) -> dict[str, Any]:
    """Return a copy of `document` with the overlay's actions applied in their order.

    Args:
        document: The spec.
        overlay: The overlay.
        skipped: If given, stale actions are skipped and appended to this list.
        known_fields: The fields that each schema had.

    Raises:
        OverlayError: if actions are malformed.
        StaleOverlayError: if actions are stale and `skipped` is not given.
    """
    if not str(overlay.get("overlay", "")).startswith("1.0."):
        raise OverlayError("not an OpenAPI Overlay 1.0 document: 'overlay' must be 1.0.x")
    actions = [_Action(number, raw) for number, raw in enumerate(overlay.get("actions", []), 1)]
    malformed = [f"action {action.number}: {action.malformed}" for action in actions]
    if any(action.malformed for action in actions):
        raise OverlayError(
            "\n".join(m for m, a in zip(malformed, actions, strict=True) if a.malformed)
        )

    stale: list[Stale] = []
    while True:  # until no action refers to a missing schema
        result = copy.deepcopy(dict(document))
        problems = [
            found for action in actions for found in action.apply(result, known_fields or {})
        ]
        dangling = [found for action in actions for found in action.dangling(result)]
        stale += dangling
        if not dangling:
            break
        gone = {found.number for found in dangling}
        actions = [action for action in actions if action.number not in gone]
    stale = sorted(stale + problems, key=lambda found: found.number)
    if skipped is not None:
        skipped += stale
    elif stale:
        raise StaleOverlayError(stale)
    return result


class _Action:
    def __init__(self, number: int, raw: Mapping[str, Any]) -> None:
        self.number = number
        self.target = str(raw.get("target") or "")
        self.reason = " ".join(str(raw.get("description") or "").split())
        self.remove = bool(raw.get("remove", False))
        self.update = raw.get("update")
        self.malformed = self._parse(raw)

    def _parse(self, raw: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the action, whatever the spec, or None."""
        if not self.reason:
            return "has no description"
        if not self.remove and "update" not in raw:
            return "has neither update nor remove"
        if not self.target:
            return "has no target"
        try:
            query = jsonpath.compile(self.target, strict=True)
        except jsonpath.JSONPathError as error:
            return f"invalid target ({error})"
        if not isinstance(query, jsonpath.JSONPath):
            return "invalid target (expected one query)"
        self.query = query
        if self.remove and not query.segments:
            return "target is the whole document, which cannot be removed"
        return None

    def apply(self, document: dict[str, Any], known_fields: KnownFields) -> Iterator[Stale]:
        """Apply the action in place, and yield the stale parts of it."""
        matches = list(self.query.finditer(document))
        if not matches:
            where = self._where_target_is(document, known_fields)
            yield self._stale("target matches nothing in the spec", where)
            return
        for index, name in self._unmatched_names(matches):
            parents = self._prefix(index).findall(document)
            where = _where_name_is(name, self._prefix(index), parents, document, known_fields)
            yield self._stale(f"{name!r} in the target matches nothing in the spec", where)
        given: dict[str, str] = {}
        hints: dict[str, None] = {}
        for match in _in_reverse(matches):
            if self.remove:
                parent: Any = match.parent.obj if match.parent else None
                del parent[match.parts[-1]]
            elif not isinstance(match.obj, dict | list):
                yield self._stale("target of an update must be an object or an array", "")
            elif isinstance(match.obj, dict) and not isinstance(self.update, dict):
                yield self._stale("update of an object must be an object", "")
            else:
                update = self.update
                if match.parts == ("components", "schemas") and isinstance(update, dict):
                    for name in [each for each in update if each in match.obj]:
                        yield self._given(
                            f"adds the schema {name}, which the spec now defines",
                            f"compare the two, then delete or rename {name} in the action",
                        )
                    update = {k: v for k, v in update.items() if k not in match.obj}
                found = dict(_given(match.obj, update))
                if found:
                    given |= {_place(match.parts, place): text for place, text in found.items()}
                    hints |= dict.fromkeys(_successors(document, match.obj, update))
                else:
                    _merge(match.obj, update)
        if given:
            yield self._given(
                f"the spec now says what it adds{_listed(dict(reversed(given.items())))}",
                "; ".join(
                    [*hints, "delete it, or first remove what the spec says in an action before it"]
                ),
            )

    def dangling(self, document: dict[str, Any]) -> Iterator[Stale]:
        """Yield the schemas that the action refers to and the spec does not define."""
        schemas = (document.get("components") or {}).get("schemas") or {}
        for reference in sorted(set(references(self.update))):
            if reference.removeprefix(SCHEMAS) not in schemas:
                yield self._stale(f"refers to {reference}, which does not exist", "")

    def _stale(self, problem: str, where: str) -> Stale:
        return Stale(self.number, self.target, self.reason, problem, where)

    def _given(self, problem: str, where: str) -> Stale:
        return Stale(self.number, self.target, self.reason, problem, where, is_given=True)

    def _prefix(self, length: int) -> jsonpath.JSONPath:
        return jsonpath.JSONPath(env=self.query.env, segments=self.query.segments[:length])

    def _unmatched_names(self, matches: list[jsonpath.JSONPathMatch]) -> Iterator[tuple[int, str]]:
        """Yield the names in the target that match nothing, with the index of their segment."""
        segments = self.query.segments
        if all(isinstance(segment, JSONPathChildSegment) for segment in segments):
            for index, segment in enumerate(segments):
                matched = {match.parts[index] for match in matches}
                for selector in segment.selectors:
                    if isinstance(selector, NameSelector) and selector.name not in matched:
                        yield index, selector.name

    def _where_target_is(self, document: dict[str, Any], known_fields: KnownFields) -> str:
        for index, segment in enumerate(self.query.segments):
            if self._prefix(index + 1).findall(document):
                continue
            prefix = self._prefix(index)
            parents = prefix.findall(document)
            hints = [
                _where_name_is(selector.name, prefix, parents, document, known_fields)
                for selector in segment.selectors
                if isinstance(selector, NameSelector)
            ]
            return "; ".join(hints) or (
                f"{prefix} exists, but nothing in it matches any more: delete the action"
            )
        return ""  # the caller found no match


def _where_name_is(
    name: str,
    prefix: jsonpath.JSONPath,
    parents: list[Any],
    document: dict[str, Any],
    known_fields: KnownFields,
) -> str:
    """Say what is in the place of a name, and where the name may be now."""
    found = f"{prefix} exists, but has no {name!r}"
    keys = sorted({key for parent in parents if isinstance(parent, dict) for key in parent})
    if str(prefix) == "$['components']['schemas']":
        best = max(
            keys, key=lambda key: _similarity(known_fields.get(name), parents[0][key]), default=""
        )
        if best and _similarity(known_fields.get(name), parents[0][best]) >= 0.5:
            both = known_fields[name] & _fields(parents[0][best])
            return f"{found}; {best!r} has {len(both)} of its {len(known_fields[name])} fields"
    close = difflib.get_close_matches(name, keys, n=1, cutoff=0.6)
    if close:
        return f"{found}; closest match: {close[0]!r}"
    schemas = (document.get("components") or {}).get("schemas") or {}
    elsewhere = [schema for schema in schemas if name in _fields(schemas[schema])]
    if elsewhere:
        return f"{found}; schemas with that field: {', '.join(elsewhere[:3])}"
    return f"{found} or anything similar"


def _fields(schema: Any) -> frozenset[str]:
    return frozenset((schema.get("properties") or {}) if isinstance(schema, dict) else ())


def _similarity(known: frozenset[str] | None, schema: Any) -> float:
    """Return the share of their fields that two schemas have in common, from 0 to 1."""
    fields = _fields(schema)
    return len(known & fields) / len(known | fields) if known else 0.0


def references(node: Any) -> Iterator[str]:
    """Yield every $ref in the node."""
    for each in reference_nodes(node):
        yield each["$ref"]


def reference_nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in the node that is a reference; examples and values are not."""
    pending = [(node, False)]
    while pending:
        node, has_names = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node
            pending += [
                (value, key in MAPS and not has_names)
                for key, value in node.items()
                if has_names or key not in DATA
            ]
        elif isinstance(node, list):
            pending += [(each, False) for each in node]


def _in_reverse(matches: list[jsonpath.JSONPathMatch]) -> list[jsonpath.JSONPathMatch]:
    """Return each match once, in reverse: removing an array element moves the following ones."""
    places = {match.parts: match for match in matches}
    return [
        places[parts]
        for parts in sorted(
            places, key=lambda parts: [(isinstance(p, str), p) for p in parts], reverse=True
        )
    ]


def _given(target: Any, update: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Yield the places of the update that the spec fills already, each with what it says there."""
    if isinstance(target, list):
        added = update if isinstance(update, list) and place else [update]
        if added and all(each in target for each in added):
            yield place, "the same"
    elif isinstance(target, dict) and isinstance(update, dict):
        for key, value in update.items():
            excluded = target.keys() - PROSE if key == "$ref" else target.keys() & _excluded(key)
            if key in target:
                if value != {} or not isinstance(target[key], dict):
                    yield from _given(target[key], value, (*place, key))
            elif excluded:
                yield (*place, key), f"{', '.join(sorted(excluded))} instead"
    else:
        yield place, "the same" if target == update else _short(target)


def _excluded(key: str) -> frozenset[str]:
    return _EXCLUDES.get(key, frozenset())


def _place(parts: tuple[str | int, ...], inner: tuple[str, ...]) -> str:
    return " → ".join(str(part) for part in (*parts, *inner))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _listed(given: dict[str, str]) -> str:
    """Return the places where the spec says what an action adds, and what it says there."""
    lines = [f"    {place}: {text}" for place, text in given.items()]
    more = [f"    and {len(lines) - MAX_PLACES} more"] if len(lines) > MAX_PLACES else []
    count = f", in {len(lines)} places:" if len(lines) > 1 else ":"
    return "\n".join([count, *lines[:MAX_PLACES], *more])


def _successors(document: dict[str, Any], target: Any, update: Any) -> Iterator[str]:
    """Say which schemas of the spec may take the place of those that an action refers to."""
    schemas = (document.get("components") or {}).get("schemas") or {}
    for old, new in zip(references(update), references(target), strict=False):
        ours, theirs = old.removeprefix(SCHEMAS), new.removeprefix(SCHEMAS)
        known = _fields(schemas.get(ours))
        if ours != theirs and known and theirs in schemas:
            both = len(known & _fields(schemas[theirs]))
            yield (
                f"{theirs} has {both} of the {len(known)} fields of {ours}: to use it instead, "
                f"give it the class_name {ours} in scripts/generator.yaml, and delete the action "
                f"that adds {ours}"
            )


def _merge(target: Any, update: Any) -> None:
    """Merge objects recursively, append to arrays, and replace everything else."""
    if isinstance(target, list):
        target.append(copy.deepcopy(update))
        return
    for key, value in update.items():
        present = target.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(copy.deepcopy(value))
        else:
            target[key] = copy.deepcopy(value)
