"""What may stand in a query or a body; anything else is a 400 that names the field."""

import json
import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from ._data import Json
from ._errors import invalid

_TYPES: dict[type, str] = {str: "a string", dict: "an object", list: "an array"}
_ROLES = ("user", "agent")
_ANNOTATION_TYPES = ("missing_topic", "wrong_transcript", "wrong_info")


def query_integer(request: Request, name: str, default: int, lowest: int) -> int:
    """Read an integer of at least `lowest` from the query."""
    text = _single(request, name, str(default))
    # Python refuses to read integers of more than 4,300 digits, and would read "1_0" and "１".
    if not re.fullmatch(r"-?[0-9]{1,4000}", text) or int(text) < lowest:
        raise invalid(f"{name}: must be an integer of at least {lowest}")
    return int(text)


def query_choice(request: Request, name: str, choices: Sequence[str]) -> str:
    """Read one of some words from the query; the first is the default."""
    text = _single(request, name, choices[0])
    if text not in choices:
        raise invalid(f"{name}: must be one of {', '.join(choices)}")
    return text


def _single(request: Request, name: str, default: str) -> str:
    values = request.query_params.getlist(name) or [default]
    if len(values) > 1:
        raise invalid(f"{name}: given more than once")
    return values[0]


async def body_object(request: Request) -> Json:
    """Read a JSON object from the body."""
    try:
        body = json.loads(await request.body())
        # What cannot be sent back, such as NaN or half a surrogate pair, is not taken in either.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise invalid("body: must be JSON") from None
    if not isinstance(body, dict):
        raise invalid("body: must be a JSON object")
    return body


def check_field(body: Json, name: str, kind: type, *, required: bool = False) -> Any:
    """Return a field of the body, or None where it is absent and may be."""
    if name not in body:
        if required:
            raise invalid(f"{name}: is missing")
        return None
    if not isinstance(body[name], kind):
        raise invalid(f"{name}: must be {_TYPES[kind]}")
    return body[name]


async def chat_body(request: Request) -> Json:
    """Read a body with the fields that both debug chat operations have."""
    body = await body_object(request)
    check_field(body, "clientEnv", str, required=True)
    check_field(body, "asrLangCode", str)
    check_field(body, "ttsLangCode", str)
    return body


async def annotations(request: Request) -> list[Json]:
    """Read the annotations of a body."""
    found: list[Any] = check_field(await body_object(request), "annotations", list, required=True)
    if not found:
        raise invalid("annotations: must not be empty")
    for at, item in enumerate(found):
        _check_annotation(f"annotations[{at}]", item)
    return found


def _check_annotation(where: str, item: Any) -> None:
    if not isinstance(item, dict):
        raise invalid(f"{where}: must be an object")
    turn = item.get("turnId")
    # JSON knows one kind of number: 2.0 is an integer; Python thinks that true is one.
    if isinstance(turn, bool) or not (
        isinstance(turn, int) or (isinstance(turn, float) and turn.is_integer())
    ):
        raise invalid(f"{where}.turnId: must be an integer")
    for name, choices in (("role", _ROLES), ("annotationType", _ANNOTATION_TYPES)):
        if item.get(name) not in choices:
            raise invalid(f"{where}.{name}: must be one of {', '.join(choices)}")
