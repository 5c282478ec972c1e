"""What models inherit, and how JSON is decoded into them.

A value of another type is returned as it came, and described by a FieldProblem. Only a record
without a required field (one that is neither nullable nor has a default) is rejected.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cache, cached_property, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_type_hints

import attrs
from polyai_data_generated import models as generated
from polyai_data_generated.wire_names import WIRE_NAMES

from ..errors import ResponseDecodeError
from .readers import FieldProblem, Problems, Readers, is_column, is_nested, json_type_name, report
from .records import column
from .safe_repr import SafeRepr, adapt

_Model = TypeVar("_Model")
_Setter = Callable[[Any, Any], None]  # sets a slot, faster than an assignment by its name
_ABSENT = object()  # its type is not that of a JSON value

# The generated models import each other for type checkers only. With the names at hand,
# typing.get_type_hints works on them and on the classes that inherit from them.
_GENERATED = {name: getattr(generated, name) for name in generated.__all__}
for _class in _GENERATED.values():
    vars(sys.modules[_class.__module__]).update(_GENERATED)
    if attrs.has(_class):
        adapt(_class)


class UnexpectedRecord(Exception):
    """A record lacks the field that identifies it, or is not the one that was requested."""


@attrs.frozen
class ResponseMeta:
    """The HTTP side of a response.

    Attributes:
        status_code: The HTTP status.
        headers: The headers, with their names in lower case.
        correlation_id: The ID to give to PolyAI's support, from the response or else the request.
        elapsed: The time from sending the request to the end of the response.
        attempts: The number of requests that were sent.
    """

    status_code: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    correlation_id: str
    elapsed: timedelta
    attempts: int


class JsonModel(SafeRepr):
    """A response that keeps its JSON in `raw`."""

    __slots__ = ()

    raw: dict[str, Any]

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Return the model for a JSON object, such as one saved from `raw`.

        Raises:
            ResponseDecodeError: if it lacks a required field, such as `conversationId`.
        """
        try:
            return cls._decode(dict(src_dict) if isinstance(src_dict, Mapping) else src_dict)
        except UnexpectedRecord as error:
            reason = str(error)
        del src_dict  # so that no traceback with local variables shows it
        raise ResponseDecodeError(f"Not a {cls.__name__}: {reason}.")

    @classmethod
    def _decode(cls, data: Any) -> Self:
        return decode(cls, data)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object as it came: `raw`."""
        return self.raw


class LazyModel(JsonModel):
    """A response whose fields are decoded when first read: most records of a page never are."""

    __slots__ = ()  # a subclass has _first_read: the first field that was decoded

    @classmethod
    def _decode(cls, data: Any) -> Self:
        schema = _schema(cls)
        instance: Self = schema.new(data)
        _set_fields(instance, schema.required, data, [])
        cls._first_read.__set__(instance, None)  # type: ignore[attr-defined]  # see __slots__
        return instance

    if not TYPE_CHECKING:  # type checkers report a misspelled field

        def __getattr__(self, name: str) -> Any:
            """Decode the field, and keep its value. Python calls this if it is not set.

            From the second field on, all fields without nested models are decoded at once: one by
            one, they would cost three times as much.
            """
            if name == "raw":  # not set yet, for example while this is being copied
                raise AttributeError(name)
            schema = _schema(type(self))
            if name in schema.fields:
                data, first, field = self.raw, self._first_read, schema.fields[name]
                if first is not None and field.is_flat:
                    value = getattr(self, first)  # may have been changed in the meantime
                    schema.set_flat(self, data)
                    schema.setters[first](self, value)
                    return getattr(self, name)
                value = data.get(field.key, _ABSENT)
                if type(value) not in field.exact:
                    value = field.decode(data, [])
                object.__setattr__(self, "_first_read", name)
            elif name == "problems":
                value = problems_of(type(self), self.raw)
            elif name == "additional_properties":
                value = schema.extra_fields(self.raw)
            else:
                text = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(text, name=name, obj=self)
            schema.setters[name](self, value)
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            """First decode what would be decoded together with this field later."""
            flat = _schema(type(self)).flat
            if getattr(self, "raw", None) is not None:  # else __init__ is running
                for field in flat if name in flat else (name,):
                    getattr(self, field, None)
            super().__setattr__(name, value)


def decode(model: type[_Model], data: Any) -> _Model:
    """Return a JSON object as an instance of the model, with its `problems`."""
    problems: Problems = []
    instance: _Model = _decode_all(model, data, problems)
    if "problems" in _schema(model).setters:
        _schema(model).setters["problems"](instance, tuple(problems))
    return instance


def problems_of(model: Any, data: dict[str, Any]) -> tuple[FieldProblem, ...]:
    """Return the problems of a JSON object, nested objects included."""
    problems: Problems = []
    _decode_all(model, data, problems)
    return tuple(problems)


def _decode_all(model: Any, data: dict[str, Any], problems: Problems) -> Any:
    schema = _schema(model)
    instance = schema.new(data)
    _set_fields(instance, schema.fields.values(), data, problems)
    schema.setters["additional_properties"](instance, schema.extra_fields(data))
    return instance


def columns_of(instance: Any) -> dict[str, Any]:
    """Return the fields that fit in a table, with JSON types: no arrays except of strings."""
    fields = _schema(type(instance)).fields
    return {
        name: column(getattr(instance, name), field.exact, is_array=list in field.readers)
        for name, field in fields.items()
        if field.is_column
    }


def _read_object(model: type[Any], value: dict[str, Any], problems: Problems) -> Any:
    try:
        return _decode_all(model, value, problems)
    except UnexpectedRecord as error:
        return report(str(error), value, problems)


def _set_fields(instance: Any, fields: Iterable[_Field], data: Any, problems: Problems) -> None:
    for field in fields:
        value = data.get(field.key, _ABSENT)
        field.set(instance, value if type(value) in field.exact else field.decode(data, problems))


class _Field:
    def __init__(
        self, key: str, aliases: tuple[str, ...], setter: _Setter, default: Any, annotation: Any
    ) -> None:
        self.key = key
        self.aliases = aliases
        self.set = setter
        self.readers = Readers(annotation, _read_object)
        self.exact = self.readers.exact
        self.default = None if default is attrs.NOTHING else default
        self.required = default is attrs.NOTHING and types.NoneType not in self.exact
        self.is_flat = not (self.required or is_nested(annotation))
        self.is_column = is_column(annotation)

    def decode(self, data: dict[str, Any], problems: Problems) -> Any:
        """Return the value of the field in a JSON object."""
        key = self.key if data.get(self.key) is not None else self.find_key(data)
        return self.default if key is None else self.readers.read(key, data[key], problems)

    def find_key(self, data: dict[str, Any]) -> str | None:
        """Return the key that has the field's value, or None."""
        key = self.key
        if key not in data:
            key = next((alias for alias in self.aliases if alias in data), key)
        if self.required and data.get(key) is None:
            raise UnexpectedRecord(f"{key} is {'null' if key in data else 'missing'}")
        return key if key in data else None


class _Schema:
    def __init__(self, model: Any) -> None:
        hints = get_type_hints(model)
        aliases = getattr(model, "ALIASES", {})
        names = [base.__name__ for base in model.__mro__]
        wire_names = next(WIRE_NAMES[name] for name in names if name in WIRE_NAMES)
        defaults = {field.name: field.default for field in attrs.fields(model)}
        self.setters: dict[str, _Setter] = {name: getattr(model, name).__set__ for name in defaults}
        self.fields = {
            name: _Field(key, aliases.get(key, ()), self.setters[name], defaults[name], hints[name])
            for name, key in wire_names.items()
        }
        self.flat = {name: field for name, field in self.fields.items() if field.is_flat}
        self.required = [field for field in self.fields.values() if field.required]
        self._flat_setters = [self.setters[name] for name in self.flat]
        self._flat_readers = lru_cache(maxsize=1000)(self._find_flat_readers)
        self._keys = {*wire_names.values()}
        self._model = model
        others = defaults.keys() - {*wire_names, "raw", "additional_properties", "problems"}
        self._others = [(self.setters[name], defaults[name]) for name in others]

    def new(self, data: object) -> Any:
        """Return an instance with its `raw`. The fields that are in the JSON are not set."""
        if not isinstance(data, dict):
            raise UnexpectedRecord(f"expected an object, got {json_type_name(type(data))}")
        instance = self._model.__new__(self._model)
        for set_other, default in self._others:
            set_other(instance, default)
        if "raw" in self.setters:
            self.setters["raw"](instance, data)
        return instance

    @cached_property
    def _get_flat(self) -> Callable[[Any], Any]:
        return itemgetter(*(field.key for field in self.flat.values()))

    def set_flat(self, instance: Any, data: dict[str, Any]) -> None:
        """Set all fields without nested models."""
        try:
            values = list(self._get_flat(data))
        except KeyError:  # a key is missing, or has an alias
            values = [field.decode(data, []) for field in self.flat.values()]
        else:
            for position, read in self._flat_readers(tuple(map(type, values))):
                values[position] = read(values[position], [])
        for set_field, value in zip(self._flat_setters, values, strict=False):
            set_field(instance, value)

    def _find_flat_readers(self, kinds: tuple[type, ...]) -> list[tuple[int, Any]]:
        """Return which values of these types need a reader. The records of one API look alike."""
        return [
            (i, field.readers[kinds[i]])
            for i, field in enumerate(self.flat.values())
            if kinds[i] not in field.exact
        ]

    def extra_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what the model has no field for."""
        if data.keys() <= self._keys:
            return {}
        used = {field.find_key(data) for field in self.fields.values()}
        return {key: value for key, value in data.items() if key not in used}


_schema: Callable[[Any], _Schema] = cache(_Schema)
