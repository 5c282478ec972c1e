"""Reads an OpenAPI spec from a file, an https URL or documentation pages, and validates its form.

A documentation page is Markdown with a fenced OpenAPI fragment for one operation. The info string
of the fence names the spec and the operation. The pages of one spec are merged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import httpx
from attrs import frozen
from markdown_it import MarkdownIt
from openapi import operations, title
from overlay import references
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

MAX_BYTES = 50 * 1024 * 1024
MAX_VALUES = 5_000_000
"""Maximum number of values in a spec: YAML aliases can make a small file expand without limit."""

_HEADING = re.compile(r"ya?ml\s+(?P<file>\S+)\s+(?P<method>[A-Za-z]+)\s+(?P<path>/\S*)")


class SourceError(Exception):
    """The source is not a valid OpenAPI spec. The message says what is wrong, and where."""


@frozen
class Fragment:
    """The part of a spec that one documentation page contains.

    Attributes:
        source: The page.
        file: The spec that it belongs to.
        content: The fragment.
    """

    source: str
    file: str
    content: dict[str, Any]


def read_document(
    sources: Sequence[str],
    vendored: dict[str, Any] | None = None,
    *,
    merge_pages: bool | None = None,
) -> dict[str, Any]:
    """Return the spec from the sources.

    Args:
        sources: Paths and https URLs of one spec or page, or of several pages of one spec.
        vendored: The spec that it replaces.
        merge_pages: Whether pages that do not have all its operations are merged into it (True) or
            replace it (False). None rejects them.

    Raises:
        SourceError: if a source cannot be read, is not an OpenAPI spec, or contradicts another; or
            if pages do not have all operations of the vendored spec.
    """
    if not sources:
        raise SourceError("No source: pass a file, an https URL or documentation pages.")
    fragments: list[Fragment] = []
    for source in sources:
        text = _decode(source, _fetch(source) if "://" in source else _read(source))
        pages = list(_fragments(source, text))
        if not pages:
            if len(sources) > 1:
                raise SourceError(
                    f"{source}: contains no OpenAPI fragment; only documentation pages can be "
                    "combined."
                )
            document: dict[str, Any] = _parse(source, text)
            check_version(source, document)
            return document
        fragments += pages
    merged = merge(fragments)
    missing = [
        title(place)
        for place in dict(operations(vendored or {}))
        if not _has_operation(merged, place)
    ]
    if vendored is None or not missing or merge_pages is False:
        return merged
    if merge_pages:
        return update(vendored, merged)
    raise SourceError(
        f"These pages do not have {len(missing)} of the vendored operations, which would be "
        f"removed: {', '.join(missing)}.\nTo merge the pages into the vendored spec, add MERGE=ok. "
        "To remove these operations, add MERGE=no."
    )


def _has_operation(document: dict[str, Any], place: tuple[str, str]) -> bool:
    method, path = place
    return _has(("paths", path, method), document)


def update(vendored: dict[str, Any], pages: dict[str, Any]) -> dict[str, Any]:
    """Return the vendored spec with the operations and components of the pages in their place."""
    result = json.loads(json.dumps(vendored))
    for key, value in pages.items():
        if key == "paths":
            for path, item in value.items():
                result.setdefault("paths", {})[path] = {**result["paths"].get(path, {}), **item}
        elif key == "components":
            for kind, parts in value.items():
                result.setdefault("components", {}).setdefault(kind, {}).update(parts)
        elif key == "tags" and isinstance(result.get("tags"), list):
            result["tags"] += [tag for tag in value if tag not in result["tags"]]
        else:
            result[key] = value
    return {key: result[key] for key in sorted(result, key=["paths", "components"].count)}


def _read(source: str) -> bytes:
    path = Path(source)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(_too_large(source))
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{source}: {error.strerror or error}.") from None


def _fetch(url: str, transport: httpx.BaseTransport | None = None) -> bytes:
    if not url.lower().startswith("https://"):
        raise SourceError(f"{url}: only https URLs are supported.")
    content = b""
    try:
        with (
            httpx.Client(transport=transport, timeout=30, follow_redirects=True) as client,
            client.stream("GET", url) as response,
        ):
            if response.url.scheme != "https":
                raise SourceError(f"{url}: redirects to {response.url}, which is not https.")
            if response.status_code != 200:
                raise SourceError(f"{url}: the server returned status {response.status_code}.")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise SourceError(_too_large(url))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SourceError(f"{url}: {type(error).__name__}: {error}.") from None
    return content


def _too_large(source: str) -> str:
    return f"{source}: larger than {MAX_BYTES // 1024 // 1024} MB, the limit for a spec."


def _decode(source: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{source}: is not valid UTF-8 (byte {error.start:,}).") from None
    if not text.strip():
        raise SourceError(f"{source}: is empty.")
    if text.lstrip().startswith("<"):
        raise SourceError(
            f"{source}: is an HTML or XML page, not an OpenAPI spec. For PolyAI's "
            "documentation, append .md to the URL of a page to get Markdown."
        )
    return text


def _parse(source: str, text: str) -> Any:
    """Return the value of a JSON or YAML string, limited to the types of JSON."""
    try:
        if text.lstrip().startswith(("{", "[")):
            value = json.loads(
                text, object_pairs_hook=_without_duplicates, parse_constant=_reject_constant
            )
        else:
            value = _yaml().load(text)
        return _as_json(value)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        at_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        ending = "; it seems to be truncated" if at_end else ""
        raise SourceError(f"{source}: is not valid JSON: {error.msg} ({place}){ending}.") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise SourceError(f"{source}: is neither JSON nor YAML: {problem}{place}.") from None
    except RecursionError:
        raise SourceError(f"{source}: is nested too deeply.") from None
    except ValueError as error:
        raise SourceError(f"{source}: {error}.") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"has the key {twice!r} twice in one object")
    return result


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"contains {name}, which is not valid JSON")


class _StringDates(SafeConstructor):
    """Leaves dates as strings, as JSON does."""


_StringDates.add_constructor(
    "tag:yaml.org,2002:timestamp", lambda constructor, node: constructor.construct_scalar(node)
)


def _yaml() -> YAML:
    """Return a parser for YAML 1.2, where `no` is a string and not false."""
    parser = YAML(typ="safe", pure=True)
    parser.Constructor = _StringDates
    return parser


def _as_json(value: Any) -> Any:
    """Return a copy limited to the types of JSON, with string keys and without aliases."""
    left = MAX_VALUES

    def copy(value: Any, above: tuple[int, ...]) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or id(value) in above:
            raise ValueError("contains aliases that expand without limit")
        if isinstance(value, Mapping):
            inner = (*above, id(value))
            return _without_duplicates(
                [(_key(key), copy(each, inner)) for key, each in value.items()]
            )
        if isinstance(value, list):
            inner = (*above, id(value))
            return [copy(each, inner) for each in value]
        if not isinstance(value, str | int | float | bool | None):
            raise ValueError(f"contains a {type(value).__name__}, which JSON does not support")
        return value

    return copy(value, ())


def _key(key: Any) -> str:
    if not isinstance(key, str | int | float | bool | None):
        raise ValueError(f"has a key of type {type(key).__name__}, which JSON does not support")
    return key if isinstance(key, str) else json.dumps(key)


def _fragments(source: str, text: str) -> Iterator[Fragment]:
    """Yield the OpenAPI fragments of a documentation page, if it is one."""
    lines = text.replace("\r\n", "\n").split("\n")  # as markdown-it counts them
    for token in MarkdownIt().parse(text):
        heading = _HEADING.fullmatch(token.info.strip()) if token.type == "fence" else None
        if heading is None or token.map is None:
            continue
        closing = lines[token.map[1] - 1].strip() if token.map[1] <= len(lines) else ""
        if closing.strip(token.markup[0]) or len(closing) < len(token.markup):
            raise SourceError(f"{source}: is truncated: its OpenAPI fragment is not closed.")
        content = _parse(source, token.content)
        check_version(source, content)
        method, path = heading["method"].lower(), heading["path"]
        if not _has(("paths", path, method), content):
            raise SourceError(
                f"{source}: its fragment is for {method.upper()} {path}, but does not contain it."
            )
        yield Fragment(source, heading["file"], content)


def check_version(source: str, document: Any) -> None:
    """Reject anything but an OpenAPI spec of a supported version.

    Raises:
        SourceError: if it is not one. The message says what it is.
    """
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a string"
        raise SourceError(f"{source}: is {kind}; an OpenAPI spec is an object.")
    if "swagger" in document:
        raise SourceError(
            f"{source}: is Swagger {document['swagger']}; convert it to OpenAPI 3 first."
        )
    if "openapi" not in document:
        keys = ", ".join(list(document)[:5]) or "nothing"
        raise SourceError(
            f"{source}: is not an OpenAPI spec: it has no 'openapi' key (found: {keys})."
        )
    if not re.fullmatch(r"3\.[01](\.[0-9]+)?(-.*)?", str(document["openapi"])):
        raise SourceError(
            f"{source}: is OpenAPI {document['openapi']}; only 3.0 and 3.1 are supported."
        )


def merge(fragments: Sequence[Fragment]) -> dict[str, Any]:
    """Merge the fragments of one spec.

    Raises:
        SourceError: if they belong to different specs, or contradict each other.
    """
    first = fragments[0]
    for fragment in fragments[1:]:
        if fragment.file != first.file:
            raise SourceError(
                f"These pages belong to different specs: {first.source} of {first.file}, "
                f"{fragment.source} of {fragment.file}."
            )
    merged: dict[str, Any] = {}
    for number, fragment in enumerate(fragments):
        _merge_into(merged, fragment.content, (), fragment, fragments[:number])
    # Paths and components come last, as in a complete spec.
    return {key: merged[key] for key in sorted(merged, key=["paths", "components"].count)}


def _merge_into(
    merged: dict[str, Any],
    new: dict[str, Any],
    place: tuple[str, ...],
    fragment: Fragment,
    earlier: Sequence[Fragment],
) -> None:
    for key, value in new.items():
        present = merged.get(key)
        if key not in merged:
            merged[key] = json.loads(json.dumps(value))
        elif isinstance(present, dict) and isinstance(value, dict):
            _merge_into(present, value, (*place, key), fragment, earlier)
        elif (*place, key) == ("tags",) and isinstance(present, list) and isinstance(value, list):
            present += [tag for tag in value if tag not in present]
        elif present != value:
            other = next(each.source for each in earlier if _has((*place, key), each.content))
            raise SourceError(
                f"Two pages contradict each other at {' → '.join((*place, key))}:\n"
                f"  {other}: {_short(present)}\n  {fragment.source}: {_short(value)}"
            )


def _has(place: tuple[str, ...], node: Any) -> bool:
    for key in place:
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"


def to_json(document: dict[str, Any]) -> bytes:
    """Return the spec as it is vendored: JSON indented by two spaces, keys in their order.

    Raises:
        SourceError: if it cannot be written as JSON in UTF-8.
    """
    for reference in references(document):
        if not reference.startswith("#"):
            raise SourceError(
                f"It references another file ({reference}): bundle it into one file first."
            )
    for reference in dict.fromkeys(references(document)):
        _reject_circular_reference(document, reference)
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"
    except ValueError as error:
        raise SourceError(f"It cannot be written as JSON: {error}.") from None


def _reject_circular_reference(document: dict[str, Any], reference: str) -> None:
    """Reject references that only lead to references; recursive schemas are valid."""
    followed = [reference]
    while True:
        node: Any = document
        for key in unquote(followed[-1]).split("/")[1:]:
            key = key.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, dict) else None
        following = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(following, str):
            return
        followed.append(following)
        if following in followed[:-1]:
            raise SourceError(f"Circular $ref: {' → '.join(followed)}.")
