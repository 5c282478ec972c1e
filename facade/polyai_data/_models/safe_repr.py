"""Reprs that name fields and show no values, even for printers that bypass `repr`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from polyai_data_generated.types import UNSET


class SafeRepr:
    """Makes rich print the `repr`. Otherwise it prints all fields of an attrs class."""

    __slots__ = ()

    def __rich_repr__(self) -> Iterator[Any]:
        yield from _rich_repr(self)

    __rich_repr__.angular = True  # type: ignore[attr-defined]  # <Name …>, not Name(…)


class _Verbatim:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _rich_repr(instance: object) -> Iterator[Any]:
    text = repr(instance)[1:-1].removeprefix(type(instance).__name__).lstrip()
    if text:
        yield _Verbatim(text)


def adapt(model: type) -> None:
    """Give a generated class a repr with the names of its set fields, and no subscripts.

    Its subscripts would only find undocumented fields, which are in `additional_properties`.
    """

    def name_fields(self: Any) -> str:
        values = {field.name: getattr(self, field.name, None) for field in attrs.fields(model)}
        names = [name for name, value in values.items() if value not in (None, UNSET, "", [], {})]
        return f"<{' '.join([type(self).__name__, ', '.join(names)]).strip()}>"

    methods: dict[str, Any] = {"__repr__": name_fields, "__rich_repr__": SafeRepr.__rich_repr__}
    for name, method in methods.items():
        setattr(model, name, method)
    for name in {"__getitem__", "__setitem__", "__delitem__", "__contains__"} & vars(model).keys():
        delattr(model, name)
