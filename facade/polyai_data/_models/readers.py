"""Reads JSON values by the type that an annotation expects, and reports those of another type."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from typing import Any, Union, get_args, get_origin

import attrs
from polyai_data_generated.types import Unset

from .json_reader import InvalidNumber, InvalidText, NestedTooDeeply


@attrs.frozen
class FieldProblem:
    """A field whose value does not have the documented type. The model has the value as it came.

    Attributes:
        field: The path of the field in the JSON, such as `turns[3].latency.perceived_latency`.
        reason: What was expected, and what came.
        value: The value.
    """

    field: str
    reason: str
    value: Any = attrs.field(repr=False)


Problems = list[FieldProblem]
# Returns the decoded value. A value of another type is returned as it is, with a problem appended.
Reader = Callable[[Any, Problems], Any]

_EXACT_TYPES: dict[Any, tuple[type, ...]] = {
    **{kind: (kind,) for kind in (str, int, bool, types.NoneType)},
    float: (float, int),
    Any: (str, int, float, bool, dict, list, types.NoneType),
}

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RFC_1123 = (  # compiled when it is first used
    rf"(?:({'|'.join(_WEEKDAYS)}), )?[0-9]{{1,2}} [A-Z][a-z][a-z] [0-9]{{4}} "
    r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})? (?:GMT|UTC?|Z|[ECMP][SD]T|[+-][0-9]{2}[0-5][0-9])"
)

_NAMES: dict[Any, str] = {
    types.NoneType: "null",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    datetime: "a date and time",
    list: "an array",
    dict: "an object",
    Any: "a JSON value",
    InvalidText: "text that is not valid Unicode",
    InvalidNumber: "a number out of range",
    NestedTooDeeply: "a value nested too deeply",
}


class Readers(dict[type, Reader]):
    """The reader for each type of JSON value. It reports a type that is not expected."""

    def __init__(self, annotation: Any, read_object: Callable[..., Any]) -> None:
        is_union = get_origin(annotation) in (Union, types.UnionType)
        members = get_args(annotation) if is_union else (annotation,)
        for member in members:
            origin = get_origin(member)
            if origin is list:
                self[list] = Readers(get_args(member)[0], read_object)._read_array
            elif origin is dict:
                self[dict] = Readers(get_args(member)[1], read_object)._read_map
            elif member is datetime:
                self[str] = _read_datetime
            elif member is int:
                self[float] = _read_integer
            elif isinstance(member, type) and issubclass(member, Enum):
                self[str] = partial(_read_enum, member)
        models = [member for member in members if attrs.has(get_origin(member) or member)]
        if models:
            self[dict] = partial(_read_best_fit, models, read_object)
        self.exact = {kind for member in members for kind in _EXACT_TYPES.get(member, ())}
        self.update(dict.fromkeys(self.exact, lambda value, _: value))
        names = [_name(member) for member in members if member not in (types.NoneType, Unset)]
        self._expected = " or ".join(dict.fromkeys(names))

    def __missing__(self, kind: type) -> Reader:
        return partial(report, f"expected {self._expected}, got {json_type_name(kind)}")

    def read(self, path: str, value: Any, problems: Problems) -> Any:
        """Return the decoded value, and put its path before the paths of its problems."""
        start = len(problems)
        value = self[type(value)](value, problems)
        for index in range(start, len(problems)):
            field = problems[index].field
            dot = "" if not field or field.startswith("[") else "."
            problems[index] = attrs.evolve(problems[index], field=f"{path}{dot}{field}")
        return value

    def _read_array(self, value: list[Any], problems: Problems) -> list[Any]:
        if self.exact.issuperset(map(type, value)):
            return value.copy()
        return [self.read(f"[{index}]", item, problems) for index, item in enumerate(value)]

    def _read_map(self, value: dict[str, Any], problems: Problems) -> dict[str, Any]:
        return {key: self.read(key, item, problems) for key, item in value.items()}


def report(reason: str, value: Any, problems: Problems) -> Any:
    """Return a value that cannot be decoded, with a problem appended."""
    problems.append(FieldProblem("", reason, value))
    return value


def is_nested(annotation: Any) -> bool:
    """Whether values of this type hold models."""
    return attrs.has(annotation) or any(map(is_nested, get_args(annotation)))


def is_column(annotation: Any) -> bool:
    """Whether values of this type fit in a table: strings, numbers, times, arrays of strings."""
    if get_origin(annotation) in (Union, types.UnionType):
        return all(map(is_column, get_args(annotation)))
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    is_scalar = annotation in (str, int, float, bool, types.NoneType, datetime)
    return is_enum or is_scalar or annotation == list[str]


def _name(member: Any) -> str:
    origin = get_origin(member) or member
    if isinstance(origin, type) and issubclass(origin, Enum):
        return "one of " + ", ".join(str(item.value) for item in origin)
    return _NAMES.get(origin, "an object")


def json_type_name(kind: type) -> str:
    """Return the type of a JSON value in words."""
    return _NAMES.get(kind, kind.__name__)


def _read_datetime(value: str, problems: Problems) -> Any:
    """Read ISO 8601 (UTC if it has no offset), or RFC 1123 as in function events; no other form."""
    if not value:
        return None  # turns have empty strings where there is nothing
    try:
        moment = datetime.fromisoformat(value)
        # Python reads a date alone as midnight, and accepts any character for the T.
        if len(value) > 13 and (value[10] in "T " or value[8] == "T"):
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        # The form is checked because Python ignores AM and PM, unknown time zones, and much else.
        if form := re.fullmatch(_RFC_1123, value):
            with suppress(ValueError, OverflowError):
                moment = parsedate_to_datetime(value)
                if form[1] in (None, _WEEKDAYS[moment.weekday()]):
                    return moment.replace(tzinfo=moment.tzinfo or UTC)  # None stands for -0000
    return report("expected a date and time, got another string", value, problems)


def _read_best_fit(
    models: list[Any], read_object: Callable[..., Any], value: dict[str, Any], problems: Problems
) -> Any:
    """Read an object as the one of several models with the fewest problems and unknown fields."""
    if len(models) == 1:
        return read_object(models[0], value, problems)
    fits = []
    for model in models:
        found: Problems = []
        instance = read_object(model, value, found)
        unknown = len(getattr(instance, "additional_properties", value))
        fits.append((len(found), unknown, instance, found))
    *_, instance, found = min(fits, key=lambda fit: fit[:2])
    problems += found
    return instance


def _read_integer(value: float, problems: Problems) -> Any:
    if value.is_integer():
        return int(value)
    return report("expected an integer, got a fraction", value, problems)


def _read_enum(enum: type[Enum], value: str, problems: Problems) -> Any:
    try:
        return enum(value)
    except ValueError:
        return report(f"expected {_name(enum)}, got another string", value, problems)
