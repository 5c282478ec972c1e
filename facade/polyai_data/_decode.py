"""Reads JSON into models, leniently: drift in a field never costs the record.

A value of another type than its field's is handed over as it came, and named in a FieldProblem.
Only a record without its identity (a field that is neither nullable nor has a default) is refused.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
from polyai_data_generated import models as generated
from polyai_data_generated.types import Unset
from polyai_data_generated.wire_names import WIRE_NAMES

_Model = TypeVar("_Model")

MODELS: dict[str, Any] = dict(vars(generated))
"""The class for each model's name; `polyai_data.models` puts its own in generated ones' place."""


@attrs.frozen
class FieldProblem:
    """A field whose value is not of its documented type, and was handed over as it came.

    Attributes:
        field: Where it is, such as `turns[3].latency.perceived_latency`, in the JSON's own names.
        reason: What was expected and what came.
        value: The value as it came.
    """

    field: str
    reason: str
    value: Any = attrs.field(repr=False)


class IdentityMissing(Exception):
    """A record lacks the field that identifies it."""


def decode(model: type[_Model], data: object) -> _Model:
    """Return the JSON value as an instance of the model, which names what drifted, if it can.

    Raises:
        IdentityMissing: if it is not an object, or lacks its identity; the message says which.
    """
    if not isinstance(data, dict):
        raise IdentityMissing(f"expected an object, got {_kind(data)}")
    problems: list[FieldProblem] = []
    instance: Any = _decode_object(model, data, problems)
    if problems and hasattr(model, "problems"):
        instance.problems = tuple(problems)
    return cast(_Model, instance)


# A reader returns the decoded value; what drifted it returns as it is, and appends why.
_Reader = Callable[[Any, list[FieldProblem]], Any]


class _Field(NamedTuple):
    name: str
    key: str
    other_spellings: tuple[str, ...]  # of the key
    required: bool
    has_default: bool
    as_is: tuple[type, ...]  # a value of exactly one of these types needs no reader
    read: _Reader


@cache
def _fields(model: Any) -> tuple[_Field, ...]:
    """Return how to read each field of a model, from its annotations."""
    annotations = get_type_hints(model, localns=MODELS)
    other_spellings = getattr(model, "OTHER_SPELLINGS", {})
    wire_names = next(
        WIRE_NAMES[base.__name__] for base in model.__mro__ if base.__name__ in WIRE_NAMES
    )
    defaults = {field.name: field.default for field in attrs.fields(model)}
    fields = []
    for name, key in wire_names.items():
        members = _members(annotations[name])
        has_default = defaults[name] is not attrs.NOTHING
        fields.append(
            _Field(
                name=name,
                key=key,
                other_spellings=other_spellings.get(key, ()),
                required=not has_default and types.NoneType not in members and Any not in members,
                has_default=has_default,
                as_is=tuple(t for m in members for t in _EXACT.get(m, ())),
                read=_reader(annotations[name]),
            )
        )
    return tuple(fields)


def _decode_object(model: Any, data: dict[str, Any], problems: list[FieldProblem]) -> Any:
    arguments: dict[str, Any] = {}
    used = set()
    for field in _fields(model):
        key = field.key
        if key not in data:
            key = next((other for other in field.other_spellings if other in data), key)
        value = data.get(key)
        if key in data:
            used.add(key)
        elif field.has_default:
            continue
        if value is None and field.required:
            raise IdentityMissing(f"{key} is {'null' if key in data else 'missing'}")
        if type(value) not in field.as_is:
            before = len(problems)
            value = field.read(value, problems)
            _prefix(problems, before, key)
        arguments[field.name] = value
    if "raw" in model.__slots__:
        arguments["raw"] = data
    instance = model(**arguments)
    if len(used) < len(data):
        instance.additional_properties = {k: v for k, v in data.items() if k not in used}
    return instance


def _prefix(problems: list[FieldProblem], start: int, where: str) -> None:
    """Put the parent's place before that of the problems from `start` on."""
    for index in range(start, len(problems)):
        problem = problems[index]
        dot = "" if not problem.field or problem.field.startswith("[") else "."
        problems[index] = attrs.evolve(problem, field=f"{where}{dot}{problem.field}")


_EXACT: dict[Any, tuple[type, ...]] = {
    Any: (str, int, float, bool, dict, list, types.NoneType),
    types.NoneType: (types.NoneType,),
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
}

_NAMES: dict[Any, str] = {
    types.NoneType: "null",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    datetime: "a date and time",
    list: "an array",
    dict: "an object",
}


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself; without the generator's sentinel."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for member in get_args(annotation) if member is not Unset)
    return (annotation,)


def _reader(annotation: Any) -> _Reader:
    """Return the reader for an annotation: the first member of it that takes the value's type."""
    members = _members(annotation)
    exact = {t for m in members for t in _EXACT.get(m, ())}
    by_type: dict[type, Callable[[Any, list[FieldProblem]], Any]] = {}
    for member in members:
        origin, arguments = get_origin(member), get_args(member)
        if origin is list:
            by_type[list] = _array_reader(_reader(arguments[0]))
        elif origin is dict:
            by_type[dict] = _map_reader(_reader(arguments[1]))
        elif member is datetime:
            by_type[str] = _read_datetime
        elif member is int:
            by_type[float] = _read_whole_number
        elif isinstance(member, type) and issubclass(member, Enum):
            by_type[str] = _enum_reader(member)
        elif attrs.has(member):
            by_type[dict] = _object_reader(member)
    expected = " or ".join(dict.fromkeys(_name(m) for m in members if m is not types.NoneType))

    def read(value: Any, problems: list[FieldProblem]) -> Any:
        kind = type(value)
        if kind in exact:
            return value
        if kind in by_type:
            return by_type[kind](value, problems)
        problems.append(FieldProblem("", f"expected {expected}, got {_kind(value)}", value))
        return value

    return read


def _name(member: Any) -> str:
    origin = get_origin(member) or member
    if isinstance(origin, type) and issubclass(origin, Enum):
        return "one of " + ", ".join(str(item.value) for item in origin)
    return _NAMES.get(origin, "an object")


def _kind(value: object) -> str:
    """Return what a JSON value is, in words."""
    return _NAMES.get(type(value), type(value).__name__)


def _read_datetime(value: str, problems: list[FieldProblem]) -> Any:
    """Read ISO 8601, or RFC 1123 as function events have it; without an offset it is UTC."""
    if not value:
        return None  # as the texts of turns, which are empty where there is nothing
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value)
        except (ValueError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    problems.append(FieldProblem("", "expected a date and time, got other text", value))
    return value


def _read_whole_number(value: float, problems: list[FieldProblem]) -> Any:
    if value.is_integer():
        return int(value)
    problems.append(FieldProblem("", "expected a whole number, got a fraction", value))
    return value


def _enum_reader(enum: type[Enum]) -> _Reader:
    def read(value: str, problems: list[FieldProblem]) -> Any:
        try:
            return enum(value)
        except ValueError:
            problems.append(FieldProblem("", f"expected {_name(enum)}, got other text", value))
            return value

    return read


def _array_reader(read_item: _Reader) -> _Reader:
    def read(value: list[Any], problems: list[FieldProblem]) -> list[Any]:
        items = []
        for index, item in enumerate(value):
            before = len(problems)
            items.append(read_item(item, problems))
            _prefix(problems, before, f"[{index}]")
        return items

    return read


def _map_reader(read_value: _Reader) -> _Reader:
    def read(value: dict[str, Any], problems: list[FieldProblem]) -> dict[str, Any]:
        items = {}
        for key, item in value.items():
            before = len(problems)
            items[key] = read_value(item, problems)
            _prefix(problems, before, key)
        return items

    return read


def _object_reader(model: type[Any]) -> _Reader:
    def read(value: dict[str, Any], problems: list[FieldProblem]) -> Any:
        try:
            return _decode_object(model, value, problems)
        except IdentityMissing as error:
            problems.append(FieldProblem("", str(error), value))
            return value

    return read
