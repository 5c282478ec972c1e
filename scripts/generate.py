"""Writes generated/polyai_data_generated from openapi.json, overlay.yaml and generator.yaml.

`python scripts/generate.py` replaces the package. `--check` generates into a temporary directory
and fails on any difference; `--stale-ok` skips stale overlay actions. Runs offline, and the same
inputs and tools give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import committed
import console
import yaml
from adapt import adapt_to_generator, python_name, with_distinct_class
from documents import join, read_others
from openapi import METHODS, AdaptationError, operations, title
from openapi_python_client import Project
from openapi_python_client.config import ClassOverride, Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import PythonIdentifier
from overlay import OverlayError, Stale, StaleOverlayError, apply_overlay
from servers import ServerError, server_urls

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi.json"
OVERLAY = ROOT / "scripts" / "overlay.yaml"
GENERATOR_CONFIG = ROOT / "scripts" / "generator.yaml"
PACKAGE = ROOT / "generated" / "polyai_data_generated"

TOOLS = ("openapi-python-client", "python-jsonpath", "ruff")
FAILED = "openapi-python-client cannot generate the whole spec:"
MAX_NAME = 150
"""Maximum length of the name of a module."""
TEMPORARY = ".generate-"
LOCAL_NAMES = frozenset(
    ("params", "headers", "cookies", "body", "client", "response", "errors", "quote", "httpx")
)
"""The names that generated functions use for something other than parameters."""
DO_NOT_EDIT = "# Written by `make generate`. Do not edit: the next run overwrites it.\n"


class GenerationError(Exception):
    """The package could not be generated. The message says why; the old package is unchanged."""


def joined_document(raw: bytes | None = None, name: str = "openapi.json") -> dict[str, Any]:
    """Return the vendored specs as one, or with new contents of one of them.

    Raises:
        GenerationError: if they cannot be joined.
    """
    main, others = _contents(raw, name)
    try:
        return join(json.loads(main), {key: json.loads(each) for key, each in others.items()})
    except AdaptationError as error:
        raise GenerationError(str(error)) from None


def _contents(raw: bytes | None, name: str) -> tuple[bytes, dict[str, bytes]]:
    """Return openapi.json and the other specs, with new contents of one of them."""
    contents = {"openapi.json": DOCUMENT.read_bytes(), **read_others(DOCUMENT.parent)}
    if raw is not None:
        contents[name] = raw
    return contents.pop("openapi.json"), contents


def corrected_document(
    document: dict[str, Any] | None = None, *, stale: list[Stale] | None = None
) -> dict[str, Any]:
    """Return the spec with the overlay applied: the API as it really behaves.

    Args:
        document: The spec, joined. Default: the vendored ones.
        stale: If given, stale overlay actions are skipped and appended to this list.

    Raises:
        GenerationError: if the overlay does not match the spec.
    """
    if document is None:
        document = joined_document()
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    try:
        return apply_overlay(document, overlay, skipped=stale, known_fields=_known_fields())
    except StaleOverlayError as error:
        raise GenerationError(
            f"{OVERLAY.relative_to(ROOT)} does not match the spec:\n{error}\n"
            "Correct or delete these actions. To see the result without them, run "
            "`make generate STALE=ok`."
        ) from None
    except OverlayError as error:
        raise GenerationError(f"{OVERLAY.relative_to(ROOT)} is malformed:\n{error}") from None


def _known_fields() -> dict[str, frozenset[str]]:
    """Return the fields of each schema in the spec that was last committed."""
    names = _committed(PACKAGE / "wire_names.py")
    configuration = _committed(GENERATOR_CONFIG)
    if names is None or configuration is None:
        return {}
    overrides = yaml.safe_load(configuration)["class_overrides"]
    schemas = {each["class_name"]: schema for schema, each in overrides.items()}
    wire_names: dict[str, dict[str, str]] = ast.literal_eval(ast.parse(names).body[-1].value)  # type: ignore[attr-defined]
    return {schemas.get(c, c): frozenset(fields.values()) for c, fields in wire_names.items()}


def _committed(path: Path) -> bytes | None:
    """Return the committed content of a file, or the current one outside a repository."""
    content = committed.read(ROOT, path)
    return content if content is not None or not path.exists() else path.read_bytes()


def generate(
    target: Path,
    raw: bytes | None = None,
    *,
    name: str = "openapi.json",
    stale: list[Stale] | None = None,
    notes: list[str] | None = None,
) -> None:
    """Write the package to the directory `target`, which must not exist yet.

    Args:
        target: The directory.
        raw: A spec as JSON. Default: the vendored one.
        name: The file name of the spec that `raw` replaces.
        stale: If given, stale overlay actions are skipped and appended to this list.
        notes: If given, what the package will not contain is appended to this list.

    Raises:
        GenerationError: if the overlay does not match the spec, or the generator reports an error
            or a warning, or fails.
    """
    corrected = corrected_document(joined_document(raw, name), stale=stale)
    try:
        _write(target, _contents(raw, name), corrected, [] if notes is None else notes)
    except (GenerationError, KeyboardInterrupt, MemoryError):
        raise
    except ServerError as error:
        raise GenerationError(str(error)) from None
    except Exception as error:
        raise GenerationError(f"{FAILED}\n{_place(corrected)}{_text(error)}") from error


def _place(corrected: dict[str, Any]) -> str:
    """Return which operations fail by themselves, to say where an unexpected error comes from."""
    places = []
    for (method, path), operation in list(operations(corrected))[:200]:
        item = {k: v for k, v in corrected["paths"][path].items() if k not in METHODS}
        alone = {**corrected, "paths": {path: {**item, method: operation}}}
        with tempfile.TemporaryDirectory() as directory:
            try:
                _build(Path(directory) / PACKAGE.name, alone, [])
            except (GenerationError, _DuplicateClassError):
                continue
            except Exception:
                places.append(title((method, path)))
    names = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    return f"{names}: " if names else ""


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]


def _write(
    target: Path,
    contents: tuple[bytes, dict[str, bytes]],
    corrected: dict[str, Any],
    notes: list[str],
) -> None:
    while True:
        try:
            document, data = _build(target, corrected, notes)
            break
        except _DuplicateClassError as error:
            shutil.rmtree(target, ignore_errors=True)
            distinct = with_distinct_class(corrected, error.class_name)
            if distinct is None:
                raise GenerationError(str(error)) from None
            corrected = distinct
    _check_modules(target, document)
    _check_enums(target, data)

    (target / "py.typed").touch()
    (target / "origin.py").write_text(_origin(document, *contents), encoding="utf-8")
    (target / "wire_names.py").write_text(_wire_names(data), encoding="utf-8")
    (target / "column_types.py").write_text(_column_types(data), encoding="utf-8")
    for module in target.rglob("*.py"):
        module.write_text(DO_NOT_EDIT + module.read_text(encoding="utf-8"), encoding="utf-8")
    # Only imports and formatting: other fixes produced code that type checkers reject.
    steps = (
        ["check", "--fix-only", "--select=I,F401"],
        ["format", "--line-length=100"],
        ["check", "--select=F821"],  # undefined names
    )
    for step in steps:
        command = [sys.executable, "-m", "ruff", *step, "--isolated", "--no-cache", str(target)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            reason = (done.stderr or done.stdout).replace(str(target), PACKAGE.name)[:2000]
            raise GenerationError(f"{FAILED}\n{reason}")


class _DuplicateClassError(Exception):
    def __init__(self, text: str, class_name: str) -> None:
        super().__init__(text)
        self.class_name = class_name


def _build(
    target: Path, corrected: dict[str, Any], notes: list[str]
) -> tuple[dict[str, Any], GeneratorData]:
    """Run the generator. Return the adapted spec, and what the generator parsed from it."""
    config = Config.from_sources(
        ConfigFile.load_from_path(GENERATOR_CONFIG),
        MetaType.NONE,
        document_source=DOCUMENT,
        file_encoding="utf-8",
        overwrite=False,
        output_path=target,
    )
    config.package_name_override = PACKAGE.name
    config.post_hooks = []  # ruff runs later, without the project's configuration
    notes.clear()
    try:
        document = adapt_to_generator(corrected, config, notes)
    except AdaptationError as error:
        raise GenerationError(str(error)) from None
    with contextlib.redirect_stdout(io.StringIO()):
        data = _parse(document, config)
        if _rename_modules(data, config):
            data = _parse(document, config)
        _check_lengths(data)
        for collection in data.endpoint_collections_by_tag.values():
            for endpoint in collection.endpoints:
                # The generator omits this import where a required body has several media types.
                # ruff removes it where it is unused.
                endpoint.relative_imports.add("from ...types import Unset")
                _rename_parameters(endpoint, config)
        errors = Project(openapi=data, config=config).build()
    if errors:
        text = _describe(errors)
        twice = re.search(r'duplicate models with name "(\w+)"', text)
        raise _DuplicateClassError(text, twice[1]) if twice else GenerationError(text)
    return document, data


def _parse(document: dict[str, Any], config: Config) -> GeneratorData:
    data = GeneratorData.from_dict(copy.deepcopy(document), config=config)
    if isinstance(data, GeneratorError):
        raise GenerationError(_describe([data]))
    return data


def _rename_modules(data: GeneratorData, config: Config) -> bool:
    """Rename the modules of models with a property of the same name, which type checkers reject.

    Return whether there are any.
    """
    taken = {model.class_info.module_name for model in data.models}
    found = False
    for model in data.models:
        properties = [*(model.required_properties or ()), *(model.optional_properties or ())]
        module = model.class_info.module_name
        if module in {each.python_name for each in properties}:
            name = str(model.class_info.name)
            new = f"{module}_model"
            while new in taken:
                new += "_"
            # The override is looked up by the name that the class has without it.
            keys = [
                key
                for key, each in config.class_overrides.items()
                if _untrusted(each.class_name) == name
            ]
            override = ClassOverride.model_validate({"class_name": name, "module_name": new})
            config.class_overrides[keys[0] if keys else name] = override
            taken.add(PythonIdentifier(new, ""))
            found = True
    return found


def _rename_parameters(endpoint: Endpoint, config: Config) -> None:
    """Rename the parameters that have the name of a variable in the generated functions.

    And those that are a property of an object, such as `filter[from]`.
    """
    for parameter in endpoint.list_all_parameters():
        if "[" in _untrusted(parameter.name):
            name = _untrusted(parameter.name).replace("[", "_")
            parameter.set_python_name(UntrustedString(name), config)
        if parameter.python_name in LOCAL_NAMES and parameter not in [
            body.prop for body in endpoint.bodies
        ]:
            parameter.set_python_name(UntrustedString(f"{parameter.python_name}_value"), config)


def _check_lengths(data: GeneratorData) -> None:
    """Reject names that are too long for a file name."""
    names = [
        (str(each.class_info.module_name), f"the class {str(each.class_info.name)[:60]}…")
        for each in (*data.models, *data.enums)
    ]
    for collection in data.endpoint_collections_by_tag.values():
        for each in collection.endpoints:
            where = f"{each.method.upper()} {_untrusted(each.path)}"
            names.append((str(PythonIdentifier(_untrusted(each.name), "")), where))
    for name, where in names:
        if len(name.encode()) > MAX_NAME:
            raise GenerationError(
                f"{FAILED}\n{where}: its name is {len(name)} characters long; at most {MAX_NAME} "
                "are possible. Give it a shorter operationId in the overlay, or a class_name in "
                "scripts/generator.yaml."
            )


def _untrusted(value: Any) -> str:
    return value.get_untrusted_value() if isinstance(value, UntrustedString) else str(value)


def _check_enums(target: Path, data: GeneratorData) -> None:
    """Fail if the generator changed the values of an enum."""
    for enum in data.enums:
        if not isinstance(enum.values, dict):
            continue  # of strings, without a class
        module = target / "models" / f"{enum.class_info.module_name}.py"
        written = [
            ast.literal_eval(line.value)
            for node in ast.parse(module.read_text(encoding="utf-8")).body
            if isinstance(node, ast.ClassDef)
            for line in node.body
            if isinstance(line, ast.Assign)
        ]
        expected = [
            ast.literal_eval(f'"{each}"') if isinstance(each, str) else each
            for each in enum.values.values()
        ]
        if sorted(map(repr, written)) != sorted(map(repr, expected)):
            raise GenerationError(f"{FAILED}\nvalues of {enum.class_info.name} would change")


def _check_modules(target: Path, document: dict[str, Any]) -> None:
    """Fail if the generator skipped an operation silently."""
    expected = {python_name(operation["operationId"]) for _, operation in operations(document)}
    missing = expected - {path.stem for path in (target / "api").glob("*/*.py")}
    if missing:
        raise GenerationError(f"{FAILED}\nno module for {', '.join(sorted(missing))}")


def _describe(errors: Iterable[Any]) -> str:
    """Return the generator's errors, those about schemas first: they cause the others."""
    texts = []
    for error in errors:
        text = f"{error.header} {error.detail or ''}".strip()
        if isinstance(error, ParseError) and error.data is not None:
            text += f"\n  {error.data.model_dump_json(exclude_unset=True, by_alias=True)[:300]}"
        # The generator prints the object instead of its name.
        texts.append(re.sub(r"<\S+UntrustedString object at 0x[0-9a-f]+>", "…", text))
    texts.sort(key=lambda text: "/components/schemas/" not in text.partition("\n")[0])
    more = [f"and {len(texts) - 20} more"] if len(texts) > 20 else []
    return "\n".join([FAILED, *texts[:20], *more])


def _origin(document: dict[str, Any], raw: bytes, others: dict[str, bytes]) -> str:
    """Return the source of origin.py, which says what the package was generated from."""
    constants = {
        "DOCUMENT_TITLE": document["info"]["title"],
        "DOCUMENT_VERSION": document["info"]["version"],
        "DOCUMENT_SHA256": _sha256(raw),
        "OTHER_DOCUMENTS": {name: _identity(each) for name, each in others.items()},
        "OVERLAY_SHA256": _sha256(OVERLAY.read_bytes()),
        "CONFIG_SHA256": _sha256(GENERATOR_CONFIG.read_bytes()),
        "TOOLS": {tool: version(tool) for tool in TOOLS},
        "SERVERS": server_urls(document.get("servers")),
    }
    lines = ['"""What this package was generated from, and the servers in the spec."""']
    lines += [f"{name} = {value!r}" for name, value in constants.items()]
    lines += [
        f"OPERATION_SERVERS: dict[str, tuple[str, ...]] = {_operation_servers(document)!r}",
        '"""The servers of operations that do not use SERVERS."""',
    ]
    return "\n".join(lines) + "\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _identity(raw: bytes) -> tuple[str, str, str]:
    """Return the title, version and SHA-256 of another spec."""
    info = json.loads(raw)["info"]
    return info["title"], info["version"], _sha256(raw)


def _operation_servers(document: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the servers of each operation that overrides them, or whose path does."""
    result = {}
    for (_, path), operation in operations(document):
        servers = operation.get("servers") or document["paths"][path].get("servers")
        if servers:
            result[python_name(operation["operationId"])] = server_urls(servers)
    return result


def _wire_names(data: GeneratorData) -> str:
    """Return the source of wire_names.py, the JSON key of each field of each model."""
    names = {
        model.class_info.name: {
            str(field.python_name): field.name.get_untrusted_value()
            if hasattr(field.name, "get_untrusted_value")
            else str(field.name)
            for field in [*(model.required_properties or ()), *(model.optional_properties or ())]
        }
        for model in data.models
    }
    return (
        '"""The JSON key of each field of each model: class name, then field name."""\n'
        f"WIRE_NAMES: dict[str, dict[str, str]] = {dict(sorted(names.items()))!r}\n"
    )


_COLUMN_TYPES = {
    "StringProperty": "text",
    "EnumProperty": "text",
    "LiteralEnumProperty": "text",
    "UuidProperty": "text",
    "IntProperty": "integer",
    "FloatProperty": "number",
    "BooleanProperty": "boolean",
    "DateTimeProperty": "time",
}
"""The column type for each kind of property; all others are JSON."""


def _column_types(data: GeneratorData) -> str:
    """Return the source of column_types.py, the type of each field in a table."""
    types = {
        model.class_info.name: {
            str(field.python_name): _column_type(field)
            for field in [*(model.required_properties or ()), *(model.optional_properties or ())]
        }
        for model in data.models
    }
    return (
        '"""The type that each field of each model has in a table, apart from any library.\n\n'
        'One of text, integer, number, boolean, time, texts (an array of strings) and json.\n"""\n'
        f"COLUMN_TYPES: dict[str, dict[str, str]] = {dict(sorted(types.items()))!r}\n"
    )


def _column_type(field: Any) -> str:
    members = [
        member
        for member in getattr(field, "inner_properties", [field])
        if type(member).__name__ != "NoneProperty"
    ]
    if len(members) != 1:
        return "json"
    kind = type(members[0]).__name__
    if kind == "ListProperty" and _column_type(members[0].inner_property) == "text":
        return "texts"
    return _COLUMN_TYPES.get(kind, "json")


def replace_package(new: Path) -> None:
    """Replace the package with the directory `new`, or keep it if that fails."""
    old = new.with_name(f"{new.name}.old")
    if PACKAGE.exists():
        os.rename(PACKAGE, old)
    try:
        os.rename(new, PACKAGE)
    except BaseException:
        if old.exists() and not PACKAGE.exists():
            os.rename(old, PACKAGE)
        raise
    shutil.rmtree(old, ignore_errors=True)


def recover() -> None:
    """Clean up after a run that was killed: put the old package back, remove the rest."""
    for directory in PACKAGE.parent.glob(f"{TEMPORARY}*"):
        old = directory / f"{PACKAGE.name}.old"
        if old.exists() and not PACKAGE.exists():
            os.rename(old, PACKAGE)
        shutil.rmtree(directory, ignore_errors=True)


def differences(fresh: Path) -> list[str]:
    """Return a diff from the committed package to the fresh one; empty if they are equal."""

    def lines(path: Path) -> list[str]:
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    files = {
        path.relative_to(base)
        for base in (PACKAGE, fresh)
        for path in base.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    diff: list[str] = []
    for name in sorted(files):
        ours, theirs = PACKAGE / name, fresh / name
        if ours.exists() != theirs.exists():
            diff.append(f"{name}: only in {'the repository' if ours.exists() else 'a fresh run'}")
        elif ours.read_bytes() != theirs.read_bytes():
            diff += difflib.unified_diff(
                lines(ours), lines(theirs), f"committed/{name}", f"generated/{name}", lineterm=""
            )
    return diff


def main() -> int:
    """Generate, or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="fail if the package is not up to date"
    )
    parser.add_argument("--stale-ok", action="store_true", help="skip stale overlay actions")
    arguments = parser.parse_args()
    check = arguments.check
    stale: list[Stale] | None = [] if arguments.stale_ok else None
    notes: list[str] = []
    PACKAGE.parent.mkdir(exist_ok=True)
    if not check:
        recover()
    # Next to the package, so that replacing it is a rename within one file system.
    parent = None if check else PACKAGE.parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=TEMPORARY) as directory:
        fresh = Path(directory) / PACKAGE.name
        try:
            generate(fresh, stale=stale, notes=notes)
        except GenerationError as error:
            print(f"Nothing was generated; {PACKAGE.relative_to(ROOT)} is unchanged.\n{error}")
            return 1
        if not check:
            replace_package(fresh)
            for action in stale or ():
                print(f"Skipped as stale: {action}")
            for note in notes:
                print(f"Not generated: {note}")
            print(f"Wrote {PACKAGE.relative_to(ROOT)}.")
            return 0
        diff = differences(fresh)
    if diff:
        print("\n".join(diff))
        print(f"{PACKAGE.relative_to(ROOT)} is not up to date: run `make generate` and commit.")
        return 1
    print(f"{PACKAGE.relative_to(ROOT)} is up to date.")
    return 0


if __name__ == "__main__":
    console.run(main)
