"""Reads JSON into models, leniently: drift in a field never costs the record.

A value of another type than its field's is handed over as it came, and named in a FieldProblem.
Only a record without its identity (a field that is neither nullable nor has a default) is refused.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cache, cached_property
from importlib import import_module
from typing import Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin

import attrs
from polyai_data_generated import models as generated
from polyai_data_generated.types import Unset
from polyai_data_generated.wire_names import WIRE_NAMES

_Model = TypeVar("_Model")

_OURS = {
    "ChatReply": "_chat_reply",
    "Conversation": "_conversations",
    "ConversationPage": "_pages",
    "ConversationSummary": "_pages",
    "Turn": "_transcripts",
    "WriteResult": "_annotations",
}
"""The models of which the facade has its own class, and in which module."""


def _model_of(name: str) -> Any:
    """Return the class for a model's name: the facade's where it has one, else the generated."""
    if name in _OURS:
        return getattr(import_module(f"{__package__}.{_OURS[name]}"), name)
    return getattr(generated, name)


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
    checked = _check_object(data)
    instance = _new(model)
    problems: list[FieldProblem] = []
    _fill(instance, checked, problems)
    set_problems = _plan(instance.__class__).setters.get("problems")
    if problems and set_problems is not None:
        set_problems(instance, tuple(problems))
    return cast(_Model, instance)


def decode_later(model: type[_Model], data: object) -> _Model:
    """Return an instance that has only its identity and its `raw`; `read_field` reads the rest.

    Raises:
        IdentityMissing: as `decode`, and at once.
    """
    checked = _check_object(data)
    instance = _new(model)
    plan = _plan(instance.__class__)
    for field in plan.required:
        key = _find(field, checked) or field.key
        field.set(instance, field.read(checked[key], []))
    plan.setters["raw"](instance, checked)
    return cast(_Model, instance)


def read_field(instance: Any, name: str, data: dict[str, Any]) -> Any:
    """Read one field of an instance from a JSON object, by the name of its attribute.

    Returns:
        Its value, which the instance has from then on.

    Raises:
        AttributeError: if it is no name of a field.
    """
    plan = _plan(instance.__class__)
    value: Any
    if name in plan.by_name:
        field = plan.by_name[name]
        value = data.get(field.key, _ABSENT)
        if type(value) not in field.as_is:
            key = _find(field, data)
            value = field.default if key is None else field.read(data[key], [])
    elif name == "problems":
        value = problems_of(instance.__class__, data)
    elif name == "additional_properties":
        value = _unnamed(plan, data)
    else:
        kind = type(instance).__name__
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=instance)
    plan.setters[name](instance, value)
    return value


def _unnamed(plan: _Plan, data: dict[str, Any]) -> dict[str, Any]:
    """Return what the model has no fields for."""
    used = {_find(field, data) for field in plan.by_name.values()}
    return {key: value for key, value in data.items() if key not in used}


def problems_of(model: Any, data: dict[str, Any]) -> tuple[FieldProblem, ...]:
    """Return what drifted in a JSON object, its parts included.

    Raises:
        IdentityMissing: if it lacks its identity.
    """
    problems: list[FieldProblem] = []
    _fill(_new(model), data, problems)
    return tuple(problems)


def _check_object(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise IdentityMissing(f"expected an object, got {_kind(data)}")
    return data


# A reader returns the decoded value; what drifted it returns as it is, and appends why.
_Reader = Callable[[Any, list[FieldProblem]], Any]

# Puts a value into a slot; faster than an assignment by the attribute's name.
_Setter = Callable[[Any, Any], None]


class _Field:
    """How a field is read. What its annotation means is settled when the first one is read.

    Attributes:
        key: Its key in JSON.
        other_spellings: Other keys that it may have instead.
        set: Puts a value into the attribute.
        default: What it is where JSON has nothing.
        required: Whether it may be neither absent nor null.
    """

    def __init__(
        self,
        key: str,
        other_spellings: tuple[str, ...],
        set: _Setter,  # noqa: A002  # as `get`
        default: Any,
        annotation: str,
        module: str,
    ) -> None:
        self.key = key
        self.other_spellings = other_spellings
        self.set = set
        self.default = None if default is attrs.NOTHING else default
        self.required = default is attrs.NOTHING and not _is_nullable(annotation)
        self._annotation = annotation
        self._module = module

    @cached_property
    def _type(self) -> Any:
        names = set(re.findall(r"\w+", self._annotation)) & set(generated.__all__)
        models = {name: _model_of(name) for name in names}
        # As typing.get_type_hints does, but for one field, so that the others' models may wait.
        return eval(self._annotation, vars(sys.modules[self._module]), models)  # noqa: S307

    @cached_property
    def as_is(self) -> frozenset[type]:
        """Values of exactly one of these types need no reader."""
        return frozenset(t for m in _members(self._type) for t in _EXACT.get(m, ()))

    @cached_property
    def read(self) -> _Reader:
        """Turns a value into what the attribute holds."""
        return _reader(self._type)


def _is_nullable(annotation: str) -> bool:
    """Whether an annotation, as the generator writes it, allows for None."""
    members = annotation
    while "[" in members:
        members = re.sub(r"\[[^\[\]]*\]", "", members)
    return not {"None", "Any"}.isdisjoint(members.split(" | "))


class _Plan(NamedTuple):
    """How to read a model.

    Attributes:
        by_name: Its fields that JSON may have, by the names of their attributes.
        required: Those of them without which it is none.
        setters: How each of its attributes is set, by its name.
        others: How each of those is set that do not come from JSON, and its default.
    """

    by_name: Mapping[str, _Field]
    required: tuple[_Field, ...]
    setters: Mapping[str, _Setter]
    others: tuple[tuple[_Setter, Any], ...]


@cache
def _plan(model: Any) -> _Plan:
    """Return how to read a model, from its annotations."""
    annotations = {
        name: (text, base.__module__)
        for base in reversed(model.__mro__)
        for name, text in inspect.get_annotations(base).items()
    }
    other_spellings = getattr(model, "OTHER_SPELLINGS", {})
    wire_names = next(
        WIRE_NAMES[base.__name__] for base in model.__mro__ if base.__name__ in WIRE_NAMES
    )
    defaults = {field.name: field.default for field in attrs.fields(model)}
    setters = {name: getattr(model, name).__set__ for name in defaults}
    by_name = {
        name: _Field(
            key, other_spellings.get(key, ()), setters[name], defaults[name], *annotations[name]
        )
        for name, key in wire_names.items()
    }
    filled = {*wire_names, "raw", "additional_properties", "problems"}
    return _Plan(
        by_name=by_name,
        required=tuple(field for field in by_name.values() if field.required),
        setters=setters,
        others=tuple(
            (setters[name], default) for name, default in defaults.items() if name not in filled
        ),
    )


@cache
def _fields(model: Any) -> tuple[tuple[str, frozenset[type], _Setter, _Reader, _Field], ...]:
    """Return all fields of a model, with what reading needs at hand."""
    fields = _plan(model).by_name.values()
    return tuple((f.key, f.as_is, f.set, f.read, f) for f in fields)


_ABSENT = object()  # of a type that no value of JSON has


def _new(model: Any) -> Any:
    instance = model.__new__(model)
    for set_other, default in _plan(model).others:
        set_other(instance, default)
    return instance


def _fill(instance: Any, data: dict[str, Any], problems: list[FieldProblem]) -> None:
    plan = _plan(instance.__class__)
    setters = plan.setters
    get = data.get
    found = 0
    for key, as_is, set_value, read, field in _fields(instance.__class__):
        value = get(key, _ABSENT)
        if type(value) in as_is:
            found += 1
        else:
            if value is None or value is _ABSENT:
                other = _find(field, data)
                if other is None:
                    set_value(instance, field.default)
                    continue
                key, value = other, data[other]
            found += 1
            before = len(problems)
            value = read(value, problems)
            if len(problems) > before:
                _prefix(problems, before, key)
        set_value(instance, value)
    unnamed = _unnamed(plan, data) if found < len(data) else {}
    setters["additional_properties"](instance, unnamed)
    if "problems" in setters:
        setters["problems"](instance, ())
    if "raw" in setters:
        setters["raw"](instance, data)


def _find(field: _Field, data: dict[str, Any]) -> str | None:
    """Return the key that has the field's value, or None.

    Raises:
        IdentityMissing: if the field must be there and is not, or is null.
    """
    key = field.key
    if key not in data:
        key = next((other for other in field.other_spellings if other in data), key)
    if field.required and data.get(key) is None:
        raise IdentityMissing(f"{key} is {'null' if key in data else 'missing'}")
    return key if key in data else None


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
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            problems.append(FieldProblem("", "expected a date and time, got other text", value))
            return value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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
        before = len(problems)
        for index, item in enumerate(value):
            items.append(read_item(item, problems))
            if len(problems) > before:
                _prefix(problems, before, f"[{index}]")
                before = len(problems)
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
        instance = _new(model)
        try:
            _fill(instance, value, problems)
        except IdentityMissing as error:
            problems.append(FieldProblem("", str(error), value))
            return value
        return instance

    return read
