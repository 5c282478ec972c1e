"""Writes tests/api.txt: every public name of polyai_data, with its signature and types.

The file is committed, so that each change of the public API shows as a diff. `--check` fails if
it is not up to date. The source is read and not imported: the result is the same on every Python.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = ROOT / "tests" / "api.txt"
SEARCH_PATHS = (ROOT / "facade", ROOT / "generated")
MODULES = (
    "polyai_data",
    "polyai_data.dlt",
    "polyai_data.errors",
    "polyai_data.frames",
    "polyai_data.models",
    "polyai_data.sandbox",
    "polyai_data.spark",
    "polyai_data.testing",
    "polyai_data.warehouse",
)
WIDTH = 100
# Special methods that change how a class works inside, and not how it is used.
INTERNAL = {
    "__attrs_post_init__",
    "__getattr__",
    "__init_subclass__",
    "__post_init__",
    "__reduce__",
    "__reduce_ex__",
    "__repr__",
}
PREFIXES = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}


class Snapshot:
    """The public API, as its source declares it.

    Args:
        search_paths: The directories that hold the packages.
    """

    def __init__(self, search_paths: Sequence[Path] = SEARCH_PATHS) -> None:
        loader = griffe.GriffeLoader(search_paths=search_paths, allow_inspection=False)
        for package in ("polyai_data", "polyai_data_generated"):
            loader.load(package)
        loader.resolve_aliases(external=False)
        self._objects = loader.modules_collection
        # The first public name of each object. Its own path is private and may change.
        self._public: dict[str, str] = {}
        self._exported: dict[str, griffe.Object] = {}
        for module in MODULES:
            for name in self._exports(module):
                path = f"{module}.{name}"
                self._exported[path] = found = _target(self._objects[path])
                self._public.setdefault(found.path, path)

    def lines(self) -> list[str]:
        """Return the lines of the snapshot, sorted by name."""
        entries = dict(self._entries())
        return [line for name in sorted(entries) for line in entries[name]]

    def _exports(self, module: str) -> list[str]:
        """Return what `__all__` lists, or else what the module defines."""
        found = self._objects[module]
        if found.exports is not None:
            return [str(name) for name in found.exports]
        return [
            name
            for name, member in found.members.items()
            if not name.startswith("_") and not member.is_alias and not member.is_module
        ]

    def _entries(self) -> Iterator[tuple[str, list[str]]]:
        for module in MODULES:
            yield module, [f"module {module}"]
        for path, found in self._exported.items():
            first = self._public[found.path]
            if path != first:
                yield path, [f"alias {path} = {first}"]
                continue
            yield path, self._describe(path, found)
            if isinstance(found, griffe.Class):
                if _is_attrs_class(found):
                    what = f"{path}.__init__"
                    yield what, self._signature(f"def {what}", self._fields(found), None)
                for name, member in self._members(found).items():
                    yield f"{path}.{name}", self._describe(f"{path}.{name}", member)

    def _members(self, cls: griffe.Class) -> dict[str, griffe.Object]:
        """Return the public members of a class and those that it inherits from private classes."""
        mro = cls.mro()
        elsewhere = {
            base.path
            for public in mro
            if public.path in self._public
            for base in (public, *public.mro())
        }
        members: dict[str, griffe.Object] = {}
        for base in reversed([cls, *mro]):
            if base.path not in elsewhere:
                members.update((name, _target(each)) for name, each in base.members.items())
        return {
            name: member
            for name, member in members.items()
            if not name.startswith("_")
            or (name.endswith("__") and member.is_function and name not in INTERNAL)
        }

    def _describe(self, path: str, found: griffe.Object) -> list[str]:
        if isinstance(found, griffe.Class):
            bases = ", ".join(dict.fromkeys(self._bases(found)))
            end = f"({bases})" if bases else ""
            return [f"{self._decorators(found)}class {path}{end}"]
        if isinstance(found, griffe.Function):
            is_bound = isinstance(found.parent, griffe.Class) and "staticmethod" not in found.labels
            what = f"{self._decorators(found)}{'async ' * ('async' in found.labels)}def {path}"
            return [
                line
                for each in found.overloads or [found]
                for line in self._signature(what, list(each.parameters)[is_bound:], each.returns)
            ]
        if not isinstance(found, griffe.Attribute):
            raise TypeError(f"{path} is a {found.kind.value}")
        what = path
        if "property" in found.labels:
            what = f"{'writable ' * ('writable' in found.labels)}property {path}"
        annotation = found.annotation or _annotation_of_parameter(found)
        if annotation is not None:
            what += f": {self._render(annotation)}"
        # The defaults of fields are in the signature of __init__. Versions change without the API.
        is_field = annotation is not None and "instance-attribute" in found.labels
        if isinstance(found.value, str) and not is_field and not path.endswith("__"):
            what += f" = {found.value}"
        return [what]

    def _decorators(self, found: griffe.Class | griffe.Function) -> str:
        """Return the decorators that are not this project's own."""
        return "".join(
            f"@{self._render(decorator.value)} "
            for decorator in found.decorators
            if self._find(decorator.callable_path) is None
        )

    def _bases(self, cls: griffe.Class) -> Iterator[str]:
        """Yield the public bases; a private one is replaced by its own bases."""
        for base in cls.bases:
            found = self._find(base.canonical_path) if isinstance(base, griffe.Expr) else None
            if isinstance(found, griffe.Class) and found.path not in self._public:
                yield from self._bases(found)
            else:
                yield self._render(base)

    def _fields(self, cls: griffe.Class) -> list[griffe.Parameter]:
        """Return the parameters of the constructor that attrs makes for a class."""
        fields: dict[str, griffe.Parameter] = {}
        for base in reversed([cls, *cls.mro()]):
            if not _is_attrs_class(base):
                continue
            for member in base.attributes.values():
                if member.annotation is None or "instance-attribute" not in member.labels:
                    continue
                options = _field_options(member.value)
                if options is None:
                    options = {"default": member.value}
                fields.pop(member.name, None)
                if options.get("init") == "False":
                    continue
                default = options.get("default")
                if "factory" in options:
                    default = f"{self._render(options['factory'])}()"
                kind = griffe.ParameterKind.positional_or_keyword
                if options.get("kw_only") == "True":
                    kind = griffe.ParameterKind.keyword_only
                fields[member.name] = griffe.Parameter(
                    member.name.lstrip("_"),
                    annotation=member.annotation,
                    kind=kind,
                    default=default,
                )
        return sorted(
            fields.values(), key=lambda field: field.kind is griffe.ParameterKind.keyword_only
        )

    def _signature(
        self, what: str, parameters: list[griffe.Parameter], returns: griffe.Expr | str | None
    ) -> list[str]:
        """Return a signature on one line, or with a line for each parameter if that is too long."""
        texts, kinds = [], [parameter.kind for parameter in parameters]
        for number, parameter in enumerate(parameters):
            kind = parameter.kind
            text = PREFIXES.get(kind, "") + parameter.name  # type: ignore[arg-type]
            if parameter.annotation is not None:
                text += f": {self._render(parameter.annotation)}"
            if parameter.default is not None and kind not in PREFIXES:
                text += f" = {self._render(parameter.default)}"
            if kind is griffe.ParameterKind.keyword_only and not {
                griffe.ParameterKind.keyword_only,
                griffe.ParameterKind.var_positional,
            } & {*kinds[:number]}:
                texts.append("*")
            texts.append(text)
            following = kinds[number + 1 :]
            if (
                kind is griffe.ParameterKind.positional_only
                and griffe.ParameterKind.positional_only not in following
            ):
                texts.append("/")
        end = ")" if returns is None else f") -> {self._render(returns)}"
        line = f"{what}({', '.join(texts)}{end}"
        if len(line) <= WIDTH:
            return [line]
        return [f"{what}(", *(f"    {text}," for text in texts), end]

    def _render(self, expression: griffe.Expr | str | None) -> str:
        """Return an expression with public names, and with the values of private constants."""
        if not isinstance(expression, griffe.Expr):
            return str(expression)
        if isinstance(expression, (griffe.ExprName, griffe.ExprAttribute)):
            return self._render_name(expression)
        return "".join(self._render(part) for part in expression.iterate(flat=False))

    def _render_name(self, name: griffe.ExprName | griffe.ExprAttribute) -> str:
        path = name.canonical_path
        found = self._find(path)
        if found is None:
            for module in ("builtins.", "typing.", "collections.abc."):
                path = path.removeprefix(module)
            return path
        if found.path in self._public:
            return self._public[found.path].removeprefix("polyai_data.")
        if found.parent is not None and found.parent.path in self._public:  # a member of an enum
            return f"{self._public[found.parent.path].removeprefix('polyai_data.')}.{found.name}"
        value = found.value if isinstance(found, griffe.Attribute) else None
        if value is None or isinstance(value, griffe.ExprCall):
            return found.name  # a private class, a type variable
        return self._render(value)

    def _find(self, path: str) -> griffe.Object | None:
        """Return the object of this project that has the path."""
        try:
            return _target(self._objects[path])
        except (KeyError, griffe.GriffeError):
            return None


def _target(found: griffe.Object | griffe.Alias) -> griffe.Object:
    return found.final_target if isinstance(found, griffe.Alias) else found


def _annotation_of_parameter(attribute: griffe.Attribute) -> griffe.Expr | str | None:
    """Return the annotation of the parameter in `self.attribute = parameter`."""
    value = attribute.value
    if isinstance(value, griffe.ExprName) and isinstance(value.parent, griffe.Function):
        for parameter in value.parent.parameters:
            if parameter.name == value.name:
                annotation: griffe.Expr | str | None = parameter.annotation
                return annotation
    return None


def _is_attrs_class(cls: griffe.Class) -> bool:
    return any(d.callable_path in ("attrs.define", "attrs.frozen") for d in cls.decorators)


def _field_options(value: griffe.Expr | str | None) -> dict[str, griffe.Expr | str | None] | None:
    """Return the arguments of `attrs.field(...)`; None if the value is not such a call."""
    if not isinstance(value, griffe.ExprCall) or value.canonical_path != "attrs.field":
        return None
    return {
        argument.name: argument.value
        for argument in value.arguments
        if isinstance(argument, griffe.ExprKeyword)
    }


def difference(committed: list[str], current: list[str]) -> str:
    """Return a diff from the committed snapshot to the current one; empty if they are equal."""
    # Enough context to show the name that a long signature starts with.
    diff = difflib.unified_diff(committed, current, "tests/api.txt", "the source", "", "", 15, "")
    return "\n".join(diff)


def main() -> int:
    """Write the snapshot, or check it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail if the file is not up to date")
    check = parser.parse_args().check
    lines = Snapshot().lines()
    if not check:
        SNAPSHOT.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"Wrote {SNAPSHOT.relative_to(ROOT)}.")
        return 0
    diff = difference(SNAPSHOT.read_text(encoding="utf-8").splitlines(), lines)
    if diff:
        print(
            f"{diff}\nThe public API has changed. If that is intended, run `make api` and commit."
        )
    return bool(diff)


if __name__ == "__main__":
    sys.exit(main())
