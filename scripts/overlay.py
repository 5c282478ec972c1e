"""Applies an OpenAPI Overlay 1.0 document: https://spec.openapis.org/overlay/v1.0.0.html.

Stricter than the specification in what it calls stale, so that an overlay cannot outlive the
document that it corrects: an action whose target matches nothing, or one of whose names does; that
adds a schema which the document has by now; or that refers to a schema which nothing defines.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import jsonpath
from attrs import frozen
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import NameSelector

SCHEMAS = "#/components/schemas/"

KnownFields = Mapping[str, frozenset[str]]
"""The fields that schemas had when the overlay last fitted: how a renamed one is recognised."""


class OverlayError(Exception):
    """The overlay is malformed, or stale."""


@frozen
class Stale:
    """An action that no longer fits the document.

    Attributes:
        number: Its place in the overlay, from 1 on.
        target: Its target.
        reason: Why it was written.
        complaint: What does not fit.
        where: Where its target went, as far as that can be told; else "".
    """

    number: int
    target: str
    reason: str
    complaint: str
    where: str

    def __str__(self) -> str:
        text = f"action {self.number}: {self.complaint}\n  target: {self.target}\n"
        return f"{text}  reason: {self.reason}" + (f"\n  now: {self.where}" if self.where else "")


class StaleOverlayError(OverlayError):
    """Actions of the overlay no longer fit the document."""

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
        document: The document.
        overlay: The overlay.
        skipped: If it is given, what is stale is left out and appended to it.
        known_fields: The fields that schemas had.

    Raises:
        OverlayError: naming every action that is malformed.
        StaleOverlayError: naming every action that is stale, unless `skipped` is given.
    """
    if not str(overlay.get("overlay", "")).startswith("1.0."):
        raise OverlayError("not an OpenAPI Overlay 1.0 document: 'overlay' must read 1.0.x")
    actions = [_Action(number, raw) for number, raw in enumerate(overlay.get("actions", []), 1)]
    malformed = [f"action {action.number}: {action.malformed}" for action in actions]
    if any(action.malformed for action in actions):
        raise OverlayError(
            "\n".join(m for m, a in zip(malformed, actions, strict=True) if a.malformed)
        )

    stale: list[Stale] = []
    while True:  # again without what turned out to refer to nothing
        result = copy.deepcopy(dict(document))
        complaints = [
            found for action in actions for found in action.apply(result, known_fields or {})
        ]
        dangling = [found for action in actions for found in action.dangling(result)]
        stale += dangling
        if not dangling:
            break
        gone = {found.number for found in dangling}
        actions = [action for action in actions if action.number not in gone]
    stale = sorted(stale + complaints, key=lambda found: found.number)
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
        """Return what is wrong with the action whatever the document, or None."""
        if not self.reason:
            return "gives no reason (description)"
        if not self.remove and "update" not in raw:
            return "has neither update nor remove"
        if not self.target:
            return "names no target"
        try:
            query = jsonpath.compile(self.target, strict=True)
        except jsonpath.JSONPathError as error:
            return f"target cannot be read ({error})"
        if not isinstance(query, jsonpath.JSONPath):
            return "target cannot be read (one query is needed)"
        self.query = query
        if self.remove and not query.segments:
            return "target is the document itself, which cannot be removed"
        return None

    def apply(self, document: dict[str, Any], known_fields: KnownFields) -> Iterator[Stale]:
        """Apply the action in place, and yield what is stale in it."""
        matches = list(self.query.finditer(document))
        if not matches:
            where = self._where_it_went(document, known_fields)
            yield self._stale("target matches nothing in the document", where)
            return
        for index, name in self._unmatched_names(matches):
            parents = self._prefix(index).findall(document)
            where = _where_name_went(name, self._prefix(index), parents, document, known_fields)
            yield self._stale(f"{name!r} in the target matches nothing in the document", where)
        for match in _last_first(matches):
            if self.remove:
                parent: Any = match.parent.obj if match.parent else None
                del parent[match.parts[-1]]
            elif not isinstance(match.obj, dict | list):
                yield self._stale("target of an update must be an object or an array", "")
            elif isinstance(match.obj, dict) and not isinstance(self.update, dict):
                yield self._stale("update of an object must be an object", "")
            else:
                present = self._present_schemas(match)
                for name in present:
                    yield self._stale(
                        f"adds the schema {name}, which the document has by now",
                        f"compare the two; delete {name} from the action, or give it another name",
                    )
                update = self.update
                if present:
                    update = {k: v for k, v in self.update.items() if k not in present}  # type: ignore[union-attr]
                _merge(match.obj, update)

    def dangling(self, document: dict[str, Any]) -> Iterator[Stale]:
        """Yield a finding for each schema that the action refers to and the document lacks."""
        schemas = (document.get("components") or {}).get("schemas") or {}
        for reference in sorted(set(references(self.update))):
            if reference.removeprefix(SCHEMAS) not in schemas:
                yield self._stale(f"refers to {reference}, which does not exist", "")

    def _present_schemas(self, match: jsonpath.JSONPathMatch) -> list[str]:
        """Return the schemas that the update would mix with others of the same name."""
        if match.parts != ("components", "schemas"):
            return []
        new: Any = self.update
        return [name for name in new if name in match.obj and match.obj[name] != new[name]]  # type: ignore[operator,index]

    def _stale(self, complaint: str, where: str) -> Stale:
        return Stale(self.number, self.target, self.reason, complaint, where)

    def _prefix(self, length: int) -> jsonpath.JSONPath:
        return jsonpath.JSONPath(env=self.query.env, segments=self.query.segments[:length])

    def _unmatched_names(self, matches: list[jsonpath.JSONPathMatch]) -> Iterator[tuple[int, str]]:
        """Yield the names that no match goes through, with the place of their segment."""
        segments = self.query.segments
        if all(isinstance(segment, JSONPathChildSegment) for segment in segments):
            for index, segment in enumerate(segments):
                matched = {match.parts[index] for match in matches}
                for selector in segment.selectors:
                    if isinstance(selector, NameSelector) and selector.name not in matched:
                        yield index, selector.name

    def _where_it_went(self, document: dict[str, Any], known_fields: KnownFields) -> str:
        for index, segment in enumerate(self.query.segments):
            if self._prefix(index + 1).findall(document):
                continue
            prefix = self._prefix(index)
            parents = prefix.findall(document)
            hints = [
                _where_name_went(selector.name, prefix, parents, document, known_fields)
                for selector in segment.selectors
                if isinstance(selector, NameSelector)
            ]
            return "; ".join(hints) or (
                f"{prefix} is there, and nothing in it needs this any more: delete the action"
            )
        return ""  # pragma: no cover: the caller found no match of the whole


def _where_name_went(
    name: str,
    prefix: jsonpath.JSONPath,
    parents: list[Any],
    document: dict[str, Any],
    known_fields: KnownFields,
) -> str:
    """Say what stands where the name stood, and where it may have gone."""
    found = f"{prefix} is there, without {name!r}"
    keys = sorted({key for parent in parents if isinstance(parent, dict) for key in parent})
    if str(prefix) == "$['components']['schemas']":
        best = max(
            keys, key=lambda key: _likeness(known_fields.get(name), parents[0][key]), default=""
        )
        if best and _likeness(known_fields.get(name), parents[0][best]) >= 0.5:
            both = known_fields[name] & _fields(parents[0][best])
            return f"{found}; {best!r} has {len(both)} of its {len(known_fields[name])} fields"
    close = difflib.get_close_matches(name, keys, n=1, cutoff=0.6)
    if close:
        return f"{found}; closest there: {close[0]!r}"
    schemas = (document.get("components") or {}).get("schemas") or {}
    elsewhere = [schema for schema in schemas if name in _fields(schemas[schema])]
    if elsewhere:
        return f"{found}; a field of that name stands in {', '.join(elsewhere[:3])}"
    return f"{found}, and nothing like it"


def _fields(schema: Any) -> frozenset[str]:
    return frozenset((schema.get("properties") or {}) if isinstance(schema, dict) else ())


def _likeness(known: frozenset[str] | None, schema: Any) -> float:
    """Return which part of all their fields two schemas share, from 0 to 1."""
    fields = _fields(schema)
    return len(known & fields) / len(known | fields) if known else 0.0


def references(node: Any) -> Iterator[str]:
    """Yield every $ref in the node."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            pending += node.values()
        elif isinstance(node, list):
            pending += node


def _last_first(matches: list[jsonpath.JSONPathMatch]) -> list[jsonpath.JSONPathMatch]:
    """Return each place once, backwards: removing an array's element moves those behind it."""
    places = {match.parts: match for match in matches}
    return [
        places[parts]
        for parts in sorted(
            places, key=lambda parts: [(isinstance(p, str), p) for p in parts], reverse=True
        )
    ]


def _merge(target: Any, update: Any) -> None:
    """Merge as the specification says: objects recursively, arrays appended, the rest replaced."""
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
