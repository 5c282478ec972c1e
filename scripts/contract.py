"""Compares two versions of an OpenAPI spec by what they say about requests and responses.

Order, descriptions, examples, titles, and whether something is inlined or referenced make no
difference to the contract. Parameters are matched by location and name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from attrs import field, frozen
from openapi import operations, resolve, schemas_used, title
from overlay import SCHEMAS
from schemas import Plain, Schemas
from servers import ServerError, server_urls

Kind = Literal["added", "removed", "modified"]
Topic = Literal["", "security", "media type", "default", "style", "webhooks"]
Level = Literal["none", "patch", "minor", "major"]
LEVELS: tuple[Level, ...] = ("none", "patch", "minor", "major")
REQUEST, RESPONSE = "request", "response"
PROSE = frozenset(
    ("summary", "description", "title", "example", "examples", "externalDocs", "$comment", "tags")
)
_HANDLED = frozenset(
    ("parameters", "requestBody", "responses", "security", "servers", "operationId", "callbacks")
)
_MAX_LIMITS = frozenset(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"))
_MIN_LIMITS = frozenset(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"))


@frozen
class Change:
    """One change of the spec.

    Attributes:
        kind: `added`, `removed` or `modified`.
        is_breaking: Whether it can break clients of the API.
        where: The part of the spec: an operation or a schema.
        text: What changed.
        topic: What it is about, if that is a task of its own.
    """

    kind: Kind
    is_breaking: bool
    where: str
    text: str
    topic: Topic = ""

    @property
    def level(self) -> Level:
        """What the change means for the version of the package."""
        if self.is_breaking:
            return "major"
        return "minor" if self.kind == "added" else "patch"


@frozen
class _Row:
    kind: Kind
    is_breaking: bool
    where: str
    head: str
    topic: Topic
    items: list[str] = field(factory=list, eq=False)


def compare(before: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    """Return what changed, breaking changes first."""
    if before == now and json.dumps(before) == json.dumps(now):
        return []
    changes = _Comparison(before, now).run()
    if not changes:
        changes = [Change("modified", False, "document", "order or notation only")]
    return sorted(changes, key=lambda change: not change.is_breaking)


def successors(
    removed: Iterable[tuple[str, str]], added: Mapping[tuple[str, str], Any], old: Mapping[Any, Any]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the added operation that each removed one seems to have moved to.

    It has the same operationId, or the same method and the same last fixed part of the path.
    """
    result = {}
    for place in removed:
        name = old[place].get("operationId")
        same = [each for each in added if name and added[each].get("operationId") == name]
        if not same:
            method, path = place
            same = [
                each for each in added if each[0] == method and _ending(each[1]) == _ending(path)
            ]
        if len(same) == 1:
            result[place] = same[0]
    return result


def _ending(path: str) -> tuple[str, int]:
    parts = [part for part in path.split("/") if part]
    fixed = [part for part in parts if not part.startswith("{")]
    return fixed[-1] if fixed else "", len(parts)


class _Comparison:
    def __init__(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        self.before, self.now = before, now
        self.old, self.new = Schemas(before), Schemas(now)
        self.rows: dict[_Row, _Row] = {}
        self.seen: dict[tuple[int, int], frozenset[str]] = {}
        self.pairs: dict[str, str] = {}
        self.uses = [_uses(document) for document in (before, now)]

    def add(
        self,
        kind: Kind,
        where: str,
        head: str,
        item: str = "",
        *,
        breaking: bool = False,
        topic: Topic = "",
    ) -> None:
        row = _Row(kind, breaking, where, head, topic)
        row = self.rows.setdefault(row, row)
        if item and item not in row.items:
            row.items.append(item)

    def run(self) -> list[Change]:
        self.document()
        old, new = dict(_operations(self.before)), dict(_operations(self.now))
        keys = {_key(place): place for place in old}
        same = {place: keys[_key(place)] for place in new if _key(place) in keys}
        self.security(old, new, same)
        self.servers(old, new, same)
        removed = [place for place in old if place not in same.values()]
        added = {place: new[place] for place in new if place not in same}
        moved = successors(removed, added, old)
        for place in removed:
            to = f"removed; it may be {title(moved[place])} now" if place in moved else "removed"
            self.add("removed", title(place), to, breaking=True)
        for place in added:
            self.add("added", title(place), "new operation")
        for place, previous in same.items():
            self.operation(title(place), previous[1], place[1], old[previous], new[place])
        self.components()
        for where, texts in _prose_changes(self.before, self.now).items():
            self.add("modified", where, ", ".join(texts))
        return [
            Change(
                row.kind,
                row.is_breaking,
                row.where,
                f"{row.head}: {', '.join(row.items)}" if row.items else row.head,
                row.topic,
            )
            for row in self.rows.values()
        ]

    def document(self) -> None:
        for key in ("openapi", "jsonSchemaDialect"):
            self.value("document", key, self.before.get(key), self.now.get(key))
        info = self.before["info"], self.now["info"]
        for key in {**info[0], **info[1]}:
            if key != "description":
                self.value("info", key, info[0].get(key), info[1].get(key))
        for name in ("webhooks", "x-webhooks"):
            old, new = self.before.get(name) or {}, self.now.get(name) or {}
            for each in new:
                if each not in old:
                    self.add("added", name, "new", each, topic="webhooks")
                elif not same_json(old[each], new[each]):
                    self.add("modified", name, "changed", each, topic="webhooks")
            for each in [each for each in old if each not in new]:
                self.add("removed", name, "removed", each, topic="webhooks")
        for key in {**self.before, **self.now}:
            if key.startswith("x-") and key != "x-webhooks":
                self.value("document", key, self.before.get(key), self.now.get(key))

    def value(self, where: str, place: str, old: Any, new: Any, topic: Topic = "") -> None:
        """Report a changed value that cannot break anything by itself."""
        if not same_json(old, new):
            self.add("modified", where, f"{place}: {short(old)} → {short(new)}", topic=topic)

    # --- Security and servers ------------------------------------------------------------------

    def security(self, old: Any, new: Any, same: Mapping[Any, Any]) -> None:
        changed: dict[str, list[str]] = {}
        for place, previous in same.items():
            ways = _security(self.before, old[previous]), _security(self.now, new[place])
            was, now = ({each.lower() for each in side} for side in ways)  # as headers are compared
            if was != now:
                text = " → ".join(" or ".join(sorted(each)) or "none" for each in ways)
                changed.setdefault(text, []).append(title(place))
        for text, places in changed.items():
            for where in ["document"] if len(places) == len(same) else places:
                head = f"authentication: {text}"
                self.add("modified", where, head, breaking=True, topic="security")

    def servers(self, old: Any, new: Any, same: Mapping[Any, Any]) -> None:
        """Report operations with different servers, in one row for those that changed alike."""
        groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for place, previous in same.items():
            was = _urls(self.before, old[previous], previous)
            now = _urls(self.now, new[place], place)
            if set(was) != set(now):
                groups.setdefault((was, now), []).append(title(place))
        general = set(_servers(self.now.get("servers")))
        for (was, now), places in groups.items():
            names = "" if len(places) == len(same) else f" of {_few(places)}"
            for url in [each for each in was if each not in now]:
                others = [
                    title(place)
                    for place in new
                    if url not in general and url in _urls(self.now, new[place], place)
                ]
                text = f"{url}{names}"
                text += f"; it serves {_few(others)} only" if others else ""
                self.add("removed", "servers", text, breaking=True)
            for url in [each for each in now if each not in was]:
                self.add("added", "servers", f"{url}{names}")

    # --- Operations ----------------------------------------------------------------------------

    def operation(self, where: str, old_path: str, path: str, old: Any, new: Any) -> None:
        if old_path != path:
            self.add("modified", where, f"the parameters in the path were renamed: was {old_path}")
        self.value(where, "operationId", old.get("operationId"), new.get("operationId"))
        for key in {**old, **new}:
            if key not in PROSE | _HANDLED:
                self.value(where, key, old.get(key), new.get(key))
        self.value(where, "callbacks", old.get("callbacks"), new.get("callbacks"), "webhooks")
        names = dict(
            zip(re.findall(r"\{(.*?)\}", path), re.findall(r"\{(.*?)\}", old_path), strict=True)
        )
        self.parameters(where, old["parameters"], new["parameters"], names)
        self.body(where, old.get("requestBody"), new.get("requestBody"))
        self.responses(where, old.get("responses") or {}, new.get("responses") or {})

    def parameters(self, where: str, old: Any, new: Any, names: dict[str, str]) -> None:
        was = {_parameter_key(self.before, each): each for each in old}
        now = {
            (kind, names.get(name, name) if kind == "path" else name): each
            for (kind, name), each in ((_parameter_key(self.now, each), each) for each in new)
        }
        for (kind, name), each in now.items():
            spec = resolve(self.now, each)
            if (kind, name) not in was:
                needed = bool(spec.get("required"))
                schema = self.new.plain(spec.get("schema", {}))
                head = f"new {'required' if needed else 'optional'} {kind} parameters"
                if not needed and "default" in schema.limits:
                    # The response may change for clients that do not send it.
                    text = f"{spec['name']} = {short(schema.limits['default'])}"
                    self.add("added", where, f"{head} with a default", text, topic="default")
                else:
                    self.add("added", where, head, str(spec["name"]), breaking=needed)
                continue
            self.parameter(
                where, f"{kind} parameter {name}", resolve(self.before, was[kind, name]), spec
            )
        for kind, name in [key for key in was if key not in now]:
            self.add("removed", where, f"removed {kind} parameters", name, breaking=True)

    def parameter(self, where: str, place: str, old: Any, new: Any) -> None:
        if bool(old.get("required")) != bool(new.get("required")):
            needed = bool(new.get("required"))
            text = "became required" if needed else "became optional"
            self.add("modified", where, f"{place} {text}", breaking=needed)
        styles = [_style(each) for each in (old, new)]
        if styles[0] != styles[1]:
            text = f"{place} is serialised differently: {' → '.join(map(str, styles))}"
            self.add("modified", where, text, breaking=True, topic="style")
        schemas = old.get("schema", {}), new.get("schema", {})
        self.schema(where, place, *schemas, frozenset((REQUEST,)))

    def body(self, where: str, old: Any, new: Any) -> None:
        was, now = resolve(self.before, old) or {}, resolve(self.now, new) or {}
        if bool(was) != bool(now):
            kind: Kind = "added" if now else "removed"
            needed = bool(now.get("required")) or not now
            text = "a request body" if now else "the request body"
            self.add(kind, where, f"{kind} {text}", breaking=needed, topic="media type")
            return
        if bool(was.get("required")) != bool(now.get("required")):
            needed = bool(now.get("required"))
            text = f"the request body became {'required' if needed else 'optional'}"
            self.add("modified", where, text, breaking=needed)
        media = was.get("content") or {}, now.get("content") or {}
        self.media(where, "the request body", *media, frozenset((REQUEST,)))

    def media(self, where: str, place: str, old: Any, new: Any, use: frozenset[str]) -> None:
        topic: Topic = "media type"
        removed = [each for each in old if each not in new]
        added = [each for each in new if each not in old]
        if removed and added:
            text = f"the media type of {place} changed: {', '.join(removed)} → {', '.join(added)}"
            self.add("modified", where, text, breaking=True, topic=topic)
            for each, other in zip(removed, added, strict=False):
                self.schema(where, place, *_of_media(old[each], new[other]), use)
        elif removed or added:
            kind: Kind = "removed" if removed else "added"
            text = f"{kind} media types of {place}: {', '.join(removed or added)}"
            self.add(kind, where, text, breaking=bool(removed), topic=topic)
        for each in [each for each in old if each in new]:
            self.schema(where, place, *_of_media(old[each], new[each]), use)
            was, now = ((side or {}).get("encoding") for side in (old[each], new[each]))
            self.value(where, f"{place}: encoding", was, now, topic="style")

    def responses(self, where: str, old: Any, new: Any) -> None:
        was = {str(status): resolve(self.before, each) for status, each in old.items()}
        now = {str(status): resolve(self.now, each) for status, each in new.items()}
        for status in [each for each in now if each not in was and not each.startswith("x-")]:
            self.add("added", where, "newly documented statuses", status)
        for status in [each for each in was if each not in now and not each.startswith("x-")]:
            breaking = status.startswith("2")
            self.add("removed", where, "no longer documented statuses", status, breaking=breaking)
        for status in [each for each in was if each in now]:
            media = [side[status].get("content") or {} for side in (was, now)]
            if bool(media[0]) != bool(media[1]):
                breaking = not media[1] and status.startswith("2")
                head = "responses that now have a body" if media[1] else "responses without a body"
                kind: Kind = "added" if media[1] else "removed"
                self.add(kind, where, head, status, breaking=breaking)
            else:
                place = f"response {status}"
                self.media(where, place, media[0], media[1], frozenset((RESPONSE,)))
            headers = [side[status].get("headers") or {} for side in (was, now)]
            for name in {**headers[0], **headers[1]}:
                if (name in headers[0]) != (name in headers[1]):
                    kind = "added" if name in headers[1] else "removed"
                    self.add(kind, where, f"{kind} headers of response {status}", name)

    # --- Schemas -------------------------------------------------------------------------------

    def components(self) -> None:
        """Report new, removed and renamed schemas, and compare those that no operation uses."""
        old, new = self.old.components, self.new.components
        renamed = {a: b for a, b in self.pairs.items() if a not in new and b not in old}
        for a, b in renamed.items():
            self.add("modified", "schemas", "renamed", f"{a} → {b}")
        for name in [each for each in new if each not in old and each not in renamed.values()]:
            self.add("added", "schemas", "new", name)
        for name in [each for each in old if each not in new and each not in renamed]:
            self.add("removed", "schemas", "removed", name)
        for name in [each for each in old if each in new]:
            # Those that operations use have been compared.
            self.schema("schemas", name, *({"$ref": f"{SCHEMAS}{name}"},) * 2, frozenset())

    def schema(self, where: str, place: str, old: Any, new: Any, use: frozenset[str]) -> None:
        names = self.old.name(old), self.new.name(new)
        if names[0] and names[1]:
            self.pairs.setdefault(names[0], names[1])
            where, place = f"schema {names[1]}", ""
            for name, uses in zip(names, self.uses, strict=True):
                use |= uses.get(name, frozenset())
        was, now = self.old.plain(old), self.new.plain(new)
        # Shared schemas are compared once; recursive ones end here.
        key = (id(was), id(now))
        if key in self.seen and use <= self.seen[key]:
            return
        self.seen[key] = use | self.seen.get(key, frozenset())
        self.types(where, place or "it", was, now, use)
        self.limits(where, place or "it", was, now, use)
        self.inner(where, place, was, now, use)

    def types(self, where: str, place: str, was: Plain, now: Plain, use: frozenset[str]) -> None:
        request, response = REQUEST in use, RESPONSE in use
        if was.nullable != now.nullable:
            text = f"{place} {'may now be' if now.nullable else 'can no longer be'} null"
            self.add("modified", where, text, breaking=response if now.nullable else request)
        if was.types != now.types:
            narrower, wider = not _within(was.types, now.types), not _within(now.types, was.types)
            text = f"type of {place}: {_types(was)} → {_types(now)}"
            breaking = (request and narrower) or (response and wider)
            self.add("modified", where, text, breaking=breaking)
        if was.enum != now.enum:
            if was.enum is None or now.enum is None:
                text = "is now limited to" if now.enum is not None else "is no longer limited to"
                values = ", ".join(map(short, now.enum if now.enum is not None else was.enum or ()))
                breaking = request and now.enum is not None
                self.add("modified", where, f"{place} {text} {values}", breaking=breaking)
            else:
                lost = [short(each) for each in was.enum if each not in now.enum]
                new = [short(each) for each in now.enum if each not in was.enum]
                if lost:
                    text = f"{place} no longer allows {', '.join(lost)}"
                    self.add("removed", where, text, breaking=request)
                if new:
                    self.add("added", where, f"{place} now allows {', '.join(new)}")

    def limits(self, where: str, place: str, was: Plain, now: Plain, use: frozenset[str]) -> None:
        for key in {**was.limits, **now.limits}:
            old, new = was.limits.get(key), now.limits.get(key)
            if same_json(old, new):
                continue
            looser = new is None or (
                isinstance(old, int | float)
                and isinstance(new, int | float)
                and (new > old if key in _MAX_LIMITS else new < old and key in _MIN_LIMITS)
            )
            text = f"{key} of {place}: {short(old)} → {short(new)}"
            is_default = key == "default" and REQUEST in use
            breaking = REQUEST in use and not looser and key not in ("default", "format")
            topic: Topic = "default" if is_default else ""
            self.add("modified", where, text, breaking=breaking or is_default, topic=topic)

    def inner(self, where: str, place: str, was: Plain, now: Plain, use: frozenset[str]) -> None:
        before, after = was.properties, now.properties

        def inside(name: str) -> str:
            return f"{place} → {name}" if place else name

        for name in after:
            if name in before:
                self.schema(where, inside(name), before[name], after[name], use)
            else:
                needed = REQUEST in use and name in now.required
                head = "new required fields" if needed else "new fields"
                self.add("added", where, head, inside(name), breaking=needed)
        for name in [each for each in before if each not in after]:
            self.add("removed", where, "removed fields", inside(name), breaking=bool(use))
        for name in [each for each in after if each in before]:
            if (name in was.required) != (name in now.required):
                needed = name in now.required
                head = "fields that became required" if needed else "fields no longer required"
                breaking = (REQUEST if needed else RESPONSE) in use
                self.add("modified", where, head, inside(name), breaking=breaking)
        for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if key in was.inner and key in now.inner:
                inner = f"{place or 'it'}{mark}"
                self.schema(where, inner, was.inner[key], now.inner[key], use)
            elif key in was.inner or key in now.inner:
                self.add("modified", where, f"{key} of {place or 'it'} changed", breaking=bool(use))
        self.members(where, place or "it", was, now, use)

    def members(self, where: str, place: str, was: Plain, now: Plain, use: frozenset[str]) -> None:
        """Compare the alternatives of a union, or the parts of an allOf."""
        if not was.members and not now.members:
            return
        if (was.combination == "allOf") != (now.combination == "allOf"):
            self.add("modified", where, f"{place} is composed differently", breaking=bool(use))
            return
        old = {self.old.digest(each): each for each in was.members}
        new = {self.new.digest(each): each for each in now.members}
        gone = [old[each] for each in old if each not in new]
        fresh = [new[each] for each in new if each not in old]
        for one, other in zip(gone, fresh, strict=False):
            self.schema(where, place, one, other, use)
        lost, added = gone[len(fresh) :], fresh[len(gone) :]
        for each in lost:
            text = f"{place} has no alternative {self.old.label(each)} any more"
            self.add("removed", where, text, breaking=REQUEST in use)
        for each in added:
            text = f"{place} has a new alternative, {self.new.label(each)}"
            self.add("added", where, text, breaking=RESPONSE in use)


def _operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield each operation with the parameters of its path."""
    paths = {path: resolve(document, item) for path, item in (document.get("paths") or {}).items()}
    for place, operation in operations({"paths": paths}):
        own = operation.get("parameters") or []
        taken = {_parameter_key(document, each) for each in own}
        shared = [
            each
            for each in paths[place[1]].get("parameters") or ()
            if _parameter_key(document, each) not in taken
        ]
        yield place, {**operation, "parameters": [*shared, *own]}


def _uses(document: dict[str, Any]) -> dict[str, frozenset[str]]:
    """Return whether requests or responses use each schema."""
    paths = {path: resolve(document, each) for path, each in (document.get("paths") or {}).items()}
    result: dict[str, frozenset[str]] = {}
    for use, parts in ((REQUEST, ("requestBody", "parameters")), (RESPONSE, ("responses",))):
        for name in schemas_used({**document, "paths": paths}, parts):
            result[name] = result.get(name, frozenset()) | {use}
    return result


def _urls(document: dict[str, Any], operation: Any, place: tuple[str, str]) -> tuple[str, ...]:
    """Return the servers of an operation; those with too many variables as they are."""
    item = resolve(document, document["paths"][place[1]])
    servers = operation.get("servers") or item.get("servers") or document.get("servers")
    return _servers(servers)


def _servers(servers: Any) -> tuple[str, ...]:
    try:
        return server_urls(servers)
    except ServerError:
        return tuple(str(server["url"]) for server in servers)


def _few(names: list[str]) -> str:
    """Return the names, or how many there are."""
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} operations"


def _key(place: tuple[str, str]) -> tuple[str, str]:
    return place[0], re.sub(r"\{.*?\}", "{}", place[1])


def _parameter_key(document: dict[str, Any], parameter: Any) -> tuple[str, str]:
    spec = resolve(document, parameter) or {}
    kind, name = str(spec.get("in")), str(spec.get("name"))
    return kind, name.lower() if kind == "header" else name


def _style(parameter: dict[str, Any]) -> str:
    """Return how a parameter is serialised, with the defaults of OpenAPI filled in."""
    if "content" in parameter:
        return ", ".join(parameter["content"])
    default = "form" if parameter.get("in") in ("query", "cookie") else "simple"
    style = parameter.get("style", default)
    exploded = "" if parameter.get("explode", style == "form") else ", not exploded"
    reserved = ", reserved characters allowed" if parameter.get("allowReserved") else ""
    return f"{style}{exploded}{reserved}"


def _of_media(old: Any, new: Any) -> tuple[Any, Any]:
    return (old or {}).get("schema", {}), (new or {}).get("schema", {})


def _security(document: dict[str, Any], operation: dict[str, Any]) -> frozenset[str]:
    """Return each way of authentication, independent of the names of the schemes."""
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    ways = operation.get("security", document.get("security")) or ()
    return frozenset(
        " and ".join(sorted(_scheme(document, schemes.get(name), way[name]) for name in way))
        or "nothing"
        for way in ways
    )


def _scheme(document: dict[str, Any], scheme: Any, scopes: Any) -> str:
    spec = resolve(document, scheme) or {}
    scopes = f" ({', '.join(map(str, scopes))})" if scopes else ""
    if spec.get("type") == "apiKey":
        return f"{spec.get('in')} {spec.get('name')}{scopes}"
    if spec.get("type") == "http":
        return f"{spec.get('type')} {str(spec.get('scheme')).lower()}{scopes}"
    rest = {key: each for key, each in spec.items() if key not in PROSE}
    return f"{spec.get('type')} {short(rest)}{scopes}"


def _within(types: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    """Return whether every value of the types is one of the others; None is every type."""
    if others is None or types is None:
        return others is None
    return types <= others | ({"integer"} if "number" in others else set())


def _types(plain: Plain) -> str:
    return " | ".join(sorted(plain.types)) if plain.types is not None else "any"


def short(value: Any) -> str:
    """Return a value as short JSON."""
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


def same_json(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: 1 and true differ, the order of keys not."""
    return one is other or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


# --- Prose -------------------------------------------------------------------------------------


def _prose_changes(before: dict[str, Any], now: dict[str, Any]) -> dict[str, list[str]]:
    """Return which descriptions, examples and the like changed, by operation and schema."""
    changes: dict[str, dict[str, None]] = {}
    old, new = _prose(before), _prose(now)
    for where, key in [*old, *(each for each in new if each not in old)]:
        if not same_json(old.get((where, key)), new.get((where, key))):
            if (where, key) in old and (where, key) in new and key.endswith("tags"):
                text = f"tags: {short(old[where, key])} → {short(new[where, key])}"
            else:
                text = key.rpartition("/")[2]
            changes.setdefault(where, {})[text] = None
    return {where: list(texts) for where, texts in changes.items() if _is_in_both(where, old, new)}


def _is_in_both(where: str, old: Any, new: Any) -> bool:
    """Return whether the operation or schema is in both specs: a new one is reported as new."""
    is_part = where.startswith("schema ") or " /" in where
    return not is_part or all(any(key[0] == where for key in side) for side in (old, new))


def _prose(document: dict[str, Any]) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}

    def walk(where: str, place: str, node: Any, *, names: bool = False) -> None:
        found.setdefault((where, ""), None)
        if isinstance(node, list):
            for index, each in enumerate(node):
                is_parameter = isinstance(each, dict) and "in" in each and "name" in each
                key = f"{each['in']} {each['name']}" if is_parameter else str(index)
                walk(where, f"{place}/{key}", each)
        elif isinstance(node, dict):
            for key, value in node.items():
                if not names and key in PROSE:
                    found[where, f"{place}/{key}"] = value
                elif key not in ("required", "enum"):
                    walk(where, f"{place}/{key}", value, names=not names and key == "properties")

    for path, item in (document.get("paths") or {}).items():
        for (method, _), operation in operations({"paths": {path: item}}):
            walk(title((method, path)), "", operation)
    components = document.get("components") or {}
    for name, schema in (components.get("schemas") or {}).items():
        walk(f"schema {name}", "", schema)
    rest = {key: value for key, value in document.items() if key not in ("paths", "components")}
    walk("document", "", {k: v for k, v in rest.items() if k not in ("info", "webhooks")})
    walk("info", "", {"description": document["info"].get("description")})
    return found
