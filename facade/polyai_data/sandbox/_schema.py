"""Validation of queries and bodies. Errors are 400 responses that name the field."""

import json
import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from polyai_data.testing._data import Json

from ._errors import invalid

_TYPES: dict[type, str] = {str: "a string", dict: "an object", list: "an array"}
_ENVIRONMENTS = ("sandbox", "pre-release", "live")
_ROLES = ("user", "agent")
_ANNOTATION_TYPES = ("missing_topic", "wrong_transcript", "wrong_info")


def query_integer(request: Request, name: str, default: int, minimum: int) -> int:
    """Return an integer query parameter."""
    value = _query_value(request, name, str(default))
    # `int` refuses more than 4,300 digits, and accepts "1_0" and "１".
    if not re.fullmatch(r"-?[0-9]{1,4000}", value) or int(value) < minimum:
        raise invalid(f"{name}: must be an integer of at least {minimum}")
    return int(value)


def query_choice(request: Request, name: str, choices: Sequence[str]) -> str:
    """Return a query parameter that must be one of `choices`; the first is the default."""
    value = _query_value(request, name, choices[0])
    if value not in choices:
        raise invalid(f"{name}: must be one of {', '.join(choices)}")
    return value


def _query_value(request: Request, name: str, default: str) -> str:
    values = request.query_params.getlist(name) or [default]
    if len(values) > 1:
        raise invalid(f"{name}: given more than once")
    return values[0]


async def body_object(request: Request) -> Json:
    """Return the body, which must be a JSON object."""
    try:
        body = json.loads(await request.body())
        # Reject values that a response cannot contain, such as NaN or a lone surrogate.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise invalid("body: must be JSON") from None
    if not isinstance(body, dict):
        raise invalid("body: must be a JSON object")
    return body


def body_field(body: Json, name: str, kind: type, *, required: bool = False) -> Any:
    """Return a field of the body, or None if it is optional and missing."""
    if name not in body:
        if required:
            raise invalid(f"{name}: is missing")
        return None
    if not isinstance(body[name], kind):
        raise invalid(f"{name}: must be {_TYPES[kind]}")
    return body[name]


async def chat_body(request: Request) -> Json:
    """Return the body, after validating the fields that both debug chat operations share."""
    body = await body_object(request)
    if body_field(body, "clientEnv", str, required=True) not in _ENVIRONMENTS:
        raise invalid(f"clientEnv: must be one of {', '.join(_ENVIRONMENTS)}")
    body_field(body, "asrLangCode", str)
    body_field(body, "ttsLangCode", str)
    return body


async def annotations_body(request: Request) -> list[Json]:
    """Return the annotations in the body."""
    body = await body_object(request)
    annotations: list[Any] = body_field(body, "annotations", list, required=True)
    if not annotations:
        raise invalid("annotations: must not be empty")
    for index, annotation in enumerate(annotations):
        _check_annotation(f"annotations[{index}]", annotation)
    return annotations


def _check_annotation(path: str, annotation: Any) -> None:
    if not isinstance(annotation, dict):
        raise invalid(f"{path}: must be an object")
    turn_id = annotation.get("turnId")
    # In JSON, 2.0 is an integer and true is not; in Python, it is the other way around.
    if isinstance(turn_id, bool) or not (
        isinstance(turn_id, int) or (isinstance(turn_id, float) and turn_id.is_integer())
    ):
        raise invalid(f"{path}.turnId: must be an integer")
    for name, choices in (("role", _ROLES), ("annotationType", _ANNOTATION_TYPES)):
        if annotation.get(name) not in choices:
            raise invalid(f"{path}.{name}: must be one of {', '.join(choices)}")
