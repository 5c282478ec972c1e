"""Applies an OpenAPI Overlay 1.0 document: https://spec.openapis.org/overlay/v1.0.0.html.

Stricter than the specification in one point: an action whose target matches nothing is an error,
so that an overlay cannot outlive the document that it corrects.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jsonpath


class OverlayError(Exception):
    """The overlay is not valid, or an action of it matches nothing in the document."""


def apply_overlay(document: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` with the overlay's actions applied in their order.

    Raises:
        OverlayError: naming every action that is malformed or matches nothing, with its reason.
    """
    if not str(overlay.get("overlay", "")).startswith("1.0."):
        raise OverlayError("not an OpenAPI Overlay 1.0 document: 'overlay' must read 1.0.x")
    result = copy.deepcopy(dict(document))
    complaints = []
    for number, action in enumerate(overlay.get("actions", []), start=1):
        complaint = _apply_action(result, action)
        if complaint:
            reason = action.get("description", "none given")
            complaints.append(
                f"action {number}: {complaint}\n"
                f"  target: {action.get('target')}\n"
                f"  reason: {' '.join(str(reason).split())}"
            )
    if complaints:
        raise OverlayError("\n".join(complaints))
    return result


def _apply_action(document: dict[str, Any], action: Mapping[str, Any]) -> str | None:
    """Apply one action in place; return what is wrong with it, or None."""
    if not action.get("description"):
        return "gives no reason (description)"
    remove = action.get("remove", False)
    if not remove and "update" not in action:
        return "has neither update nor remove"
    if not action.get("target"):
        return "names no target"
    try:
        matches = list(jsonpath.finditer(action["target"], document, strict=True))
    except jsonpath.JSONPathError as error:
        return f"target cannot be read ({error})"
    if not matches:
        return "target matches nothing in the document"
    for match in _last_first(matches):
        if not remove:
            if not isinstance(match.obj, dict | list):
                return "target of an update must be an object or an array"
            if isinstance(match.obj, dict) and not isinstance(action["update"], dict):
                return "update of an object must be an object"
            _merge(match.obj, action["update"])
        elif match.parent is None:
            return "target is the document itself, which cannot be removed"
        else:
            parent: Any = match.parent.obj
            del parent[match.parts[-1]]
    return None


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
